"""Published forms of networks, written plainly in PyTorch, with the weights of ours.

Each says what the published code does where it differs in cost: which tensors are made, and what is
gone through in Python. Where a package holds the published operator itself, that takes part, too.
"""

from __future__ import annotations

import copy
import importlib
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn.dense import linear as pyg

from graphpoly.acceleration import restore
from graphpoly.layers.dropout import Dropout
from graphpoly.layers.feed_forward import FeedForward
from graphpoly.layers.linear import LazyLinear, Linear

__all__ = [
    "Patched",
    "PlainLinks",
    "plain_patches",
    "plainly",
    "scanned_by_pairs",
    "scanned_by_steps",
]

_PLAINLY = {
    Linear: nn.Linear,
    LazyLinear: pyg.Linear,
    Dropout: nn.Dropout,
    FeedForward: nn.Sequential,
}
_LOW = (1 << 32) - 1


def plainly(model: Any) -> Any:
    """Return a copy of a network, with the same weights in PyTorch's and PyG's own layers."""
    model = copy.deepcopy(model)
    restore(model)
    for module in model.modules():
        module.__class__ = _PLAINLY.get(type(module), type(module))
    return model


class PlainLinks(nn.Module):
    """NCN and NCNC by keys of rows and columns, as the published code finds what pairs share.

    The rows of both ends are copied for all pairs, and the keys of one looked up among the other's.

    Args:
        source: A network of ours, whose parameters are read.
        sparse: Hold the graph in torch-sparse's ``SparseTensor``, as the published code does; else
            in compressed rows.
    """

    def __init__(self, source: Any, *, sparse: bool = False) -> None:
        super().__init__()
        self.source = source
        self.sparse = importlib.import_module("torch_sparse") if sparse else None

    def forward(self, x: Tensor, links: Tensor, pairs: Tensor) -> Tensor:
        """Return scores of pairs; ``links`` are there once each."""
        source = self.source
        adj = self._operator(links, x.size(0))
        degree = self._degrees(adj)
        norm = (1 + degree.to(x.dtype)).rsqrt().unsqueeze(1)
        h = source.lin_in(x)
        seen = [h]
        for layer_norm in source.norms:
            h = norm * h
            h = layer_norm(norm * (self._sums(adj, h) + h))
            seen.append(h)
        states = SimpleNamespace(h=torch.stack(seen, -1) @ source.steps)
        between = self._between(states, adj, pairs)
        if hasattr(source, "calibrated"):
            between = self._completed(states, adj, pairs, between)
        return self._scored(states, pairs, between)

    def _scored(self, states: Any, pairs: Tensor, between: Tensor) -> Tensor:
        source = self.source
        own = source.ends(states.h[pairs[0]] * states.h[pairs[1]])
        out: Tensor = source.score(source.beta * source.shared(between) + own)
        return out.squeeze(-1)

    def _operator(self, links: Tensor, size: int) -> Any:
        if self.sparse is not None:
            kind = self.sparse.SparseTensor
            return kind.from_edge_index(links, sparse_sizes=(size, size)).to_symmetric()
        key = torch.cat([links[0] * size + links[1], links[1] * size + links[0]]).sort().values
        row, col = key // size, key % size
        return torch.searchsorted(row, torch.arange(size + 1)), col, row

    def _degrees(self, adj: Any) -> Tensor:
        return adj[0].diff() if self.sparse is None else adj.sum(dim=-1)

    def _sums(self, adj: Any, h: Tensor) -> Tensor:
        if self.sparse is not None:
            out: Tensor = self.sparse.matmul(adj, h)
            return out
        return torch.zeros_like(h).index_add(0, adj[2], h[adj[1]])

    def _keys(self, adj: Any, rows: Tensor) -> Tensor:
        if self.sparse is not None:
            owner, col, _ = adj[rows].coo()
        else:
            degree = adj[0].diff()[rows]
            owner = torch.repeat_interleave(degree)
            first = adj[0][rows] - degree.cumsum(0) + degree
            col = adj[1][torch.arange(owner.numel()) + first[owner]]
        keys: Tensor = (owner << 32) + col
        return keys

    def _gathered(
        self, keys: Tensor, count: int, h: Tensor, weight: Tensor | None = None
    ) -> Tensor:
        row, col = keys >> 32, keys & _LOW
        if self.sparse is not None:
            kind = self.sparse.SparseTensor
            shape = (count, h.size(0))
            some = kind(row=row, col=col, value=weight, sparse_sizes=shape, is_sorted=True)
            out: Tensor = self.sparse.matmul(some, h)
            return out
        rows = h[col] if weight is None else weight.unsqueeze(1) * h[col]
        return h.new_zeros(count, h.size(1)).index_add(0, row, rows)

    def _between(self, states: Any, adj: Any, pairs: Tensor) -> Tensor:
        one, other = (self._keys(adj, rows) for rows in pairs)
        return self._gathered(other[_known(other, one)], pairs.size(1), states.h)

    def _completed(self, states: Any, adj: Any, pairs: Tensor, between: Tensor) -> Tensor:
        one, other = (self._keys(adj, rows) for rows in pairs)
        source = self.source
        for keys, known, end in ((one, other, pairs[1]), (other, one, pairs[0])):
            alone = keys[~_known(keys, known)]
            alone = alone[(alone & _LOW) != end[alone >> 32]]
            with torch.no_grad():
                asked = torch.stack([end[alone >> 32], alone & _LOW])
                likely = [
                    source.calibrated(self._scored(states, some, self._between(states, adj, some)))
                    for some in asked.split(source.num_scored, dim=1)
                ]
            between = between + self._gathered(alone, pairs.size(1), states.h, torch.cat(likely))
        return between


def _known(keys: Tensor, among: Tensor) -> Tensor:
    place = torch.searchsorted(among, keys).clamp(max=max(among.numel() - 1, 0))
    return among[place] == keys if among.numel() else torch.zeros_like(keys, dtype=torch.bool)


def _states(
    x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Decays and inputs of all states, ``[G, L, F, S]``, and what is read, for equal lengths."""
    x, delta, B, C = (part.unflatten(0, (count, -1)) for part in (x, delta, B, C))
    return (delta.unsqueeze(-1) * A).exp(), (delta * x).unsqueeze(-1) * B.unsqueeze(2), C


def scanned_by_steps(
    x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, count: int
) -> Tensor:
    """Mamba's scan step by step over sequences of one length, after its reference in PyTorch.

    That takes each step by an index; here all are taken apart at once, without which its gradient
    takes a time that grows with the square of the length.
    """
    decay, taken, read = _states(x, delta, A, B, C, count)
    state = decay.new_zeros(decay.size(0), *A.shape)
    steps = []
    for one, add, out in zip(decay.unbind(1), taken.unbind(1), read.unbind(1), strict=True):
        state = one * state + add
        steps.append((state @ out.unsqueeze(-1)).squeeze(-1))
    return torch.stack(steps, 1).flatten(0, 1) + D * x


def scanned_by_pairs(
    x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor, count: int
) -> Tensor:
    """The same with the scan of the package mambapy, by pairs."""
    decay, taken, read = _states(x, delta, A, B, C, count)
    state = importlib.import_module("mambapy.pscan").pscan(decay, taken)
    return (state @ read.unsqueeze(-1)).squeeze(-1).flatten(0, 1) + D * x


def plain_patches(data: Data, num_patches: int) -> Data:
    """Overlapping patches of a graph, with masks of patches times nodes and times edges.

    METIS divides the graph; parts grow by one hop along a dense matrix of n x n.
    """
    pymetis: Any = importlib.import_module("pymetis")
    size = int(data.num_nodes or 0)
    row, col = data.edge_index
    near = torch.eye(size)
    near[row, col] = 1
    if size < num_patches:
        draw = torch.Generator().manual_seed(0)
        part = torch.randperm(num_patches, generator=draw)[:size]
    else:
        lists = [line.nonzero().flatten().tolist() for line in near - torch.eye(size)]
        options = pymetis.Options(seed=0)
        part = torch.tensor(pymetis.part_graph(num_patches, adjacency=lists, options=options)[1])
    held = torch.zeros(num_patches, size)
    held[part, torch.arange(size)] = 1
    held = held @ near > 0
    patch, node = held.nonzero().t()
    place = torch.zeros(num_patches, size, dtype=torch.long)
    place[patch, node] = torch.arange(node.numel())
    owner, edge = (held[:, row] & held[:, col]).nonzero().t()
    inside = torch.stack([place[owner, row[edge]], place[owner, col[edge]]])
    shared = held.float() @ held.t().float()
    return _Patches(
        x=data.x,
        y=data.y,
        num_nodes=size,
        copied_index=node,
        patch=patch,
        num_copies=node.numel(),
        inside=inside,
        shared=shared.unsqueeze(0),
    )


class _Patches(Data):
    """A graph that batches its copies of nodes, too."""

    def __inc__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return self.num_copies if key == "inside" else super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return 1 if key == "inside" else super().__cat_dim__(key, value, *args, **kwargs)


class Patched(nn.Module):
    """Graph MLP-Mixer on such patches, with the weights of ours and sums by ``index_add``."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self.source = source

    def forward(self, batch: Batch | Any) -> Tensor:
        """Return a row for each graph."""
        source, count = self.source, self.source.num_patches
        graph = torch.repeat_interleave(batch.num_copies)
        patch = batch.patch + count * graph
        total = count * batch.num_graphs
        x = source.lin(batch.x)
        h = x[batch.copied_index]
        encoder = source.encoder
        parts = zip(encoder.convs, encoder.norms, encoder.lins, strict=True)
        for i, (conv, norm, lin) in enumerate(parts):
            if i:
                h = h + encoder.updates[i - 1](_mean(h, patch, total)[patch])
                h = _mean(h, batch.copied_index, x.size(0))[batch.copied_index]
            heard = torch.zeros_like(h).index_add(0, batch.inside[1], h[batch.inside[0]])
            h = lin(h + norm(conv.nn(heard + (1 + conv.eps) * h)).relu())
        tokens = _mean(h, patch, total)
        some = patch.unique()
        step = walk = batch.shared / batch.shared.sum(-1, keepdim=True).clamp(min=1)
        back = [walk.diagonal(dim1=1, dim2=2)]
        for _ in range(source.patch_walks - 1):
            walk = walk @ step
            back.append(walk.diagonal(dim1=1, dim2=2))
        walks = torch.stack(back, -1).flatten(0, 1)[some]
        tokens = tokens.index_add(0, some, source.walks(walks))
        held = torch.zeros(total, dtype=torch.bool).index_fill(0, some, True)
        shape = (batch.num_graphs, count)
        mixed = source.mix(tokens.unflatten(0, shape), batch.shared, held.unflatten(0, shape))
        out: Tensor = source.head(_mean(mixed.flatten(0, 1)[some], some // count, shape[0]))
        return out


def _mean(x: Tensor, index: Tensor, size: int) -> Tensor:
    total = x.new_zeros(size, x.size(1)).index_add(0, index, x)
    count = x.new_zeros(size).index_add(0, index, x.new_ones(index.size(0)))
    return total / count.clamp(min=1).unsqueeze(1)
