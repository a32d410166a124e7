"""Drawn neighbours: the definition, and the laws they follow."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from graphpoly.ops import sample_neighbors
from graphpoly.ops.sample_neighbors import sample_neighbors_reference
from tests.conftest import DEVICE

ROWPTR = torch.tensor([0, 3, 3, 8, 48, 50])
E = 50
TIME = torch.tensor([0, 1, 1, 0, 2, 2, 3, 5, *range(40), 4, 4])


def drawn(rowptr, node, count, **options):
    """The entries of each node, as lists."""
    found = sample_neighbors(rowptr, node, count, num_entries=int(rowptr[-1]), **options)
    return [part.tolist() for part in found.entry.split(found.offsets.diff().tolist())]


@settings(max_examples=120, deadline=None)
@given(
    nodes=st.lists(st.integers(0, 4), max_size=7),
    count=st.integers(-1, 45),
    replace=st.booleans(),
    last=st.booleans(),
    weighted=st.booleans(),
    timed=st.booleans(),
    seed=st.integers(-(2**63), 2**63 - 1),
)
def test_it_is_its_definition(nodes, count, replace, last, weighted, timed, seed):
    node = torch.tensor(nodes, dtype=torch.int64)
    generator = torch.Generator(DEVICE).manual_seed(count + 2)
    weight = torch.rand(E, generator=generator, dtype=torch.float64) if weighted else None
    if weight is not None:
        weight[::4] = 0
    time = TIME if timed else None
    until = torch.randint(-1, 9, (len(nodes),), generator=generator) if timed else None
    options = {"replace": replace, "last": last, "weight": weight, "time": time, "until": until}
    found = sample_neighbors(ROWPTR, node, count, num_entries=E, seed=seed, **options)
    wanted = sample_neighbors_reference(
        ROWPTR, node, count, replace, last, weight, time, until, E, seed
    )
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))
    for v, stop, some in zip(
        nodes,
        until.tolist() if timed else [99] * len(nodes),
        found.entry.split(found.offsets.diff().tolist()),
        strict=True,
    ):
        inside = [e for e in range(*ROWPTR[v : v + 2].tolist()) if TIME[e] <= stop]
        assert set(some.tolist()) <= set(inside)
        assert replace or len(set(some.tolist())) == len(some)
        if weight is not None and count >= 0:
            assert (weight[some] > 0).all()


def test_whole_neighbourhoods():
    node = torch.tensor([2, 0, 1])
    for count, replace in ((-1, False), (-1, True), (5, False)):
        found = drawn(ROWPTR, node, count, replace=replace)
        assert found == [[3, 4, 5, 6, 7], [0, 1, 2], []]


@pytest.mark.parametrize("degree", [63, 64, 65, 4095, 4096, 4097])
def test_degrees_at_which_the_way_of_drawing_changes(degree):
    rowptr, node = torch.tensor([0, 5, 5 + degree, 9 + degree]), torch.tensor([1, 0, 1, 2, 1])
    for count in (1, 5, 32, 33, degree - 1):
        given = (rowptr, node, count, False, False, None, None, None, 9 + degree, count)
        found = sample_neighbors(rowptr, node, count, num_entries=9 + degree, seed=count)
        wanted = sample_neighbors_reference(*given)
        assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_any_number_of_threads_gives_the_same():
    rowptr, node = torch.arange(0, 200_001, 20), torch.arange(30_000) * 7919 % 10_000
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(sample_neighbors(rowptr, node, 7, num_entries=200_000, seed=5).entry)
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)
    few = torch.arange(0, 30_000, 1000)
    wanted = sample_neighbors_reference(
        rowptr, node[:100], 7, False, False, None, None, None, 200_000, 5
    )
    assert torch.equal(found[0][:700], wanted[0])
    assert found[0][7 * few].div(20, rounding_mode="floor").tolist() == node[few].tolist()


def chi_square(found, chance):
    """The probability of counts at least as far from their law."""
    total = sum(found.values())
    assert set(found) <= set(chance)
    seen = [found.get(key, 0) for key in chance]
    return stats.chisquare(seen, [total * chance[key] for key in chance]).pvalue


def counted(some):
    counts = {}
    for key in some:
        counts[tuple(key)] = counts.get(tuple(key), 0) + 1
    return counts


DRAWS = 20_000


def test_every_subset_is_as_likely():
    node = torch.full((DRAWS,), 2)
    for count in (1, 2, 4):
        subsets = list(itertools.combinations(range(3, 8), count))
        found = counted(drawn(ROWPTR, node, count, seed=1))
        assert chi_square(found, dict.fromkeys(subsets, 1 / len(subsets))) > 1e-3


def test_large_subsets_are_uniform_too():
    """Beyond those that are compared one by one: each entry is in as many, and so is each pair."""
    node = torch.full((4000,), 3)
    member = torch.zeros(4000, 40)
    for i, some in enumerate(drawn(ROWPTR, node, 36, seed=2)):
        assert len(set(some)) == 36
        member[i, torch.tensor(some) - 8] = 1
    share = member.mean(0)
    assert float((share - 0.9).abs().max()) < 5 * math.sqrt(0.09 / 4000)
    pairs = (member.T @ member / 4000)[~torch.eye(40, dtype=torch.bool)]
    expected = 36 * 35 / (40 * 39)
    assert float((pairs - expected).abs().max()) < 5 * math.sqrt(expected * (1 - expected) / 4000)


def test_draws_with_replacement_are_independent():
    node = torch.full((DRAWS,), 0)
    found = counted(drawn(ROWPTR, node, 2, replace=True, seed=3))
    assert chi_square(found, dict.fromkeys(itertools.product(range(3), repeat=2), 1 / 9)) > 1e-3


def test_weighted_draws_follow_their_weights():
    node, share = torch.full((DRAWS,), 2), [0.5, 0.1, 0.0, 0.3, 0.1]
    weight = torch.zeros(E, dtype=torch.float64)
    weight[3:8] = 7 * torch.tensor(share)
    found = counted(drawn(ROWPTR, node, 2, replace=True, weight=weight, seed=4))
    some = [i for i in range(5) if share[i]]
    law = {(3 + i, 3 + j): share[i] * share[j] for i in some for j in some}
    assert chi_square(found, law) > 1e-3
    # one after the other, each among those that are left
    found = counted(drawn(ROWPTR, node, 2, weight=weight, seed=5))
    law = {
        (3 + i, 3 + j): share[i] * share[j] / (1 - share[i]) + share[j] * share[i] / (1 - share[j])
        for i, j in itertools.combinations(some, 2)
    }
    assert chi_square(found, law) > 1e-3


def test_the_latest_are_the_latest():
    node, until = torch.tensor([3, 3, 2]), torch.tensor([10, 0, 2])
    found = drawn(ROWPTR, node, 2, time=TIME, until=until, last=True)
    assert found == [[17, 18], [8], [4, 5]]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rowptr": torch.tensor([0, 3, 2])}, ValueError, "rowptr: expected ascending"),
        ({"rowptr": torch.tensor([0, 3, 9])}, ValueError, r"rowptr: expected .* \[0, 5\]"),
        ({"rowptr": torch.tensor([])}, TypeError, "rowptr: got torch.float32"),
        ({"rowptr": torch.tensor([], dtype=torch.int64)}, ValueError, "rowptr: got none"),
        ({"node": torch.tensor([2])}, ValueError, r"node: got a number outside \[0, 2\)"),
        ({"node": torch.arange(30_000)}, ValueError, r"node: got a number outside \[0, 2\)"),
        ({"node": torch.tensor([-1])}, ValueError, "node: got a number outside"),
        ({"node": torch.tensor([1], dtype=torch.int32)}, TypeError, "node: got torch.int32"),
        ({"count": -2}, ValueError, "count: got -2"),
        ({"count": 2**62, "replace": True}, ValueError, "count: too many"),
        ({"count": 2**55, "replace": True}, ValueError, "count: .* no memory"),
        ({"weight": torch.ones(5)}, TypeError, "weight: got torch.float32"),
        ({"weight": torch.ones(4).double()}, ValueError, r"weight: got shape \[4\], expected \[5"),
        ({"time": torch.arange(5)}, ValueError, "time, until: got one"),
        ({"time": torch.arange(5), "until": torch.arange(3)}, ValueError, "until: got shape"),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    given = {"rowptr": torch.tensor([0, 3, 5]), "node": torch.tensor([1, 0]), "count": 1}
    with pytest.raises(error, match=message):
        sample_neighbors(**{**given, "num_entries": 5, **change})
