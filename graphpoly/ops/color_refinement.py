r"""Colour refinement (the 1-dimensional Weisfeiler-Leman algorithm), with names that last.

.. math::
    c_v^{(t+1)} = \operatorname{mix}\Bigl(a\,c_v^{(t)} +
        \sum_{u \to v} \operatorname{mix}\bigl(\operatorname{mix}(c_u^{(t)}) + l_{uv}\bigr)\Bigr)
    \pmod{2^{64}}

with splitmix64 for mix, and without the outer mix where edges have no label l. The name of a colour
is a function of the neighbourhood that it stands for and of nothing else, so that names from
different graphs, runs and machines may be compared and stored; :data:`COLOR_VERSION` changes
whenever one of them would. Two colours share a name by chance with probability about
:math:`2^{-64}` a pair.

A stable colour is named after the round that confirms its part of the graph (the first after which
the partition is the one before) together with all colours of that part: both say how it would go
on. Parts that take more than :data:`STABLE_ROUNDS` rounds, such as
long paths and large grids, are handed to a worklist of splitters in :math:`O(m \log n)` splits
(Hopcroft; Cardon and Crochemore; Berkholz, Bonsma and Grohe, arXiv:1509.08251), whose cells are
numbered by names and counts alone. A stable colour is then named by the system of all cells of its
part (who has how many neighbours in which) and its number in it. Which of the two happens depends
on the colours, so that equal colours get equal names.

Parts are the connected components of a graph whose entries all have their reverse. In a directed
graph everything is one part: colours see what comes in, as messages do, and stable names compare
within one call only.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows
from graphpoly.ops.entry import affordable, as_size, check_held
from graphpoly.ops.library import implement, interruptible

__all__ = [
    "COLOR_VERSION",
    "STABLE_ROUNDS",
    "StableColors",
    "color_refinement",
    "color_rounds",
    "label_names",
    "mix64",
    "stable_colors",
]

COLOR_VERSION = 1
STABLE_ROUNDS = 32

_WORD = (1 << 64) - 1
_OWN, _CELL, _PLACE = 0xD1342543DE82EF95, 0x8CB92BA72F3D8DD7, 0xABC98388FB8FAC03
_NODE, _COLUMN = 0x2545F4914F6CDD1D, 0x9FB21C651E98DF25


def _signed(word: int) -> int:
    """The int64 with the bits of an unsigned word."""
    word &= _WORD
    return word - (1 << 64) if word >> 63 else word


def mix64(x: Tensor) -> Tensor:
    """Scramble the bits of each int64, one to one (splitmix64).

    >>> import torch
    >>> mix64(torch.tensor([0, 1])).tolist()
    [-2152535657050944081, -7995527694508729151]
    """
    if x.dtype != torch.int64:
        raise TypeError(f"x: got dtype {x.dtype}, expected int64")
    x = x + _signed(0x9E3779B97F4A7C15)
    x = (x ^ ((x >> 30) & ((1 << 34) - 1))) * _signed(0xBF58476D1CE4E5B9)
    x = (x ^ ((x >> 27) & ((1 << 37) - 1))) * _signed(0x94D049BB133111EB)
    return x ^ ((x >> 31) & ((1 << 33) - 1))


def label_names(label: Tensor) -> Tensor:
    """Name labels or rows of features, int64 ``[N]``: equal rows get equal names.

    Args:
        label: ``[N]`` or ``[N, F]``. Integers and booleans are read as int64, floating-point values
            as float64, where -0 counts as 0: the label 1 and the label 1.0 differ.

    Raises:
        ValueError: If a value is NaN, which is equal to nothing.

    >>> import torch
    >>> names = label_names(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, -0.0]]))
    >>> (names[:, None] == names).int().tolist()
    [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    """
    if label.dim() == 0:
        raise ValueError("label: got a scalar, expected [N] or [N, F]")
    check_held("label", label)
    if label.is_floating_point():
        if bool(label.isnan().any()):
            raise ValueError("label: got NaN, which is equal to nothing; fill it in first")
        bits = (label.double() + 0.0).view(torch.int64)
    elif label.is_complex():
        raise TypeError(f"label: got dtype {label.dtype}, real and integer dtypes are accepted")
    else:
        bits = label.long()
    if label.dim() == 1:
        return mix64(bits)
    bits = bits.flatten(1)
    column = mix64(torch.arange(bits.size(1), device=bits.device) + _signed(_COLUMN))
    return mix64(mix64(bits + column).sum(1)) if bits.size(1) else torch.zeros_like(bits.sum(1))


def color_refinement(
    adj: CSR,
    rounds: int,
    *,
    node_label: Tensor | None = None,
    edge_label: Tensor | None = None,
) -> Tensor:
    """Return the colours of every node after 0, 1, ..., ``rounds`` rounds, int64.

    Args:
        adj: Square operator, see :func:`~graphpoly.ops.to_csr`; values are not read.
        rounds: Number of rounds.
        node_label: ``[N]`` or ``[N, F]``, see :func:`label_names`; by default all are alike.
        edge_label: ``[E]`` or ``[E, F]``, in the order of the edges that ``adj`` was made of.

    Returns:
        Names ``[rounds + 1, N]``, comparable across graphs and runs.

    Complexity: O(rounds (N + E)) time, rounds N memory; parallel over nodes.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> colors = color_refinement(to_csr(path, num_nodes=4), 1)
    >>> [len(set(row)) for row in colors.tolist()]
    [1, 2]
    """
    rounds = as_size("rounds", rounds, most=2**31)
    color, edge = _arguments(adj, node_label, edge_label)
    run, what = torch.ops.graphpoly.color_rounds, f"rounds: got {rounds} for {adj.num_rows} nodes"
    out: Tensor = affordable(what, interruptible, run, adj.rowptr, adj.col, edge, color, rounds)
    return out


def color_rounds(
    adj: CSR,
    *,
    node_label: Tensor | None = None,
    edge_label: Tensor | None = None,
    portion: int = 1,
) -> Iterator[Tensor]:
    """Go through the rows of :func:`color_refinement` without end, holding few of them.

    Args:
        adj: Square operator; values are not read.
        node_label: ``[N]`` or ``[N, F]``.
        edge_label: ``[E]`` or ``[E, F]``.
        portion: How many rounds are made at once.

    Yields:
        The names before and after ``portion`` rounds and after each between, ``[portion + 1, N]``;
        the last row of one portion is the first of the next.

    Complexity: O(portion (N + E)) time for each, portion N memory.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> adj = to_csr(torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> first, second = next(color_rounds(adj))
    >>> torch.equal(torch.stack([first, second]), color_refinement(adj, 1))
    True
    """
    portion = as_size("portion", portion, 1)
    color, edge = _arguments(adj, node_label, edge_label)
    while True:
        rows: Tensor = affordable(
            f"portion: got {portion}",
            interruptible,
            *(torch.ops.graphpoly.color_rounds, adj.rowptr, adj.col, edge, color, portion),
        )
        yield rows
        color = rows[-1].clone()


class StableColors(NamedTuple):
    """The coarsest colouring that no round refines.

    Attributes:
        color: Name of each node's colour, int64 ``[N]``.
        rounds: Number of rounds after which its part of the graph had settled, ``[N]``, or -1 where
            the worklist was used.
    """

    color: Tensor
    rounds: Tensor


def stable_colors(
    adj: CSR,
    *,
    node_label: Tensor | None = None,
    edge_label: Tensor | None = None,
    limit: int = STABLE_ROUNDS,
) -> StableColors:
    """Refine until nothing changes.

    Args:
        adj: Square operator; one graph or a batch of them. Values are not read.
        node_label: ``[N]`` or ``[N, F]``, see :func:`label_names`.
        edge_label: ``[E]`` or ``[E, F]``, in the order of the edges that ``adj`` was made of.
        limit: Rounds before the worklist. Names depend on it; the default belongs to
            :data:`COLOR_VERSION`.

    Returns:
        Names, comparable across undirected graphs and runs, and numbers of rounds.

    Complexity: O(limit (N + E) + E log N) up to a logarithm for sorting; parallel over parts.

    >>> import torch
    >>> from graphpoly.ops import to_csr
    >>> path = torch.tensor([[0, 1, 1, 2, 2, 3], [1, 0, 2, 1, 3, 2]])
    >>> color, rounds = stable_colors(to_csr(path, num_nodes=4))
    >>> color.unique().numel(), rounds.tolist()
    (2, [1, 1, 1, 1])
    """
    limit = as_size("limit", limit)
    color, edge = _arguments(adj, node_label, edge_label)
    arguments = (adj.rowptr, adj.col, edge, color, limit)
    return StableColors(*interruptible(torch.ops.graphpoly.color_stable, *arguments))


def _arguments(
    adj: CSR, node_label: Tensor | None, edge_label: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    if adj.num_rows != adj.num_cols:
        raise ValueError(f"adj: got {adj.num_rows} rows, {adj.num_cols} columns; expected a square")
    if node_label is None:
        start = torch.zeros(adj.num_rows, dtype=torch.int64, device=adj.col.device)
    elif len(node_label) != adj.num_rows:
        raise ValueError(f"node_label: got {len(node_label)} rows for {adj.num_rows} nodes")
    else:
        start = label_names(node_label)
    edge = None
    if edge_label is not None:
        if len(edge_label) != adj.num_entries:  # a scalar has none, and says so
            raise ValueError(f"edge_label: got {len(edge_label)} for {adj.num_entries} edges")
        edge = label_names(edge_label)
        edge = edge if adj.perm is None else edge[adj.perm.long()]
    return mix64(start + _signed(_NODE)), edge


def _heard(rows: Tensor, col: Tensor, edge: Tensor | None, mixed: Tensor) -> Tensor:
    said = mixed[col] if edge is None else mix64(mixed[col] + edge)
    return torch.zeros_like(mixed).index_add(0, rows, said)


def color_rounds_reference(
    rowptr: Tensor, col: Tensor, edge: Tensor | None, color: Tensor, rounds: int
) -> Tensor:
    """The definition, in plain PyTorch."""
    rows, col, found = entry_rows(rowptr, col.size(0)).long(), col.long(), [color]
    for _ in range(rounds):
        now = found[-1]
        found.append(mix64(now * _signed(_OWN) + _heard(rows, col, edge, mix64(now))))
    return torch.stack(found)


def color_stable_reference(
    rowptr: Tensor, col: Tensor, edge: Tensor | None, color: Tensor, limit: int
) -> tuple[Tensor, Tensor]:
    """The definition: a round for everybody, for as long as a part has not settled; then Python."""
    if color.numel() == 0:
        return color.clone(), color.clone()
    part = _parts(rowptr, col)
    name, settled = color.clone(), torch.full_like(color, -1)
    now, active = color, torch.ones_like(color, dtype=torch.bool)
    before = _count(part, now)
    for round_ in range(limit):
        now = color_rounds_reference(rowptr, col, edge, now, 1)[1]
        after = _count(part, now)
        done = active & (after == before)[part]
        name = torch.where(done, mix64(now + mix64(_sum_of_colors(part, now))[part]), name)
        name = torch.where(active & ~done, now, name)
        settled, active, before = torch.where(done, round_, settled), active & ~done, after
        if not bool(active.any()):
            break
    for which in part[active].unique().tolist():
        _Partition(rowptr, col, edge, name, part == which).refine_and_name()
    return name, settled


def _parts(rowptr: Tensor, col: Tensor) -> Tensor:
    """Connected component of each node; one for all if an entry has no reverse."""
    size = rowptr.size(0) - 1
    values = np.ones(col.size(0), dtype=np.int64)
    structure = values, col.cpu().numpy(), rowptr.cpu().numpy()
    matrix = csr_matrix(structure, shape=(size, size), copy=True)  # it is edited below
    matrix.sum_duplicates()
    if (matrix != matrix.T).nnz:
        return torch.zeros(size, dtype=torch.int64, device=col.device)
    _, part = connected_components(matrix, directed=False)
    return torch.from_numpy(part.astype(np.int64)).to(col.device)


def _count(part: Tensor, color: Tensor) -> Tensor:
    """Number of colours of each part."""
    return torch.bincount(torch.stack([part, color]).unique(dim=1)[0])


def _sum_of_colors(part: Tensor, color: Tensor) -> Tensor:
    """Sum of the mixed names of each part, each once."""
    which, name = torch.stack([part, color]).unique(dim=1)
    return name.new_zeros(int(which.max()) + 1).index_add(0, which, mix64(name))


class _Partition:
    """One part, split by its cells in the order of their numbers; of the pieces of a cell the
    largest keeps the number and the others get new ones. Every cell splits once."""

    def __init__(
        self, rowptr: Tensor, col: Tensor, edge: Tensor | None, name: Tensor, inside: Tensor
    ) -> None:
        self.name, self.nodes = name, inside.nonzero().flatten().tolist()
        start, source = rowptr.tolist(), col.tolist()
        label = None if edge is None else edge.tolist()
        self.incoming = {
            v: [(source[e], 0 if label is None else label[e]) for e in range(*start[v : v + 2])]
            for v in self.nodes
        }
        self.labelled = label is not None
        self.outgoing: dict[int, list[tuple[int, int]]] = {v: [] for v in self.nodes}
        for v, entries in self.incoming.items():
            for u, said in entries:
                self.outgoing[u].append((v, _mix(said) if self.labelled else 1))
        self.first = {v: int(name[v]) & _WORD for v in self.nodes}
        order = sorted(set(self.first.values()))
        self.cells = [[v for v in self.nodes if self.first[v] == one] for one in order]
        self.cell = {v: number for number, cell in enumerate(self.cells) for v in cell}

    def refine_and_name(self) -> None:
        splitter = 0
        while splitter < len(self.cells):
            self.split_by(splitter)
            splitter += 1
        self.rename()

    def split_by(self, splitter: int) -> None:
        keys: dict[int, int] = {}
        for u in self.cells[splitter]:
            for v, key in self.outgoing[u]:
                keys[v] = (keys.get(v, 0) + key) & _WORD
        for number in sorted({self.cell[v] for v in keys}):
            members = self.cells[number]
            pieces = [[v for v in members if v not in keys]]
            values = sorted({keys[v] for v in members if v in keys})
            pieces += [[v for v in members if keys.get(v) == value] for value in values]
            pieces = [piece for piece in pieces if piece]
            largest = max(range(len(pieces)), key=lambda p: len(pieces[p]))
            for p, piece in enumerate(pieces):
                if p == largest:
                    self.cells[number] = piece
                else:
                    self.cell.update(dict.fromkeys(piece, len(self.cells)))
                    self.cells.append(piece)

    def rename(self) -> None:
        system = 0
        for number, members in enumerate(self.cells):
            heard = 0
            for u, said in self.incoming[members[0]]:
                other = _mix(_CELL + self.cell[u])
                heard += _mix(other + said) if self.labelled else other
            row = _mix(self.first[members[0]] * _OWN + heard)
            system += _mix(row + number * _PLACE)
        for v, number in self.cell.items():
            self.name[v] = _signed(_mix(_mix(system) + number * _PLACE))


def _mix(word: int) -> int:
    """:func:`mix64` of one unsigned word."""
    x = (word + 0x9E3779B97F4A7C15) & _WORD
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _WORD
    return x ^ (x >> 31)


implement(
    "color_rounds",
    reference=color_rounds_reference,
    fake=lambda rowptr, col, edge, color, rounds: color.new_empty(rounds + 1, color.size(0)),
)
implement(
    "color_stable",
    reference=color_stable_reference,
    fake=lambda rowptr, col, edge, color, limit: (
        torch.empty_like(color),
        torch.empty_like(color),
    ),
)
