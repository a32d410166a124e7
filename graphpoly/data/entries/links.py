"""Link prediction: on the graphs of node classification, and on those of SEAL's repository."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.data.dataset import AsItIs, Dataset, LinkReading, Loaded, offer
from graphpoly.data.datasets import load_node_data
from graphpoly.data.links import LINK_SPLITS, LinkSplit, link_split
from graphpoly.data.ogb import load_ogb_link
from graphpoly.data.ogb_score import ogb_score
from graphpoly.data.seal import SEAL_NAMES, load_seal
from graphpoly.data.twins import link_twin, original

__all__ = ["link_problem", "ogb_link_entry"]

_SEAL = "Zhang, Chen. Link Prediction Based on Graph Neural Networks. NeurIPS 2018"
_OGB = "Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020"
_NODES = ("cora", "citeseer", "pubmed", "photo", "computers", "cs", "physics")
_INT32 = 2**31
_METRICS = {
    "ogbl-ppa": "hits@100",
    "ogbl-collab": "hits@50",
    "ogbl-ddi": "hits@20",
    "ogbl-citation2": "mrr",
}


def link_problem(
    data: Data, *, fixed: Callable[[], LinkSplit] | None = None, metric: str = ""
) -> Loaded:
    """Return a graph whose links are asked for as a dataset in memory.

    Args:
        data: A graph; where it has no ``x``, every node gets a number for a network to embed.
        fixed: From nothing to the one division that comes with the data, where it does.
        metric: Unused; what is reported stands in the entry.
    """
    num_nodes = int(data.num_nodes or 0)
    categories = None
    if data.get("x") is None:
        data = data.clone()
        data.x = torch.arange(num_nodes, device="cpu").unsqueeze(1)
        categories = (num_nodes,)
    data.num_nodes = num_nodes

    def split(name: str, seed: int) -> LinkSplit:
        return link_split(data, name, seed) if fixed is None else fixed()

    return Loaded(
        data=data,
        num_features=data.num_node_features,
        num_outputs=1,
        split=split,
        facts={
            "nodes": num_nodes,
            "edges": data.num_edges,
            "features": 0 if categories else data.num_node_features,
        },
        categories=categories,
    )


def _offer(
    name: str, title: str, load: Any, source: str, reading: AsItIs, metric: str = "auc"
) -> None:
    offer(
        Dataset(
            name=name,
            title=title,
            task="links",
            metric=metric,
            loss="bce",
            splits=tuple(LINK_SPLITS),
            load=load,
            source=source,
            reading=reading,
        )
    )


def _of_nodes(name: str) -> Callable[[Path | None, LinkReading, int], Loaded]:
    def load(root: Path | None, reading: LinkReading, seed: int) -> Loaded:
        return link_problem(reading.apply(load_node_data(name, root)))

    return load


def _of_seal(name: str) -> Callable[[Path | None, AsItIs, int], Loaded]:
    return lambda root, reading, seed: link_problem(load_seal(name, root))


for _name in _NODES:
    _offer(
        f"{_name}-links",
        f"the links of {_name.capitalize()}",
        _of_nodes(_name),
        _SEAL,
        LinkReading(),
        "hits@100",
    )
for _name in SEAL_NAMES:
    _offer(_name, _name, _of_seal(_name), _SEAL, AsItIs())


def ogb_link_entry(name: str) -> Dataset:
    """Return the entry of one of OGB's graphs whose links are asked for, such as ``"ogbl-ddi"``."""
    copied = original(name)

    def load(root: Path | None, reading: AsItIs, seed: int) -> Loaded:
        dataset, edges = link_twin(copied) if copied else load_ogb_link(name, root)
        data = dataset[0]
        return link_problem(data, fixed=lambda: _ogb_split(int(data.num_nodes or 0), edges))

    return Dataset(
        name=name,
        title=f"a generated twin of {copied}" if copied else name,
        task="links",
        metric=_METRICS[copied or name],
        loss="bce",
        splits=("ogb",),
        load=load,
        source=_OGB,
        reading=AsItIs(),
        official=ogb_score(copied or name),
        stored=not copied,
    )


def _ogb_split(num_nodes: int, edges: dict[str, Any]) -> LinkSplit:
    """Read both forms of OGB's divisions: pairs, or sources with many targets that are none."""
    links: dict[str, Tensor] = {}
    negatives: dict[str, Tensor] = {}
    for part, name in (("train", "train"), ("val", "valid"), ("test", "test")):
        held = edges[name]
        if "edge" in held:
            links[part] = held["edge"].t()
            negatives[part] = held.get("edge_neg", held["edge"][:0]).t()
        else:
            links[part] = torch.stack([held["source_node"], held["target_node"]])
            others = held.get("target_node_neg")
            if others is None:
                others = held["target_node"].new_empty(held["target_node"].numel(), 0)
            sources = held["source_node"].unsqueeze(1).expand_as(others)
            negatives[part] = torch.stack([sources, others])
            if num_nodes <= _INT32 and _are_nodes(negatives[part], num_nodes):
                negatives[part] = negatives[part].int()  # there are hundreds of millions
    links["train"] = _directed_once(links["train"], num_nodes)
    return LinkSplit("ogb", 0, num_nodes, links["train"], links["val"], links["test"], negatives)


def _are_nodes(index: Tensor, num_nodes: int) -> bool:
    """Whether all are nodes of the graph; what is none has to be seen before it is narrowed."""
    return not index.numel() or 0 <= int(index.min()) <= int(index.max()) < num_nodes


def _directed_once(links: Tensor, num_nodes: int) -> Tensor:
    """Return each link once: those of a year may come again in later ones, or turned round."""
    low, high = links.aminmax(dim=0)
    keys = ((low * num_nodes + high) * 2 + (links[0] > links[1]))[low != high].unique()
    pair = keys // 2
    kept = torch.ones_like(pair, dtype=torch.bool)
    kept[1:] = pair[1:] != pair[:-1]
    pair, turned = pair[kept], keys[kept] % 2 == 1
    low, high = pair // num_nodes, pair % num_nodes
    return torch.stack([torch.where(turned, high, low), torch.where(turned, low, high)])


for _name in _METRICS:
    offer(ogb_link_entry(_name))
