"""Linear maps whose products run on our kernel where it serves them."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch_geometric.nn.dense import linear as pyg

from graphpoly.ops.affine import affine
from graphpoly.ops.dropout import dropout as drop
from graphpoly.ops.hooks import is_hooked

__all__ = ["LazyLinear", "Linear", "after_dropout", "is_map", "maps_nothing", "width_of"]


class Linear(nn.Linear):
    """``torch.nn.Linear`` with :func:`graphpoly.ops.affine.affine`.

    >>> Linear(2, 3)
    Linear(in_features=2, out_features=3, bias=True)
    """

    def forward(self, x: Tensor, dropout: float = 0.0) -> Tensor:
        """Return ``[..., out_features]``; each number of ``x`` is dropped with a probability."""
        return affine(x, self.weight, self.bias, dropout=dropout)


class LazyLinear(pyg.Linear):
    """PyG's ``Linear``, which takes its size from the first input where it is -1, with the same.

    >>> LazyLinear(-1, 3)
    LazyLinear(-1, 3, bias=True)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[..., out_channels]``."""
        return affine(x, self.weight, self.bias)


_FORWARDS = (Linear.forward, LazyLinear.forward, nn.Linear.forward, pyg.Linear.forward)


def is_map(*modules: Any) -> bool:
    """Whether what these modules hold may be read in place of a call of them.

    So it is where they multiply by ``weight``, add ``bias``, and nothing else happens: not where a
    hook would miss a call, nor where somebody put a module of another kind in the place of one.

    >>> is_map(Linear(2, 3), nn.Linear(2, 3)), is_map(nn.Sequential(nn.Linear(2, 3)))
    (True, False)
    """
    return not is_hooked(*modules) and all(type(lin).forward in _FORWARDS for lin in modules)


def after_dropout(lin: Any, x: Tensor, p: float) -> Tensor:
    """Return ``lin`` of ``x``, each number of which is dropped with a probability.

    A :class:`Linear` does both at once; another module may have been put in its place.
    """
    at_once = type(lin).forward is Linear.forward
    out: Tensor = lin(x, dropout=p) if at_once else lin(drop(x, p))
    return out


def maps_nothing(lin: Any, size: int) -> bool:
    """Whether a map that has yet to take its size would map what has the size that it gives.

    A layer that adds its input has no map where sizes are equal; a lazy one learns of that late.

    >>> maps_nothing(LazyLinear(-1, 3), 3), maps_nothing(LazyLinear(3, 3), 3)
    (True, False)
    """
    return isinstance(lin, pyg.Linear) and lin.in_channels < 0 and lin.out_channels == size


def width_of(lin: Any) -> int:
    """Columns that a map takes, or -1 where it has yet to say so, or is a module that does not.

    >>> width_of(LazyLinear(2, 3)), width_of(nn.Linear(2, 3)), width_of(nn.ReLU())
    (2, 2, -1)
    """
    return int(getattr(lin, "in_channels", getattr(lin, "in_features", -1)))
