"""Answers in, answers out: what is scored, what is lost, and what is learned."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from graphpoly.data import point_sets, same_cycle
from graphpoly.models import PointerNetwork
from graphpoly.models.pointing import Pointed
from graphpoly.training import SequenceTask
from graphpoly.training.metrics import Metric

GRAPHS = point_sets("convex_hull", 12, (3, 5, 6), seed=1)


class Told(nn.Module):
    """Finds the answers that it was told, whichever graph of a batch it is asked for."""

    def __init__(self, answers) -> None:
        super().__init__()
        self.answers = [(graph.x, torch.tensor(answer)) for graph, answer in answers]
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, x, edge_index, pointer, length):
        return self.weight - torch.ones(len(pointer) + len(length))

    def decode(self, x, edge_index, *, batch, batch_size, beam):
        found = []
        for graph in range(batch_size):
            first = int((batch < graph).sum())
            mine = x[batch == graph]
            answer = next(a for held, a in self.answers if torch.equal(held, mine))
            found.append(answer + first)
        length = torch.tensor([len(each) for each in found])
        return Pointed(torch.cat(found), length, torch.zeros(batch_size))


def test_an_answer_is_right_from_first_to_last():
    change = [
        lambda right: right,
        lambda right: right[1:] + right[:1],  # the same polygon from another corner
        lambda right: right[:-1],
        lambda right: [*right, right[0]],
        lambda right: right * 5,
    ]
    answers = [(g, change[i % 5](g.pointer.tolist())) for i, g in enumerate(GRAPHS)]
    net = Told(answers)
    for metric, right in (("accuracy", 3), (Metric("accuracy", same_cycle, True), 6)):
        task = SequenceTask(GRAPHS, GRAPHS, GRAPHS, batch_size=5, metric=metric)
        scores = task.evaluate(net)
        assert scores.pop("val_loss") == pytest.approx(1)
        assert scores == {name: pytest.approx(right / 12) for name in ("train", "val", "test")}


class Sized(Told):
    """Gives each step the number of graphs in its batch as loss, less what it has learned."""

    def forward(self, x, edge_index, pointer, length):
        return self.weight - len(length) * torch.ones(len(pointer) + len(length))


def test_the_loss_is_a_mean_over_steps():
    triangles = point_sets("convex_hull", 12, (3,))  # four steps each
    net, still = Sized([]), Sized([])
    task = SequenceTask(triangles, GRAPHS, GRAPHS, batch_size=5)
    loss = task.train_epoch(still, torch.optim.SGD(still.parameters(), lr=0.0))
    assert loss == pytest.approx((5 * 5 + 5 * 5 + 2 * 2) / 12)
    task.train_epoch(net, torch.optim.SGD(net.parameters(), lr=0.1))
    assert net.weight.item() == pytest.approx(0.3)  # three steps of slope one


def test_a_small_network_learns_few_answers_by_heart():
    torch.manual_seed(2)
    task = SequenceTask(GRAPHS, GRAPHS, GRAPHS[:4], batch_size=12)
    net = PointerNetwork(2, 32)
    before = task.evaluate(net, ("val",))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(120):
        loss = task.train_epoch(net, optimizer)
    after = task.evaluate(net)
    assert after["val"] == after["test"] == 1 > before["val"]
    assert after["val_loss"] < 0.2 < before["val_loss"]
    assert loss < 0.2


def test_order_and_state_are_those_of_the_task():
    first, second = (SequenceTask(GRAPHS, GRAPHS, GRAPHS, batch_size=4, seed=3) for _ in range(2))
    nets = []
    for task in (first, second):
        torch.manual_seed(1)
        net = PointerNetwork(2, 4)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        task.train_epoch(net, optimizer)
        state = task.state_dict()
        task.train_epoch(net, optimizer)
        task.load_state_dict(state)
        nets.append(net)
    for a, b in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(a, b)
    assert first.describe() == second.describe()
    assert first.describe()["kind"] == "sequences"
    wide = SequenceTask(GRAPHS, GRAPHS, GRAPHS, batch_size=4, seed=3, beam=2)
    assert wide.describe() != first.describe()


def test_bad_arguments():
    for given, words in (
        ({"metric": "acuracy"}, "did you mean 'accuracy'"),
        ({"beam": 0}, "beam: got 0"),
        ({"test": []}, "test must have at least one graph"),
    ):
        with pytest.raises(ValueError, match=words):
            SequenceTask(**{"train": GRAPHS, "val": GRAPHS, "test": GRAPHS, **given})
