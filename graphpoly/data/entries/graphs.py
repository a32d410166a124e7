"""Graph classification and regression, and families of graphs to tell apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.transforms import Constant

from graphpoly.data.dataset import AsItIs, Dataset, Loaded, offer
from graphpoly.data.expressivity import EXP_NAMES, SR_FAMILIES, load_csl, load_exp, load_sr
from graphpoly.data.files import default_root
from graphpoly.data.folds import (
    GraphFold,
    block_folds,
    published_folds,
    random_parts,
    stratified_folds,
)
from graphpoly.data.gdb7 import load_gdb7
from graphpoly.data.molecules import load_peptides, load_zinc
from graphpoly.data.ogb import load_ogb_graph
from graphpoly.data.ogb_score import ogb_score
from graphpoly.data.tu import load_tu, read_tu, tu_dataset_names
from graphpoly.data.twins import graph_twin, original
from graphpoly.settings import bounded

__all__ = ["FOLDS", "OTHER_TU", "graph_problem", "ogb_graph_entry", "tu_entry"]

# further sets of TUDataset with one class a graph, by their names there
# fmt: off
OTHER_TU = (
    "BZR", "BZR_MD", "COX2", "COX2_MD", "DHFR", "DHFR_MD", "ER_MD", "FRANKENSTEIN", "KKI",
    "MCF-7", "MCF-7H", "MOLT-4", "MOLT-4H", "NCI-H23", "NCI-H23H", "OHSU", "OVCAR-8",
    "OVCAR-8H", "P388", "P388H", "PC-3", "PC-3H", "PTC_FM", "PTC_FR", "PTC_MM", "Peking_1",
    "PROTEINS_full", "SF-295", "SF-295H", "SN12C", "SN12CH", "SW-620", "SW-620H", "UACC257",
    "UACC257H", "Yeast", "YeastH", "COIL-DEL", "COIL-RAG", "Cuneiform", "Fingerprint",
    "FIRSTMM_DB", "Letter-high", "Letter-low", "Letter-med", "MSRC_9", "MSRC_21", "MSRC_21C",
    "COLORS-3", "SYNTHETIC", "SYNTHETICnew", "Synthie", "TRIANGLES", "dblp_ct1", "DBLP_v1",
    "deezer_ego_nets", "facebook_ct1", "github_stargazers", "highschool_ct1", "infectious_ct1",
    "mit_ct1", "REDDIT-MULTI-12K", "reddit_threads", "tumblr_ct1", "twitch_egos",
    "TWITTER-Real-Graph-Partial",
)
# fmt: on

FOLDS = ("stratified", "stratified-5")
_TU = "Morris et al. TUDataset: A collection of benchmark datasets for learning with graphs. 2020"
_OGB = "Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020"
_PUBLISHED_FOLDS = (
    "DD",
    "ENZYMES",
    "NCI1",
    "PROTEINS",
    "IMDB-BINARY",
    "IMDB-MULTI",
    "REDDIT-BINARY",
)


def graph_problem(
    graphs: Sequence[Data], *, published: Callable[[], list[GraphFold]] | None = None
) -> Loaded:
    """Return graphs with one class each as a dataset in memory, divided into folds.

    Seed s has fold s modulo their number, so that ten seeds see each of ten folds once.

    Args:
        graphs: With ``x`` and ``y`` ``[1]``.
        published: From nothing to the folds named ``"gnn-comparison"``, where there are some.
    """
    y = torch.cat([graph.y.view(-1) for graph in graphs])
    held: dict[str, list[GraphFold]] = {}

    def split(name: str, seed: int) -> GraphFold:
        if name not in held:
            if name == "gnn-comparison" and published is not None:
                held[name] = published()
            elif name == "blocks":
                held[name] = block_folds(len(graphs))
            else:
                held[name] = stratified_folds(y, 5 if name == "stratified-5" else 10)
        return held[name][seed % len(held[name])]

    classes = int(y.max()) + 1
    return Loaded(
        graphs=graphs,
        num_features=graphs[0].num_node_features,
        num_outputs=classes,
        split=split,
        facts={**_counts(graphs), "features": graphs[0].num_node_features, "classes": classes},
    )


def _counts(graphs: Sequence[Data]) -> dict[str, int]:
    return {
        "graphs": len(graphs),
        "nodes": sum(int(graph.num_nodes or 0) for graph in graphs),
        "edges": sum(graph.num_edges for graph in graphs),
    }


def tu_entry(name: str) -> Dataset:
    """Return the entry of a set of TUDataset, by any of its names there.

    Sets in :func:`~graphpoly.data.tu_dataset_names` have the features of the fair comparison; any
    other has its node labels and attributes as PyG reads them, or ones where it has neither.
    """
    folds = name in _PUBLISHED_FOLDS

    def load(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
        known = name in tu_dataset_names()
        graphs = load_tu(name, root) if known else _as_read(name, root)
        published = (lambda: published_folds(name, root)) if folds else None
        return graph_problem(graphs, published=published)

    return Dataset(
        name=name,
        title=name,
        task="graphs",
        metric="accuracy",
        loss="ce",
        splits=(("gnn-comparison",) if folds else ()) + FOLDS,
        load=load,
        source=_TU,
        reading=AsItIs(),
    )


def _as_read(name: str, root: Path | None) -> list[Data]:
    folder = Path(default_root() if root is None else root).expanduser() / "tu"
    dataset = read_tu(name, folder, attributes=True)
    graphs = [dataset[i] for i in range(len(dataset))]
    for graph in graphs:
        if graph.get("x") is None or graph.x.numel() == 0:
            graph.x = torch.ones(int(graph.num_nodes or 0), 1)
    return graphs


for _name in (*tu_dataset_names(), "NCI109", "COLLAB", "REDDIT-MULTI-5K"):
    offer(tu_entry(_name))


def _alike(
    name: str, load: Callable[[Any], list[Data]], source: str, splits: tuple[str, ...]
) -> None:
    offer(
        Dataset(
            name=name,
            title=name,
            task="graphs",
            metric="accuracy",
            loss="ce",
            splits=splits,
            load=lambda root, reading, seed: graph_problem(load(root)),
            source=source,
            reading=AsItIs(),
            num_splits=5 if name == "CSL" else 10,
        )
    )


def _exp(name: str) -> Callable[[Any], list[Data]]:
    return lambda root: load_exp(name, root)


_alike(
    "CSL",
    load_csl,
    "Murphy, Srinivasan, Rao, Ribeiro. Relational Pooling for Graph Representations. ICML 2019",
    ("stratified-5", "stratified"),
)
for _name in EXP_NAMES:
    _alike(
        _name,
        _exp(_name),
        "Abboud, Ceylan, Grohe, Lukasiewicz. The Surprising Power of Graph Neural Networks with "
        "Random Node Initialization. IJCAI 2021",
        (*FOLDS, "blocks"),
    )


class _Whole:
    """The one division of graphs that are trained on by nobody."""

    name, index = "all", 0


def _family(name: str) -> Callable[[Path | None, AsItIs, int], Loaded]:
    def load(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
        graphs = load_sr(name, root)
        pairs = len(graphs) * (len(graphs) - 1) // 2
        return Loaded(
            graphs=graphs,
            num_features=graphs[0].num_node_features,
            num_outputs=1,
            split=lambda name, seed: _Whole(),
            facts={"graphs": len(graphs), "pairs": pairs},
        )

    return load


for _name in SR_FAMILIES:
    offer(
        Dataset(
            name=_name,
            title=_name,
            task="pairs",
            metric="separated",
            loss="ce",
            splits=("all",),
            load=_family(_name),
            source="McKay, Spence. Collection of strongly regular graphs",
            reading=AsItIs(),
            num_splits=5,
        )
    )


def _fixed(name: str, parts: Sequence[Tensor]) -> Callable[[str, int], GraphFold]:
    fold = GraphFold(name, 0, *parts)
    return lambda asked, seed: fold


@dataclass(frozen=True, kw_only=True)
class SomeGraphs(AsItIs):
    """Graphs of each part, for a look at what all of them take.

    Attributes:
        every: Read one graph of so many in each part.
    """

    every: int = bounded(1, low=1)


def ogb_graph_entry(name: str) -> Dataset:
    """Return the entry of one of OGB's sets of graphs, such as ``"ogbg-molhiv"``.

    The nodes of ogbg-ppa, which have no features, get a constant one.
    """
    copied = original(name)
    metric, loss = {
        "ogbg-molpcba": ("average_precision", "bce"),
        "ogbg-molesol": ("rmse", "mse"),
        "ogbg-molfreesolv": ("rmse", "mse"),
        "ogbg-mollipo": ("rmse", "mse"),
        "ogbg-ppa": ("accuracy", "ce"),
    }.get(copied or name, ("rocauc", "bce"))
    is_ppa = (copied or name) == "ogbg-ppa"
    split = "scaffold" if name.startswith("ogbg-mol") else "ogb"

    def load(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
        assert isinstance(reading, SomeGraphs)
        dataset, index = graph_twin(copied) if copied else load_ogb_graph(name, root)
        if is_ppa:
            dataset.transform = Constant()
        names = ("train", "valid", "test")
        parts = [index[part][:: reading.every] for part in names]
        tasks = dataset.num_classes if is_ppa else dataset.num_tasks
        graphs = dataset
        if reading.every > 1:
            graphs = [dataset[int(place)] for place in torch.cat(parts)]
            parts = list(torch.arange(len(graphs)).split([len(part) for part in parts]))
        categories = "ogb" if name.startswith("ogbg-mol") else None
        return Loaded(
            graphs=graphs,
            num_features=int(graphs[0].num_node_features),
            num_outputs=int(tasks),
            split=_fixed(split, parts),
            facts={"graphs": len(graphs), **dict(zip(names, map(len, parts), strict=True))},
            categories=categories,
            edge_categories=categories,
        )

    return Dataset(
        name=name,
        title=f"a generated twin of {copied}" if copied else name,
        task="graphs",
        metric=metric,
        loss=loss,
        splits=(split,),
        load=load,
        source=_OGB,
        reading=SomeGraphs(),
        official=ogb_score(copied or name),
        stored=not copied,
    )


for _name in (
    "hiv",
    "pcba",
    "bace",
    "bbbp",
    "clintox",
    "sider",
    "tox21",
    "esol",
    "freesolv",
    "lipo",
):
    offer(ogb_graph_entry(f"ogbg-mol{_name}"))
offer(ogb_graph_entry("ogbg-ppa"))


def _official(
    read: Callable[[Any], list[list[Data]]],
    num_outputs: int,
    categories: Any,
    edge_categories: Any,
) -> Callable[[Path | None, AsItIs, int], Loaded]:
    def load(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
        parts = read(root)
        graphs = [graph for part in parts for graph in part]
        sizes = [len(part) for part in parts]
        index = torch.arange(len(graphs)).split(sizes)
        return Loaded(
            graphs=graphs,
            num_features=graphs[0].num_node_features,
            num_outputs=num_outputs,
            split=_fixed("official", index),
            facts={**_counts(graphs), **dict(zip(("train", "val", "test"), sizes, strict=True))},
            categories=categories,
            edge_categories=edge_categories,
        )

    return load


offer(
    Dataset(
        name="ZINC",
        title="ZINC-12k",
        task="graphs",
        metric="mae",
        loss="l1",
        splits=("official",),
        load=_official(load_zinc, 1, (28,), (4,)),
        source="Dwivedi, Joshi, Luu, Laurent, Bengio, Bresson. Benchmarking Graph Neural Networks. "
        "JMLR 2023",
        reading=AsItIs(),
        num_splits=4,
    )
)
for _name, _metric, _loss, _outputs in (
    ("Peptides-func", "average_precision", "bce", 10),
    ("Peptides-struct", "mae", "l1", 11),
):
    offer(
        Dataset(
            name=_name,
            title=_name,
            task="graphs",
            metric=_metric,
            loss=_loss,
            splits=("official",),
            load=_official(load_peptides(_name), _outputs, "ogb", "ogb"),
            source="Dwivedi, Rampášek, Galkin, Parviz, Wolf, Luu, Beaini. Long Range Graph "
            "Benchmark. NeurIPS 2022",
            reading=AsItIs(),
            num_splits=4,
        )
    )


def _energies(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
    graphs = load_gdb7(root)
    rows = torch.arange(len(graphs))
    return Loaded(
        graphs=graphs,
        num_features=graphs[0].num_node_features,
        num_outputs=1,
        split=lambda name, seed: GraphFold("random", seed, *random_parts(rows, seed, held=0.1)),
        facts=_counts(graphs),
    )


offer(
    Dataset(
        name="gdb7",
        title="GDB-7, atomisation energies in kcal/mol",
        task="graphs",
        metric="mae",
        loss="l1",
        splits=("random",),
        load=_energies,
        source="Rupp, Tkatchenko, Müller, von Lilienfeld. Fast and Accurate Modeling of Molecular "
        "Atomization Energies with Machine Learning. Physical Review Letters 2012",
        reading=AsItIs(),
        num_splits=3,
        standardized=True,
    )
)
