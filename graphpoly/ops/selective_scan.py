r"""The selective scan of Mamba over sequences of any lengths, none of them padded.

.. math::
    h_t = \exp(\delta_t A) \odot h_{t-1} + (\delta_t x_t) B_t^\top, \qquad
    y_t = h_t C_t + D \odot x_t

Each of F channels has a state of S numbers, the rows of :math:`h_t`, which are 0 before a sequence
begins. How fast it forgets, what it takes in and what is read of it hang on the step.

A step is the map :math:`h \mapsto a h + b`, and two steps one after the other are a step. So the
reference scans by pairs: it joins the steps two by two, scans what is half as long, and fills in
what lies between, in O(L) work and as many stages as L has binary digits. It only ever multiplies
decays, so that nothing overflows; the exponential of a cumulative sum and of its negative would.

The kernel walks through each sequence with the states in the nearest cache and stores none of them.
The gradient makes them again, from one kept before every sixteen steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.dtypes import floating
from graphpoly.ops.entry import affordable, check_device, check_offsets, check_values
from graphpoly.ops.library import call, differentiated, implement

__all__ = ["selective_scan"]


def selective_scan(
    x: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    *,
    ptr: Tensor | None = None,
    reverse: bool = False,
) -> Tensor:
    r"""Run a linear recurrence over each sequence whose coefficients hang on the step.

    Args:
        x: The sequences one after another, ``[L, F]``.
        delta: Length of each step, ``[L, F]``; with 0 the state stays and takes nothing in.
        A: Rates, negative for a state that forgets, ``[F, S]``.
        B: What the state takes in, ``[L, S]``.
        C: What is read of it, ``[L, S]``.
        D: What passes by it, ``[F]``; None for nothing.
        ptr: Where each sequence begins, ``[G+1]``, from 0 to L; None for one sequence.
        reverse: Go through each sequence from its last step to its first.

    Returns:
        ``[L, F]``, of the type that the arguments promote to; half precisions are computed in
        float32.

    Raises:
        TypeError: If an argument has no floating-point numbers, or ``ptr`` no integers.
        ValueError: If shapes, offsets or devices do not fit.

    Complexity: O(L F S) time. The kernel needs O(L F) memory and O(F S) for each thread; its
    gradient adds O(L (F + S)). The reference stores all states, O(L F S).

    Source: Gu and Dao, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", 2023,
    arXiv:2312.00752; the scan by pairs: Blelloch, "Prefix Sums and Their Applications", 1990.

    >>> import torch
    >>> from graphpoly.ops import selective_scan
    >>> ones = torch.ones(3, 1)
    >>> halve = torch.tensor([[0.5]]).log()
    >>> selective_scan(ones, ones, halve, ones, ones).flatten().tolist()
    [1.0, 1.5, 1.75]
    >>> ptr = torch.tensor([0, 1, 3])
    >>> selective_scan(ones, ones, halve, ones, ones, ptr=ptr).flatten().tolist()
    [1.0, 1.0, 1.5]
    """
    if x.dim() != 2:
        raise ValueError(f"x: got shape {tuple(x.shape)}, expected [L, F]")
    if A.dim() != 2 or A.size(0) != x.size(1):
        raise ValueError(f"A: got shape {tuple(A.shape)}, expected [{x.size(1)}, S]")
    length, channels, states = *x.shape, A.size(1)
    given = {"x": x, "delta": delta, "A": A, "B": B, "C": C}
    if D is not None:
        given["D"] = D
    kept, dtype = floating(**given)
    check_device("A", A, x.device)
    check_values("delta", delta, length, channels, device=x.device)
    check_values("B", B, length, states, device=x.device)
    check_values("C", C, length, states, device=x.device)
    if D is not None:
        check_values("D", D, channels, device=x.device)
    x, delta, A, B, C = (tensor.to(dtype) for tensor in (x, delta, A, B, C))
    scan = torch.ops.graphpoly.selective_scan
    bounds = _bounds(ptr, x)

    def what() -> str:
        return f"x: got {length} steps of {channels} channels and {states} states"

    out: Tensor = affordable(what, call, scan, bounds, x, delta, A, B, C, reverse)
    if D is not None:
        out = torch.addcmul(out, x, D.to(dtype))
    return out.to(kept)


def _bounds(ptr: Tensor | None, x: Tensor) -> Tensor:
    """Offsets of the sequences, int64, once they are known to be some."""
    length = x.size(0)
    if ptr is None:
        return torch.arange(2, device=x.device) * length
    check_offsets("ptr", ptr, length)
    check_device("ptr", ptr, x.device)
    if ptr.dim() != 1 or not ptr.numel():
        raise ValueError(f"ptr: got shape {tuple(ptr.shape)}, expected [G+1]")
    if not torch.compiler.is_compiling() and not ptr.is_meta:
        first, last = int(ptr[0]), int(ptr[-1])
        if (first, last) != (0, length):
            raise ValueError(f"ptr: got {first} to {last}, expected 0 to {length}")
    return ptr.long()


def _firsts(ptr: Tensor, length: int, reverse: bool) -> Tensor:
    """Whether a step is the first of its sequence in the order of the scan, ``[L]``."""
    marks = torch.zeros(length + 2, dtype=torch.bool, device=ptr.device)
    # an empty sequence begins where another one does, or behind the last step
    marks = marks.index_fill(0, ptr + 1 if not reverse else ptr, True)
    return marks[1:-1]


def _scan(first: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return ``h_t = a_t h_{t-1} + b_t``, where the state before a first step is 0.

    A first step is told by a mark and not by a factor of 0, which would hand on infinities.
    """
    length = b.size(0)
    if length < 2:
        return b
    mark = first.view(-1, *(1,) * (b.dim() - 1))
    pairs = length // 2
    even, odd = slice(0, 2 * pairs, 2), slice(1, None, 2)
    joined = torch.where(mark[odd], b[odd], a[odd] * b[even] + b[odd])
    at_odd = _scan(first[even] | first[odd], a[even] * a[odd], joined)
    # a step between follows the pair before it
    rest = slice(2, None, 2)
    before = at_odd[: b[rest].size(0)]
    between = torch.where(mark[rest], b[rest], a[rest] * before + b[rest])
    at_even = torch.cat([b[:1], between])
    out = torch.stack([at_even[:pairs], at_odd], 1).flatten(0, 1)
    return torch.cat([out, at_even[pairs:]])


def _forward(
    ptr: Tensor, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """The decay of each step, the states, ``[L, F, S]`` in the order of the scan, and the marks."""
    first = _firsts(ptr, x.size(0), reverse)
    decay = (delta.unsqueeze(-1) * A).exp()
    taken = (delta * x).unsqueeze(-1) * B.unsqueeze(1)
    if reverse:
        first, decay, taken = first.flip(0), decay.flip(0), taken.flip(0)
    return decay, _scan(first, decay, taken), first


def scan_reference(
    ptr: Tensor, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, reverse: bool
) -> Tensor:
    """The definition of ``graphpoly::selective_scan`` in plain PyTorch."""
    _, state, _ = _forward(ptr, x, delta, A, B, reverse)
    state = state.flip(0) if reverse else state
    return (state * C.unsqueeze(1)).sum(-1)


def _fake(
    ptr: Tensor, x: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, reverse: bool
) -> Tensor:
    torch._check(x.dim() == 2)
    return x.new_empty(x.shape)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ptr, *tensors, ctx.reverse = inputs
    wanted = ctx.needs_input_grad[1:6]
    if sum(wanted) == 1:
        # linear in x, in B and in C: the gradient of one of them alone does not read it
        tensors = [None if wanted[i] and i in (0, 3, 4) else t for i, t in enumerate(tensors)]
    ctx.save_for_backward(ptr, *tensors)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    ptr, x, delta, A, B, C = ctx.saved_tensors
    x = torch.zeros_like(delta) if x is None else x
    B, C = torch.zeros_like(C) if B is None else B, torch.zeros_like(B) if C is None else C
    backward = torch.ops.graphpoly.selective_scan_backward
    return None, *backward(ptr, x, delta, A, B, C, grad, ctx.reverse), None


implement(
    "selective_scan", reference=scan_reference, fake=_fake, setup_context=_setup, backward=_backward
)


def backward_reference(
    ptr: Tensor,
    x: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    grad: Tensor,
    reverse: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    r"""The gradients of ``x, delta, A, B, C``.

    The adjoint of the states is a scan the other way,
    :math:`\lambda_t = a_{t+1} \lambda_{t+1} + g_t C_t^\top`.
    """
    decay, state, first = _forward(ptr, x, delta, A, B, reverse)
    given = grad.unsqueeze(-1) * C.unsqueeze(1)
    # the last step of a sequence is the first of the adjoint; it meets the next step's decay
    last = torch.cat([first[1:], first.new_ones(min(first.size(0), 1))])
    ahead = torch.cat([decay[1:], decay[:1]])
    adjoint = _scan(last.flip(0), ahead.flip(0), (given.flip(0) if reverse else given).flip(0))
    adjoint = adjoint.flip(0)
    before = torch.cat([torch.zeros_like(state[:1]), state[:-1]])
    before = torch.where(first.view(-1, 1, 1), 0, before)
    if reverse:
        state, adjoint, decay, before = (
            tensor.flip(0) for tensor in (state, adjoint, decay, before)
        )
    to_taken = (adjoint * B.unsqueeze(1)).sum(-1)
    to_power = adjoint * decay * before
    to_x = delta * to_taken
    to_delta = x * to_taken + (to_power * A).sum(-1)
    to_A = (to_power * delta.unsqueeze(-1)).sum(0)
    to_B = (adjoint * (delta * x).unsqueeze(-1)).sum(1)
    to_C = (state * grad.unsqueeze(-1)).sum(1)
    return to_x, to_delta, to_A, to_B, to_C


def _backward_fake(
    ptr: Tensor,
    x: Tensor,
    delta: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    grad: Tensor,
    reverse: bool,
) -> tuple[Tensor, ...]:
    return tuple(tensor.new_empty(tensor.shape) for tensor in (x, delta, A, B, C))


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    *tensors, ctx.reverse = inputs
    ctx.save_for_backward(*tensors)


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference, which stores all states."""
    inputs = (*ctx.saved_tensors, ctx.reverse)
    wanted = [i for i, tensor in enumerate(inputs[:7]) if tensor.requires_grad]
    return tuple(differentiated(backward_reference, inputs, wanted, outer))


implement(
    "selective_scan_backward",
    reference=backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
