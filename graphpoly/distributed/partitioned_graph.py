r"""One operator whose rows are divided between processes.

Process r owns a part of the nodes, and holds the rows of the operator that belong to them. The
columns of these rows are its own nodes and, behind them, its **halo**: the nodes of other parts
that some row of its own reads, each once,

.. math::
    H_r = \{\, j \notin V_r : A_{ij} \ne 0 \text{ for some } i \in V_r \,\} .

A product needs the features of the halo and of nothing else, so that
:math:`\sum_r |H_r| \cdot F` numbers are the least that can be sent for F channels, and are what is
sent.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor

from graphpoly.distributed.processes import from_first, rank, size
from graphpoly.errors import unknown
from graphpoly.loader import partition
from graphpoly.ops import CSR, LinearOperator, spmm, to_csr

__all__ = ["PartitionedGraph"]

_METHODS = ("contiguous", "metis")


class PartitionedGraph(LinearOperator):
    """This process's rows of a square operator, and who sends what to whom.

    Polynomials and filters in a fixed basis, and networks around these, take it in place of a
    graph: as the operator P that it is, which they do not normalise.

    Every process makes it of the same operator, from :func:`graphpoly.ops.to_csr` or
    :func:`graphpoly.ops.normalize`: weights that depend on degrees are then those of the whole
    graph. Afterwards it holds its own part only. What it is asked to cut or join are rows of nodes.

    Args:
        adj: The whole operator, N by N.
        parts: Part of each node, ``[N]``, from 0 to the number of processes less one; or
            ``"contiguous"`` for stretches of nodes with about as many entries each, or ``"metis"``
            for few edges between parts (:func:`graphpoly.loader.partition`).

    Attributes:
        adj: The rows of the own nodes; columns are the own nodes and then the halo.
        turned: The transpose of it.
        nodes: Own nodes, ascending, ``[n]``.
        halo: Nodes of other parts that are read, by part and then ascending, ``[h]``.
        num_nodes: Nodes of the whole graph.

    Raises:
        TypeError: If ``parts`` is neither a tensor nor a name.
        ValueError: If the operator is not square or its weights ask for a gradient, or the parts do
            not fit.

    Complexity: O(E + N) once; O((E + N) / P) memory afterwards where parts are even.

    >>> adj = to_csr(torch.tensor([[0, 1, 2], [1, 2, 0]]), num_nodes=3)
    >>> PartitionedGraph(adj)
    PartitionedGraph(3 of 3 nodes, 3 entries, 0 in the halo)
    """

    def __init__(self, adj: CSR, parts: Tensor | str = "contiguous") -> None:
        if adj.num_rows != adj.num_cols:
            raise ValueError(f"adj: got {adj.num_rows} x {adj.num_cols}, expected a square one")
        if adj.weight is not None and adj.weight.requires_grad:
            raise ValueError("adj: its weights are not learned over several processes; detach them")
        owner = _owners(adj, parts)
        self.num_nodes = adj.num_rows
        here = owner == rank()
        self.nodes = here.nonzero().view(-1)
        entries = here[adj.rows().long()].nonzero().view(-1)
        row, col = adj.rows().long()[entries], adj.col.long()[entries]
        outside = col[~here[col]].unique()
        order = owner[outside].sort(stable=True).indices
        self.halo = outside[order]
        place = torch.empty(self.num_nodes, dtype=torch.long, device=col.device)
        local = torch.cat([self.nodes, self.halo])
        place[local] = torch.arange(local.numel(), device=col.device)
        own = self.nodes.numel()
        row, col = place[row], place[col]
        weight = None if adj.weight is None else adj.weight[entries]
        self.adj = to_csr(torch.stack([col, row]), weight, size=(local.numel(), own))
        self.turned = to_csr(torch.stack([row, col]), weight, size=(own, local.numel()))
        self._received = owner[self.halo].bincount(minlength=size()).tolist()
        self._sent, wanted = _wanted(self.halo, self._received)
        self._send = place[wanted]
        # adds what comes back for each node in a fixed order, never through atomics
        self._returned = to_csr(
            torch.stack([torch.arange(wanted.numel(), device=col.device), self._send]),
            size=(wanted.numel(), own),
        )

    @property
    def num_rows(self) -> int:
        """Own nodes."""
        return self.nodes.numel()

    @property
    def num_sent(self) -> int:
        """Rows that this process sends for a product: over all processes, the sum of the halos."""
        return self._send.numel()

    def bytes_sent(self, channels: int, dtype: torch.dtype = torch.float32) -> int:
        """Return how many bytes of features this process sends for one product.

        A polynomial of order K sends K times as many, and its gradient as many as that again. Over
        all processes this is the minimum, the sum of the halos times ``channels`` times the bytes
        of a number.
        """
        return self.num_sent * channels * dtype.itemsize

    def to(self, device: torch.device | str) -> PartitionedGraph:
        """Move what this process holds to a device, and return the graph."""
        self.adj, self.turned = _moved(self.adj, device), _moved(self.turned, device)
        self._returned = _moved(self._returned, device)
        self.nodes, self.halo = self.nodes.to(device), self.halo.to(device)
        self._send = self._send.to(device)
        return self

    def cut(self, x: Tensor) -> Tensor:
        """Return the rows of the own nodes of ``x`` ``[N, ...]``."""
        if x.size(0) != self.num_nodes:
            raise ValueError(f"x: got {x.size(0)} rows, the graph has {self.num_nodes} nodes")
        return x[self.nodes.to(x.device)]

    def join(self, x: Tensor) -> Tensor:
        """Return the rows of all nodes, ``[N, ...]``, from those of the own nodes ``[n, ...]``.

        Every process gets all of them, without a gradient.
        """
        if x.size(0) != self.nodes.numel():
            raise ValueError(f"x: got {x.size(0)} rows, this process has {self.nodes.numel()}")
        held: list[tuple[Tensor, Tensor]] = [(self.nodes, x.detach())]
        if size() > 1:
            told: list[tuple[Tensor, Tensor] | None] = [None] * size()
            dist.all_gather_object(told, (self.nodes.cpu(), x.detach().cpu()))
            held = [each for each in told if each is not None]
        out = x.new_empty(self.num_nodes, *x.shape[1:])
        for nodes, rows in held:
            out[nodes.to(x.device)] = rows.to(x.device)
        return out

    def product(self, x: Tensor) -> Tensor:
        """Return the own rows of A x for the own rows of x ``[n, F]``."""
        return spmm(self.adj, torch.cat([x, self.fetch(x)]))

    def transposed_product(self, x: Tensor) -> Tensor:
        """Return the own rows of the product with the transpose likewise."""
        gathered = spmm(self.turned, x)
        own = self.num_rows
        return gathered[:own] + self.give_back(gathered[own:])

    def fetch(self, x: Tensor) -> Tensor:
        """Return the rows of the halo, ``[h, F]``, to which every process gives its ``[n, F]``."""
        return self._exchange(x[self._send], self._received, self._sent)

    def give_back(self, x: Tensor) -> Tensor:
        """Return the transpose of :meth:`fetch`: sums ``[n, F]`` of what halos hold, ``[h, F]``."""
        return spmm(self._returned, self._exchange(x, self._sent, self._received))

    def _exchange(self, x: Tensor, received: list[int], sent: list[int]) -> Tensor:
        out = x.new_empty(sum(received), *x.shape[1:])
        if size() > 1:
            dist.all_to_all_single(out, x.contiguous(), received, sent)
        return out

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.nodes.numel()} of {self.num_nodes} nodes, "
            f"{self.adj.num_entries} entries, {self.halo.numel()} in the halo)"
        )


def _owners(adj: CSR, parts: Tensor | str) -> Tensor:
    """Return the process of each node, checked."""
    count, place = adj.num_rows, adj.col.device
    if isinstance(parts, str):
        if parts not in _METHODS:
            raise unknown("parts", parts, _METHODS)
        if parts == "metis":
            edges = torch.stack([adj.col.long(), adj.rows().long()])
            return from_first(lambda: partition(edges, size(), count)).to(place)
        # a node weighs as much as its entries, and itself
        weight = adj.rowptr[1:].long() + torch.arange(1, count + 1, device=place)
        total = max(count + adj.num_entries, 1)
        return (weight - 1) * size() // total
    if not isinstance(parts, Tensor):
        raise TypeError(f"parts: got {type(parts).__name__}, expected a tensor or a name")
    if parts.shape != (count,) or parts.is_floating_point() or parts.dtype == torch.bool:
        raise ValueError(
            f"parts: got {parts.dtype} of {tuple(parts.shape)}, expected integers ({count},)"
        )
    if count and not 0 <= int(parts.min()) <= int(parts.max()) < size():
        raise ValueError(
            f"parts: got {int(parts.min())} to {int(parts.max())} for {size()} processes"
        )
    return parts.long().to(place)


def _moved(adj: CSR, device: torch.device | str) -> CSR:
    weight = None if adj.weight is None else adj.weight.to(device)
    rowptr, col = adj.rowptr.to(device), adj.col.to(device)
    return adj._replace(rowptr=rowptr, col=col, weight=weight, perm=None, transposed=None)


def _wanted(halo: Tensor, received: list[int]) -> tuple[list[int], Tensor]:
    """Tell each process which of its nodes are read here; return which of ours others read."""
    if size() == 1:
        return [0], halo
    counts = torch.tensor(received, device=halo.device)
    sent = torch.empty_like(counts)
    dist.all_to_all_single(sent, counts)
    wanted = halo.new_empty(int(sent.sum()))
    dist.all_to_all_single(wanted, halo, sent.tolist(), received)
    return sent.tolist(), wanted
