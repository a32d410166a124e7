"""Traces in, answers out: what is scored, and what is lost at each step."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from graphpoly.data import algorithm_traces
from graphpoly.models.algorithm_net import Traced
from graphpoly.training import TraceTask

SORTING = algorithm_traces("insertion_sort", 9, (2, 4, 5), seed=1)
SELECTING = algorithm_traces("quickselect", 9, (3, 5), seed=1)
NUMBERED = algorithm_traces("bellman_ford", 6, (4, 5), seed=1)
for _number, _graph in enumerate(NUMBERED):
    _graph.x = _graph.x + _number  # by which they are known


class Sure(nn.Module):
    """Knows nothing, or all that it is shown, and is as sure of it as of a logit of ``sure``."""

    def __init__(self, graphs, sure: float = 0.0, wrong: int = 0) -> None:
        super().__init__()
        self.graphs, self.sure, self.wrong = graphs, sure, wrong
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x, edge_index, steps, start, *, edge_weight, batch, batch_size):
        mine = [next(g for g in self.graphs if torch.equal(g.x, x[batch == b]))
                for b in range(batch_size)]  # fmt: skip
        first = torch.tensor([int((batch < b).sum()) for b in range(batch_size)])
        source, target = edge_index

        def told(along, groups):
            score = self.sure * along.double() * self.weight
            total = score.new_zeros(int(groups.max()) + 1, *score.shape[1:])
            return score - total.index_add(0, groups, score.exp()).log()[groups]

        def pointed(pointers):
            return told(source.view(-1, *[1] * (pointers.dim() - 1)) == pointers[target], target)

        hints = {}
        for name in start:
            begun = torch.cat([each[f"hint_{name}"][:, 0] for each in mine])
            assert torch.equal(start[name], begun + first[batch] if name == "pointer" else begun)
            hint = [each[f"hint_{name}"][:, 1:] for each in mine]
            if name == "pointer":
                hints[name] = pointed(torch.cat([h + o for h, o in zip(hint, first, strict=True)]))
            elif hint[0].dtype == torch.bool:
                hints[name] = self.sure * (2 * torch.cat(hint).double() - 1) * self.weight
            else:
                hints[name] = torch.cat(hint).double() + self.wrong
        if "pointer" in mine[0]:
            right = [g.pointer + o for g, o in zip(mine, first, strict=True)]
            answer = pointed(torch.cat(right))
        else:
            answer = told(torch.cat([g.y for g in mine]), batch)
        return Traced(answer, hints)


@pytest.mark.parametrize("graphs", [SORTING, SELECTING, NUMBERED])
def test_who_knows_all_is_right_and_loses_nothing(graphs):
    task = TraceTask(graphs, graphs, graphs, batch_size=4)
    scores = task.evaluate(Sure(graphs, 60.0))
    assert scores.pop("val_loss") == pytest.approx(0, abs=1e-9)
    assert scores == {"train": 1, "val": 1, "test": 1}


def test_who_knows_nothing_chooses_the_first_and_loses_the_logarithm_of_the_choices():
    """Each node of a complete graph has as many edges as there are nodes, and a mask two values."""
    for graphs, pointers, masks in ((SORTING, 1, 2), (SELECTING, 1, 5)):
        for graph in graphs:
            task = TraceTask(graphs, [graph], [graph])
            scores = task.evaluate(Sure(graphs), ("val",))
            size = graph.num_nodes
            expected = (1 + pointers) * math.log(size) + masks * math.log(2)
            assert scores["val_loss"] == pytest.approx(expected)
            right = graph.y[:1] if "y" in graph else graph.pointer == 0
            assert scores["val"] == pytest.approx(float(right.double().mean()))


def test_numbers_of_nodes_and_graphs_lose_their_squares():
    for graphs, numbers in ((NUMBERED, 1), (SELECTING, 2)):
        task = TraceTask(graphs, graphs, graphs, batch_size=3)
        known, off = (task.evaluate(Sure(graphs, 60.0, wrong))["val_loss"] for wrong in (0, 3))
        assert off - known == pytest.approx(9 * numbers)


def test_states_behind_the_end_do_not_count():
    (data,) = algorithm_traces("bfs", 1, (6,), seed=2)
    longer = data.clone()
    for key in [key for key in data.to_dict() if key.startswith("hint_")]:
        longer[key] = torch.cat([data[key], ~data[key] if data[key].dtype == torch.bool else
                                 data[key].flip(0)], 1)  # fmt: skip
    longer.steps = torch.cat([data.steps, torch.zeros_like(data.steps)], 1)
    short, long = (
        TraceTask([each], [each], [each]).evaluate(Sure([each], 0.0), ("val",))["val_loss"]
        for each in (data, longer)
    )
    assert short == pytest.approx(long)


def test_a_graph_without_a_step_has_an_answer_alone():
    (data,) = algorithm_traces("minimum", 1, (1,))
    task = TraceTask([data], [data], [data])
    net = Sure([data])
    assert task.evaluate(net)["val_loss"] == 0
    assert task.train_epoch(net, torch.optim.SGD(net.parameters(), 0.1)) == 0


def test_a_step_goes_down_and_order_and_state_are_those_of_the_task():
    weights = []
    for _ in range(2):
        task, net = TraceTask(SORTING, SORTING, SORTING, batch_size=2, seed=3), Sure(SORTING, 1.0)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        losses = [task.train_epoch(net, optimizer)]
        state = task.state_dict()
        task.train_epoch(net, optimizer)
        task.load_state_dict(state)
        losses.append(task.train_epoch(net, optimizer))
        weights.append(net.weight.item())
        assert losses[1] < losses[0]
    assert weights[0] == weights[1]
    assert task.describe()["kind"] == "traces"


def test_bad_arguments():
    with pytest.raises(ValueError, match="did you mean 'accuracy'"):
        TraceTask(SORTING, SORTING, SORTING, metric="acuracy")
    with pytest.raises(ValueError, match="val must have at least one graph"):
        TraceTask(SORTING, [], SORTING)
