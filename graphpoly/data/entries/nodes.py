"""Node classification on one graph: PyG's datasets by the names that papers use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import scatter

from graphpoly.data.dataset import Dataset, Loaded, Reading, offer
from graphpoly.data.datasets import labelled_nodes, load_node_data, node_sources
from graphpoly.data.ogb import load_ogb_node
from graphpoly.data.ogb_score import ogb_score
from graphpoly.data.splits import Split, make_split
from graphpoly.data.twins import node_twin, original

__all__ = ["DRAWN", "node_problem", "ogb_node_entry"]

# drawn from the labels alone, so that every dataset with one class a node has them
DRAWN = (
    "stratified",
    "dense",
    "sparse",
    "dense-bernnet",
    "dense-unifilter",
    "dense-fegnn",
    "five-fold",
)
_PAPERS = {
    "Planetoid": "Yang, Cohen, Salakhutdinov. Revisiting Semi-Supervised Learning with Graph "
    "Embeddings. ICML 2016",
    "WebKB": "Pei, Wei, Chang, Lei, Yang. Geom-GCN: Geometric Graph Convolutional Networks. "
    "ICLR 2020",
    "Actor": "Pei, Wei, Chang, Lei, Yang. Geom-GCN: Geometric Graph Convolutional Networks. "
    "ICLR 2020",
    "WikipediaNetwork": "Rozemberczki, Allen, Sarkar. Multi-Scale Attributed Node Embedding. "
    "Journal of Complex Networks 2021",
    "HeterophilousGraphDataset": "Platonov, Kuznedelev, Diskin, Babenko, Prokhorenkova. A Critical "
    "Look at the Evaluation of GNNs under Heterophily. ICLR 2023",
    "FilteredWikipedia": "Platonov, Kuznedelev, Diskin, Babenko, Prokhorenkova. A Critical Look at "
    "the Evaluation of GNNs under Heterophily. ICLR 2023",
    "Amazon": "Shchur, Mumme, Bojchevski, Günnemann. Pitfalls of Graph Neural Network Evaluation. "
    "2018",
    "Coauthor": "Shchur, Mumme, Bojchevski, Günnemann. Pitfalls of Graph Neural Network "
    "Evaluation. 2018",
    "CitationFull": "Bojchevski, Günnemann. Deep Gaussian Embedding of Graphs. ICLR 2018",
    "LastFMAsia": "Rozemberczki, Sarkar. Characteristic Functions on Graphs: Birds of a Feather, "
    "from Statistical Descriptors to Parametric Models. CIKM 2020",
    "LINKXDataset": "Lim et al. Large Scale Learning on Non-Homophilous Graphs: New Benchmarks and "
    "Strong Simple Methods. NeurIPS 2021",
    "Airports": "Ribeiro, Saverese, Figueiredo. struc2vec: Learning Node Representations from "
    "Structural Identity. KDD 2017",
}
_OGB = "Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020"
_PUBLIC = ("HeterophilousGraphDataset", "FilteredWikipedia")
_GEOM = ("Planetoid", "WebKB", "Actor", "WikipediaNetwork")
_ROCAUC = ("minesweeper", "tolokers", "questions")


def node_problem(data: Data, *, other_masks: Any = None, labelled: Tensor | None = None) -> Loaded:
    """Return a graph with one class a node as a dataset in memory.

    Args:
        data: As it is trained on. Labels below 0 are unknown, and stay so: such a node is in no
            division, and what is drawn is drawn among the others.
        other_masks: From nothing to the graph with geom-gcn's masks, where those are apart.
        labelled: Which nodes have a label of their own, where others are read as if they had one.
            As in H2GCN's code and that of sheaf diffusion, geom-gcn's masks leave those out; what
            is drawn has them, as its authors drew it.
    """
    known = None if bool((data.y >= 0).all()) else data.y >= 0

    def split(name: str, seed: int) -> Split:
        if known is not None and name in DRAWN:
            some = Data(y=data.y[known], num_nodes=int(known.sum()))
            return _among(known, make_split(some, name, seed))
        held = other_masks() if name == "geom-gcn" and other_masks is not None else data
        stored, count = held.get("train_mask"), None
        if name in ("public", "geom-gcn") and stored is not None:
            count = 1 if stored.dim() == 1 else stored.size(1)
        made = make_split(held, name, seed if count is None else seed % count)
        told = labelled if known is None and name == "geom-gcn" else known
        if told is None:
            return made
        masks = (made.train_mask & told, made.val_mask & told, made.test_mask & told)
        return Split(made.name, made.index, *masks)

    classes = int(data.y.max()) + 1
    return Loaded(
        data=data,
        num_features=data.num_node_features,
        num_outputs=classes,
        split=split,
        facts={
            "nodes": data.num_nodes,
            "edges": data.num_edges,
            "features": data.num_node_features,
            "classes": classes,
        },
        known=labelled if known is None else known,
    )


def _among(known: Tensor, drawn: Split) -> Split:
    """Return a division of the known nodes as one of all."""
    train, val, test = (
        torch.zeros_like(known).masked_scatter(known, mask)
        for mask in (drawn.train_mask, drawn.val_mask, drawn.test_mask)
    )
    return Split(drawn.name, drawn.index, train, val, test)


def _loader(key: str, cls: str) -> Any:
    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        def with_masks() -> Data:
            return load_node_data(key, root, masks="geom-gcn")

        data = reading.apply(load_node_data(key, root))
        if cls != "Planetoid":
            return node_problem(data)
        return node_problem(data, other_masks=with_masks, labelled=labelled_nodes(key, root))

    return load


def _splits(key: str, cls: str) -> tuple[str, ...]:
    if cls in _PUBLIC:
        return ("public", *DRAWN)
    if cls == "Planetoid":
        return ("public", "geom-gcn", *DRAWN)
    return (*DRAWN, "public", "geom-gcn") if cls in _GEOM else DRAWN


for _key, _source in node_sources().items():
    offer(
        Dataset(
            name=_key,
            title=_key.capitalize(),
            task="nodes",
            metric="rocauc" if _key in _ROCAUC else "accuracy",
            loss="ce",
            splits=_splits(_key, _source.cls),
            load=_loader(_key, _source.cls),
            source=_PAPERS[_source.cls],
            tags={"nodes": f"{_source.nodes:,}", "edges": f"{_source.edges:,}"}
            if _source.nodes
            else {},
        )
    )


def ogb_node_entry(name: str) -> Dataset:
    """Return the entry of one of OGB's graphs with labelled nodes, such as ``"ogbn-arxiv"``.

    Of ogbn-mag the papers and their citations are read. Where nodes have no features, as in
    ogbn-proteins, they get the means of those of their edges, as in OGB's own examples.
    """
    copied = original(name)

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        index: Any
        dataset, index = node_twin(copied) if copied else load_ogb_node(name, root)
        data = dataset[0]
        if "x_dict" in data:
            data = _papers(data)
            index = {part: dict(rows)["paper"] for part, rows in index.items()}
        data = reading.apply(data)
        del dataset  # as large as what was read of it
        if data.get("x") is None:
            data.x = scatter(data.edge_attr, data.edge_index[1], 0, data.num_nodes, "mean")
        several = data.y.dim() == 2 and data.y.size(1) > 1
        if not several:
            data.y = data.y.view(-1)
        masks = {}
        for part, rows in index.items():
            mask = data.y.new_zeros(data.num_nodes).bool()
            mask[rows] = True
            masks[part] = mask
        division = Split("ogb", 0, masks["train"], masks["valid"], masks["test"])
        outputs = data.y.size(1) if several else int(data.y.max()) + 1
        return Loaded(
            data=data,
            num_features=data.num_node_features,
            num_outputs=outputs,
            split=lambda name, seed: division,
            facts={"nodes": data.num_nodes, "edges": data.num_edges},
        )

    several = (copied or name) == "ogbn-proteins"
    return Dataset(
        name=name,
        title=f"a generated twin of {copied}" if copied else name,
        task="nodes",
        metric="rocauc" if several else "accuracy",
        loss="bce" if several else "ce",
        splits=("ogb",),
        load=load,
        source=_OGB,
        official=ogb_score(copied or name),
        stored=not copied,
    )


def _papers(data: Data) -> Data:
    """The papers of ogbn-mag, and nothing of their authors, institutions and fields."""
    return Data(
        x=data.x_dict["paper"],
        edge_index=data.edge_index_dict["paper", "cites", "paper"],
        y=data.y_dict["paper"],
    )


for _name in ("ogbn-arxiv", "ogbn-mag", "ogbn-products", "ogbn-proteins"):
    offer(ogb_node_entry(_name))
