from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR
from torch_geometric.data import Data
from torch_geometric.nn import GAT, GCN, GraphSAGE, SGConv

from graphpoly.models.baselines import MLP
from graphpoly.privacy import PrivacySettings
from graphpoly.training import NodeTask, PrivateNodeTask, Scheduled, TrainConfig, fit

NODES = 60
CLIPPED = PrivacySettings(epsilon=8.0, max_degree=3, clip=(0.1,))


def graph(seed: int = 0, num_edges: int = 240) -> Data:
    generator = torch.Generator().manual_seed(seed)
    edges = torch.randint(NODES, (2, num_edges), generator=generator)
    x = torch.randn(NODES, 4, generator=generator)
    return Data(x=x, edge_index=edges, y=(x[:, 0] > 0).long())


def split() -> SimpleNamespace:
    place = torch.arange(NODES) % 4
    return SimpleNamespace(train_mask=place > 1, val_mask=place == 0, test_mask=place == 1)


def network(layers: int = 1, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return GraphSAGE(4, 8, layers, 2)


def task_of(
    model: nn.Module, privacy: PrivacySettings = CLIPPED, **options: Any
) -> PrivateNodeTask:
    data = options.pop("data", None) or graph()
    return PrivateNodeTask(data, split(), model, privacy, **{"epochs": 5, **options})


def quiet(task: PrivateNodeTask) -> PrivateNodeTask:
    """Take the noise away."""
    object.__setattr__(task.ledger.mechanism, "sigma", 1e-30)
    return task


@pytest.mark.parametrize("layers", [1, 2])
def test_without_clipping_and_noise_it_is_training_on_the_training_nodes(layers: int) -> None:
    """Where all are read by few; a mean over neighbours knows no other degrees."""
    data = graph(num_edges=40)
    among = split().train_mask[data.edge_index].all(0) & (data.edge_index[0] != data.edge_index[1])
    inside = Data(x=data.x, y=data.y, edge_index=torch.unique(data.edge_index[:, among], dim=1))
    data.edge_index = torch.cat([inside.edge_index, data.edge_index[:, ~among]], 1)
    privacy = PrivacySettings(epsilon=8.0, max_degree=20, clip=(1e6,))
    one, other = network(layers), network(layers)
    for net, task in (
        (one, quiet(task_of(one, privacy, data=data))),
        (other, NodeTask(inside, split())),
    ):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
        losses = [task.train_epoch(net, optimizer) for _ in range(5)]
        assert losses[-1] < losses[0]
    torch.testing.assert_close(dict(one.named_parameters()), dict(other.named_parameters()))


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_the_noise_has_the_deviation_that_the_account_wants(depth: int) -> None:
    torch.manual_seed(0)
    model: nn.Module = MLP(4, 300, 2) if depth == 0 else GraphSAGE(4, 300, depth, 2)
    model.eval()
    task = task_of(model, epochs=60, batch_size=None)
    assert task.num_hops == depth
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    largest = max(model.parameters(), key=lambda p: p.numel())
    seen = []
    for _ in range(60):
        task.train_epoch(model.eval(), optimizer)
        assert largest.grad is not None
        seen.append(largest.grad.clone())
    step, count = task.ledger.mechanism, len(list(model.parameters()))
    assert step.terms == (1, 4, 13)[depth]
    assert step.sensitivity == (1, 8, 26)[depth]
    expected = step.sigma * step.sensitivity * 0.1 * count**0.5 / 30
    noise = torch.stack(seen) - torch.stack(seen).mean(0)
    assert float(noise.std() * (60 / 59) ** 0.5) == pytest.approx(expected, rel=0.05)


def test_a_step_reveals_no_more_than_its_batch_and_the_batches_are_as_accounted() -> None:
    seen: list[Tensor] = []

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = nn.Linear(4, 2)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            if self.training:
                seen.append(x)
            return self.lin(x)

    model = Watched()
    task = task_of(model, epochs=100, batch_size=10)
    seen.clear()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(100):
        task.train_epoch(model, optimizer)
    assert task.ledger.steps == len(seen) == 300  # of 30 training nodes 10 a step
    sizes = np.array([len(x) for x in seen])
    assert sizes.mean() == pytest.approx(10, abs=0.5)
    assert sizes.std() == pytest.approx((30 / 3 * 2 / 3) ** 0.5, rel=0.15)
    with pytest.raises(ValueError, match="all 300 steps are spent"):
        task.train_epoch(model, optimizer)


def test_batches_of_a_network_that_reads_have_one_size() -> None:
    model = network()
    task = task_of(model, batch_size=10)
    batches = []
    take = task._clipped
    task._clipped = lambda m, nodes, clip: batches.append(nodes) or take(m, nodes, clip)  # type: ignore[method-assign]
    task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1))
    task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert [len(nodes) for nodes in batches] == [10] * 6
    assert all(len(set(nodes.tolist())) == 10 for nodes in batches)
    assert all(bool(split().train_mask[nodes].all()) for nodes in batches)
    assert len({tuple(nodes.sort().values.tolist()) for nodes in batches}) == 6


def test_other_nodes_are_scored_without_a_look_at_the_training_nodes() -> None:
    model = network(2)
    before = task_of(model).evaluate(model)
    data = graph()
    data.x[split().train_mask] = 100.0
    after = task_of(model, data=data).evaluate(model)
    for name in ("val", "val_loss", "test", "epsilon"):
        assert before[name] == after[name]
    assert before["train"] != after["train"]


@pytest.mark.parametrize("secret", [False, True])
def test_a_resumed_run_goes_on_with_its_account_and_its_draws(tmp_path: Path, secret: bool) -> None:
    class Stop:
        def start(self, label: str, total: int, done: int, what: str = "") -> None: ...
        def stop(self) -> None: ...
        def update(self, epoch: int, row: Any) -> None:
            if epoch == 4:
                raise OSError("the machine goes down")

    privacy = PrivacySettings(epsilon=4.0, max_degree=3, secret=secret)
    config = TrainConfig(epochs=7, checkpoint_seconds=0, tensorboard=False)

    def run(folder: str, *, resume: bool = False, progress: Any = None) -> nn.Module:
        net = network(2)
        task = Scheduled(
            task_of(net, privacy, epochs=7, batch_size=12), partial(StepLR, step_size=3, gamma=0.5)
        )
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        options = {"run_dir": tmp_path / folder, "resume": resume, "progress": progress}
        fit(net, task, optimizer, config, **options)
        return net

    with pytest.raises(OSError, match="goes down"):
        run("a", progress=Stop())
    if secret:  # no second run draws the same, but a copy of this one does
        import shutil

        shutil.copytree(tmp_path / "a", tmp_path / "b")
    one, other = run("a", resume=True), run("b", resume=secret)
    torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=0, atol=0)
    found = [json.loads((tmp_path / name / "results.json").read_text()) for name in "ab"]
    assert found[0]["privacy"] == found[1]["privacy"]
    spent = found[0]["privacy"]
    assert spent["steps"] == spent["budget"] == 14
    assert 3.99 < spent["epsilon"] <= 4.0
    assert spent["delta"] == 1 / 300
    assert spent["clip_estimated"]
    assert [each["steps"] for each in spent["spent"]][-1] == 14
    assert spent["spent"][-1]["epsilon"] == spent["epsilon"]
    rows = (tmp_path / "a" / "history.csv").read_text().splitlines()
    shown = [float(row.split(",")[rows[0].split(",").index("epsilon")]) for row in rows[1:]]
    assert shown == sorted(shown)
    assert len(shown) == 7


def test_thresholds_are_those_of_the_first_gradients_and_said_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = network()
    task = task_of(model, PrivacySettings(epsilon=8.0, clip_percentile=50.0))
    with caplog.at_level(logging.WARNING, logger="graphpoly"):
        task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.0))
    assert "the account does not count" in caplog.text
    norms = task._clipped(model, task._nodes, None).norms
    expected = norms.double().quantile(0.5, dim=0)
    found = task.report()["privacy"]["clip"]
    assert found == pytest.approx(expected.tolist(), rel=1e-5)
    assert task_of(network(), CLIPPED).report()["privacy"]["clip_estimated"] is False


def test_a_seed_gives_a_run_and_a_secret_another_each_time() -> None:
    def weights(privacy: PrivacySettings, seed: int) -> Tensor:
        model = network()
        task = task_of(model, privacy, seed=seed)
        task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1))
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    assert torch.equal(weights(CLIPPED, 0), weights(CLIPPED, 0))
    assert not torch.equal(weights(CLIPPED, 0), weights(CLIPPED, 1))
    hidden = PrivacySettings(clip=(0.1,), secret=True)
    assert not torch.equal(weights(hidden, 0), weights(hidden, 0))


def test_a_network_without_a_rule_is_differentiated_one_by_one() -> None:
    torch.manual_seed(0)
    model = GAT(4, 4, 1, 2)
    task = task_of(model, batch_size=6)
    assert not task._by_rows
    assert np.isfinite(task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1)))


class Doubled(nn.Module):
    """A bias that is not added last: the rule of convolutions does not hold."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GCN(4, 8, 1, 2)
        conv = self.conv.convs[0]
        forward = conv.forward
        conv.forward = lambda *given, **named: 2 * forward(*given, **named)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, edge_index)


def test_a_rule_that_does_not_hold_is_found_out() -> None:
    assert task_of(GCN(4, 8, 1, 2))._by_rows
    assert not task_of(Doubled())._by_rows


class Centred(nn.Module):
    """What everybody has is taken off: no layer that has a name for it."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.lin(x - x.mean(0))


class Remembering(nn.Module):
    """A mean of what was read, which is saved with the weights, moves nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.lin = nn.Linear(4, 2)
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * x.mean(0)
        return self.lin(x)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Remembering, "keeps in its buffer mean what it reads"),
        (lambda: network(3), "more than 2 edges away"),
        (lambda: SGConv(4, 2, K=3), "more than 2 edges away"),
        (lambda: GCN(4, 8, 2, 2, norm="batch_norm"), "what no edges lead to"),
        (lambda: GCN(4, 8, 2, 2, norm="graph_norm"), "what no edges lead to"),
        (Centred, "what no edges lead to"),
        (lambda: nn.Bilinear(4, 4, 2), "does not run on a part of the graph"),
    ],
)
def test_what_the_account_does_not_know_is_refused(model: Any, words: str) -> None:
    with pytest.raises(ValueError, match=f"^epsilon: .*{words}"):
        task_of(model())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="clip: got 2 numbers, expected 1 or 3"):
        task_of(network(), PrivacySettings(clip=(1.0, 2.0)))
    with pytest.raises(ValueError, match=r"clip: got .* expected numbers above 0"):
        PrivacySettings(clip=(0.0,))
    with pytest.raises(ValueError, match="batch_size: got 31, expected from 1 to the 30"):
        task_of(network(), batch_size=31)
    data = graph()
    data.y = data.y.float()
    data.y[2] = float("nan")
    with pytest.raises(ValueError, match="a training node lacks a label"):
        task_of(network(), data=data, loss="bce", metric="rocauc")
    with pytest.raises(ValueError, match="must have edge_index"):
        task_of(network(), data=Data(x=torch.zeros(NODES, 4), y=torch.zeros(NODES).long()))
