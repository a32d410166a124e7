import importlib

import networkx as nx
import pytest
import torch

from graphpoly.ops import CSR, common_neighbors, intersect_rows, sort_rows, to_csr
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, dense, random_csr


def two(shape, seed=0, num_pairs=60):
    """Two operators of one width, and pairs of their rows."""
    rows, cols, entries = SHAPES[shape]
    a = random_csr((rows, cols, entries), weighted=False, seed=seed)
    b = random_csr((rows + 2, cols, entries), weighted=False, seed=seed + 1)
    if rows == 0:
        return a, b, torch.empty(2, 0, dtype=torch.long)
    pairs = torch.stack(
        [torch.randint(0, rows, (num_pairs,)), torch.randint(0, rows + 2, (num_pairs,))]
    )
    return a, b, pairs


def brute_force(a, b, pairs):
    """The smaller multiplicity at each place, [P, C]."""
    return torch.minimum(dense(a)[pairs[0]], dense(b)[pairs[1]])


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
def test_counts_and_rows_equal_brute_force(shape):
    a, b, pairs = two(shape)
    expected = brute_force(a, b, pairs)
    assert torch.equal(common_neighbors(a, b, pairs), expected.sum(1).long())
    shared = intersect_rows(a, b, pairs)
    assert torch.equal(dense(shared), expected)
    assert sort_rows(shared) is shared


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sums_and_their_gradients_equal_brute_force(shape, dtype):
    a, b, pairs = two(shape)
    expected = brute_force(a, b, pairs).to(dtype)
    for channels in (0, 1, 3, 16, 130):
        x = torch.randn(a.num_cols, channels, dtype=dtype, requires_grad=True)
        out = common_neighbors(a, b, pairs, x=x)
        assert_close(out, expected @ x, kind="accumulated")
        weights = torch.randn_like(out)
        (grad,) = torch.autograd.grad((out * weights).sum(), x)
        assert_close(grad, expected.T @ weights, kind="accumulated")


def test_gradients_of_first_and_second_order():
    a, b, pairs = two("duplicates", num_pairs=7)
    x = torch.randn(a.num_cols, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(a.num_cols, dtype=torch.float64, requires_grad=True)

    def run(x, weight):
        return common_neighbors(a, b, pairs, x=x, weight=weight)

    assert torch.autograd.gradcheck(run, (x, weight))
    assert torch.autograd.gradgradcheck(run, (x, weight))


def test_link_predictors_of_networkx():
    graph = nx.gnp_random_graph(30, 0.2, seed=1)
    edges = torch.tensor(list(graph.edges)).T
    adj = to_csr(torch.cat([edges, edges.flip(0)], 1), num_nodes=30)
    pairs = torch.combinations(torch.arange(30)).T
    degree = adj.rowptr.diff().double()
    listed = [(int(u), int(v)) for u, v in pairs.T]
    for function, weight in (
        (nx.resource_allocation_index, 1 / degree),
        (nx.adamic_adar_index, 1 / degree.log()),
    ):
        expected = torch.tensor([v for *_, v in function(graph, listed)], dtype=torch.float64)
        assert_close(common_neighbors(adj, adj, pairs, weight=weight), expected, kind="accumulated")


@pytest.mark.parametrize("ratio", [1, 15, 16, 17, 400])
def test_rows_of_very_different_lengths(ratio):
    generator = torch.Generator(torch.get_default_device()).manual_seed(ratio)
    width = 4000
    for short in (1, 5, 10):
        few = torch.randint(0, width, (short,), generator=generator)
        many = torch.randint(0, width, (short * ratio,), generator=generator)
        many = torch.cat([many, few[::2], torch.tensor([0, width - 1])])
        few = torch.cat([few, torch.tensor([0, width - 1])])
        target = torch.cat([torch.zeros_like(few), torch.ones_like(many)])
        adj = to_csr(torch.stack([torch.cat([few, many]), target]), size=(width, 2))
        pairs = torch.tensor([[0, 1, 1, 0], [1, 0, 1, 0]])
        expected = brute_force(adj, adj, pairs)
        assert torch.equal(common_neighbors(adj, adj, pairs), expected.sum(1).long())
        assert torch.equal(dense(intersect_rows(adj, adj, pairs)), expected)


def test_rows_are_sorted_once_and_what_is_sorted_stays():
    adj = random_csr(SHAPES["square"])
    ordered = sort_rows(adj)
    for i in range(adj.num_rows):
        part = slice(int(adj.rowptr[i]), int(adj.rowptr[i + 1]))
        expected, order = adj.col[part].sort(stable=True)
        assert torch.equal(ordered.col[part], expected)
        assert torch.equal(ordered.weight[part], adj.weight[part][order])
        assert torch.equal(ordered.perm[part], adj.perm[part][order])
    assert sort_rows(adj).col is ordered.col
    assert sort_rows(ordered) is ordered


def test_more_axes_and_half_precision():
    a, b, pairs = two("square")
    x = torch.randn(2, 3, 50).permute(2, 1, 0)
    expected = torch.einsum("pc,cij->pij", brute_force(a, b, pairs).float(), x)
    assert_close(common_neighbors(a, b, pairs, x=x), expected, kind="accumulated")
    half = x.bfloat16()
    found = common_neighbors(a, b, pairs, x=half)
    assert torch.equal(found, common_neighbors(a, b, pairs, x=half.float()).bfloat16())


def test_index_dtypes_may_differ():
    a, b, pairs = two("square")
    wide = b._replace(rowptr=b.rowptr.long(), col=b.col.long())
    x = torch.randn(50, 4)
    expected = common_neighbors(a, b, pairs, x=x)
    assert torch.equal(common_neighbors(a, wide, pairs.int(), x=x), expected)
    assert torch.equal(common_neighbors(wide, a, pairs.flip(0), x=x), expected)


@pytest.mark.cpu
def test_thread_count_does_not_change_a_bit():
    adj = random_csr((300, 300, 9000), weighted=False)
    pairs = torch.randint(0, 300, (2, 2000))
    x = torch.randn(300, 20, requires_grad=True)
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            out = common_neighbors(adj, adj, pairs, x=x)
            found.append((out, *torch.autograd.grad(out.square().sum(), x)))
    finally:
        torch.set_num_threads(threads)
    for other in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], other, strict=True))


def test_bad_input_is_named():
    adj = random_csr(SHAPES["square"])
    with pytest.raises(ValueError, match=r"expected \[2, P\]"):
        common_neighbors(adj, adj, torch.ones(3, dtype=torch.long))
    with pytest.raises(ValueError, match="outside the 50"):
        common_neighbors(adj, adj, torch.tensor([[0], [50]]))
    with pytest.raises(ValueError, match="expected as many"):
        common_neighbors(adj, random_csr((3, 4, 5)), torch.zeros(2, 1).long())
    with pytest.raises(ValueError, match=r"expected \[50\]"):
        common_neighbors(adj, adj, torch.zeros(2, 1).long(), weight=torch.ones(3))


def full_rows(rows: int, columns: int) -> CSR:
    """Every row holds every column."""
    edges = torch.stack(
        [torch.arange(columns).repeat(rows), torch.arange(rows).repeat_interleave(columns)]
    )
    return to_csr(edges, size=(columns, rows))


def test_a_backward_pass_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    adj, pairs = full_rows(3, 8), torch.tensor([[0, 1, 2, 0, 1], [1, 2, 0, 0, 1]])
    module = importlib.import_module("graphpoly.ops.common_neighbors")
    found = []
    for most, part in ((2**26, 2**21), (39, 20), (0, 1)):
        monkeypatch.setattr(module, "_MOST_SHARED", most)
        monkeypatch.setattr(module, "_PART", part)
        x = torch.ones(8, 2, dtype=torch.float64, requires_grad=True)
        grad = torch.arange(10.0, dtype=torch.float64).view(5, 2)
        common_neighbors(adj, adj, pairs, x=x).backward(grad)
        assert x.grad is not None
        found.append(x.grad)
    assert torch.equal(found[0], torch.tensor([20.0, 25.0], dtype=torch.float64).expand(8, 2))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])


@pytest.mark.slow
def test_what_is_shared_may_be_more_than_int32_holds() -> None:
    columns, num_pairs = 2**18, 2**14
    adj, pairs = full_rows(2, columns), torch.tensor([[0], [1]]).repeat(1, num_pairs)
    assert common_neighbors(adj, adj, pairs).unique().tolist() == [columns]
    x, num_pairs = torch.ones(columns, requires_grad=True), 2**13 + 1
    out = common_neighbors(adj, adj, pairs[:, :num_pairs], x=x)
    assert out.unique().tolist() == [columns]
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.unique().tolist() == [num_pairs]
    shared = intersect_rows(adj, adj, pairs[:, : 2**8])
    assert shared.rowptr[-1] == 2**26
    assert shared.rowptr.diff().unique().tolist() == [columns]
