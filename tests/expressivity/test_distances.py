from __future__ import annotations

from fractions import Fraction

import networkx as nx
import numpy as np
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.expressivity import distance_colors, distances, hard_pair, of_networkx, wl_colors
from graphpoly.expressivity.distances import _PRIMES, resistance_names, shortest_distances
from tests.ops.test_color_refinement import partition


def matrix(graph: nx.Graph) -> torch.Tensor:
    return torch.from_numpy(nx.to_numpy_array(graph, dtype=np.int64))


def exact_resistances(graph: nx.Graph) -> list[list[Fraction | None]]:
    """By Gauss and Jordan on rational numbers, component by component."""
    n = len(graph)
    out: list[list[Fraction | None]] = [[None] * n for _ in range(n)]
    for members in nx.connected_components(graph):
        nodes = sorted(members)
        laplacian = nx.laplacian_matrix(graph, nodelist=nodes).toarray()
        size = len(nodes)
        rows = [
            [Fraction(int(laplacian[i, j]) + 1) for j in range(size)]
            + [Fraction(int(i == j)) for j in range(size)]
            for i in range(size)
        ]
        for k in range(size):
            rows[k] = [value / rows[k][k] for value in rows[k]]
            for i in range(size):
                if i != k:
                    factor = rows[i][k]
                    rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
        inverse = [row[size:] for row in rows]
        for i, u in enumerate(nodes):
            for j, v in enumerate(nodes):
                out[u][v] = inverse[i][i] + inverse[j][j] - 2 * inverse[i][j]
    return out


def test_shortest_distances_are_those_of_networkx() -> None:
    for seed in range(12):
        graph = nx.gnp_random_graph(14, 0.12, seed=seed)
        found = shortest_distances(matrix(graph).unsqueeze(0))[0]
        lengths = dict(nx.all_pairs_shortest_path_length(graph))
        expected = [[lengths[u].get(v, -1) for v in graph] for u in graph]
        assert found.tolist() == expected


def test_names_are_those_of_exact_resistances() -> None:
    graphs = [nx.gnp_random_graph(8, 0.4, seed=seed) for seed in range(30)]
    names = resistance_names(torch.stack([matrix(graph) for graph in graphs]))
    values = [exact_resistances(graph) for graph in graphs]
    flat = [value for rows in values for row in rows for value in row]
    number = {value: i for i, value in enumerate(set(flat))}
    assert len(number) > 300
    assert partition(names.flatten().tolist()) == partition([number[value] for value in flat])


def test_resistances_of_cycles_and_trees() -> None:
    """k(n - k)/n around a cycle, the distance in a tree: equal where these are."""
    cycles = {n: resistance_names(matrix(nx.cycle_graph(n)).unsqueeze(0))[0, 0] for n in (4, 9, 12)}
    one = resistance_names(torch.ones(1, 2, 2, dtype=torch.int64))[0, 0, 1]
    assert cycles[4][2] == one  # 2 * 2 / 4
    assert cycles[9][3] == resistance_names(matrix(nx.path_graph(3)).unsqueeze(0))[0, 0, 2]
    assert cycles[12][6] == resistance_names(matrix(nx.path_graph(4)).unsqueeze(0))[0, 0, 3]
    assert cycles[9][1].item() not in cycles[12].tolist()
    tree = nx.random_labeled_tree(40, seed=1)
    found = resistance_names(matrix(tree).unsqueeze(0))
    assert partition(found.flatten().tolist()) == partition(
        shortest_distances(matrix(tree).unsqueeze(0)).flatten().tolist()
    )


def test_a_pivot_that_vanishes_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(distances, "_PRIMES", (3, *_PRIMES))
    with pytest.raises(ArithmeticError, match="multiple of 3"):
        resistance_names(matrix(nx.cycle_graph(3)).unsqueeze(0))


@pytest.mark.parametrize("distance", ["shortest", "resistance", "both"])
def test_colors_are_those_of_the_definition(distance) -> None:
    graphs = nx.graph_atlas_g()[100:208]
    found = distance_colors([of_networkx(graph) for graph in graphs], distance)
    named = []
    for graph in graphs:
        n = len(graph)
        lengths = dict(nx.all_pairs_shortest_path_length(graph))
        shortest = [[lengths[u].get(v) for v in graph] for u in graph]
        resistance = exact_resistances(graph)
        color: list[int] = [0] * n
        for _ in range(n):
            color = [
                hash(
                    tuple(
                        sorted(
                            hash(
                                (
                                    color[u],
                                    u == v,
                                    shortest[v][u] if distance != "resistance" else None,
                                    resistance[v][u] if distance != "shortest" else None,
                                )
                            )
                            for u in range(n)
                        )
                    )
                )
                for v in range(n)
            ]
        named.append(hash(tuple(sorted(color))))
    assert partition(found.graph.tolist()) == partition(named)
    assert len(set(named)) > 90


def test_what_distances_see() -> None:
    for name in ("hexagon", "molecules"):
        for distance in ("shortest", "resistance"):
            one, other = distance_colors(list(hard_pair(name)), distance).graph.tolist()
            assert one != other
    one, other = distance_colors(list(hard_pair("sr16622")), "both").graph.tolist()
    assert one == other


def test_names_do_not_depend_on_company_or_order() -> None:
    data = of_networkx(nx.gnp_random_graph(9, 0.4, seed=2))
    data.x = torch.arange(9) % 2
    order = torch.randperm(9)
    moved = Data(edge_index=order[data.edge_index], x=data.x[order.argsort()])
    found = distance_colors([data, moved], "both")
    assert len(set(found.graph.tolist())) == 1
    assert torch.equal(found.node[:9], found.node[9:][order])
    plain = distance_colors([data, moved], "both", features=False)
    assert plain.node.unique().numel() <= found.node.unique().numel()


def test_empty_graphs_and_mistakes() -> None:
    lonely = Data(edge_index=torch.empty(2, 0, dtype=torch.int64), num_nodes=2)
    assert distance_colors([lonely]).graph.numel() == 1
    assert distance_colors([]).graph.numel() == wl_colors([]).graph.numel() == 0
    with pytest.raises(ValueError, match="did you mean 'shortest'"):
        distance_colors([lonely], "shortst")
    one_way = Data(edge_index=torch.tensor([[0], [1]]), num_nodes=2)
    with pytest.raises(ValueError, match="lacks its reverse"):
        distance_colors([one_way])


@pytest.mark.parametrize("distance", distances.DISTANCES)
def test_the_default_dtype_is_not_asked_for(distance):
    graphs = [nx.path_graph(5), nx.star_graph(3), nx.cycle_graph(6)]
    expected = distance_colors([of_networkx(graph) for graph in graphs], distance)
    torch.set_default_dtype(torch.float64)
    try:
        found = distance_colors([of_networkx(graph) for graph in graphs], distance)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found.node, expected.node)
