"""The operators that PyG's layers aggregate with, made once for each graph.

What is made of an ``edge_index`` is remembered for as long as that tensor lives, so that neither
the second layer nor the second epoch sorts again. Entries and weights are exactly those of PyG's
own ``gcn_norm`` and self-loop functions; where these do something unusual, so do these.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import coalesce, to_edge_index

from graphpoly.ops import CSR, spmm, to_csr
from graphpoly.ops.degree_weights import degree_weights
from graphpoly.ops.stamp import Memory, edits, memory_allowed, stamp

__all__ = [
    "gcn_operator",
    "is_adjacency",
    "is_pairs",
    "operator",
    "remembered",
    "replaced_loops",
    "uncovered_graph",
]

_Made = TypeVar("_Made")
_MEMORY = Memory()
_INDEX_DTYPES = (torch.int64, torch.int32)
_SPARSE = (torch.sparse_csr, torch.sparse_csc, torch.sparse_coo)


def remembered(
    key: Hashable,
    graph: Tensor,
    others: tuple[Tensor | None, ...],
    make: Callable[[bool], _Made],
) -> _Made:
    """Return ``make(transposed)``, from memory where none of the tensors has changed since.

    Args:
        key: What is made; one value a key is held.
        graph: It is held as long as this tensor lives.
        others: What else it was made of. Nothing is held where one of these requires gradients.
        make: Called with whether a backward pass may follow, which reads the transpose.
    """
    wanted = torch.is_grad_enabled()
    tensors = (graph, *[other for other in others if other is not None])
    if not memory_allowed(*tensors):
        return make(wanted)
    for tensor in tensors:
        if tensor.requires_grad:
            return make(wanted)
    state = (tuple(map(id, tensors)), stamp(*tensors))
    for transposed in (True,) if wanted else (True, False):
        held = _MEMORY.recall(graph, (key, transposed))
        if held is not None and held[0] == state and held[4] == edits(*held[3]):
            return _lent(held[2])
    # in inference mode, too: these must be tensors that a later backward pass can read
    with torch.inference_mode(False), torch.set_grad_enabled(wanted):
        made = make(wanted)
    # the others are kept alive, so that no new tensor can take the place of one of them; the graph
    # is not, or it would never be let go
    _MEMORY.drop(graph, (key, False))
    parts = tuple(_tensors(made))
    _MEMORY.keep(graph, (key, wanted), (state, tensors[1:], made, parts, edits(*parts)))
    return _lent(made)


def _tensors(made: Any) -> Iterator[Tensor]:
    if isinstance(made, Tensor):
        yield made
    elif isinstance(made, tuple):
        for part in made:
            yield from _tensors(part)


def _lent(made: Any) -> Any:
    """An operator's values as a tensor of its own: ``requires_grad_`` stays with who calls it."""
    if isinstance(made, CSR) and made.weight is not None:
        return made.with_weight(made.weight.detach())
    return made


def is_pairs(edge_index: Any) -> bool:
    """Whether this is a plain ``[2, E]`` tensor of pairs, or an :class:`EdgeIndex`."""
    return (
        isinstance(edge_index, Tensor)
        and edge_index.layout == torch.strided
        and edge_index.dtype in _INDEX_DTYPES
        and edge_index.dim() == 2
        and edge_index.size(0) == 2
    )


def is_adjacency(edge_index: Any) -> bool:
    """Whether this is a ``torch.sparse`` matrix of constants."""
    if not isinstance(edge_index, Tensor) or edge_index.layout not in _SPARSE:
        return False
    if edge_index.requires_grad or edge_index.dense_dim() > 0 or edge_index.sparse_dim() != 2:
        return False
    if not edge_index.is_floating_point():
        return False
    return edge_index.layout != torch.sparse_coo or edge_index.is_coalesced()


def operator(
    edge_index: Any, edge_weight: Tensor | None, num_sources: int, num_targets: int
) -> CSR | None:
    """Return the operator of plain aggregation, or None where the original must see to it.

    Args:
        edge_index: Anything.
        edge_weight: ``[E]``; not read where ``edge_index`` is sparse and has values.
        num_sources: Rows of the features.
        num_targets: Rows of the result.
    """
    size = (num_sources, num_targets)
    try:
        if is_adjacency(edge_index):
            return remembered(
                ("adjacency", size),
                edge_index,
                (),
                lambda transposed: to_csr(edge_index, size=size, transposed=transposed),
            )
        if not is_pairs(edge_index) or not _is_weight(edge_weight, edge_index):
            return None
        return remembered(
            ("plain", size),
            edge_index,
            (edge_weight,),
            lambda transposed: to_csr(edge_index, edge_weight, size=size, transposed=transposed),
        )
    except ValueError:  # an index out of range: the original has its own words for it
        return None


def uncovered_graph(edge_index: Any, edge_weight: Tensor | None = None) -> str:
    """Say what about a graph is not covered, where none of the functions here took it."""
    if not isinstance(edge_index, Tensor):
        return f"edge_index: got {type(edge_index).__name__}, a tensor is accelerated"
    if edge_index.layout in _SPARSE:
        if edge_index.requires_grad:
            return "edge_index: a sparse matrix that requires gradients"
        if edge_index.layout == torch.sparse_coo and not edge_index.is_coalesced():
            return "edge_index: a sparse matrix that is not coalesced"
        if is_adjacency(edge_index):
            return f"edge_index: a sparse matrix of layout {edge_index.layout} or another size"
        return f"edge_index: a sparse matrix of dtype {edge_index.dtype} or more axes than 2"
    if not is_pairs(edge_index):
        shape, dtype = tuple(edge_index.shape), edge_index.dtype
        return f"edge_index: got shape {shape} of dtype {dtype}, [2, E] of int64 is accelerated"
    if not _is_weight(edge_weight, edge_index):
        found = tuple(edge_weight.shape) if isinstance(edge_weight, Tensor) else edge_weight
        return f"edge_weight: got {found}, floating-point values of shape [E] are accelerated"
    return "edge_index: an index is out of range"


def gcn_operator(
    edge_index: Any,
    edge_weight: Tensor | None,
    num_nodes: int,
    *,
    dtype: torch.dtype,
    improved: bool = False,
    add_self_loops: bool = True,
) -> CSR | None:
    """Return the operator of PyG's ``gcn_norm``, or None where the original must see to it.

    Args:
        edge_index: Anything.
        edge_weight: ``[E]``.
        num_nodes: Number of nodes.
        dtype: Type of the values where there are no weights.
        improved: A new loop weighs 2 rather than 1; without weights it weighs 1 all the same.
        add_self_loops: Give each node one loop.
    """
    key = ("gcn", num_nodes, dtype, improved, add_self_loops)

    def from_adjacency(transposed: bool) -> CSR:
        adj_t, _ = gcn_norm(edge_index, None, num_nodes, improved, add_self_loops, dtype=dtype)
        return to_csr(adj_t, num_nodes=num_nodes, transposed=transposed)

    def from_pairs(transposed: bool) -> CSR:
        if edge_weight is None:
            return _of_degrees(edge_index, num_nodes, add_self_loops, transposed, dtype)
        if add_self_loops:
            fill = 2.0 if improved else 1.0
            adj = _with_remaining_loops(edge_index, edge_weight, num_nodes, fill)
        else:
            adj = to_csr(edge_index, edge_weight, num_nodes, transposed=transposed)
        return _symmetric(adj)

    try:
        if is_adjacency(edge_index) and edge_index.layout != torch.sparse_csc:
            square = edge_index.size(0) == edge_index.size(1) == num_nodes
            return remembered(key, edge_index, (), from_adjacency) if square else None
        if not is_pairs(edge_index) or not _is_weight(edge_weight, edge_index):
            return None
        return remembered(key, edge_index, (edge_weight,), from_pairs)
    except ValueError:
        return None


def _is_weight(edge_weight: Tensor | None, edge_index: Tensor) -> bool:
    return edge_weight is None or (
        isinstance(edge_weight, Tensor)
        and edge_weight.is_floating_point()
        and edge_weight.dim() == 1
        and edge_weight.size(0) == edge_index.size(1)
    )


def _symmetric(adj: CSR) -> CSR:
    """Divide each weight by the roots of the two weighted in-degrees; nothing at degree 0."""
    assert adj.weight is not None
    scale = spmm(adj, adj.weight.new_ones(adj.num_cols)).pow(-0.5)
    scale = scale.masked_fill(scale == torch.inf, 0)
    return adj.with_weight(scale[adj.rows()] * adj.weight * scale[adj.col])


def _of_degrees(
    edge_index: Tensor, num_nodes: int, loops: bool, transposed: bool, dtype: torch.dtype
) -> CSR:
    """The operator of a graph without weights, each node with one loop where such are wanted.

    As with weights, loops that stood before stay as entries of weight 0.
    """
    pairs = _with_loops(edge_index, num_nodes) if loops else edge_index
    adj = to_csr(pairs, num_nodes=num_nodes, transposed=transposed)
    weight = degree_weights(
        adj.rowptr,
        adj.col,
        adj.perm,
        edge_index.size(1),
        loops="replaced" if loops else "kept",
        dtype=dtype,
    )
    return adj.with_weight(weight)


def _with_remaining_loops(
    edge_index: Tensor, edge_weight: Tensor, num_nodes: int, fill: float
) -> CSR:
    """Give each node one loop that keeps the weight of the (last) loop it had.

    Loops that stood before stay as entries of weight 0: the shape then does not depend on the data,
    which a compiled graph needs. Only for sums.
    """
    structure, origin = remembered(
        ("remaining loops", num_nodes),
        edge_index,
        (),
        lambda transposed: _remaining_loops(edge_index, num_nodes, transposed),
    )
    tail = edge_weight.new_zeros(2)
    tail[0] = fill
    return structure.with_weight(torch.cat([edge_weight, tail])[origin])


def _remaining_loops(edge_index: Tensor, num_nodes: int, transposed: bool) -> tuple[CSR, Tensor]:
    """The structure, and for each entry its edge, or E for a new loop, or E + 1 for nothing."""
    pairs = _with_loops(edge_index, num_nodes)
    adj = to_csr(pairs, num_nodes=num_nodes, transposed=transposed)
    num_edges = edge_index.size(1)
    edges = torch.arange(num_edges, device=pairs.device)
    source, target = pairs[:, :num_edges].long()
    is_loop = source == target
    holder = torch.full((num_nodes + 1,), -1, device=pairs.device)
    holder = holder.scatter_reduce(0, torch.where(is_loop, target, num_nodes), edges, "amax")
    holder = holder[:num_nodes]
    origin = torch.cat(
        [
            torch.where(is_loop, num_edges + 1, edges),
            torch.where(holder < 0, num_edges, holder),
        ]
    )
    assert adj.perm is not None
    return adj, origin[adj.perm]


def replaced_loops(edge_index: Any, num_sources: int, num_targets: int) -> CSR | None:
    """Return the structure of ``remove_self_loops`` and ``add_self_loops``, None if uncovered.

    ``perm`` gives the edge of each entry, and E + i for the loop of node i. Values of a sparse
    matrix are not read.
    """

    def make(transposed: bool) -> CSR:
        shared = min(num_sources, num_targets)
        if is_pairs(edge_index):
            plain = edge_index
        else:  # what is listed twice is one edge to PyG, too, whether or not it is called coalesced
            plain = coalesce(to_edge_index(edge_index)[0].flip(0))
        pairs, num_edges = _with_loops(plain, shared), plain.size(1)
        kept = plain[0] != plain[1]
        size = (num_sources, num_targets)
        if kept.all():  # no loop stood before
            return to_csr(pairs, size=size, transposed=transposed)
        loops = torch.arange(num_edges, pairs.size(1), device=pairs.device)
        kept = torch.cat([kept.nonzero().squeeze(-1), loops])
        adj = to_csr(pairs[:, kept], size=size, transposed=transposed)
        assert adj.perm is not None
        return adj._replace(perm=kept[adj.perm].to(adj.perm.dtype))

    if not is_pairs(edge_index) and not is_adjacency(edge_index):
        return None
    try:
        return remembered(("replaced loops", num_sources, num_targets), edge_index, (), make)
    except ValueError:
        return None


def _with_loops(edge_index: Tensor, num_loops: int) -> Tensor:
    pairs = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    loops = torch.arange(num_loops, dtype=pairs.dtype, device=pairs.device)
    return torch.cat([pairs, loops.expand(2, -1)], dim=1)
