r"""Refinement that begins from the exact type of each node's neighbourhood.

:math:`N_k` gives each node v the isomorphism type of the subgraph induced by the nodes within k
steps of v, where v is marked, and then refines colours. :math:`N_1` sees what the counts of
:math:`S_3` see, :math:`N_2` those of :math:`S_4`; neither is above or below 2-FWL, since types of
neighbourhoods are found by search and not by refinement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array, eye_array
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.expressivity.colors import Coloring, wl_colors
from graphpoly.expressivity.exact import dense_ids
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.isomorphism import discrete, isomorphic, twin_ranks
from graphpoly.ops import mix64

__all__ = ["neighborhood_colors", "neighborhood_types"]

_MOST_NODES = 1 << 20  # of neighbourhoods that are refined together


@on_cpu()
def neighborhood_colors(
    graphs: Any, depth: int = 1, *, features: bool = True, edge_features: bool = True
) -> Coloring:
    """Refine colours that begin from the types of neighbourhoods.

    Args:
        graphs: See :meth:`GraphSet.of`; ``x`` and ``edge_attr`` are labels. In a directed graph the
            neighbours are those of either direction.
        depth: Number of steps k, at least 1.
        features: Whether labels of nodes are seen.
        edge_features: Whether labels of edges are.

    Returns:
        Stable names, comparable within this call only.

    Complexity: see :func:`neighborhood_types`.

    References:
        Papp and Wattenhofer, ICML 2022, arXiv:2201.12884 (N_k). Wang and Zhang, arXiv:2304.07702.

    >>> from graphpoly.expressivity import hard_pair
    >>> rook, shrikhande = neighborhood_colors(hard_pair("sr16622"), 1).graph.tolist()
    >>> rook == shrikhande
    False
    """
    whole = GraphSet.of(graphs, features=features, edge_features=edge_features)
    types = neighborhood_types(whole, depth)
    return wl_colors(replace(whole, x=types))


@on_cpu()
def neighborhood_types(graphs: Any, depth: int = 1) -> Tensor:
    """Number the nodes so that those, and only those, with isomorphic neighbourhoods are equal.

    Args:
        graphs: See :func:`neighborhood_colors`.
        depth: Number of steps k, at least 1.

    Returns:
        ``[N]``, int64, comparable within this call only.

    Raises:
        ValueError: If ``depth`` is less than 1, or a label is NaN.

    Complexity: stable colours of all neighbourhoods, and a search
    (:func:`~graphpoly.expressivity.isomorphic`) for each node whose neighbourhood colours do not
    tell from another one's and are not all different.
    """
    if depth < 1:
        raise ValueError(f"depth: got {depth}, expected at least 1")
    whole = GraphSet.of(graphs)
    types = torch.zeros(whole.num_nodes, dtype=torch.int64)
    known: dict[int, list[tuple[Data | None, int]]] = {}
    count = 0
    for nodes, balls in _balls(whole, depth):
        # comparable from portion to portion, other than the colours of incoming edges alone
        colors = wl_colors(balls, direction="both")
        assert balls.x is not None
        ranks = twin_ranks(balls, dense_ids(colors.node))
        balls = replace(balls, x=torch.cat([balls.x, ranks.unsqueeze(1)], 1))
        colors = wl_colors(balls, direction="both")
        names, clear = colors.graph, discrete(balls, colors.node)
        if not bool(clear.all()):
            names = names.clone()
            names[~clear] = _singled(balls.select((~clear).nonzero().flatten()))
        plain = clear.tolist()
        for number, (node, name) in enumerate(zip(nodes.tolist(), names.tolist(), strict=True)):
            ball = None if plain[number] else balls.graph(number)
            for other, held in known.setdefault(name, []):
                # where all colours differ, they say all
                if other is None or ball is None or isomorphic(other, ball):
                    types[node] = held
                    break
            else:
                known[name].append((ball, count))
                types[node] = count
                count += 1
    return types


def _singled(balls: GraphSet) -> Tensor:
    """A finer name: of the colours after each node in turn is singled out.

    Search would part such graphs, too, but only after it has tried all.
    """
    names = torch.zeros(balls.num_graphs, dtype=torch.int64)
    for number, size in enumerate(balls.sizes.tolist()):
        one = balls.graph(number)
        shift = size * torch.arange(size)
        assert one.x is not None
        mark = torch.eye(size, dtype=torch.int64).reshape(-1, 1)
        copies = GraphSet(
            (one.edge_index.unsqueeze(1) + shift.view(1, -1, 1)).reshape(2, -1),
            size * torch.arange(size + 1),
            torch.cat([one.x.repeat(size, 1), mark], 1),
            None if one.edge_attr is None else one.edge_attr.repeat(size),
        )
        names[number] = mix64(mix64(wl_colors(copies, direction="both").graph).sum())
    return names


def _balls(whole: GraphSet, depth: int) -> Iterator[tuple[Tensor, GraphSet]]:
    """Nodes, and the subgraph around each with its centre marked; portion by portion."""
    label = torch.zeros(whole.num_nodes, dtype=torch.int64)
    if whole.x is not None:
        label = dense_ids(whole.x) + 1
    kind = None if whole.edge_attr is None else dense_ids(whole.edge_attr)
    source, target = whole.edge_index.numpy()
    size = whole.num_nodes
    ones, each = np.ones(len(source), dtype=bool), np.arange(size)
    joined = csr_array((ones, (source, target)), (size, size))
    # or, not sums: nodes may be joined in more ways than a number has room for
    step = (joined + joined.T + eye_array(size, dtype=bool)).tocsr()
    # edges by their source, as rows of the places that they have among all edges
    order = np.argsort(source, kind="stable")
    begin = np.searchsorted(source[order], np.arange(size + 1))
    portion = max(1, _MOST_NODES // max(1, int(whole.sizes.max())) if size else 1)
    for nodes in np.split(each, range(portion, size, portion)):
        reached = eye_array(size, dtype=bool, format="csr")[nodes]
        for _ in range(depth):
            reached = reached @ step
        reached.sort_indices()
        ball = np.repeat(np.arange(len(nodes)), np.diff(reached.indptr))
        member = reached.indices.astype(np.int64)
        keys = ball * size + member  # sorted: a key's place is the node's new number
        degree = begin[member + 1] - begin[member]
        first = np.repeat(np.arange(len(keys)), degree)
        within = np.arange(len(first)) - np.repeat(np.cumsum(degree) - degree, degree)
        edge = order[begin[member[first]] + within]
        wanted = ball[first] * size + target[edge]
        second = np.minimum(np.searchsorted(keys, wanted), max(0, len(keys) - 1))
        inside = keys[second] == wanted
        root = torch.from_numpy((member == nodes[ball]).astype(np.int64))
        yield (
            torch.from_numpy(nodes),
            GraphSet(
                torch.from_numpy(np.stack([first[inside], second[inside]])),
                torch.from_numpy(reached.indptr.astype(np.int64)),
                torch.stack([root, label[torch.from_numpy(member)]], 1),
                None if kind is None else kind[torch.from_numpy(edge[inside])],
            ),
        )
