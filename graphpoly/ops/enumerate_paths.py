r"""All simple paths, all shortest paths, or one shortest path between every pair of near nodes.

A path of length k is a sequence of k + 1 distinct nodes :math:`(p_0, \dots, p_k)` with an edge from
each to the next: it brings what :math:`p_0` knows to :math:`p_k`. Duplicate edges give no second
path and loops none. Paths of one length come out in lexicographic order of their nodes, each with
its distance where distances are asked for, the far end first: those with a common beginning stand
side by side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.adjacency import to_csr
from graphpoly.ops.entry import as_size, check_held, check_unmapped, out_of_memory
from graphpoly.ops.enumerate_paths_reference import (
    count_paths_reference,
    enumerate_paths_reference,
)
from graphpoly.ops.library import implement, interruptible

__all__ = ["PATHS", "Paths", "count_paths", "enumerate_paths"]

PATHS = ("simple", "shortest", "single")
LONGEST = 64
MAX_PATHS = 50_000_000
_MOST_COUNTED = 2**63 - 2


class Paths(NamedTuple):
    """The paths of one length k.

    Attributes:
        node: ``[k+1, P]``, the far end in row 0 and the node that the path belongs to in row k.
        distance: ``[k+1, P]``, uint8: how many edges each node of a path is from the last one, by
            the shortest way through the whole graph. None where it was not asked for.
    """

    node: Tensor
    distance: Tensor | None = None

    @property
    def length(self) -> int:
        """Number of edges k."""
        return self.node.size(0) - 1

    @property
    def num_paths(self) -> int:
        """Number of paths P."""
        return self.node.size(1)


def enumerate_paths(
    edge_index: Any,
    K: int,
    num_nodes: int | None = None,
    *,
    paths: str = "simple",
    shortest: int = 1,
    distances: bool = False,
    seed: int | None = None,
    max_paths: int | None = MAX_PATHS,
    sample: int | None = None,
) -> list[Paths]:
    r"""List the paths of each length up to K.

    Args:
        edge_index: The graph, in any form that :func:`~graphpoly.ops.to_csr` takes; weights are not
            looked at. Paths follow the edges.
        K: Length of the longest paths, in edges.
        num_nodes: Number of nodes.
        paths: ``"simple"``: every path that visits no node twice. ``"shortest"``: of these, those
            that are no longer than any other between their ends. ``"single"``: one of the latter
            for each ordered pair of ends; which one is no property of the graph, so that it
            depends on ``seed`` or on the numbers of the nodes.
        shortest: Length of the shortest paths that are listed.
        distances: Say how far each node of a path is from the last. On shortest paths that is the
            number of edges that are left; only ``"simple"`` paths take shortcuts past it.
        seed: For ``"single"``: the way to w from u passes the predecessor that a hash of seed and
            of their numbers, counted from u, picks, so that a batch has the paths of its graphs.
            None picks the predecessor with the smallest number. It also seeds ``sample``.
        max_paths: Refuse to list more than this, and stop counting them then; None for no limit.
        sample: Keep at most this many paths of each length, drawn uniformly without replacement.

    Returns:
        A :class:`Paths` for each length from ``shortest`` to K, empty ones included.

    Raises:
        ValueError: If an argument is out of range, there are more paths than ``max_paths`` or than
            2^63 - 2, or there is no memory for them.

    Complexity: time in proportion to the number of paths times K, twice, since they are counted
    before memory is taken; memory of the result, O(N + E) besides.

    >>> import torch
    >>> triangle = torch.tensor([[0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2]])
    >>> one, two = enumerate_paths(triangle, K=2, num_nodes=3)
    >>> one.num_paths, two.node.T.tolist()
    (6, [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])
    """
    kind = _kind(paths)
    K, shortest = as_size("K", K), as_size("shortest", shortest)
    if not 1 <= shortest <= K <= LONGEST:
        raise ValueError(
            f"K and shortest: got {K} and {shortest}, expected 1 <= shortest <= K <= {LONGEST}"
        )
    for name, value in (("seed", seed), ("max_paths", max_paths), ("sample", sample)):
        if value is not None:
            as_size(name, value)
    rowptr, col = _outgoing(edge_index, num_nodes)
    check_held("edge_index", col)
    check_unmapped("edge_index", col)
    limit = -1 if max_paths is None else max_paths
    rule = (kind, -1 if seed is None else seed)
    run = torch.ops.graphpoly.enumerate_paths
    if sample is not None:
        return _sampled(rowptr, col, (shortest, K), rule, limit, distances, sample)
    if shortest == K:
        _, node, distance = _named(run, rowptr, col, K, K, *rule, limit, distances, None)
        return [Paths(node, distance if distances else None)]
    count, node, distance = _named(run, rowptr, col, shortest, K, *rule, limit, distances, None)
    result, begin = [], 0
    for k, number in enumerate(count.tolist(), shortest):
        part = slice(begin, begin + number)
        away = distance[K - k :, part].contiguous() if distances else None
        result.append(Paths(node[K - k :, part].contiguous(), away))
        begin += number
    return result


def count_paths(
    edge_index: Any, K: int, num_nodes: int | None = None, *, paths: str = "simple"
) -> Tensor:
    """Count the paths that end at each node, without listing them.

    Args:
        edge_index: As for :func:`enumerate_paths`.
        K: Length of the longest paths.
        num_nodes: Number of nodes.
        paths: As for :func:`enumerate_paths`.

    Returns:
        ``[N, K]``, int64: the paths of length 1, ..., K into each node. 2^63 - 1 stands for that
        many or more.

    >>> import torch
    >>> path = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    >>> count_paths(path, K=3, num_nodes=3).tolist()
    [[1, 1, 0], [2, 0, 0], [1, 1, 0]]
    """
    kind, K = _kind(paths), as_size("K", K, 1, LONGEST)
    adj = to_csr(edge_index, None, num_nodes)
    _check_square(adj)
    check_held("edge_index", adj.col)
    found: Tensor = _named(torch.ops.graphpoly.count_paths, adj.rowptr, adj.col, K, kind)
    return found


def _kind(paths: str) -> int:
    if paths not in PATHS:
        raise unknown("paths", paths, PATHS)
    return PATHS.index(paths)


def _check_square(adj: Any) -> None:
    if adj.num_rows != adj.num_cols:
        raise ValueError(
            f"edge_index: got {adj.num_cols} sources and {adj.num_rows} targets; paths need a "
            "square operator, bipartite graphs have none"
        )


def _outgoing(edge_index: Any, num_nodes: int | None) -> tuple[Tensor, Tensor]:
    """The targets of each source in compressed rows."""
    if type(edge_index) is Tensor and edge_index.layout == torch.strided:
        turned = edge_index.flip(0) if edge_index.dim() == 2 else edge_index
        adj = to_csr(turned, None, num_nodes)  # one sort, where the operator would take two
        return adj.rowptr, adj.col
    adj = to_csr(edge_index, None, num_nodes, transposed=True)
    _check_square(adj)
    assert adj.transposed is not None
    return adj.transposed[:2]


def _named(run: Any, *arguments: Any) -> Any:
    """Run the operator; say in a user's words that there are too many paths."""
    if torch.compiler.is_compiling():
        return run(*arguments)
    try:
        return interruptible(run, *arguments)
    except RuntimeError as error:
        text = str(error).splitlines()[0]
        if out_of_memory(error):
            raise ValueError(
                "enumerate_paths: no memory for all paths; lower K, give max_paths, or draw some "
                "with sample="
            ) from None
        if "max_paths is" not in text:
            raise
        found = text.partition("enumerate_paths: ")[2]
        raise ValueError(
            f"enumerate_paths: {found}; lower K, raise max_paths, or draw some with sample="
        ) from None


def _sampled(
    rowptr: Tensor,
    col: Tensor,
    lengths: tuple[int, int],
    rule: tuple[int, int],
    limit: int,
    distances: bool,
    sample: int,
) -> list[Paths]:
    kind, seed = rule
    each = _named(torch.ops.graphpoly.count_paths, rowptr, col, lengths[1], kind)
    counts = [sum(column) for column in each.T.tolist()]  # Python's integers do not overflow
    if max(counts[lengths[0] - 1 :], default=0) > _MOST_COUNTED:
        raise ValueError(
            f"enumerate_paths: more than {_MOST_COUNTED} paths of one length; lower K, even "
            "sample= cannot number them"
        )
    result = []
    for k in range(lengths[0], lengths[1] + 1):
        chosen = None
        if counts[k - 1] > sample:
            generator = np.random.default_rng([max(seed, 0), k])
            drawn = generator.choice(counts[k - 1], sample, replace=False, shuffle=False)
            chosen = torch.from_numpy(np.sort(drawn)).to(col.device)
        _, node, distance = _named(
            torch.ops.graphpoly.enumerate_paths,
            *(rowptr, col, k, k, kind, seed, limit, distances, chosen),
        )
        result.append(Paths(node, distance if distances else None))
    return result


def _fake(
    rowptr: Tensor,
    col: Tensor,
    shortest: int,
    longest: int,
    kind: int,
    seed: int,
    max_paths: int,
    distances: bool,
    chosen: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    total = torch.library.get_ctx().new_dynamic_size() if chosen is None else chosen.size(0)
    count = col.new_empty(longest - shortest + 1, dtype=torch.int64)
    shape = (longest + 1, total) if distances else (0, 0)
    return count, col.new_empty(longest + 1, total), col.new_empty(shape, dtype=torch.uint8)


def _count_fake(rowptr: Tensor, col: Tensor, longest: int, kind: int) -> Tensor:
    return col.new_empty(rowptr.size(0) - 1, longest, dtype=torch.int64)


implement("count_paths", reference=count_paths_reference, fake=_count_fake)
implement("enumerate_paths", reference=enumerate_paths_reference, fake=_fake)
