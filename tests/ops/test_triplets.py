"""Against loops over all triples of nodes, and the distances that scipy finds."""

import math

import numpy as np
import pytest
import torch
from scipy.sparse.csgraph import floyd_warshall

from graphpoly.ops import list_triplets, to_csr, triplets_min_plus
from graphpoly.testing import graph_zoo
from tests.ops.test_min_plus import drawn

ZOO = graph_zoo(0, weighted=False)


def brute_force(adj):
    """Of each entry (i, j), the entries of (i, k) and of (k, j) for each k."""
    ends = list(zip(adj.col.tolist(), adj.rows().tolist(), strict=True))
    places = {}
    for place, pair in enumerate(ends):
        places.setdefault(pair, []).append(place)
    return [
        [
            (places[i, k], places[k, j])
            for k in range(adj.num_cols)
            if (i, k) in places and (k, j) in places
        ]
        for i, j in ends
    ]


@pytest.mark.parametrize("name", ZOO)
def test_equals_brute_force(name):
    adj = to_csr(ZOO[name].edge_index, num_nodes=ZOO[name].num_nodes)
    found, expected = list_triplets(adj), brute_force(adj)
    assert found.sizes().tolist() == [len(each) for each in expected]
    entries = [(found.pair == pair).nonzero().flatten().tolist() for pair in range(len(expected))]
    for place, each in enumerate(expected):
        begin, end = found.rowptr[found.pair[place] : found.pair[place] + 2].tolist()
        ours = zip(found.first[begin:end].tolist(), found.second[begin:end].tolist(), strict=True)
        assert [(entries[a], entries[b]) for a, b in ours] == each

    first, second = torch.randn(2, adj.num_entries, 3, dtype=torch.float64)
    for largest, best in ((False, torch.amin), (True, torch.amax)):
        out = triplets_min_plus(found, first, second, largest=largest)
        for row, each in zip(out, expected, strict=True):
            sums = [first[a] + second[b] for ways in each for a in ways[0] for b in ways[1]]
            if sums:
                assert torch.equal(row, best(torch.stack(sums), 0))
            else:
                assert (row == (-math.inf if largest else math.inf)).all()


@pytest.mark.parametrize("num_nodes", [1, 2, 9])
def test_a_complete_graph_with_loops_has_them_all(num_nodes):
    edge_index = torch.cartesian_prod(torch.arange(num_nodes), torch.arange(num_nodes)).T
    found = list_triplets(to_csr(edge_index, num_nodes=num_nodes))
    assert found.num_triplets == num_nodes**3
    assert list_triplets(to_csr(edge_index[:, :0], num_nodes=num_nodes)).num_triplets == 0


@pytest.mark.parametrize("num_nodes", [1, 2, 3, 8, 9, 17, 24])
@pytest.mark.parametrize("share", [0.08, 0.3, 1.0])
def test_squares_are_the_distances_of_floyd_and_warshall(num_nodes, share):
    """To the last digit, infinite ones as well: whole numbers are added without rounding."""
    edge_index = torch.cartesian_prod(torch.arange(num_nodes), torch.arange(num_nodes)).T
    adj = to_csr(edge_index, num_nodes=num_nodes)
    found = list_triplets(adj)
    for seed in range(3):
        length = drawn(num_nodes, share, seed)
        distance = length[adj.col.long(), adj.rows().long()].unsqueeze(1)
        for _ in range(math.ceil(math.log2(max(num_nodes, 1)))):
            distance = triplets_min_plus(found, distance, distance)
        expected = floyd_warshall(np.where(length.cpu().numpy() == 0, np.inf, length.cpu().numpy()))
        assert np.array_equal(distance.view(num_nodes, num_nodes).T.cpu().numpy(), expected)


def test_derivatives_of_first_and_second_order():
    edge_index = torch.randint(0, 5, (2, 16))
    found = list_triplets(to_csr(edge_index, num_nodes=5))
    values = torch.randn(2, 16, 2, dtype=torch.float64).requires_grad_()

    def run(values):
        return triplets_min_plus(found, *values).nan_to_num(posinf=0)

    assert found.num_triplets
    assert torch.autograd.gradcheck(run, values)
    assert torch.autograd.gradgradcheck(run, values)


def test_bad_inputs():
    adj = to_csr(torch.tensor([[0, 0, 1], [2, 1, 2]]), num_nodes=3)
    found, value = list_triplets(adj), torch.randn(3, 2)
    for given, words in (
        (lambda: list_triplets(to_csr(torch.zeros(2, 1).long(), size=(2, 3))), "adj: got 3 x 2"),
        (lambda: triplets_min_plus(found, value[:2], value), "first: got shape (2, 2)"),
        (lambda: triplets_min_plus(found, value, value[:, :1]), "second: got shape (3, 1)"),
        (lambda: triplets_min_plus(found, value.long(), value), "first: got dtype torch.int64"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            given()
        assert words in str(caught.value)
