"""Some neighbours of each of some nodes, drawn by a seed and by nothing else."""

from __future__ import annotations

import bisect
import itertools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.entry import INT64_MIN, affordable, as_size
from graphpoly.ops.hashing import hash64, uniform
from graphpoly.ops.library import call, implement

__all__ = ["SampledEntries", "sample_neighbors"]

_MOST = (2**63 - 1) // 16  # entries in all


class SampledEntries(NamedTuple):
    """What :func:`sample_neighbors` gives.

    Attributes:
        entry: Places of the drawn entries, node by node, ``[M]``.
        offsets: Where those of each node begin, ``[F+1]``.
        owner: Place of the node that each was drawn for, ``[M]``.
    """

    entry: Tensor
    offsets: Tensor
    owner: Tensor


def sample_neighbors(
    rowptr: Tensor,
    node: Tensor,
    count: int,
    *,
    num_entries: int,
    replace: bool = False,
    weight: Tensor | None = None,
    time: Tensor | None = None,
    until: Tensor | None = None,
    last: bool = False,
    seed: int = 0,
) -> SampledEntries:
    """Draw entries of some rows of a graph in compressed rows.

    The i-th node's draws depend on ``seed`` and i alone: any number of threads gives the same.
    Without replacement every subset of the size is as likely as any other; with weights entries are
    drawn one after the other, each with its share of the weight that is left.

    Args:
        rowptr: Where the entries of each row begin, ``[N+1]``, int64.
        node: The rows, ``[F]``, int64; one that stands there twice is drawn for twice.
        count: Entries of each, -1 for all. Where there are fewer, all are taken.
        num_entries: Number of entries E.
        replace: Whether an entry may be drawn more than once.
        weight: Of each entry, ``[E]``, float64; entries whose weight is not above 0 are not drawn
            unless all are asked for.
        time: Of each entry, ``[E]``, int64, ascending in each row: only those up to ``until`` may
            be drawn.
        until: ``[F]``, int64.
        last: Take the latest entries rather than any.
        seed: 64 bits.

    Raises:
        TypeError: If a type is another.
        ValueError: If shapes, pointers or numbers do not fit.

    Complexity: O(F + M) time; with weights also the degrees, with times their logarithms.

    Subsets are drawn by Floyd's algorithm (Bentley, Floyd. A sample of brilliance. CACM 1987),
    weighted ones by exponential clocks (Efraimidis, Spirakis. Weighted random sampling with a
    reservoir. IPL 2006).

    >>> rowptr = torch.tensor([0, 3, 3, 5])
    >>> sample_neighbors(rowptr, torch.tensor([2, 1, 0]), -1, num_entries=5).entry.tolist()
    [3, 4, 0, 1, 2]
    """
    num_entries = as_size("num_entries", num_entries)
    given = {"rowptr": rowptr, "node": node, "weight": weight, "time": time, "until": until}
    lengths = {"weight": num_entries, "time": num_entries, "until": node.numel()}
    for name, tensor in given.items():
        if tensor is None:
            continue
        kind = torch.float64 if name == "weight" else torch.int64
        if tensor.dtype != kind:
            raise TypeError(f"{name}: got {tensor.dtype}, {kind} is accepted")
        if tensor.dim() != 1 or tensor.numel() != lengths.get(name, tensor.numel()):
            expected = f"[{lengths[name]}]" if name in lengths else "one dimension"
            raise ValueError(f"{name}: got shape {list(tensor.shape)}, expected {expected}")
    if rowptr.numel() == 0:
        raise ValueError("rowptr: got none, expected [N+1]")
    if (time is None) != (until is None):
        raise ValueError("time, until: got one without the other")
    count, seed = as_size("count", count, -1), as_size("seed", seed, INT64_MIN)
    operator, chances = torch.ops.graphpoly.sample_neighbors, (weight, time, until)
    arguments = (rowptr, node, count, replace, last, *chances, num_entries, seed)
    try:
        found = affordable(f"count: {count} entries for each node", call, operator, *arguments)
    except RuntimeError as error:
        line = str(error).partition("\n")[0].removeprefix("sample_neighbors: ")
        if not line.startswith(("rowptr: ", "node: ", "count: ")):
            raise
        raise ValueError(line) from None
    return SampledEntries(*found)


def sample_neighbors_reference(
    rowptr: Tensor,
    node: Tensor,
    count: int,
    replace: bool,
    last: bool,
    weight: Tensor | None,
    time: Tensor | None,
    until: Tensor | None,
    num_entries: int,
    seed: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The definition, node by node."""
    pointers, found, offsets, owner = rowptr.tolist(), [], [0], []
    for place, v in enumerate(node.tolist()):
        if not 0 <= v < len(pointers) - 1:
            raise RuntimeError(f"node: got a number outside [0, {len(pointers) - 1})")
        begin, end = pointers[v], pointers[v + 1]
        if not 0 <= begin <= end <= num_entries:
            raise RuntimeError(f"rowptr: expected ascending ones in [0, {num_entries}]")
        if time is not None and until is not None:
            end = begin + bisect.bisect_right(time[begin:end].tolist(), int(until[place]))
        if last and count >= 0:
            begin = max(begin, end - count)
        if replace and begin < end and count > _MOST - offsets[-1]:
            raise RuntimeError("count: too many entries in all")
        some = [begin + i for i in _draw(begin, end, count, replace, weight, seed, place)]
        found += some
        offsets.append(offsets[-1] + len(some))
        owner += [place] * len(some)
    return node.new_tensor(found), node.new_tensor(offsets), node.new_tensor(owner)


def _draw(
    begin: int, end: int, count: int, replace: bool, weight: Tensor | None, seed: int, place: int
) -> list[int]:
    size = end - begin
    if count < 0:
        return list(range(size))

    def bits(draws: int) -> Tensor:
        return hash64(seed, torch.tensor([place], device="cpu"), torch.arange(draws, device="cpu"))

    if weight is not None:
        return _draw_weighted(weight[begin:end].tolist(), count, replace, bits)
    if replace:
        return [_below(b, size) for b in bits(count).tolist()] if size else []
    if count >= size:
        return list(range(size))
    chosen: set[int] = set()
    for newest, b in zip(range(size - count, size), bits(count).tolist(), strict=True):
        pick = _below(b, newest + 1)
        chosen.add(newest if pick in chosen else pick)
    return sorted(chosen)


def _draw_weighted(share: list[float], count: int, replace: bool, bits: Any) -> list[int]:
    positive = [i for i, w in enumerate(share) if w > 0]
    if not replace:
        u = uniform(bits(len(share))).tolist()
        clocks = sorted((-math.log(u[i] + 2.0**-53) / share[i], i) for i in positive)
        return sorted(i for _, i in clocks[:count])
    if not positive:
        return []
    sums = list(itertools.accumulate(share[i] for i in positive))
    targets = (uniform(bits(count)) * sums[-1]).tolist()
    return [positive[min(bisect.bisect_right(sums, t), len(sums) - 1)] for t in targets]


def _below(bits: int, count: int) -> int:
    return ((bits % 2**64) * count) >> 64


def _fake(
    rowptr: Tensor, node: Tensor, count: int, replace: bool, last: bool, *rest: Any
) -> tuple[Tensor, Tensor, Tensor]:
    size = torch.library.get_ctx().new_dynamic_size()
    return node.new_empty(size), node.new_empty(node.size(0) + 1), node.new_empty(size)


implement("sample_neighbors", reference=sample_neighbors_reference, fake=_fake)
