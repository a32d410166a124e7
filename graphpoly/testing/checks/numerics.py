"""Gradients, degenerate graphs and low precision."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError
from torch.func import functional_call
from torch_geometric.data import Data

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import Violation, expect, expect_close

__all__: list[str] = []

_BESIDE_X = ("edge_weight", "pos", "vel")  # what else has a gradient


@prop(
    "gradcheck",
    "The gradients of x, of edge_weight, of positions and velocities and of every parameter are "
    "those of finite differences.",
)
def check_gradcheck(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    for name in ("directed", "cycle"):
        data = subject.graph(name)
        inputs: dict[str, Tensor] = {"x": data.x}
        inputs.update({key: data[key] for key in _BESIDE_X if key in data})
        inputs.update({k: p.detach() for k, p in layer.named_parameters() if p.is_floating_point()})
        # all at once first: that runs the layer far fewer times
        error = _deviation(_as_function(subject, layer, data, list(inputs)), inputs.values())
        if error is None:
            continue
        for key, value in inputs.items():
            own = _deviation(_as_function(subject, layer, data, [key]), [value])
            if own is not None:
                raise Violation(f"gradient of {name}: {key}: {own}")
        raise Violation(f"gradient of {name}: {error}")


def _deviation(function: Any, values: Iterable[Tensor]) -> str | None:
    """Return how the gradients of a function deviate from finite differences."""
    try:
        torch.autograd.gradcheck(function, tuple(map(leaf, values)), fast_mode=True)
    except GradcheckError as error:
        return " ".join(str(error).split())[:300]
    return None


def _as_function(subject: Subject, layer: Any, data: Data, keys: list[str]) -> Any:
    """Return the output as a function of some inputs and parameters alone."""

    def function(*values: Tensor) -> Tensor:
        found = dict(zip(keys, values, strict=True))
        given = {key: found.pop(key) for key in ("x", *_BESIDE_X) if key in found}
        return subject.call(
            lambda *args, **kwargs: functional_call(layer, found, args, kwargs), data, **given
        )

    return function


def leaf(value: Tensor) -> Tensor:
    """Return a copy that asks for a gradient."""
    return value.detach().clone().requires_grad_()


@prop("used_parameters", "Every entry of every parameter has an influence on the output.")
def check_used_parameters(subject: Subject) -> None:
    influence: dict[str, Tensor] = {}
    # one draw may switch an entry off, as a ReLU does, and deep ReLUs for all graphs at once
    for draw in range(24):
        layer = subject.layer(seed=subject.seed + draw, dtype=torch.float64)
        for seed in range(4):
            out = subject.call(layer, subject.graph("erdos_renyi", seed=seed))
            layer.zero_grad()
            (out * torch.randn_like(out)).sum().backward()
            for name, parameter in layer.named_parameters():
                total = influence.setdefault(name, torch.zeros_like(parameter))
                if parameter.grad is not None:
                    total += parameter.grad.abs()
        if all((total > 0).all() for total in influence.values()):
            return
    unused = [
        f"{name} ({int((total == 0).sum())} of {total.numel()} entries)"
        for name, total in influence.items()
        if (total == 0).any()
    ]
    expect(not unused, f"gradients that stay zero on random graphs: {', '.join(unused)}")


@prop(
    "degenerate_graphs",
    "Values and gradients are finite on every graph of the zoo, on a graph without nodes, and with "
    "zero features, weights or positions; after a step in train() the state is finite, too.",
)
def check_degenerate_graphs(subject: Subject) -> None:
    layer = subject.layer()
    cases: dict[str, Data] = subject.graphs(dtype=torch.float32)
    nothing = Data(
        edge_index=torch.zeros(2, 0, dtype=torch.long), edge_weight=torch.zeros(0), num_nodes=0
    )
    cases["no nodes"] = subject.dress(nothing, dtype=torch.float32)
    for name in ("star", "self_loops"):
        for key in ("x", *_BESIDE_X):
            if key in cases[name]:
                zeroed = cases[name].clone()
                zeroed[key] = torch.zeros_like(zeroed[key])
                cases[f"{name} with zero {key}"] = zeroed
    for name, data in cases.items():
        inputs = {key: leaf(data[key]) for key in ("x", *_BESIDE_X) if key in data}
        layer.zero_grad()
        out = subject.call(layer, data, **inputs)
        expect(out.isfinite().all(), f"{name}: the output is not finite")
        out.sum().backward()
        gradients = {key: value.grad for key, value in inputs.items()}
        gradients.update({key: p.grad for key, p in layer.named_parameters()})
        for key, gradient in gradients.items():
            finite = gradient is None or gradient.isfinite().all()
            expect(finite, f"{name}: the gradient of {key} is not finite")
    for name in ("no nodes", "one_node", "no_edges", "one_edge"):
        _expect_finite_step(subject, name, cases[name])


def _expect_finite_step(subject: Subject, name: str, data: Data) -> None:
    layer = subject.layer(train=True)
    out = subject.call(layer, data)
    rows, wanted = out.size(0), subject.rows(data)
    expect(rows == wanted, f"{name}: {rows} rows in train(), expected {wanted}")
    expect(out.isfinite().all(), f"{name}: the output in train() is not finite")
    out.sum().backward()
    state = {key: value for key, value in layer.state_dict().items() if value.is_floating_point()}
    state.update({f"gradient of {k}": p.grad for k, p in layer.named_parameters()})
    for key, value in state.items():
        finite = value is None or value.isfinite().all()
        expect(finite, f"{name}: after a step in train(), {key} is not finite")


@prop(
    "autocast", "Under bfloat16 autocast the layer runs, trains, and stays near its float32 self."
)
def check_autocast(subject: Subject) -> None:
    layer = subject.layer()
    for name in ("erdos_renyi", "directed"):
        data = subject.graph(name, dtype=torch.float32)
        expected = subject.call(layer, data)
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = subject.call(layer, data)
        out.float().sum().backward()
        for key, parameter in layer.named_parameters():
            finite = parameter.grad is None or parameter.grad.isfinite().all()
            expect(finite, f"{name}: the gradient of {key} is not finite under autocast")
        # relative to the largest value: cancellation leaves small ones without a correct digit
        scale = expected.abs().max()
        expect_close(
            (out.float() / scale).bfloat16(),
            expected / scale,
            f"{name}: autocast and float32, relative to the largest value",
            kind="accumulated",
        )
