"""The dense side of a layer, its linear maps and perceptrons, on our kernels."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import Module
from torch_geometric.nn import MLP, BatchNorm, Linear

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.gin_layer import gin_layer
from graphpoly.ops.hooks import is_hooked
from graphpoly.ops.linear import computes, is_small, is_whole, linear
from graphpoly.ops.linear import serves as linear_serves
from graphpoly.ops.perceptron import perceptron
from graphpoly.ops.sparse_input import SparseInput, sparse_input

__all__ = [
    "Perceptron",
    "is_plain",
    "keep_moments",
    "mapped",
    "moments_of",
    "parts_of",
    "perceived",
    "perceived_sums",
    "serves",
    "sparse",
]

_LINEAR = (nn.Linear, Linear)
_Parts: TypeAlias = tuple[Any, Any, Any, list[Module]]


def mapped(lin: Any, x: Tensor, root: Any = None, y: Any = None) -> Tensor:
    """Return ``lin(x) + root(y)``, in one operator where it serves these modules."""
    entries = sparse(lin, x)
    if entries is None and serves(lin, x):
        if root is None:
            return linear(x, lin.weight, lin.bias)
        if y is not None and _joins(y, root, x):
            return linear(x, lin.weight, lin.bias, y=y, other=root.weight)
    out = lin(x) if entries is None else entries.linear(lin.weight, lin.bias)
    return out if root is None else out + mapped(root, y)


def serves(lin: Any, x: Tensor) -> bool:
    """Whether the kernel of a map does what this module does to ``x``."""
    return x.dim() == 2 and _is_map(lin, x)


def sparse(lin: Any, x: Tensor) -> SparseInput | None:
    """Return what of ``x`` is not 0, where what this module does to it is a sparse product."""
    if x.requires_grad or x.dim() != 2 or not computes(x) or not is_plain(lin):
        return None
    return sparse_input(x, lin.weight)


def perceived(module: Module, x: Tensor) -> Tensor:
    """Return ``module(x)``; what is two maps with a ReLU between them runs as one operator."""
    out = _perceived(module, x)
    return module(x) if out is None else out


def perceived_sums(
    module: Module,
    x: Tensor,
    gather: Callable[[Tensor], Tensor],
    among: tuple[CSR, float] | None = None,
) -> Tensor:
    """Return ``module(gather(x))`` of a linear ``gather`` of rows.

    Where ``x`` is sparse the first map of the module comes first: it leaves fewer channels.

    Args:
        among: The graph whose neighbours ``gather`` adds and what it multiplies a row itself by,
            where that is what it does: all of it may run as one operator then.
    """
    parts = _parts(module) if x.dim() == 2 and computes(x) else None
    if parts is None:
        return module(gather(x))
    first, norm, last, rest = parts
    entries = sparse(first, x)
    if entries is None:
        out = None if among is None else _run(parts, x, among)
        if out is None:
            x = gather(x)
            out = _run(parts, x)
        return module(x) if out is None else out
    out = gather(entries.linear(first.weight))
    out = out if first.bias is None else out + first.bias
    out = mapped(last, (out if norm is None else norm(out)).relu())
    for layer in rest:
        out = layer(out)
    return out


def parts_of(module: Module) -> tuple[Any, Any, Any] | None:
    """Return first map, norm and last map where they are all of a perceptron, and small ones."""
    parts = _parts(module)
    if parts is None or parts[3]:
        return None
    first, norm, last, _ = parts
    if type(first) not in _LINEAR or not is_small(first.weight, first.weight):
        return None
    fits = is_whole(first.bias, first.weight) and _follows(first, norm, last)
    return (first, norm, last) if fits else None


class Perceptron(nn.Sequential):
    """An :class:`~torch.nn.Sequential` that begins with two maps and a ReLU between them.

    In training one row alone has no variance: norms read it as in eval().
    """

    def forward(self, x: Tensor) -> Tensor:
        """Run the layers, the first of them as one operator where it serves them."""
        if self.training and x.size(0) <= 1:
            for layer in self:
                x = _as_in_eval(layer, x) if type(layer) is nn.BatchNorm1d else layer(x)
            return x
        out = _perceived(self, x)
        return super().forward(x) if out is None else out


def _as_in_eval(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    state = norm.running_mean, norm.running_var, norm.weight, norm.bias
    return F.batch_norm(x, *state, eps=norm.eps)


def _perceived(module: Module, x: Tensor) -> Tensor | None:
    parts = _parts(module) if x.dim() == 2 and computes(x) else None
    return None if parts is None else _run(parts, x)


def _run(parts: _Parts, x: Tensor, among: tuple[CSR, float] | None = None) -> Tensor | None:
    """Run what the operators do in one of them, and the rest; None where they do not serve."""
    first, norm, last, rest = parts
    if type(first) not in _LINEAR or not linear_serves(x, first.weight):
        return None
    if not is_whole(first.bias, first.weight) or not _follows(first, norm, last):
        return None
    # a mode is such as what norms over several processes
    if norm is not None and (len(x) < 2 or torch._C._len_torch_function_stack()):
        return None
    run: Callable[..., Any] = perceptron
    if among is not None:
        run = partial(gin_layer, among[0], root=among[1])
    if norm is None:
        out = run(x, first.weight, first.bias, last.weight, last.bias).out
    else:
        out = _normalized(run, x, first, norm, last)
    for layer in rest:
        out = layer(out)
    return out


def _is_map(lin: Any, x: Tensor) -> bool:
    return is_plain(lin) and linear_serves(x, lin.weight)


def is_plain(lin: Any) -> bool:
    """Whether a linear module does nothing but multiply and add, unseen by hooks."""
    return type(lin) in _LINEAR and not is_hooked(lin) and is_whole(lin.bias, lin.weight)


def _joins(y: Tensor, root: Any, x: Tensor) -> bool:
    alike = y.dim() == 2 and y.dtype is x.dtype and len(y) == len(x)
    return alike and _is_map(root, y) and root.bias is None and sparse(root, y) is None


def _parts(module: Any) -> _Parts | None:
    """The first map, the norm or None, the second map, and what comes behind them."""
    if is_hooked(module):
        return None
    if type(module) in (nn.Sequential, Perceptron):
        layers = list(module)
        norm = layers.pop(1) if len(layers) > 1 and type(layers[1]) is nn.BatchNorm1d else None
        if len(layers) < 3 or type(layers[1]) is not nn.ReLU:
            return None
        return layers[0], norm, layers[2], layers[3:]
    if type(module) is not MLP or len(module.lins) != 2 or not module.plain_last:
        return None
    if type(module.act) is not nn.ReLU or (module.training and any(module.dropout)):
        return None
    (first, last), (norm, *_) = module.lins, module.norms
    if type(norm) is nn.Identity:
        return first, None, last, []
    if type(norm) is not BatchNorm or module.act_first:
        return None
    return first, norm.module, last, []


def _follows(first: Any, norm: Any, last: Any) -> bool:
    """Whether norm and second map take what comes before them."""
    if type(last) not in _LINEAR or not is_small(last.weight, first.weight):
        return False
    hidden = first.weight.size(0)
    if last.weight.size(1) != hidden or not is_whole(last.bias, last.weight):
        return False
    if norm is None:
        return True
    if type(norm) is not nn.BatchNorm1d:
        return False
    held = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        norm.track_running_stats is (norm.running_mean is not None)
        and norm.num_features == hidden
        and all(tensor is None or tensor.dtype is first.weight.dtype for tensor in held)
    )


def _normalized(run: Callable[..., Any], x: Tensor, first: Any, norm: Any, last: Any) -> Tensor:
    """As ``nn.BatchNorm1d`` between them, whose running moments are kept."""
    which, mean, var = moments_of(norm)
    out, mean, var = run(
        *(x, first.weight, first.bias, last.weight, last.bias),
        norm=which,
        scale=norm.weight,
        shift=norm.bias,
        mean=mean,
        var=var,
        eps=norm.eps,
    )
    keep_moments(norm, mean, var, len(x))
    return out


def moments_of(norm: Any) -> tuple[str | None, Tensor | None, Tensor | None]:
    """Whose moments a norm takes, and those that it was given."""
    if norm is None:
        return None, None, None
    if norm.training or norm.running_mean is None:
        return "batch", None, None
    return "given", norm.running_mean, norm.running_var


def keep_moments(norm: Any, mean: Tensor, var: Tensor, rows: int) -> None:
    """Let the running moments of a norm follow those of a batch in training."""
    if not norm.training or norm.running_mean is None:
        return
    counted, share = norm.num_batches_tracked, norm.momentum
    if counted is not None:
        counted.add_(1)
    if share is None:
        share = 0.0 if counted is None else 1 / float(counted)
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(var * (rows / (rows - 1)), share)
