from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch_geometric.data import Data

from graphpoly.training import LinkTask, TrainConfig, fit
from graphpoly.training.metrics import Metric
from graphpoly.training.ranking import link_score


def blocks() -> tuple[Data, SimpleNamespace]:
    """Two cliques of eight nodes: links lie within them, others between."""
    inside = torch.combinations(torch.arange(8)).T
    links = torch.cat([inside, inside + 8], 1)
    links = links[:, torch.randperm(links.size(1), generator=torch.Generator().manual_seed(0))]
    between = torch.cartesian_prod(torch.arange(8), torch.arange(8, 16)).T
    split = SimpleNamespace(
        train=links[:, :40],
        val=links[:, 40:48],
        test=links[:, 48:],
        negatives={"train": between[:, :20], "val": between[:, 20:40], "test": between[:, 40:]},
        name="blocks",
        index=0,
    )
    return Data(x=torch.eye(16), num_nodes=16), split


class Dot(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(0.1 * torch.randn(16, 4))
        self.seen: list[torch.Tensor] = []

    def forward(self, x, edge_index, pairs):
        self.seen.append((edge_index, pairs))
        hidden = x @ self.table
        return (hidden[pairs[0]] * hidden[pairs[1]]).sum(-1)


def keys(pairs: torch.Tensor) -> set[int]:
    return set((pairs[0] * 16 + pairs[1]).tolist())


def test_learns_blocks() -> None:
    torch.manual_seed(0)
    data, split = blocks()
    task = LinkTask(data, split, metric="auc", batch_size=10, seed=1)
    model = Dot()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    result = fit(model, task, optimizer, TrainConfig(epochs=40))
    assert result.test == 1.0


def test_targets_are_taken_out_of_the_graph_and_nothing_else_is() -> None:
    data, split = blocks()
    task = LinkTask(data, split, batch_size=7)
    model = Dot()
    task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
    every = keys(split.train) | keys(split.train.flip(0))
    positives: list[int] = []
    for edge_index, pairs in model.seen:
        count = pairs.size(1) // 2
        targets = pairs[:, :count]
        both = keys(targets) | keys(targets.flip(0))
        assert keys(edge_index) == every - both
        positives += (targets[0] * 16 + targets[1]).tolist()
        others = pairs[:, count:]
        assert not keys(others) & every
        assert (others[0] != others[1]).all()
    assert sorted(positives) == sorted(keys(split.train))  # each once


def test_a_graph_that_keeps_its_targets_is_one_and_the_same_in_every_step() -> None:
    data, split = blocks()
    task = LinkTask(data, split, batch_size=7, remove_targets=False)
    model = Dot()
    task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
    assert len(model.seen) == 6
    assert all(edge_index is task.edge_index for edge_index, _ in model.seen)
    assert keys(task.edge_index) == keys(split.train) | keys(split.train.flip(0))


@pytest.mark.parametrize("remove_targets", [True, False])
def test_targets_are_drawn_for_the_sources_of_the_links(remove_targets: bool) -> None:
    data, split = blocks()
    named = {"negatives": "targets", "remove_targets": remove_targets}
    task = LinkTask(data, split, batch_size=10, **named)
    model, taken = Dot(), keys(split.train) | keys(split.train.flip(0))
    for _ in range(300):
        task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
    count = torch.zeros(16, 16)
    for _, pairs in model.seen:
        links, others = pairs.split(10, dim=1)
        assert torch.equal(links[0], others[0])
        assert not keys(others) & taken
        assert (others[0] != others[1]).all()
        count.index_put_((others[0], others[1]), torch.ones(10), accumulate=True)
    for source in split.train[0].unique().tolist():
        row = count[source][count[source] > 0]
        loops_and_links = 1 + int(
            (torch.cat([split.train, split.train.flip(0)], 1)[0] == source).sum()
        )
        assert row.numel() == 16 - loops_and_links  # every node that is no neighbour is drawn
        expected = row.sum() / row.numel()
        statistic = float(((row - expected) ** 2 / expected).sum())
        assert statistic < 2.5 * row.numel() + 20


def test_the_same_targets_are_drawn_from_the_same_state() -> None:
    data, split = blocks()

    def pairs(task: LinkTask) -> list[int]:
        model = Dot()
        task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
        return torch.cat([given.flatten() for _, given in model.seen]).tolist()

    first, second = (
        LinkTask(data, split, batch_size=7, negatives="targets", seed=seed) for seed in (3, 5)
    )
    pairs(first)
    second.load_state_dict(first.state_dict())
    assert pairs(first) == pairs(second)


def test_an_unknown_kind_of_negatives_is_refused() -> None:
    with pytest.raises(ValueError, match="negatives"):
        LinkTask(*blocks(), negatives="sources")


def test_negatives_in_half_as_many_bytes_score_the_same() -> None:
    data, split = blocks()
    model = Encoding()
    wide = LinkTask(data, split).evaluate(model)
    split.negatives = {name: pairs.int() for name, pairs in split.negatives.items()}
    assert LinkTask(data, split).evaluate(model) == wide
    assert LinkTask(data, split).evaluate(Dot().requires_grad_(False)).keys() == wide.keys()


def test_held_out_links_never_carry_messages() -> None:
    data, split = blocks()
    task = LinkTask(data, split, batch_size=7)
    model = Dot()
    task.evaluate(model)
    held = keys(split.val) | keys(split.test)
    for edge_index, _ in model.seen:
        assert not (keys(edge_index) | keys(edge_index.flip(0))) & held


def test_scores_are_those_of_the_metric() -> None:
    data, split = blocks()
    model = Dot()
    for metric in ("auc", "ap", "mrr", "hits@3"):
        found = LinkTask(data, split, metric=metric).evaluate(model, ("val",))
        pairs = (split.val, split.negatives["val"])
        score = [model(data.x, None, some).detach() for some in pairs]
        assert found["val"] == link_score(metric, *score)


class Encoding(Dot):
    """Reads the graph once, and notes how many pairs it is asked for at a time."""

    def encode(self, x, edge_index):
        return x @ self.table

    def decode(self, hidden, pairs):
        assert pairs.dtype == torch.long
        self.seen.append(pairs.size(1))
        return (hidden[pairs[0]] * hidden[pairs[1]]).sum(-1)


@pytest.mark.parametrize("batch_size", [1, 4096, 10**9])
def test_pairs_are_scored_in_parts_however_large_a_step_is(batch_size: int) -> None:
    data, split = blocks()
    generator = torch.Generator().manual_seed(0)
    many = torch.randint(16, (2, 300_000), generator=generator)
    split.negatives = {**split.negatives, "val": many}
    model = Encoding()
    task = LinkTask(data, split, metric="auc", batch_size=batch_size)
    found = task.evaluate(model, ("val",))
    assert sum(model.seen) == 300_000 + 8
    assert max(model.seen) == min(64 * batch_size, 131_072)
    hidden = data.x @ model.table
    with torch.no_grad():
        inside, others = ((hidden[p[0]] * hidden[p[1]]).sum(-1) for p in (split.val, many))
    assert found["val"] == pytest.approx(link_score("auc", inside, others))


def test_a_network_that_reads_the_graph_each_time_is_asked_as_rarely_as_its_steps_allow() -> None:
    data, split = blocks()
    split.negatives = {**split.negatives, "val": torch.zeros(2, 300_000, dtype=torch.long)}
    model = Dot()
    LinkTask(data, split, metric="auc", batch_size=10_000).evaluate(model, ("val",))
    assert [pairs.size(1) for _, pairs in model.seen] == [8, 300_000]


def test_draws_are_part_of_the_state() -> None:
    data, split = blocks()

    def pairs(task: LinkTask) -> list[int]:
        model = Dot()
        task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
        return torch.cat([given.flatten() for _, given in model.seen]).tolist()

    first = LinkTask(data, split, batch_size=7, seed=3)
    pairs(first)
    state = {key: value.clone() for key, value in first.state_dict().items()}
    second = LinkTask(data, split, batch_size=7, seed=5)
    second.load_state_dict(state)
    assert pairs(first) == pairs(second)


def test_what_fills_no_batch_is_left_out_where_that_is_asked_for() -> None:
    data, split = blocks()  # 40 links to train on
    for size, batches in ((7, [7] * 5), (10, [10] * 4), (40, [40]), (50, [40])):
        task = LinkTask(data, split, batch_size=size, drop_last=True)
        model = Dot()
        task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
        assert [pairs.size(1) // 2 for _, pairs in model.seen] == batches
        seen = torch.cat([pairs[:, : pairs.size(1) // 2] for _, pairs in model.seen], 1)
        assert keys(seen) <= keys(split.train)
        assert len(keys(seen)) == sum(batches)
    assert task.describe()["drop_last"] is True


def test_the_loss_of_an_epoch_is_that_of_its_batches() -> None:
    data, split = blocks()
    task = LinkTask(data, split, batch_size=7, drop_last=True)
    model = Dot()
    model.table.data.zero_()  # every score is 0, every loss log 2
    loss = task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
    assert loss == pytest.approx(math.log(2))


@pytest.mark.parametrize("metric", ["auc", "ap", "mrr", "hits@3"])
def test_scores_that_are_not_finite_are_no_result(metric) -> None:
    data, split = blocks()
    model = Dot()
    model.table.data[0, 0] = math.nan
    scores = LinkTask(data, split, metric=metric).evaluate(model)
    assert all(math.isnan(scores[name]) for name in ("val", "test"))


@pytest.mark.parametrize("metric", ["auc", "mrr"])
def test_a_run_whose_weights_become_nan_keeps_its_best_ones(metric) -> None:
    class Breaks(LinkTask):
        def train_epoch(self, model, optimizer):
            loss = super().train_epoch(model, optimizer)
            self.count = getattr(self, "count", 0) + 1
            if self.count == 3:  # the loss is that of the weights before the last step
                model.table.data.fill_(math.nan)
            return loss

    torch.manual_seed(0)
    data, split = blocks()
    model = Dot()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    result = fit(model, Breaks(data, split, metric=metric), optimizer, TrainConfig(epochs=5))
    assert result.stopped == "diverged"
    assert result.best_epoch <= 2
    assert math.isfinite(result.test)


def test_the_metric_says_which_way_is_better() -> None:
    data, split = blocks()

    def misses(positive, negative):
        return float((positive <= negative.max()).double().mean())

    for larger in (True, False):
        task = LinkTask(data, split, metric=Metric("misses", misses, larger))
        assert task.maximize == larger


def test_unknown_metric() -> None:
    with pytest.raises(ValueError, match="unknown metric 'acu'"):
        LinkTask(*blocks(), metric="acu")
