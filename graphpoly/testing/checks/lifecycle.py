"""Saving, copying, caching: what a layer keeps and what it does not."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import torch
from torch import Tensor

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, expect, expect_close

__all__: list[str] = []


def _expect_same_output(subject: Subject, layer: Any, other: Any, what: str) -> None:
    for name in ("erdos_renyi", "directed"):
        data = subject.graph(name, dtype=torch.float32)
        out, expected = subject.call(other, data).detach(), subject.call(layer, data).detach()
        gap = float((out - expected).abs().max())
        expect(torch.equal(out, expected), f"{name}: {what} differs by up to {gap:.2e}")


def _used(subject: Subject) -> Any:
    """Return a layer after a forward and backward pass, which must leave nothing behind."""
    layer = subject.layer()
    subject.call(layer, subject.graph("star", dtype=torch.float32)).sum().backward()
    layer.zero_grad()
    return layer


@prop(
    "state_dict", "state_dict() holds all that was learned: loaded strictly, the output is equal."
)
def check_state_dict(subject: Subject) -> None:
    layer = _used(subject)
    other = subject.layer(seed=subject.seed + 1, stirred=False)
    other.load_state_dict(copy.deepcopy(layer.state_dict()), strict=True)
    _expect_same_output(subject, layer, other, "the output after load_state_dict")


@prop("safetensors", "The state goes through a safetensors file and comes back equal.")
def check_safetensors(subject: Subject) -> None:
    from safetensors.torch import load, save

    layer = _used(subject)
    other = subject.layer(seed=subject.seed + 1, stirred=False)
    other.load_state_dict(load(save(layer.state_dict())), strict=True)
    _expect_same_output(subject, layer, other, "the output after safetensors")


@prop("copies", "deepcopy and pickle give a layer with the same output and memory of its own.")
def check_copies(subject: Subject) -> None:
    layer = _used(subject)
    data = subject.graph("path", dtype=torch.float32)
    expected = subject.call(layer, data)
    copies = {"deepcopy": copy.deepcopy(layer), "pickle": pickle.loads(pickle.dumps(layer))}
    for how, other in copies.items():
        _expect_same_output(subject, layer, other, f"the output of the {how}")
        with torch.no_grad():
            for parameter in other.parameters():
                parameter.add_(1)
        same = torch.equal(subject.call(layer, data), expected)
        expect(same, f"changing the {how} changes the original")


@prop("stateless_forward", "forward() writes nothing on the layer: no buffer, no attribute.")
def check_stateless_forward(subject: Subject) -> None:
    for train in (False, True):
        layer = subject.layer(train=train)
        # in train() running statistics are what a normalisation layer is for
        before = _attributes(layer, buffers=not train)
        for name in ("erdos_renyi", "star"):
            subject.call(layer, subject.graph(name, dtype=torch.float32)).sum().backward()
        after = _attributes(layer, buffers=not train)
        mode = "train()" if train else "eval()"
        written = [key for key in after if key not in before or not _same(before[key], after[key])]
        written += [key for key in before if key not in after]
        expect(not written, f"a forward pass in {mode} changed {', '.join(written)}")


def _attributes(layer: Any, *, buffers: bool) -> dict[str, Any]:
    """Return every parameter, buffer and plain attribute of every submodule, copied."""
    found: dict[str, Any] = {}
    for path, module in layer.named_modules():
        prefix = f"{path}." if path else ""
        for key, value in vars(module).items():
            if key not in ("_parameters", "_buffers", "_modules"):
                found[prefix + key] = _frozen(value)
        for key, value in module.named_parameters(recurse=False):
            found[prefix + key] = value.detach().clone()
        for key, value in module.named_buffers(recurse=False) if buffers else ():
            found[prefix + key] = value.clone()
    return found


def _frozen(value: Any) -> Any:
    """Copy containers and tensors; anything else is compared as it is."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict | list | set):
        return copy.copy(value)
    return value


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return torch.equal(first, second)
    if first is second:
        return True
    try:
        return bool(first == second)
    except (RuntimeError, ValueError):  # containers of tensors have no single truth value
        return False


@prop(
    "untouched_inputs", "forward() and backward() leave x, the edges and the weights as they were."
)
def check_untouched_inputs(subject: Subject) -> None:
    for train in (False, True):
        layer = subject.layer(train=train)
        for name, data in subject.graphs(dtype=torch.float32).items():
            given = data.clone()
            subject.call(layer, given).sum().backward()
            changed = [key for key in data.keys() if not _same(data[key], given[key])]  # noqa: SIM118
            expect(not changed, f"{name}: {', '.join(changed)} changed in place")


@prop("cache", "With cached=True the output is the same, and reset_parameters() drops the cache.")
def check_cache(subject: Subject) -> None:
    cached = subject.layer()
    if not isinstance(getattr(cached, "cached", None), bool):
        raise NotApplicable("the layer has no argument cached")
    plain = subject.layer()
    cached.cached = True
    first = subject.graph("erdos_renyi", dtype=torch.float32)
    expected = subject.call(plain, first)
    for call in ("first", "second"):
        out = subject.call(cached, first)
        expect_close(out, expected, f"the {call} call with cached=True and without")
    cached.reset_parameters()
    cached.load_state_dict(plain.state_dict())
    other = subject.graph("erdos_renyi", dtype=torch.float32, seed=1)
    expect_close(
        subject.call(cached, other),
        subject.call(plain, other),
        "another graph after reset_parameters(), with cached=True and without",
    )
