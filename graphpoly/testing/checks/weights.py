"""What edges that weigh nothing, and weights in several pieces, must not change."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, expect_close

__all__: list[str] = []

_NAMES = ("erdos_renyi", "directed", "isolated_nodes", "self_loops")


def _layer(subject: Subject) -> Any:
    subject.needs("edge_weight")
    if "edge_attr" in subject.takes and subject.edge_dim is None:
        raise NotApplicable("edge_attr stands beside the weights")
    return subject.layer(dtype=torch.float64)


def _with_edges(subject: Subject, data: Data, edges: Tensor, weight: Tensor) -> Data:
    more = data.clone()
    more.edge_index = torch.cat([data.edge_index, edges], 1)
    more.edge_weight = torch.cat([data.edge_weight, weight])
    if "edge_attr" in data:
        attr = data.edge_attr.new_ones(edges.size(1), data.edge_attr.size(1))
        more.edge_attr = torch.cat([data.edge_attr, attr])
    return more


@prop("zero_weight_edges", "An edge of weight 0 between two nodes changes nothing.")
def check_zero_weight_edges(subject: Subject) -> None:
    layer = _layer(subject)
    for name in _NAMES:
        data = subject.graph(name)
        node = torch.arange(data.num_nodes)
        edges = torch.stack([node, (node + 2) % data.num_nodes])
        more = _with_edges(subject, data, edges, data.x.new_zeros(edges.size(1)))
        expect_close(
            subject.call(layer, more), subject.call(layer, data), f"{name}: with such edges"
        )


@prop("zero_weight_loops", "A self-loop of weight 0 changes nothing.")
def check_zero_weight_loops(subject: Subject) -> None:
    layer = _layer(subject)
    for name in _NAMES:
        data = subject.graph(name)
        loops = torch.arange(data.num_nodes).expand(2, -1)
        more = _with_edges(subject, data, loops, data.x.new_zeros(data.num_nodes))
        expect_close(
            subject.call(layer, more), subject.call(layer, data), f"{name}: with such loops"
        )


@prop("split_weights", "Two parallel edges say what one edge with the sum of their weights says.")
def check_split_weights(subject: Subject) -> None:
    layer = _layer(subject)
    for name in _NAMES:
        data = subject.graph(name)
        some = torch.arange(0, data.edge_index.size(1), 3)  # not all: that would only rescale
        part = 0.25 * data.edge_weight[some]
        split = data.clone()
        split.edge_weight = data.edge_weight.index_add(0, some, -part)
        split.edge_weight = torch.cat([split.edge_weight, part])
        split.edge_index = torch.cat([data.edge_index, data.edge_index[:, some]], 1)
        if "edge_attr" in data:
            split.edge_attr = torch.cat([data.edge_attr, data.edge_attr[some]])
        expect_close(
            subject.call(layer, split), subject.call(layer, data), f"{name}: some edges in two"
        )
