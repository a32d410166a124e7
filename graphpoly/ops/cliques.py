"""Sets of nodes that are all joined with one another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.utils import coalesce

from graphpoly.ops.adjacency import to_csr, to_edges
from graphpoly.ops.common_neighbors import intersect_rows
from graphpoly.ops.entry import (
    MOST_NODES,
    affordable,
    as_size,
    check_held,
    check_index,
    check_unmapped,
)

__all__ = ["list_cliques"]


def list_cliques(edge_index: Any, k: int, num_nodes: int) -> Tensor:
    """List all cliques of k nodes, maximal or not.

    Edges are turned towards the end of higher degree, so that few nodes come after any other. A
    clique is extended by what comes after all of its nodes.

    Args:
        edge_index: Undirected graph, in any of the forms of :func:`~graphpoly.ops.to_csr`;
            directions, loops and repetitions do not count.
        k: Number of nodes, at least 1.
        num_nodes: Number of nodes of the graph.

    Returns:
        ``[k, M]`` int64, each clique once, its nodes in order of degree.

    Complexity: O(E d) time for triangles where d, at most the root of 2 E, bounds how many nodes
    come after one; then d times the number of smaller cliques. Memory for all cliques.

    References:
        Chiba and Nishizeki, Arboricity and subgraph listing algorithms, SIAM J. Comput. 1985.

    >>> import torch
    >>> pairs = torch.combinations(torch.arange(5)).T
    >>> [list_cliques(pairs, k, 5).size(1) for k in (1, 2, 3, 4, 5, 6)]
    [5, 10, 10, 5, 1, 0]
    """
    k, num_nodes = as_size("k", k, least=1), as_size("num_nodes", num_nodes, most=MOST_NODES)
    pairs, _ = to_edges(edge_index, size=(num_nodes, num_nodes))
    check_held("edge_index", pairs)
    check_unmapped("edge_index", pairs)
    pairs = check_index("edge_index", pairs.reshape(-1), num_nodes).view(2, -1)
    return affordable(lambda: f"num_nodes: got {num_nodes}", _list, pairs, k, num_nodes)


def _list(pairs: Tensor, k: int, num_nodes: int) -> Tensor:
    found = torch.arange(num_nodes, device=pairs.device).unsqueeze(0)
    if k == 1:
        return found
    pairs = pairs[:, pairs[0] != pairs[1]].long().sort(0).values
    pairs = coalesce(pairs, num_nodes=num_nodes)
    degree = torch.bincount(pairs.flatten(), minlength=num_nodes)
    place = degree.argsort(stable=True)
    rank = torch.empty_like(place).index_copy(0, place, found[0])
    low, high = rank[pairs].sort(0).values
    later = to_csr(torch.stack([high, low]), num_nodes=num_nodes)
    common = later  # what comes after all nodes of each clique
    for size in range(2, k + 1):
        if found.size(1) == 0:  # nor are there larger ones
            return found.new_empty(k, 0)
        clique, node = common.rows().long(), common.col.long()
        found = torch.cat([found[:, clique], node.unsqueeze(0)])
        if size < k:
            common = intersect_rows(common, later, torch.stack([clique, node]))
    return place[found]
