r"""Several convolutions in one operator, with a ReLU between two of them.

.. math::
    x' = (A x) W^\top + x V^\top + b

On a small graph the way from layer to layer takes longer than the layers: a network goes it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import transpose
from graphpoly.ops.library import call, implement
from graphpoly.ops.linear import linear, linear_reference
from graphpoly.ops.network import Maps, Rule, check_square, goes_at_once, run_at_once, split
from graphpoly.ops.spmm import spmm, spmm_reference

__all__ = ["ConvLayer", "conv_network", "conv_network_reference"]

_OPERATOR = torch.ops.graphpoly.conv_network.default
_BACKWARD = torch.ops.graphpoly.conv_network_backward.default
_KEPT = 2  # tensors that are kept of a layer


class ConvLayer(NamedTuple):
    """What a layer holds: W ``[C, F]``, b ``[C]`` and V ``[C, F]``."""

    weight: Tensor
    bias: Tensor | None = None
    root: Tensor | None = None

    @property
    def maps_first(self) -> bool:
        """Whether fewer channels are summed where the map comes before the sum."""
        return self.root is None and self.weight.size(0) < self.weight.size(1)


def _split(maps: Maps) -> list[ConvLayer]:
    return split(ConvLayer, maps)


def conv_network(adj: CSR, x: Tensor, layers: Sequence[ConvLayer], *, mean: bool = False) -> Tensor:
    """Return what the last layer gives, ``[N, C]``.

    Args:
        adj: N by N.
        x: ``[N, F]``, float32 or float64, as is everything else.
        layers: At least one. The first takes F channels, each other one those of the one before it.
        mean: Divide each sum by the number of its entries, whatever their weights.

    Raises:
        ValueError: If there is no layer, or ``adj`` is not N by N.

    Complexity: O(E F + N F C) time for each layer, where E is multiplied by C in place of F if
    that is less and there is no V; O(N F) memory for each until the backward pass, which is of the
    same cost. Where no gradients are wanted, or those of the weights of ``adj``, too, the layers
    run one by one.
    """
    if not layers:
        raise ValueError("layers: expected at least one")
    check_square(adj, x)
    maps, values = tuple(chain.from_iterable(layers)), adj.weight
    plain = values is None or (values.dtype is x.dtype and not values.requires_grad)
    rule = _rule(adj, mean)
    if plain and goes_at_once(x, maps):
        return run_at_once(rule, x, maps)[0]
    return rule.one_by_one(x, maps)


def _rule(adj: CSR, mean: bool) -> Rule:
    def forward(x: Tensor, maps: Maps) -> tuple[list[Tensor], Tensor, tuple[()]]:
        *kept, out = call(_OPERATOR, adj.rowptr, adj.col, adj.weight, x, maps, mean)
        return kept, out, ()

    def backward(
        inputs: Maps, kept: list[Tensor], grad: Tensor, wanted: Sequence[bool]
    ) -> list[Tensor | None]:
        turn = adj.transposed or transpose(adj.rowptr, adj.col, adj.num_cols)
        x, *maps = inputs
        # the last that was kept is not read
        found: list[Tensor | None] = _BACKWARD(
            *(adj.rowptr, *turn, adj.weight, x, maps, [*kept, grad], grad, mean, wanted[0])
        )
        return found

    def one_by_one(x: Tensor, maps: Maps) -> Tensor:
        reduce = "mean" if mean else "sum"
        for place, layer in enumerate(_split(maps)):
            x = x if place == 0 else x.relu()
            weight, bias, root = layer
            if layer.maps_first:
                x = spmm(adj, linear(x, weight), reduce)
                x = x if bias is None else x + bias
            else:
                y = None if root is None else x
                x = linear(spmm(adj, x, reduce), weight, bias, y=y, other=root)
        return x

    return Rule(forward, backward, one_by_one)


def conv_network_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    maps: Maps,
    mean: bool,
) -> list[Tensor]:
    """The definition of ``graphpoly::conv_network`` in plain PyTorch.

    Of each layer what was mapped where that is a sum, and its result, behind the ReLU but for the
    last.
    """
    found: list[Tensor] = []
    layers = _split(maps)
    for place, layer in enumerate(layers):
        matrix, bias, root = layer
        if layer.maps_first:
            sums = x.new_empty(0, x.size(1))
            out = spmm_reference(rowptr, col, weight, x @ matrix.T, mean=mean)
            out = out if bias is None else out + bias
        else:
            sums = spmm_reference(rowptr, col, weight, x, mean=mean)
            out = linear_reference(sums, matrix, x, root, bias)
        x = out.relu() if place + 1 < len(layers) else out
        found += (sums, x)
    return found


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    maps: Maps,
    mean: bool,
) -> list[Tensor]:
    found: list[Tensor] = []
    for layer in _split(maps):
        found.append(x.new_empty(0 if layer.maps_first else x.size(0), x.size(1)))
        x = x.new_empty(x.size(0), layer.weight.size(0))
        found.append(x)
    return found


implement("conv_network", reference=conv_network_reference, fake=_fake)


def _backward_reference(
    rowptr: Tensor,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    weight: Tensor | None,
    x: Tensor,
    maps: Maps,
    kept: list[Tensor],
    grad: Tensor,
    mean: bool,
    to_x: bool,
) -> list[Tensor]:
    """The gradients of ``x``, and of weight, bias and root of each layer; empty where none is."""
    turned = None if weight is None else weight.index_select(0, tperm)
    if mean:
        share = rowptr.diff().clamp(min=1).to(x.dtype).reciprocal().index_select(0, row)
        turned = share if turned is None else share * turned

    def turn_back(value: Tensor) -> Tensor:
        return spmm_reference(colptr, row, turned, value)

    found: list[Tensor] = []
    for place, layer in reversed(list(enumerate(_split(maps)))):
        sums, out = kept[_KEPT * place : _KEPT * (place + 1)]
        given = x if place == 0 else kept[_KEPT * place - 1]
        if found:
            grad = grad.masked_fill(out <= 0, 0)
        matrix, bias, root = layer
        back = x.new_empty(0, x.size(1))
        if layer.maps_first:
            mapped = turn_back(grad)
            to_map = mapped.T @ given
            if place > 0 or to_x:
                back = mapped @ matrix
        else:
            to_map = grad.T @ sums
            if place > 0 or to_x:
                back = turn_back(grad @ matrix)
                back = back if root is None else back + grad @ root
        to_bias = grad.new_empty(0) if bias is None else grad.sum(0)
        to_root = grad.new_empty(0, 0) if root is None else grad.T @ given
        found = [to_map, to_bias, to_root, *found]
        grad = back
    return [grad, *found]


def _backward_fake(
    rowptr: Tensor,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    weight: Tensor | None,
    x: Tensor,
    maps: Maps,
    kept: list[Tensor],
    grad: Tensor,
    mean: bool,
    to_x: bool,
) -> list[Tensor]:
    found = [x.new_empty(x.size(0) if to_x else 0, x.size(1))]
    for layer in _split(maps):
        nothing = (0,), (0, 0)
        given = [nothing[i] if t is None else t.shape for i, t in enumerate(layer[1:])]
        found += map(x.new_empty, (layer.weight.shape, *given))
    return found


implement("conv_network_backward", reference=_backward_reference, fake=_backward_fake)
