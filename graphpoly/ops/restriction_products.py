r"""What the general maps of a sheaf add to its Laplacian: :math:`F^\top F` and :math:`F^\top G`."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from graphpoly.ops.dtypes import floating
from graphpoly.ops.library import direct, implement

__all__ = ["restriction_products", "restriction_products_reference"]

_LARGEST = 8  # of the fused kernel


def restriction_products(target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    r"""Return :math:`F^\top F` and :math:`F^\top G` for each pair of matrices, in one pass.

    Args:
        target: F, ``[E, d, d]``.
        source: G, ``[E, d, d]``.

    Returns:
        Twice ``[E, d, d]``.

    Complexity: O(E d^3) time, O(E d^2) memory; the backward pass keeps the arguments only.

    >>> import torch
    >>> from graphpoly.ops import restriction_products
    >>> one, two = torch.tensor([[[1.0, 1.0], [0.0, 1.0]]]), 2 * torch.eye(2).unsqueeze(0)
    >>> [product.tolist() for product in restriction_products(one, two)]
    [[[[1.0, 1.0], [1.0, 2.0]]], [[[2.0, 0.0], [2.0, 2.0]]]]
    """
    if target.dim() != 3 or target.size(1) != target.size(2) or source.shape != target.shape:
        raise ValueError(
            f"target, source: got shapes {tuple(target.shape)} and {tuple(source.shape)}, "
            "expected twice [E, d, d]"
        )
    kept, dtype = floating(target=target, source=source)
    target, source = target.to(dtype), source.to(dtype)
    if 1 <= target.size(1) <= _LARGEST:
        own, carried = direct.restriction_products(target, source)
    else:
        own, carried = restriction_products_reference(target, source)
    return own.to(kept), carried.to(kept)


def restriction_products_reference(target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::restriction_products`` in plain PyTorch."""
    return target.mT @ target, target.mT @ source


def _fake(target: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    return target.new_empty(target.shape), target.new_empty(target.shape)


def _setup(ctx: Any, inputs: tuple[Tensor, Tensor], output: Any) -> None:
    target, source = inputs
    ctx.save_for_backward(target, source if ctx.needs_input_grad[0] else None)


def _backward(ctx: Any, own: Tensor, carried: Tensor) -> tuple[Tensor, Tensor]:
    target, source = ctx.saved_tensors
    if source is None:  # it is read for the gradient of the target alone
        source = target
    grads = direct.restriction_products_backward(target, source, own, carried)
    return grads[0], grads[1]


implement(
    "restriction_products",
    reference=restriction_products_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def _grad_reference(
    target: Tensor, source: Tensor, own: Tensor, carried: Tensor
) -> tuple[Tensor, Tensor]:
    return target @ (own + own.mT) + source @ carried.mT, target @ carried


def _grad_fake(
    target: Tensor, source: Tensor, own: Tensor, carried: Tensor
) -> tuple[Tensor, Tensor]:
    return _fake(target, source)


def _grad_setup(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
    target, source, own, carried = inputs
    needs = ctx.needs_input_grad
    ctx.save_for_backward(
        target if needs[2] or needs[3] else None,
        source if needs[3] else None,
        own if needs[0] else None,
        carried if needs[0] or needs[1] else None,
    )


def _grad_backward(ctx: Any, outer: Tensor, other: Tensor) -> tuple[Tensor | None, ...]:
    # of products of two factors each: a few products more
    target, source, own, carried = ctx.saved_tensors
    needs = ctx.needs_input_grad
    return (
        outer @ (own + own.mT) + other @ carried.mT if needs[0] else None,
        outer @ carried if needs[1] else None,
        target.mT @ outer + outer.mT @ target if needs[2] else None,
        outer.mT @ source + target.mT @ other if needs[3] else None,
    )


implement(
    "restriction_products_backward",
    reference=_grad_reference,
    fake=_grad_fake,
    setup_context=_grad_setup,
    backward=_grad_backward,
)
