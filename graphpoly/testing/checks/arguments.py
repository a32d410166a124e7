"""What a layer does with what does not fit: it honours it, or refuses it by its name."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject
from graphpoly.testing.violations import NotApplicable, Violation, expect, expect_close

__all__: list[str] = []


def _made(subject: Subject, **changed: Any) -> Any:
    """Make the layer again with other arguments; None where they are refused by name."""
    try:
        return subject.cls(**{**subject.construction(), **changed})
    except Exception as error:
        _expect_named(error, *changed)
        return None


def _remakable(subject: Subject) -> None:
    try:
        subject.cls(**subject.construction())
    except Exception as error:
        raise NotApplicable(f"the constructor's arguments are not known: {error}") from error


def _expect_named(error: Exception, *names: str) -> None:
    clear = isinstance(error, ValueError | TypeError)
    named = any(name in str(error) for name in names)
    expect(
        clear and named,
        f"wrong {' or '.join(names)} raised {type(error).__name__} ({error}), expected ValueError "
        "or TypeError that names it",
    )


@prop(
    "message_passing_arguments",
    "flow and aggr, which every MessagePassing layer has, do what they say or are refused by name.",
)
def check_message_passing_arguments(subject: Subject) -> None:
    _remakable(subject)
    layer = subject.layer(dtype=torch.float64)
    data = subject.graph("directed")
    against = _made(subject, flow="target_to_source")
    if against is not None:
        against.load_state_dict(layer.state_dict())
        expected = subject.call(layer, data, edge_index=data.edge_index.flip(0))
        out = subject.call(against.double().eval(), data)
        expect_close(out, expected, "flow='target_to_source' and the graph turned around")
    aggr = "add" if getattr(layer, "aggr", None) == "max" else "max"
    other = _made(subject, aggr=aggr)
    if other is None:
        return
    other.load_state_dict(layer.state_dict(), strict=False)
    data = subject.graph("star")
    same = torch.equal(subject.call(other.double().eval(), data), subject.call(layer, data))
    expect(not same, f"aggr={aggr!r} is accepted and changes nothing")


@prop(
    "constructor_errors",
    "An argument that the constructor does not know, and a size that is no whole number, are "
    "refused by name.",
)
def check_constructor_errors(subject: Subject) -> None:
    _remakable(subject)
    arguments = subject.construction()
    expect(_made(subject, no_such_argument=1) is None, "no_such_argument=1 was accepted")
    sizes = [name for name in ("in_channels", "out_channels", "K") if name in arguments]
    for name in sizes:
        for wrong in (2.5, "3", -7):
            made = _made(subject, **{name: wrong})
            expect(made is None, f"{name}={wrong!r} was accepted")


@prop(
    "feature_errors",
    "x of another width, with one dimension, or of whole numbers is refused by name; x [B, N, F] "
    "is, too, or gives what each of the B gives alone.",
)
def check_feature_errors(subject: Subject) -> None:
    layer = subject.layer()
    data = subject.graph("erdos_renyi", dtype=torch.float32)
    wrong = {
        "one column more": torch.cat([data.x, data.x[:, :1]], 1),
        "one dimension": data.x[:, 0],
        "whole numbers": data.x.long(),
    }
    for what, x in wrong.items():
        expect(_refused(subject, layer, data, x), f"x with {what} was accepted")
    several = torch.stack([data.x, -data.x])
    if _refused(subject, layer, data, several):
        return
    out = subject.call(layer, data, x=several)
    expected = torch.stack([subject.call(layer, data, x=x) for x in several])
    expect_close(out, expected, "x [2, N, F] and each alone")


def _refused(subject: Subject, layer: Any, data: Data, x: Tensor) -> bool:
    """Whether x is refused; any other error than one that names it is a violation."""
    try:
        subject.call(layer, data, x=x)
    except Exception as error:
        _expect_named(error, "x: ")
        return True
    return False


@prop(
    "third_argument",
    "Edge weights given after edge_index are taken for edge weights or refused, as nothing else.",
)
def check_third_argument(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    data = subject.graph("erdos_renyi")
    weight = torch.linspace(0.5, 1.5, data.edge_index.size(1), dtype=torch.float64)
    try:
        out = layer(data.x, data.edge_index, weight)
    except (ValueError, TypeError) as error:
        expect(str(error), f"refused by a {type(error).__name__} without a message")
        return
    except Exception as error:
        found = f"{type(error).__name__} ({error})"
        raise Violation(f"raised {found}, expected ValueError or TypeError") from error
    if "edge_weight" not in subject.takes:
        raise Violation("a layer without edge_weight took the weights for something else")
    extra = {"edge_attr": None} if "edge_attr" in subject.takes else {}
    expected = subject.call(layer, data, edge_weight=weight, **extra)
    expect_close(out, expected, "weights given third and by their name")
