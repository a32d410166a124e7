"""Against a dense form, and the shortest paths that scipy finds."""

import math

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import bellman_ford, floyd_warshall

from graphpoly.ops import min_plus, to_csr
from graphpoly.testing import assert_close
from tests.conftest import DEVICE
from tests.ops.graphs import SHAPES, random_csr

NEVER = {False: math.inf, True: -math.inf}


def dense(adj, x, largest):
    """The definition, from a table [R, E, F]."""
    weight = torch.ones(adj.num_entries) if adj.weight is None else adj.weight
    message = weight.to(x.dtype).unsqueeze(-1) + x[adj.col.long()]
    here = (adj.rows() == torch.arange(adj.num_rows).unsqueeze(1)).unsqueeze(-1)
    table = torch.where(here, message, NEVER[largest])
    nothing = table.new_full((adj.num_rows, 1, x.size(1)), NEVER[largest])
    table = torch.cat([table, nothing], 1)
    return table.amax(1) if largest else table.amin(1)


@pytest.mark.parametrize("shape", SHAPES, ids=list(SHAPES))
@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_the_dense_form(shape, largest, dtype):
    for weighted in (False, True):
        adj = random_csr(SHAPES[shape], weighted=weighted, dtype=dtype, transposed=weighted)
        for channels in (0, 1, 5):
            x = torch.randn(adj.num_cols, channels, dtype=dtype, requires_grad=True)
            watched = [x]
            if weighted:
                adj = adj.with_weight(adj.weight.detach().requires_grad_())
                watched.append(adj.weight)
            out, expected = min_plus(adj, x, largest=largest), dense(adj, x, largest)
            assert torch.equal(out, expected)
            probe = torch.randn_like(out).masked_fill(out.isinf(), 0)
            ours, theirs = (
                torch.autograd.grad((each.nan_to_num() * probe).sum(), watched, allow_unused=True)
                for each in (out, expected)
            )
            for one, other in zip(ours, theirs, strict=True):
                if other is not None and weighted:  # without weights there are ties
                    assert_close(torch.zeros_like(other) if one is None else one, other)


def drawn(num_nodes, share, seed, *, whole=True):
    """Lengths [n, n] of directed edges, infinite where there is none and 0 on the diagonal."""
    rng = np.random.default_rng(seed)
    size = (num_nodes, num_nodes)
    length = rng.integers(1, 100, size).astype(float) if whole else rng.uniform(0.1, 1, size)
    length[rng.random(size) > share] = np.inf
    np.fill_diagonal(length, 0)
    return torch.from_numpy(length).to(DEVICE)


def operator(length):
    """Row j lists the edges into j."""
    source, target = length.isfinite().nonzero().T
    edge_index = torch.stack([source, target])
    return to_csr(edge_index, length[source, target], length.size(0))


@pytest.mark.parametrize(("num_nodes", "share"), [(1, 1.0), (12, 0.1), (40, 0.05), (40, 0.3)])
def test_rounds_of_bellman_ford(num_nodes, share):
    """n - 1 products with loops of length 0; whole numbers are added without rounding."""
    for seed in range(5):
        length = drawn(num_nodes, share, seed)
        adj = operator(length)
        distance = torch.full((num_nodes, num_nodes), math.inf, dtype=torch.float64)
        distance.fill_diagonal_(0)  # column s: distances from s
        for _ in range(num_nodes - 1):
            distance = min_plus(adj, distance)
        off = torch.where(length == 0, math.inf, length).cpu().numpy()
        expected = bellman_ford(csr_array(np.where(np.isinf(off), 0, off)))
        assert np.array_equal(distance.T.cpu().numpy(), expected)


def test_squares_are_the_distances_of_floyd_and_warshall():
    for seed in range(5):
        distance = drawn(33, 0.08, seed)
        expected = floyd_warshall(
            np.where(distance.cpu().numpy() == 0, np.inf, distance.cpu().numpy())
        )
        assert np.isinf(expected).any()
        for _ in range(5):  # paths of up to 32 edges
            distance = min_plus(operator(distance), distance.T).T
        assert np.array_equal(distance.cpu().numpy(), expected)


def test_longest_path_of_a_graph_without_cycles():
    source, target = torch.triu_indices(9, 9, 1)
    adj = to_csr(torch.stack([source, target]), num_nodes=9)
    x = torch.full((9,), -math.inf)
    x[0] = 0
    for _ in range(8):
        x = torch.maximum(x, min_plus(adj, x, largest=True))
    assert x.tolist() == [*range(9)]


def test_the_gradient_of_a_distance_is_the_path():
    length = drawn(20, 0.25, 3, whole=False)
    adj = operator(length)
    weight = adj.weight.clone().requires_grad_()
    x = torch.full((20,), math.inf, dtype=torch.float64)
    x[0] = 0
    for _ in range(19):
        x = min_plus(adj.with_weight(weight), x)
    end = int(torch.where(x.isfinite(), x, -1).argmax())
    (grad,) = torch.autograd.grad(x[end], weight)
    used = (grad > 0) & (weight > 0)
    assert_close(weight[used].sum(), x[end])
    assert torch.equal(grad[used], torch.ones(int(used.sum()), dtype=torch.float64))
    before = dict(zip(adj.rows()[used].tolist(), adj.col[used].tolist(), strict=True))
    node = end
    for _ in range(len(before)):
        node = before[node]
    assert node == 0


def test_derivatives_of_first_and_second_order():
    adj = random_csr((6, 5, 14))
    weight = adj.weight.requires_grad_()
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)

    def run(x, weight):
        return min_plus(adj.with_weight(weight), x).nan_to_num(posinf=0)

    assert torch.autograd.gradcheck(run, (x, weight))
    assert torch.autograd.gradgradcheck(run, (x, weight))


def test_bad_inputs():
    adj = random_csr((3, 4, 5))
    for x, words in (
        (torch.randn(3, 2), "x: got shape (3, 2), expected [4, 2]"),
        (torch.ones(4, 2, dtype=torch.long), "x: got dtype torch.int64"),
        (torch.tensor(1.0), "x: got shape ()"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            min_plus(adj, x)
        assert words in str(caught.value)
