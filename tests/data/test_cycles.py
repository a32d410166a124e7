from __future__ import annotations

import networkx as nx
import pytest
from torch_geometric.utils import to_networkx

from graphpoly.data import cycle_pairs


def test_graphs_are_the_cycles_they_are_called() -> None:
    graphs = cycle_pairs()
    assert len(graphs) == 16
    for n, one, two in zip(range(6, 14), graphs[::2], graphs[1::2], strict=True):
        assert (int(one.y), int(two.y)) == (0, 1)
        assert one.is_undirected()
        assert two.is_undirected()
        cycle = nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(n - 3))
        assert nx.is_isomorphic(to_networkx(one, to_undirected=True), nx.cycle_graph(n))
        assert nx.is_isomorphic(to_networkx(two, to_undirected=True), cycle)


def test_colour_refinement_tells_no_pair_apart() -> None:
    graphs = [to_networkx(data, to_undirected=True) for data in cycle_pairs()]
    hashes = [nx.weisfeiler_lehman_graph_hash(graph) for graph in graphs]
    assert hashes[::2] == hashes[1::2]
    assert len(set(hashes)) == 8


def test_small_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="sizes: got 5"):
        cycle_pairs((5,))
