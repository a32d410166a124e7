"""A layer that keeps every promise, for the broken ones to differ from in one thing each."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter
from torch_geometric import EdgeIndex
from torch_geometric.nn import MessagePassing
from torch_geometric.nn.dense.linear import Linear

from graphpoly.layers.arguments import check_features, check_sizes
from graphpoly.testing import ComplianceError, check_layer
from graphpoly.testing.properties import table


class SoundConv(MessagePassing):
    """Weighted mean over neighbours, after a linear map."""

    num_hops = 1

    def __init_subclass__(cls):
        # PyG's first instance of a class rewrites its propagate, and an explainer over a class
        # that derives from it would not find the one that masks edges
        cls.propagate = MessagePassing.propagate

    def __init__(self, in_channels, out_channels, *, dropout=0.25, cached=False):
        super().__init__(aggr="add")
        check_sizes(in_channels=in_channels, out_channels=out_channels, lazy=True)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.dropout = dropout
        self.cached = cached
        self.lin = Linear(in_channels, out_channels, bias=False)
        self.bias = Parameter(torch.empty(out_channels))
        self._edges: tuple[Tensor, Tensor] | None = None
        self.reset_parameters()

    def reset_parameters(self):
        super().reset_parameters()
        self.lin.reset_parameters()
        torch.nn.init.zeros_(self.bias)
        self._edges = None

    def forward(self, x, edge_index, edge_weight=None, batch=None, batch_size=None):
        if isinstance(x, tuple):
            raise ValueError(f"{type(self).__name__} takes no bipartite graphs, got a tuple")
        check_features("SoundConv", x, self.lin.in_channels)
        edges = self._edges
        if edges is None:
            edges = self.edges(x, edge_index, edge_weight)
            if self.cached:
                self._edges = edges
        out = self.propagate(edges[0], x=self.lin(x), weight=edges[1])
        return F.dropout(out + self.bias, self.dropout, self.training)

    def edges(self, x, edge_index, edge_weight):
        """Return (source, target) pairs and their weights, which add up to one at each target."""
        if isinstance(edge_index, EdgeIndex):
            edge_index = edge_index.as_tensor()
        elif edge_index.layout != torch.strided:
            if edge_weight is not None:
                raise ValueError("edge_weight: the sparse adjacency has values already")
            edge_index, edge_weight = self.from_sparse(edge_index)
        if edge_weight is None:
            edge_weight = x.new_ones(edge_index.size(1))
        return edge_index, self.normalized(x, edge_index[1], edge_weight)

    def from_sparse(self, adj_t):
        coo = adj_t.to_sparse_coo().coalesce()
        return coo.indices().flip(0), coo.values()

    def normalized(self, x, target, weight):
        degree = weight.new_zeros(x.size(0)).index_add(0, target, weight)
        return weight / torch.where(degree > 0, degree, 1)[target]

    def message(self, x_j, weight):
        return weight.unsqueeze(-1) * x_j

    def __repr__(self):
        arguments = f"{self.in_channels}, {self.out_channels}"
        options = f"dropout={self.dropout}, cached={self.cached}"
        return f"{type(self).__name__}({arguments}, {options})"


class SoundPointConv(SoundConv):
    """Among positions and with velocities: weights fall with the distance, nodes move along."""

    velocity = True

    def forward(
        self, x, edge_index, edge_weight=None, batch=None, batch_size=None, pos=None, vel=None
    ):
        if isinstance(x, tuple):
            raise ValueError(f"{type(self).__name__} takes no bipartite graphs, got a tuple")
        check_features("SoundPointConv", x, self.lin.in_channels)
        (source, target), weight = self.edges(x, edge_index, edge_weight)
        difference = pos[target] - pos[source]
        weight = weight / (1 + self.length(difference))
        out = self.propagate(torch.stack([source, target]), x=self.lin(x), weight=weight)
        shift = torch.zeros_like(pos).index_add(0, target, weight.unsqueeze(-1) * difference)
        return out + self.bias, pos + shift, vel + self.bias.mean() * shift

    def length(self, difference):
        return difference.square().sum(-1)


def expect_broken(cls: Any, name: str, words: str) -> None:
    """Check that the layer fails at this property, with a message that names it and says why."""
    factory = lambda: cls(8, 4)  # noqa: E731
    with pytest.raises(ComplianceError) as caught:
        check_layer(factory, only=[name])
    message = str(caught.value)
    assert message.startswith(f"{cls.__name__} breaks 1 of 1 property\n- {name}: "), message
    assert words in message, message
    assert caught.value.report.failed[name] in message


def promised(module: ModuleType) -> set[str]:
    """Names of the properties that a module of checks defines."""
    return {p.name for p in table().values() if p.check.__module__ == module.__name__}
