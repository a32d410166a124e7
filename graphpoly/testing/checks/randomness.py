"""Where chance may come in, and from where."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, expect

__all__: list[str] = []

_DRAWS = 24


def _values(subject: Subject, layer: Any, name: str) -> dict[str, Tensor]:
    """Return the output and the gradients of one step."""
    data = subject.graph(name, dtype=torch.float32)
    data.x.requires_grad_()
    layer.zero_grad()
    out = subject.call(layer, data)
    (out * torch.arange(1, out.numel() + 1).view_as(out)).sum().backward()
    gradients = {f"gradient of {k}": p.grad for k, p in layer.named_parameters()}
    found = {"output": out.detach(), "gradient of x": data.x.grad, **gradients}
    return {key: value.clone() for key, value in found.items() if value is not None}


def _expect_equal(first: dict[str, Tensor], second: dict[str, Tensor], what: str) -> None:
    for key, value in first.items():
        same = key in second and torch.equal(value, second[key])
        gap = float((value - second[key]).abs().max()) if key in second else float("nan")
        expect(same, f"{what}: the {key} differs by up to {gap:.2e}")


@prop("eval_determinism", "In eval() the same input gives the same bits, whatever the seed.")
def check_eval_determinism(subject: Subject) -> None:
    layer = subject.layer()
    for name in ("barabasi_albert", "duplicate_edges"):
        torch.manual_seed(1)
        first = _values(subject, layer, name)
        for seed in (2, 3):
            torch.manual_seed(seed)
            _expect_equal(first, _values(subject, layer, name), f"{name}: two calls in eval()")


@prop("train_seed", "torch.manual_seed alone makes construction and a training step repeatable.")
def check_train_seed(subject: Subject) -> None:
    steps = []
    for _ in range(2):
        layer = subject.layer(seed=5, train=True, stirred=False)
        steps.append({"construction": {k: p.detach().clone() for k, p in layer.named_parameters()}})
        torch.manual_seed(6)
        for i in range(2):
            steps[-1][f"step {i} in train()"] = _values(subject, layer, "erdos_renyi")
    for what, values in steps[0].items():
        _expect_equal(values, steps[1][what], f"twice with the same seed, {what}")


@prop(
    "reset_parameters",
    "reset_parameters() brings back the initial distribution of every parameter and buffer, and "
    "torch.manual_seed decides the draw.",
)
def check_reset_parameters(subject: Subject) -> None:
    probe = subject.layer()
    expect(hasattr(probe, "reset_parameters"), "the layer has no reset_parameters()")
    if not list(probe.parameters()):
        raise NotApplicable("the layer has no parameters")
    fresh = [_state(subject.layer(seed=100 + i, stirred=False)) for i in range(_DRAWS)]
    used = subject.layer(train=True)
    with torch.no_grad():
        subject.call(used, subject.graph("star", dtype=torch.float32))
    reset = [_reset(used, 200 + i) for i in range(_DRAWS)]
    again = _reset(used, 200)
    for name, value in again.items():
        expect(torch.equal(value, reset[0][name]), f"{name} differs after two resets with one seed")
        before = torch.stack([state[name] for state in fresh])
        after = torch.stack([state[name] for state in reset])
        _expect_same_distribution(name, before, after)


def _state(layer: Any) -> dict[str, Tensor]:
    state = layer.state_dict()
    return {name: v.detach().double() for name, v in state.items() if v.is_floating_point()}


def _reset(layer: Any, seed: int) -> dict[str, Tensor]:
    """Return the state after a reset under ``seed``."""
    torch.manual_seed(seed)
    layer.reset_parameters()
    return {name: value.clone() for name, value in _state(layer).items()}


def _expect_same_distribution(name: str, before: Tensor, after: Tensor) -> None:
    """Compare draws ``[draws, ...]``: constants exactly, random ones by mean and spread."""
    constant = (before == before[0]).all()
    if constant:
        wrong = (after != before).any()
        expect(
            not wrong,
            f"{name} starts at a constant (mean {before.mean():.4g}) but is reset to values of "
            f"mean {after.mean():.4g} and spread {after.std():.4g}",
        )
        return
    varied = (after != after[0]).any()
    expect(varied, f"{name} is the same after resets with {_DRAWS} different seeds")
    spread, count = before.std(), before.numel()
    # six standard errors of a mean and of a standard deviation: chance does not reach that far
    off_mean = (after.mean() - before.mean()).abs() > 6 * spread * (2 / count) ** 0.5
    off_spread = (after.std() / spread - 1).abs() > 6 * (1 / count) ** 0.5
    expect(
        not off_mean and not off_spread,
        f"{name} starts with mean {before.mean():.4g} and spread {spread:.4g} but is reset to mean "
        f"{after.mean():.4g} and spread {after.std():.4g}",
    )
