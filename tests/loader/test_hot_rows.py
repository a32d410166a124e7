"""The rows that are kept are the best that fit, and stand where they belong."""

import itertools

import pytest
import torch

from graphpoly.loader.hot_rows import HotRows, hottest


@pytest.mark.parametrize("budget", [0, 3, 4, 12, 17, 1000])
def test_no_other_choice_of_the_same_size_is_read_more(budget):
    scores = torch.tensor([3, 0, 7, 3, 1, 7, 0])
    found = hottest({None: scores}, {None: 4}, budget)[None]
    assert found.tolist() == sorted(found.tolist())
    assert found.numel() == min(budget // 4, 5)  # two have no score
    best = max(
        int(scores[list(some)].sum()) for some in itertools.combinations(range(7), found.numel())
    )
    assert int(scores[found].sum()) == best


def test_groups_share_a_budget():
    scores = {"a": torch.tensor([1, 9]), "b": torch.tensor([5, 2, 0])}
    found = hottest(scores, {"a": 8, "b": 4}, 12)
    assert {kind: nodes.tolist() for kind, nodes in found.items()} == {"a": [1], "b": [0]}


KINDS = (torch.bool, torch.uint8, torch.int8, torch.int32, torch.float16, torch.bfloat16)


@pytest.mark.parametrize("kind", [*KINDS, torch.float32, torch.float64])
def test_bytes_are_counted_whatever_the_type_of_the_scores(kind):
    scores = {None: torch.ones(5000).to(kind)}
    assert hottest(scores, {None: 401}, 401 * 250 + 400)[None].tolist() == list(range(250))


def test_what_is_no_score_takes_no_room():
    scores = torch.tensor([torch.nan, 1.0, -1.0, torch.inf, torch.nan, 0.0])
    assert hottest({None: scores}, {None: 4}, 8)[None].tolist() == [1, 3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint16, torch.bool])
@pytest.mark.parametrize("tail", [(), (3,), (2, 2), (0,)])
@pytest.mark.parametrize("nodes", [[], [4, 9], [9, 0, 4, 9, 2], list(range(12))])
def test_rows_in_memory_and_others_are_joined(dtype, tail, nodes):
    value = torch.randint(2, (12, *tail)).to(dtype)
    held, nodes = torch.tensor([0, 3, 4, 10]), torch.tensor(nodes, dtype=torch.int64)
    rows = HotRows(held, {"x": value[held]}, 12)
    split = rows.split(nodes)
    assert sorted(split[0].tolist() + split[2].tolist()) == list(range(nodes.numel()))
    assert set(nodes[split[0]].tolist()) == set(nodes.tolist()) & set(held.tolist())
    found = rows.joined("x", split, value[nodes[split[2]]])
    assert found.dtype == dtype
    assert torch.equal(found, value[nodes])
