from __future__ import annotations

import networkx as nx
import pytest
from torch_geometric.data import Data
from torch_geometric.utils import to_networkx

from graphpoly.expressivity import (
    PAIRS,
    cfi_pair,
    csl_graph,
    cycle_pair,
    hard_pair,
    isomorphic,
    regular_pair,
    rook_graph,
    shrikhande_graph,
)


def nxg(data: Data) -> nx.Graph:
    return to_networkx(data, to_undirected=True)


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_are_simple_of_one_size_and_not_isomorphic(name) -> None:
    one, other = hard_pair(name)
    assert one.num_nodes == other.num_nodes
    assert one.num_edges == other.num_edges
    for data in (one, other):
        assert data.is_undirected()
        assert not data.has_self_loops()
        assert data.is_coalesced()
    if one.num_nodes <= 32:
        assert not isomorphic(one, other)


def test_strongly_regular_graphs() -> None:
    for data in (rook_graph(), shrikhande_graph()):
        assert nx.is_strongly_regular(nxg(data))
        assert nx.intersection_array(nxg(data)) == ([6, 3], [1, 2])
    # the neighbours of a node are two triangles, or a hexagon
    pieces = []
    for data in (rook_graph(), shrikhande_graph()):
        graph = nxg(data)
        pieces.append(nx.number_connected_components(graph.subgraph(graph[0])))
    assert pieces == [2, 1]


def test_cfi_over_small_bases_are_old_friends() -> None:
    one, other = (nxg(data) for data in cfi_pair(nx.complete_graph(3)))
    friends = [nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))]
    found = [[nx.is_isomorphic(graph, friend) for friend in friends] for graph in (one, other)]
    assert sorted(found) == [[False, True], [True, False]]
    one, other = (nxg(data) for data in cfi_pair(nx.complete_graph(4)))
    friends = [nxg(rook_graph()), nxg(shrikhande_graph())]
    found = [[nx.is_isomorphic(graph, friend) for friend in friends] for graph in (one, other)]
    assert sorted(found) == [[False, True], [True, False]]


def test_skip_links_are_four_regular_and_connected() -> None:
    graph = nxg(csl_graph(41, 9))
    assert set(dict(graph.degree).values()) == {4}
    assert nx.is_connected(graph)
    assert nx.is_isomorphic(graph, nx.circulant_graph(41, [1, 9]))


def test_regular_pairs_and_cycles() -> None:
    one, other = regular_pair(3, 10, seed=1)
    assert not isomorphic(one, other)
    assert set(dict(nxg(one).degree).values()) == set(dict(nxg(other).degree).values()) == {3}
    one, other = cycle_pair(3, 5)
    assert nx.is_isomorphic(nxg(one), nx.cycle_graph(8))
    assert sorted(map(len, nx.connected_components(nxg(other)))) == [3, 5]


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="skip: got 4 for 8 nodes"):
        csl_graph(8, 4)
    with pytest.raises(ValueError, match="size: got 2"):
        cycle_pair(2)
    with pytest.raises(ValueError, match="base: expected a connected graph"):
        cfi_pair(nx.empty_graph(2))
    with pytest.raises(ValueError, match="did you mean 'cfi-k4'"):
        hard_pair("cfi-k44")
    with pytest.raises(ValueError, match="no two 3-regular graphs"):
        regular_pair(3, 4)
