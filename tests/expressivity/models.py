"""Models whose place on the ladder is known, for the tests of what measures it."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch_geometric.nn import GCNConv, GINConv, global_add_pool
from torch_geometric.utils import to_dense_adj, to_dense_batch

from graphpoly.expressivity import GraphSet, tuple_colors, wl_colors


class Gin(nn.Module):
    """Sums over neighbours, a row for each graph: as strong as 1-WL with so many rounds."""

    def __init__(self, num_layers: int = 9) -> None:
        super().__init__()
        self.in_channels, width = 2, 24
        self.convs = nn.ModuleList()
        for layer in range(num_layers):
            first = nn.Linear(2 if layer == 0 else width, width)
            self.convs.append(GINConv(nn.Sequential(first, nn.Tanh(), nn.Linear(width, width))))
        self.head = nn.Sequential(nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 8))

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index).tanh()
        return self.head(global_add_pool(x, batch))


class Gcn(nn.Module):
    """A row for each node, without anything between the layers that is not smooth."""

    def __init__(self, num_layers: int = 3) -> None:
        super().__init__()
        widths = [4, *[16] * num_layers]
        self.convs = nn.ModuleList(GCNConv(a, b) for a, b in itertools.pairwise(widths))

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor | None = None) -> Tensor:
        for conv in self.convs:
            x = conv(x, edge_index).tanh()
        return x


class Walks(nn.Module):
    """Numbers of closed walks, a mix of them for each graph: 2-FWL bounds it."""

    def __init__(self, length: int = 8) -> None:
        super().__init__()
        self.length = length
        self.lin = nn.Linear(length, 6)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        adjacency = to_dense_adj(edge_index, batch, batch_size=int(batch.max()) + 1).to(x.dtype)
        power, traces = adjacency, []
        for k in range(self.length):
            power = power @ adjacency if k else power
            traces.append(power.diagonal(dim1=1, dim2=2).sum(1) / 3.0**k)
        return self.lin(torch.stack(traces, 1))


class Constant(nn.Module):
    """The same for all graphs."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.bias.expand(int(batch.max()) + 1, 3)


class Numbered(nn.Module):
    """Weighs nodes by their numbers: no function of graphs at all."""

    def __init__(self) -> None:
        super().__init__()
        self.gin = Gin(3)
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        _, held = to_dense_batch(x, batch)
        place = held.cumsum(1)[held].to(x.dtype)
        return self.gin(x * (1 + self.scale * place.unsqueeze(1)), edge_index, batch)


def refinement(k: int) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """1-WL or 2-FWL itself as a model: the name of a graph's colours as a number."""

    def forward(x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        ptr = torch.nn.functional.pad(torch.bincount(batch).cumsum(0), (1, 0))
        whole = GraphSet(edge_index, ptr)
        names = wl_colors(whole).graph if k == 1 else tuple_colors(whole, k).graph
        return (names.double() / 2.0**63).unsqueeze(1)

    return forward
