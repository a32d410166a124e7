import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpoly.models import GCORN
from graphpoly.robustness import FLIPS, flip_edges, greedy_flips, random_flips, tanh_margin
from graphpoly.robustness.structure import _absent, _distinct, _numbers, _pairs
from graphpoly.testing import assert_close

DOUBLE = torch.float64


def graph(num_nodes, density, seed, loops=True):
    generator = torch.Generator().manual_seed(seed)
    upper = torch.rand(num_nodes, num_nodes, generator=generator).triu(1) > 1 - density
    held = upper | upper.T
    if loops and num_nodes:
        held[0, 0] = True
    return held.nonzero().T.contiguous()


def matrix(edge_index, num_nodes):
    return torch.zeros(num_nodes, num_nodes).index_put(
        tuple(edge_index), torch.ones(edge_index.size(1)), accumulate=True
    )


def dense_loss(net, x, y, a):
    """The network on a dense adjacency, by which it has a derivative everywhere."""
    a = a + torch.diag((a.diagonal() == 0).to(a.dtype))
    scale = a.sum(1).rsqrt()
    p = scale.unsqueeze(1) * a * scale
    for conv in net.convs:
        x = (p @ x @ conv.lin.orthonormal_weight.T).relu()
    return tanh_margin(net.lin(x), y)


def problem(num_nodes=9, density=0.4, seed=0):
    torch.manual_seed(seed)
    net = GCORN(5, 6, 3).double().eval()
    x = torch.randn(num_nodes, 5, dtype=DOUBLE)
    y = torch.randint(3, (num_nodes,))
    edge_index = graph(num_nodes, density, seed, loops=False)
    return net, x, y, edge_index, lambda edges, weight: tanh_margin(net(x, edges, weight), y)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 12),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(0, 80),
    st.sampled_from(FLIPS),
    st.integers(0, 2**31),
)
def test_the_budget_is_kept_exactly(num_nodes, density, budget, kind, seed):
    edge_index = graph(num_nodes, density, seed)
    generator = torch.Generator().manual_seed(seed)
    pairs = random_flips(edge_index, budget, num_nodes=num_nodes, kind=kind, generator=generator)
    before = matrix(edge_index, num_nodes)
    present = int(before.triu(1).sum())
    absent = num_nodes * (num_nodes - 1) // 2 - present
    possible = {"both": present + absent, "add": absent, "remove": present}[kind]
    assert pairs.shape == (2, min(budget, possible))
    weight = torch.rand(edge_index.size(1), dtype=DOUBLE)
    after, weights = flip_edges(edge_index, pairs, weight, num_nodes=num_nodes)
    changed = matrix(after, num_nodes) - before
    assert (after.dtype, weights.dtype) == (edge_index.dtype, DOUBLE)
    assert weights.size(0) == after.size(1)
    assert torch.equal(changed, changed.T)
    assert not changed.diagonal().any()
    assert int(changed.abs().sum()) == 2 * pairs.size(1)
    assert kind != "add" or (changed >= 0).all()
    assert kind != "remove" or (changed <= 0).all()
    back, _ = flip_edges(after, pairs, num_nodes=num_nodes)
    assert torch.equal(matrix(back, num_nodes), before)


def test_half_is_removed_where_there_is_enough_of_both():
    edge_index = graph(20, 0.3, 1)
    pairs = random_flips(edge_index, 11, num_nodes=20)
    held = matrix(edge_index, 20)[tuple(pairs)]
    assert int(held.sum()) == 5


def test_random_pairs_are_drawn_with_equal_chance():
    edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
    counts = torch.zeros(5, 5)
    for seed in range(480):
        generator = torch.Generator().manual_seed(seed)
        u, v = random_flips(edge_index, 1, num_nodes=5, kind="add", generator=generator)
        counts[min(u, v), max(u, v)] += 1
    free = [(0, 2), (0, 3), (0, 4), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    found = torch.stack([counts[pair] for pair in free])
    assert counts.sum() == found.sum() == 480
    assert ((found - 60) ** 2 / 60).sum() < 24.3  # chi-squared with 7 degrees, 0.1 %


def test_numbers_of_pairs_and_what_is_absent():
    pairs = torch.tensor(list(itertools.combinations(range(9), 2))).T
    numbers = _numbers(pairs)
    assert sorted(numbers.tolist()) == list(range(36))
    assert torch.equal(_pairs(numbers), pairs)
    for number in (2**40, 2**50 + 1, 2**52 - 1):
        assert _numbers(_pairs(torch.tensor([number]))).item() == number
    held = torch.tensor([0, 1, 5, 7])
    assert _absent(torch.arange(6), held).tolist() == [2, 3, 4, 6, 8, 9]
    for count, of in ((5, 5), (1000, 2**40), (0, 2**40)):
        drawn = _distinct(count, of, None)
        assert drawn.unique().numel() == drawn.numel() == count
        assert count == 0 or (drawn.min() >= 0 and drawn.max() < of)


@pytest.mark.parametrize("seed", range(2))
def test_every_choice_is_the_best_of_all_flips_to_first_order(seed):
    net, x, y, edge_index, loss = problem(seed=seed)
    found = greedy_flips(loss, edge_index, 4, num_nodes=9, dtype=DOUBLE)
    a = matrix(edge_index, 9).double()
    flipped = set()
    for pair in found.T.tolist():
        a.requires_grad_()
        (gradient,) = torch.autograd.grad(dense_loss(net, x, y, a), a)
        a = a.detach()
        change = (1 - 2 * a) * (gradient + gradient.T)
        scores = {
            (u, v): float(change[u, v])
            for u, v in itertools.combinations(range(9), 2)
            if (u, v) not in flipped
        }
        best = max(scores, key=scores.__getitem__)
        assert tuple(pair) == best
        assert scores[best] > 0
        flipped.add(best)
        for u, v in (best, best[::-1]):
            a[u, v] = 1 - a[u, v]
    assert found.size(1) > 0


def test_scores_are_derivatives_also_of_weights():
    """Against central differences of the flip's direction, on a graph with weights."""
    _, _, _, edge_index, loss = problem(6, 0.5)
    u, v = edge_index
    weight = (torch.rand(6, 6, dtype=DOUBLE) + 0.5)[torch.minimum(u, v), torch.maximum(u, v)]
    a = matrix(edge_index, 6)
    best, highest = None, 0.0
    for pair in itertools.combinations(range(6), 2):
        ends = torch.tensor([pair, pair[::-1]]).T
        edges = torch.cat([edge_index, ends], 1)
        sign = -weight[((u == pair[0]) & (v == pair[1])).nonzero()] if a[pair] else 1.0
        values = [
            loss(edges, torch.cat([weight, (step * sign * torch.ones(2, dtype=DOUBLE)).flatten()]))
            for step in (1e-6, -1e-6)
        ]
        slope = (values[0] - values[1]).item() / 2e-6
        if slope > highest:
            best, highest = pair, slope
    found = greedy_flips(loss, edge_index, 1, num_nodes=6, edge_weight=weight)
    assert tuple(found.flatten().tolist()) == best


def test_candidates_steps_and_prefixes():
    _, _, _, edge_index, loss = problem(12, 0.3)
    options = {"num_nodes": 12, "dtype": DOUBLE}
    told = []
    whole = greedy_flips(loss, edge_index, 6, told=told.append, **options)
    assert torch.equal(greedy_flips(loss, edge_index, 3, **options), whole[:, :3])
    assert told == list(range(1, whole.size(1) + 1))
    some = greedy_flips(
        loss,
        edge_index,
        6,
        candidates=5,
        per_step=4,
        generator=torch.Generator().manual_seed(0),
        **options,
    )
    assert 0 < some.size(1) <= 6
    assert _numbers(some).unique().numel() == some.size(1)
    assert (some[0] != some[1]).all()
    assert greedy_flips(loss, edge_index, 0, **options).shape == (2, 0)


def test_what_no_flip_can_raise_is_left_alone():
    edge_index = graph(5, 0.5, 0)
    weight_alone = greedy_flips(
        lambda edges, weight: -weight.square().sum(), edge_index, 3, num_nodes=5
    )
    a = matrix(edge_index, 5)
    assert a[tuple(weight_alone)].all()  # removing is all that helps
    assert greedy_flips(lambda e, w: 0 * w.sum(), edge_index, 3, num_nodes=5).shape == (2, 0)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda e: random_flips(e, -1, num_nodes=5), "budget: got -1"),
        (lambda e: random_flips(e, 1, num_nodes=5, kind="ad"), "unknown kind 'ad'"),
        (lambda e: random_flips(e[:, :1], 1, num_nodes=5), "edge_index: got a directed graph"),
        (lambda e: flip_edges(e, torch.tensor([[1], [1]]), num_nodes=5), "two different nodes"),
        (lambda e: flip_edges(e, torch.tensor([[1], [5]]), num_nodes=5), "nodes of 5"),
        (lambda e: flip_edges(e, torch.tensor([[1, 2], [2, 1]]), num_nodes=5), "a pair twice"),
        (
            lambda e: greedy_flips(lambda a, w: torch.ones(()), e, 1, num_nodes=5),
            "loss: does not depend on edge_weight",
        ),
        (
            lambda e: greedy_flips(lambda a, w: w.sum(), e, 1, num_nodes=5, candidates=0),
            "candidates: got 0",
        ),
    ],
)
def test_bad_arguments_are_named(run, message):
    with pytest.raises(ValueError, match=message):
        run(torch.tensor([[0, 1], [1, 0]]))
    assert_close(_pairs(torch.tensor([0])), torch.tensor([[0], [1]]))
