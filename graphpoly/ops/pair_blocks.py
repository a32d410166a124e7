"""All pairs of nodes of each graph of a batch, one block after the other and nothing between.

What belongs to pairs is stored channel by channel, ``[C, P]``: a graph of n nodes owns n^2 columns,
row by row, so that its part is a stack of C matrices n x n and a linear map of the channels is one
matrix product over the whole batch. No graph is padded: graphs of unequal size cost what they cost
alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.batching import count_graphs, nodes_of_each, places
from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import affordable, as_size, check_held, check_unmapped
from graphpoly.ops.library import direct, implement
from graphpoly.ops.pool import pool

__all__ = ["PairBlocks", "pair_blocks", "pair_matmul", "pair_pool", "pair_transpose"]

POOLS = ("sum", "mean", "max", "min")
_MOST_NODES = 2**31  # so that the number of pairs fits an int64


class PairBlocks(NamedTuple):
    """Where each pair of nodes of the same graph stands.

    Attributes:
        size: Number of nodes of each graph, ``[B]``; on the CPU, but for traces.
        graph: Graph of each node, ``[N]``.
        first: Where the row of each node begins, ``[N]``.
        place: Place of each node within its graph, ``[N]``.
        group: What each pair is, ``[P]``: b on the diagonal of graph b, B + b off it, and 2 B for
            columns that belong to no pair (traces do not know P and take a bound).
    """

    size: Tensor
    graph: Tensor
    first: Tensor
    place: Tensor
    group: Tensor

    @property
    def num_graphs(self) -> int:
        """B."""
        return self.size.size(0)

    @property
    def num_pairs(self) -> int:
        """P, or its bound."""
        return self.group.size(0)

    def column(self, u: Tensor, v: Tensor) -> Tensor:
        """Return where the pairs (u, v) stand, for nodes of the same graph."""
        return self.first[u] + self.place[v]

    @property
    def diagonal(self) -> Tensor:
        """Where the pairs (v, v) stand, ``[N]``."""
        return self.first + self.place


def pair_blocks(
    batch: Tensor | None,
    num_nodes: int,
    batch_size: int | None = None,
    *,
    device: torch.device | str | None = None,
) -> PairBlocks:
    """Lay out the pairs of all graphs.

    Args:
        batch: Graph of each node, ``[N]``, in any order; None for one graph.
        num_nodes: N.
        batch_size: Number of graphs, if known.
        device: Where the tensors go, if there is no ``batch``.

    Raises:
        TypeError: If ``batch`` is no index.
        ValueError: If ``batch`` has not N places, a graph lies outside ``batch_size``, or there is
            no memory for the pairs.

    Complexity: O(N log N + P). Under ``torch.compile`` with a ``batch`` P is not known and N^2
    columns are taken; make the layout outside and hand it in, where that is too much.

    >>> blocks = pair_blocks(torch.tensor([0, 1, 1]), 3)
    >>> blocks.column(torch.tensor([1, 2]), torch.tensor([2, 1])).tolist(), blocks.group.tolist()
    ([2, 3], [0, 1, 3, 3, 1])
    """
    num_nodes = as_size("num_nodes", num_nodes, most=_MOST_NODES)
    if batch is None:
        batch = affordable(lambda: f"num_nodes: got {num_nodes}", _one_graph, num_nodes, device)
        batch_size = 1
    check_held("batch", batch)
    num_graphs = count_graphs(batch, batch_size, num_nodes)
    return affordable(
        lambda: f"num_nodes, batch_size: got {num_nodes} and {num_graphs}",
        _lay_out,
        batch,
        num_nodes,
        num_graphs,
    )


def _one_graph(num_nodes: int, device: torch.device | str | None) -> Tensor:
    return torch.zeros(num_nodes, dtype=torch.int64, device=device)


def _lay_out(batch: Tensor, num_nodes: int, num_graphs: int) -> PairBlocks:
    check_unmapped("batch", batch)
    batch = batch.long()
    size = nodes_of_each(batch, num_graphs)
    end = size.square().cumsum(0)
    if torch.compiler.is_compiling():
        num_pairs = num_nodes * num_nodes
    else:
        num_pairs = int(end[-1]) if num_graphs else 0
    place, _, _ = places(batch, num_graphs)
    first = (end - size.square())[batch] + place * size[batch]
    step = torch.zeros(num_pairs + 1, dtype=torch.int64, device=batch.device)
    graph = step.index_add(0, end, torch.ones_like(end))[:-1].cumsum(0)
    group = (graph + num_graphs).clamp(max=2 * num_graphs)
    group = group.index_copy(0, first + place, batch)
    if not torch.compiler.is_compiling() and not size.is_meta:
        size = size.cpu()  # the products read it, and must not wait for a device
    return PairBlocks(size, batch, first, place, group)


def pair_matmul(
    blocks: PairBlocks,
    a: Tensor,
    b: Tensor,
    *,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> Tensor:
    """Multiply the matrices of each graph and channel.

    Args:
        blocks: The layout.
        a: ``[C, P]``; float32 and float64 are computed as they are, half precisions in float32.
        b: ``[C, P]``.
        transpose_a: Transpose the matrices of ``a`` first.
        transpose_b: Transpose those of ``b``.

    Returns:
        ``[C, P]``.

    Complexity: O(C sum n^3) time.

    >>> blocks = pair_blocks(None, 2)
    >>> a = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    >>> pair_matmul(blocks, a, a).tolist()
    [[2.0, 3.0, 6.0, 11.0]]
    """
    if a.dim() != 2 or a.shape != b.shape or a.size(1) != blocks.num_pairs:
        raise ValueError(
            f"a, b: got shapes {tuple(a.shape)} and {tuple(b.shape)}, expected both "
            f"[C, {blocks.num_pairs}]"
        )
    kept, dtype = floating(a=a, b=b)
    out: Tensor = direct.pair_matmul(
        blocks.size, a.to(dtype), b.to(dtype), transpose_a, transpose_b
    )
    return out.to(kept)


def pair_transpose(blocks: PairBlocks, x: Tensor) -> Tensor:
    """Transpose the matrices of each graph and channel.

    Args:
        blocks: The layout.
        x: ``[C, P]``.

    >>> pair_transpose(pair_blocks(None, 2), torch.tensor([[0.0, 1.0, 2.0, 3.0]])).tolist()
    [[0.0, 2.0, 1.0, 3.0]]
    """
    if x.dim() != 2 or x.size(1) != blocks.num_pairs:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [C, {blocks.num_pairs}]")
    if not x.is_floating_point():
        raise TypeError(f"x: got dtype {x.dtype}, a floating-point dtype is accepted")
    out: Tensor = direct.pair_transpose(blocks.size, x)
    return out


def pair_pool(blocks: PairBlocks, x: Tensor, reduce: str = "mean") -> Tensor:
    """Aggregate the diagonal and what is off it, for each graph and channel.

    Args:
        blocks: The layout.
        x: ``[C, P]``.
        reduce: ``"sum"``, ``"mean"``, ``"max"`` or ``"min"``.

    Returns:
        ``[B, 2 C]``, diagonals first. Of no pairs, such as those off the diagonal of one node, the
        aggregate is 0.

    >>> blocks = pair_blocks(torch.tensor([0, 0, 1]), 3)
    >>> pair_pool(blocks, torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0]])).tolist()
    [[4.5, 3.0], [16.0, 0.0]]
    """
    if x.dim() != 2 or x.size(1) != blocks.num_pairs:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [C, {blocks.num_pairs}]")
    count = 2 * blocks.num_graphs
    rows = pool(x.t().contiguous(), blocks.group, reduce, batch_size=count + 1)[:count]
    return torch.cat([rows[: blocks.num_graphs], rows[blocks.num_graphs :]], dim=1)


def pair_matmul_reference(
    size: Tensor, a: Tensor, b: Tensor, transpose_a: bool, transpose_b: bool
) -> Tensor:
    """The definition of ``graphpoly::pair_matmul``: each graph's product, written to its place."""
    out = torch.empty_like(a, memory_format=torch.contiguous_format)
    a, b = a.contiguous(), b.contiguous()
    start = 0
    for n in size.tolist():
        stop = start + n * n
        one, other = (t[:, start:stop].unflatten(1, (n, n)) for t in (a, b))
        one = one.mT if transpose_a else one
        other = other.mT if transpose_b else other
        out[:, start:stop] = torch.bmm(one, other).flatten(1)
        start = stop
    out[:, start:] = 0
    return out


def _matmul_fake(
    size: Tensor, a: Tensor, b: Tensor, transpose_a: bool, transpose_b: bool
) -> Tensor:
    torch._check(a.dim() == 2 and b.dim() == 2)
    torch._check(a.size(1) == b.size(1))
    return torch.empty_like(a, memory_format=torch.contiguous_format)


def _matmul_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    size, a, b, ctx.transpose_a, ctx.transpose_b = inputs
    held_a = a if ctx.needs_input_grad[2] else None
    held_b = b if ctx.needs_input_grad[1] else None
    ctx.save_for_backward(size, held_a, held_b)


def _matmul_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    size, a, b = ctx.saved_tensors
    turn_a, turn_b = ctx.transpose_a, ctx.transpose_b
    product = torch.ops.graphpoly.pair_matmul
    grad_a = grad_b = None
    if ctx.needs_input_grad[1]:
        if turn_a:
            grad_a = product(size, b, grad, turn_b, True)
        else:
            grad_a = product(size, grad, b, False, not turn_b)
    if ctx.needs_input_grad[2]:
        if turn_b:
            grad_b = product(size, grad, a, True, turn_a)
        else:
            grad_b = product(size, a, grad, not turn_a, False)
    return None, grad_a, grad_b, None, None


def pair_transpose_reference(size: Tensor, x: Tensor) -> Tensor:
    """The definition of ``graphpoly::pair_transpose``."""
    out = torch.empty_like(x, memory_format=torch.contiguous_format)
    x = x.contiguous()
    start = 0
    for n in size.tolist():
        stop = start + n * n
        whole = (n, n)
        out[:, start:stop].unflatten(1, whole).copy_(x[:, start:stop].unflatten(1, whole).mT)
        start = stop
    out[:, start:] = 0
    return out


def _transpose_fake(size: Tensor, x: Tensor) -> Tensor:
    torch._check(x.dim() == 2)
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _transpose_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(inputs[0])


def _transpose_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    return None, direct.pair_transpose(ctx.saved_tensors[0], grad)


implement(
    "pair_matmul",
    reference=pair_matmul_reference,
    fake=_matmul_fake,
    setup_context=_matmul_setup,
    backward=_matmul_backward,
)
implement(
    "pair_transpose",
    reference=pair_transpose_reference,
    fake=_transpose_fake,
    setup_context=_transpose_setup,
    backward=_transpose_backward,
)
