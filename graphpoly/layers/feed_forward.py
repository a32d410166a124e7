"""Two linear maps and a function between them, as one operator."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn
from torch_geometric.nn.dense import linear as pyg

from graphpoly.layers.dropout import Dropout
from graphpoly.layers.linear import LazyLinear, Linear
from graphpoly.ops.affine import affine
from graphpoly.ops.feed_forward import feed_forward
from graphpoly.ops.hooks import is_hooked
from graphpoly.ops.linear import computes, is_like, is_small, is_whole
from graphpoly.ops.sparse_input import sparse_input

__all__ = ["FeedForward"]

_MAPS = (Linear, LazyLinear, nn.Linear, pyg.Linear)
_FUNCTIONS: dict[Any, str] = {nn.ReLU: "relu", nn.SiLU: "silu", nn.GELU: "gelu"}


class _Parts(NamedTuple):
    first: Any  # a linear map, or None
    norm: Any  # likewise
    activation: str
    dropout: float  # of what the last map reads
    last: Any
    rest: list[Any]


class FeedForward(nn.Sequential):
    r"""A :class:`~torch.nn.Sequential` that runs :math:`V f(\nu(W x + b)) + c` as one operator.

    It holds in this order a linear map, or none; a :class:`~torch.nn.LayerNorm`, or none; a ReLU,
    SiLU or GELU; a linear map; whatever else. Our :class:`~graphpoly.layers.dropout.Dropout` may
    stand before and between. What the kernel does not serve, as :func:`graphpoly.ops.linear.serves`
    says it, and any other order, runs module by module.

    Shapes:
        - **input:** :math:`(*, F)`
        - **output:** :math:`(*, C)`

    >>> import torch
    >>> FeedForward(Linear(2, 8), nn.GELU(), Linear(8, 2))(torch.ones(3, 2)).shape
    torch.Size([3, 2])
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return what the modules make of ``input``."""
        layers, x = list(self), input
        if layers and type(layers[0]) is Dropout:
            x = layers.pop(0)(x)
        parts = _parts(layers)
        out = None if parts is None else _run(parts, x, parts.last.weight, parts.last.bias)
        if parts is not None and out is not None:
            x, layers = out, parts.rest
        for layer in layers:
            x = layer(x)
        return x

    def ending(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return what comes out with other numbers in the linear map at the end."""
        *layers, last = self
        parts = _parts([*layers, last])
        out = None if parts is None or parts.rest else _run(parts, x, weight, bias)
        if out is not None:
            return out
        for layer in layers:
            x = layer(x)
        return affine(x, weight, bias)


def _parts(layers: list[Any]) -> _Parts | None:
    """Take a list of modules apart, or None where it has another order."""
    place = 0

    def taken(*kinds: Any) -> Any:
        nonlocal place
        if place == len(layers) or type(layers[place]) not in kinds:
            return None
        place += 1
        return layers[place - 1]

    first, norm, early = taken(*_MAPS), taken(nn.LayerNorm), taken(Dropout)
    function, late, last = taken(*_FUNCTIONS), taken(Dropout), taken(*_MAPS)
    if function is None or last is None:
        return None
    activation = _FUNCTIONS[type(function)]
    drawn = [drop for drop in (early, late) if drop is not None and drop.training and drop.p > 0]
    # what is dropped before a ReLU is 0 behind it, and what stays is scaled there or here
    if len(drawn) > 1 or (early in drawn and activation != "relu"):
        return None
    if activation == "gelu" and function.approximate != "none":
        return None
    if is_hooked(*layers[:place]):
        return None
    dropout = drawn[0].p if drawn else 0.0
    return _Parts(first, norm, activation, dropout, last, layers[place:])


def _run(parts: _Parts, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """Return what the operator makes of ``x``, or None where it does not serve."""
    if x.dim() < 2 or x.numel() == 0 or not computes(x):
        return None
    first, norm = parts.first, parts.norm
    given = [bias]
    if first is not None:
        if not is_small(first.weight, x) or sparse_input(x, first.weight) is not None:
            return None
        given.append(first.bias)
    if norm is not None:
        if norm.weight is None or norm.bias is None or norm.normalized_shape != weight.shape[1:]:
            return None
        given += [norm.weight, norm.bias]
    width = x.size(-1) if first is None else first.weight.size(0)
    fits = weight.size(1) == width and (first is None or first.weight.size(1) == x.size(-1))
    fits = fits and is_whole(bias, weight)
    fits = fits and (first is None or is_whole(first.bias, first.weight))
    if not fits or not is_small(weight, x) or not all(t is None or is_like(t, x) for t in given):
        return None
    out = feed_forward(
        x.reshape(-1, x.size(-1)),
        weight,
        bias,
        weight=None if first is None else first.weight,
        bias=None if first is None else first.bias,
        activation=parts.activation,
        scale=None if norm is None else norm.weight,
        shift=None if norm is None else norm.bias,
        eps=1e-5 if norm is None else norm.eps,
        dropout=parts.dropout,
    )
    return out.view(*x.shape[:-1], weight.size(0))
