"""What a user of PyG takes for granted: sizes, types, weights, names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.testing.properties import prop
from graphpoly.testing.subject import Subject, held_arguments, joined, simple
from graphpoly.testing.violations import NotApplicable, Violation, expect, expect_close

__all__ = ["refusal"]

# Words of which a refusal of bipartite input must use one, so that the reader knows what is wrong;
# the last is HeteroConv's own, for layers that add self-loops.
_BIPARTITE_WORDS = ("bipartite", "square operator", "for use with edge type")


@prop(
    "repr",
    "repr(layer) names the class and every argument that the layer keeps; what it prints, if it "
    "is an expression, makes the same layer.",
)
def check_repr(subject: Subject) -> None:
    layer = subject.layer(stirred=False)
    text = repr(layer)
    expect(text.startswith(f"{subject.cls.__name__}("), f"got {text!r}, the class is not named")
    silent = []
    for name, value in held_arguments(layer).items():
        if not simple(value):
            continue
        altered = subject.layer(stirred=False)
        setattr(altered, name, _other(value))
        if repr(altered) == text:
            silent.append(f"{name}={value!r}")
    expect(not silent, f"{text} is printed whatever the value of: {', '.join(silent)}")
    try:
        again = eval(text, {subject.cls.__name__: subject.cls})
    except (NameError, SyntaxError):
        return  # not an expression
    except Exception as error:
        raise Violation(f"evaluating {text} raised {type(error).__name__}: {error}") from error
    expect(repr(again) == text, f"evaluating {text} gives {again!r}")
    shapes = [{n: tuple(p.shape) for n, p in m.named_parameters()} for m in (layer, again)]
    expect(shapes[0] == shapes[1], f"evaluating {text} gives other parameters: {shapes[1]}")


def _other(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.125
    return "other" if value is None else f"{value}_other"


@prop(
    "output",
    "The output has a row for each node, out_channels columns, and x's dtype and device; positions "
    "and velocities beside it have the shape and dtype of pos.",
)
def check_output(subject: Subject) -> None:
    layer = subject.layer()
    columns = getattr(layer, "out_channels", None)
    if columns is not None and getattr(layer, "concat", False):
        columns *= getattr(layer, "heads", 1)
    for name, data in subject.graphs(dtype=torch.float32).items():
        out = subject.outputs(layer, data)
        out, *points = out if isinstance(out, tuple) else (joined(out),)
        if columns is None:
            columns = out.size(-1)
        expected = (subject.rows(data), columns)
        expect(out.shape == expected, f"{name}: shape {tuple(out.shape)}, expected {expected}")
        expect(out.dtype == data.x.dtype, f"{name}: {out.dtype} from features in {data.x.dtype}")
        expect(out.device == data.x.device, f"{name}: on {out.device}, x is on {data.x.device}")
        for part in points:
            fits = (part.shape, part.dtype) == (data.pos.shape, data.pos.dtype)
            expect(fits, f"{name}: {part.dtype} of shape {tuple(part.shape)}, other than pos")


@prop("float64", "In float64 the layer computes in float64, and float32 agrees with it.")
def check_float64(subject: Subject) -> None:
    single, double = subject.layer(), subject.layer(dtype=torch.float64)
    for name in ("erdos_renyi", "directed"):
        data = subject.graph(name, dtype=torch.float32)
        exact = _widened(subject, data)
        out = subject.call(double, exact)
        expect(out.dtype == torch.float64, f"{name}: {out.dtype} from float64")
        expect_close(
            subject.call(single, data), out, f"{name}: float32 and float64", kind="accumulated"
        )


def _widened(subject: Subject, data: Any) -> Any:
    wide = data.clone()
    for key in ("x", "edge_weight", "edge_attr", "pos", "vel"):
        if key in data:
            wide[key] = data[key].double()
    return wide


@prop("edge_weight", "No edge_weight means weights of one, and other weights change the output.")
def check_edge_weight(subject: Subject) -> None:
    subject.needs("edge_weight")
    layer = subject.layer(dtype=torch.float64)
    data = subject.graph("erdos_renyi")
    plain = subject.call(layer, data, edge_weight=None)
    ones = subject.call(layer, data, edge_weight=torch.ones_like(data.edge_weight))
    expect_close(plain, ones, "without weights and with weights of one")
    change = (subject.call(layer, data) - ones).abs().max()
    expect(change > 1e-6, "weights between 0.5 and 1.5 give the output of weights of one")


@prop(
    "tuple_input",
    "A pair (x_source, x_target) gives a row for each target, or is refused in words that say so.",
)
def check_tuple_input(subject: Subject) -> None:
    layer = subject.layer(dtype=torch.float64)
    square = subject.graph("erdos_renyi")
    try:
        paired = subject.call(layer, square, x=(square.x, square.x))
    except Exception as error:
        expect(refusal(error), f"refused with an unclear {type(error).__name__}: {error}")
        return
    expect_close(paired, subject.call(layer, square), "the pair (x, x) and x")
    data = subject.graph("directed")
    data.edge_index = data.edge_index.clone()
    data.edge_index[1] %= 3
    out = subject.call(layer, data, x=(data.x, data.x[:3]))
    expect(out.size(0) == 3, f"{out.size(0)} rows for 6 sources and 3 targets")
    expect(out.isfinite().all(), "the output for 6 sources and 3 targets is not finite")


def refusal(error: Exception) -> bool:
    """Whether the error tells a user that the layer takes no bipartite graphs."""
    clear = isinstance(error, ValueError | TypeError | NotImplementedError)
    return clear and any(word in str(error).lower() for word in _BIPARTITE_WORDS)


@prop("lazy_init", "With in_channels=-1 the first input sets the sizes, and the layer is the same.")
def check_lazy_init(subject: Subject) -> None:
    arguments = subject.construction()
    size = arguments.get("in_channels")
    if size is None:
        raise NotApplicable("the constructor has no in_channels, or it was not seen being called")
    lazy_size = (-1, -1) if isinstance(size, tuple) else -1
    try:
        lazy = subject.cls(**{**arguments, "in_channels": lazy_size})
    except (ValueError, TypeError) as error:
        raise NotApplicable(f"in_channels=-1 is refused: {error}") from error
    data = subject.graph("erdos_renyi", dtype=torch.float32)
    with torch.no_grad():
        subject.call(lazy, data)
    eager = subject.layer()
    shapes = [{n: tuple(p.shape) for n, p in m.state_dict().items()} for m in (lazy, eager)]
    expect(shapes[0] == shapes[1], f"parameters {shapes[0]}, expected {shapes[1]}")
    lazy.load_state_dict(eager.state_dict())
    lazy.eval()
    expected: Tensor = subject.call(eager, data)
    expect_close(subject.call(lazy, data), expected, "the lazy and the eager layer")
