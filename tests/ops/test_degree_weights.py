"""Values by degree against sums over an edge list, with every treatment of self-loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from graphpoly.ops import normalize, to_csr
from graphpoly.ops.degree_weights import LOOPS, degree_weights, degree_weights_reference
from graphpoly.testing.tolerances import tolerance

SIZE = 7  # node 6 is alone, node 5 has nothing but two loops, node 4 an edge that comes twice
EDGES = torch.tensor([[0, 1, 2, 2, 2, 5, 5, 3, 3, 0], [1, 0, 2, 1, 1, 5, 5, 4, 4, 4]])


def entries(loops):
    """(source, target, weight) of each entry, as the words of LOOPS have it."""
    edges = EDGES.T.tolist()
    if loops == "kept":
        return [(j, i, 1.0) for j, i in edges]
    looped = {i for j, i in edges if i == j}
    if loops == "replaced":
        old = [(j, i, float(i != j)) for j, i in edges]
        return old + [(i, i, 1.0) for i in range(SIZE)]
    return [(j, i, 1.0) for j, i in edges] + [(i, i, float(i not in looped)) for i in range(SIZE)]


@pytest.mark.parametrize("loops", LOOPS)
@pytest.mark.parametrize("normalization", ["sym", "rw", None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("wide", [False, True])
def test_values(loops, normalization, dtype, wide):
    listed = entries(loops)
    degree = [sum(w for _, i, w in listed if i == node) for node in range(SIZE)]

    def value(j, i, w):
        if normalization is None:
            return w
        if normalization == "rw":
            return w / degree[i] if degree[i] else 0.0
        return w / math.sqrt(degree[i] * degree[j]) if degree[i] * degree[j] else 0.0

    pairs = torch.tensor([[j for j, _, _ in listed], [i for _, i, _ in listed]])
    adj = to_csr(pairs, num_nodes=SIZE)
    rowptr, col, perm = adj.rowptr, adj.col, adj.perm
    if wide:
        rowptr, col, perm = rowptr.long(), col.long(), perm.long()
    options = {"loops": loops, "normalization": normalization, "dtype": dtype}
    found = degree_weights(rowptr, col, perm, EDGES.size(1), **options)
    expected = torch.tensor([value(*listed[e]) for e in perm.tolist()], dtype=dtype)
    torch.testing.assert_close(found, expected, **tolerance(dtype)._asdict())
    rule = LOOPS.index(loops), (None, "sym", "rw").index(normalization)
    plain = degree_weights_reference(
        rowptr, col, perm, EDGES.size(1), *rule, dtype == torch.float64
    )
    torch.testing.assert_close(found, plain, **tolerance(dtype)._asdict())


def test_replaced_loops_are_those_of_pyg():
    pairs, weight = gcn_norm(EDGES, None, SIZE, dtype=torch.float64)
    expected = torch.zeros(SIZE, SIZE, dtype=torch.float64)
    expected = expected.index_put((pairs[1], pairs[0]), weight, accumulate=True)
    given = torch.cat([EDGES, torch.arange(SIZE).expand(2, -1)], 1)
    adj = to_csr(given, num_nodes=SIZE)
    options = {"loops": "replaced", "dtype": torch.float64}
    values = degree_weights(adj.rowptr, adj.col, adj.perm, EDGES.size(1), **options)
    torch.testing.assert_close(adj.with_weight(values).to_dense(), expected)


@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("normalization", ["sym", "rw", None])
def test_a_graph_without_weights_is_normalised_as_with_ones(loops, normalization):
    options = {"normalization": normalization, "add_self_loops": loops, "transposed": True}
    plain = normalize(EDGES, num_nodes=SIZE, **options)
    ones = normalize(EDGES, torch.ones(EDGES.size(1)), SIZE, **options)
    assert torch.equal(plain.weight, ones.weight)
    for one, other in zip(plain[:2], ones[:2], strict=True):
        assert torch.equal(one, other)
    assert torch.equal(plain.perm, ones.perm)
    for one, other in zip(plain.transposed, ones.transposed, strict=True):
        assert torch.equal(one, other)


def test_many_rows_are_the_same_for_any_number_of_threads():
    torch.manual_seed(0)
    edges = torch.randint(5000, (2, 60_000))
    adj = to_csr(torch.cat([edges, torch.arange(5000).expand(2, -1)], 1), num_nodes=5000)
    args = (adj.rowptr, adj.col, adj.perm, 60_000)
    before, found = torch.get_num_threads(), []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(degree_weights(*args, loops="missing", dtype=torch.float32))
    torch.set_num_threads(before)
    assert torch.equal(*found)
    plain = degree_weights_reference(*args, LOOPS.index("missing"), 1, False)
    torch.testing.assert_close(found[0], plain)
