r"""The operator of attention: its definition in plain PyTorch, its gradients, its dropout mask.

The softmax of :mod:`graphpoly.ops.attention` is the running one: a row is read once, and whenever a
larger score comes the sums so far are scaled down. Nothing of size ``[E, H, F]`` is stored in
either direction. Of size ``[E, H]`` there is a gradient that was asked for, and, while the gradient
of a score of one number is made (GAT's), the weights and the gradients of the scores, where these
two are no larger than what is returned.

The backward pass reads the scores again and gets the weights back from the one number that a row
and head keeps, :math:`L_{i,h} = \log \sum_e \exp s_{e,h}`. With the gradient g of y,

.. math::
    \frac{\partial \ell}{\partial s_{e,h}} = \alpha_{e,h} \Big(\frac{m_{e,h}}{1 - p}
    \langle g_{i,h}, v_{j,h} \rangle - \langle g_{i,h}, y_{i,h} \rangle\Big),

summed over rows for what belongs to targets and over the rows of the transpose for what belongs
to sources. The mask is a hash of (seed, entry, head), so that it is made anew wherever it is
needed and does not depend on the number of threads.

The bfloat16 of features is read and written as it is and computed in float32. A score of one number
(GAT's) is little beside the features and stays in float32, and so do scores that come in it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.hashing import GOLDEN, WORD, mix_bits, threshold
from graphpoly.ops.library import differentiated, direct, implement

__all__ = [
    "attend",
    "attention_backward_reference",
    "attention_reference",
    "dropout_mask",
    "seed_tensor",
]


def attend(
    adj: CSR,
    target: Tensor,
    source: Tensor,
    value: Tensor,
    edge: Tensor | None,
    att: Tensor | None,
    rule: tuple[bool, float, float],
    dropout: float,
    seed: int | Tensor | None,
) -> Tensor:
    """Run the operator in at least float32; ``rule`` is ``(additive, scale, slope)``.

    Everything else as for :func:`attention_reference` and the functions of
    :mod:`graphpoly.ops.attention`.
    """
    seed = seed_tensor(seed, dropout, value.device)
    kept, dtype = value.dtype, torch.promote_types(value.dtype, torch.float32)
    half = kept == torch.bfloat16
    of_score = [t for t in (target, source, edge) if t is not None]
    deep = source.size(2) > 1 and all(t.dtype == torch.bfloat16 for t in of_score)
    stored, scored = kept if half else dtype, kept if half and deep else dtype
    types = (scored, scored, stored, scored, dtype)
    tensors = [
        None if t is None else t.to(each)
        for t, each in zip((target, source, value, edge, att), types, strict=True)
    ]
    turn = adj.transposed or (None, None, None)
    out, _ = direct.attention(adj.rowptr, adj.col, *tensors, seed, *turn, *rule, dropout)
    return out.to(kept)


def seed_tensor(seed: int | Tensor | None, dropout: float, device: torch.device) -> Tensor | None:
    """Return the seed as the operator takes it, drawn where there is none; None of no dropout."""
    if not 0 <= dropout <= 1:
        raise ValueError(f"dropout: got {dropout}, expected a probability")
    if dropout == 0:
        return None
    if seed is None:
        return torch.randint(2**63 - 1, (), device=device)
    if isinstance(seed, Tensor):
        return seed
    return torch.tensor(seed, dtype=torch.int64, device=device)


def dropout_mask(num_entries: int, num_heads: int, seed: Tensor, dropout: float) -> Tensor:
    """Return which entries and heads are kept, ``[E, H]``: a hash of (seed, entry, head).

    Args:
        num_entries: E.
        num_heads: H.
        seed: int64, one element.
        dropout: Probability of False, to the nearest 2^-24.
    """
    seed = seed.reshape(())
    entry = torch.arange(num_entries, device=seed.device)
    head = torch.arange(num_heads, device=seed.device)
    first = mix_bits(seed & WORD)
    second = mix_bits((((seed >> 32) & WORD) + first + GOLDEN) & WORD)
    word = mix_bits((entry & WORD) ^ first) + second + (entry >> 32) * GOLDEN
    bits = mix_bits((word.unsqueeze(-1) + (head + 1) * GOLDEN) & WORD)
    return (bits >> 8) >= threshold(dropout)


def _kept(seed: Tensor | None, dropout: float, like: Tensor) -> Tensor | None:
    """``m / (1 - p)`` in the shape and dtype of ``like`` ``[E, H]``."""
    if seed is None:
        return None
    mask = dropout_mask(like.size(0), like.size(1), seed, dropout)
    return mask.to(like.dtype) * (1 / (1 - dropout) if dropout < 1 else 0.0)


def _inputs_of_score(
    rows: Tensor,
    col: Tensor,
    target: Tensor,
    source: Tensor,
    edge: Tensor | None,
    att: Tensor | None,
    rule: tuple[bool, float, float],
) -> tuple[Tensor, Tensor]:
    """Return the score ``[E, H]`` and, of an additive one, its argument ``[E, H, D]``."""
    additive, scale, slope = rule
    to, of = target[rows], source[col]
    if not additive:
        score = scale * (to * of).sum(-1)
        return (score if edge is None else score + edge.squeeze(-1)), to
    argument = to + of if edge is None else to + of + edge
    leaky = torch.where(argument > 0, argument, slope * argument)
    return (leaky if att is None else att * leaky).sum(-1), argument


def _softmax(rowptr: Tensor, rows: Tensor, score: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weights ``[E, H]`` and the logarithm of their sum ``[R, H]``."""
    shape = (rowptr.size(0) - 1, score.size(1))
    index = rows.long().unsqueeze(-1).expand(-1, score.size(1))
    peak = score.detach().new_full(shape, -math.inf)
    peak = peak.scatter_reduce(0, index, score.detach(), "amax")
    peak = torch.where(peak == -math.inf, 0, peak)
    power = (score - peak[rows]).exp()
    total = power.new_zeros(shape).index_add(0, rows, power)
    safe = torch.where(total == 0, 1, total)
    return power / safe[rows], peak + total.log()


def attention_reference(
    rowptr: Tensor,
    col: Tensor,
    target: Tensor,
    source: Tensor,
    value: Tensor,
    edge: Tensor | None,
    att: Tensor | None,
    seed: Tensor | None,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    additive: bool,
    scale: float,
    slope: float,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    """The definition of ``graphpoly::attention`` in plain PyTorch.

    Args:
        rowptr: ``[R+1]``.
        col: ``[E]``.
        target: ``[R, H, D]``.
        source: ``[C, H, D]``.
        value: ``[C, H, F]``.
        edge: ``[E, H, D]`` of an additive score, ``[E, H, 1]`` of a dot product, or None.
        att: ``[H, D]``, or None for ones; of an additive score only.
        seed: int64, one element, or None for no dropout.
        colptr: Transpose, unused here; see :mod:`graphpoly.ops.library`.
        row: Transpose, unused here.
        tperm: Transpose, unused here.
        additive: ``<att, leaky_relu(target + source + edge)>``, or
            ``scale <target, source> + edge``.
        scale: Of the dot product.
        slope: Of the leaky ReLU.
        dropout: Probability that an entry of a head is dropped.

    Returns:
        ``out [R, H, F]`` and the log-sum-exp of the scores ``[R, H]``, minus infinity for rows
        without entries.

    A bfloat16 value has a float32 ``att``, and its other features are of either type; all is
    computed in float32, and ``out`` rounded once.
    """
    if value.dtype == torch.bfloat16:
        wide = _widened(target, source, value, edge, att)
        rest: Any = (*wide, seed, colptr, row, tperm, additive, scale, slope, dropout)
        out, lse = attention_reference(rowptr, col, *rest)
        return out.to(value.dtype), lse
    rows = entry_rows(rowptr, col.size(0))
    rule = (additive, scale, slope)
    # one layout, so that every stride gives the same sums
    target, source, value = target.contiguous(), source.contiguous(), value.contiguous()
    score, _ = _inputs_of_score(rows, col, target, source, edge, att, rule)
    alpha, lse = _softmax(rowptr, rows, score)
    kept = _kept(seed, dropout, alpha)
    message = (alpha if kept is None else alpha * kept).unsqueeze(-1) * value[col]
    out = value.new_zeros(rowptr.size(0) - 1, *value.shape[1:]).index_add(0, rows, message)
    return out, lse


def _widened(*tensors: Tensor | None) -> tuple[Any, ...]:
    return tuple(None if t is None else t.float() for t in tensors)


def _fake(*args: Any) -> tuple[Tensor, Tensor]:
    rowptr, value = args[0], args[4]
    torch._check(args[2].dim() == 3 and args[3].dim() == 3 and value.dim() == 3)
    shape = (rowptr.size(0) - 1, value.size(1))
    dtype = torch.promote_types(value.dtype, torch.float32)
    return value.new_empty(*shape, value.size(2)), value.new_empty(shape, dtype=dtype)


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.rule = inputs[11:]
    ctx.save_for_backward(*inputs[:11], *output)


def _backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    *inputs, colptr, row, tperm, out, lse = ctx.saved_tensors
    rowptr, col, _target, source, _value, edge, att, _seed = inputs
    if colptr is None:
        colptr, row, tperm = transpose(rowptr, col, source.size(0))
    edge_grad = edge is not None and ctx.needs_input_grad[5]
    grads = direct.attention_backward(
        *inputs, colptr, row, tperm, *ctx.rule, out, lse, grad, edge_grad
    )
    target, source, value, edge, att = _drop_absent(grads, edge_grad, att)
    return None, None, target, source, value, edge, att, *(None,) * 8


def _drop_absent(
    grads: tuple[Tensor, ...], edge_grad: bool, att: Tensor | None
) -> tuple[Tensor | None, ...]:
    *first, edge, last = grads
    return *first, edge if edge_grad else None, None if att is None else last


def attention_backward_reference(
    rowptr: Tensor,
    col: Tensor,
    target: Tensor,
    source: Tensor,
    value: Tensor,
    edge: Tensor | None,
    att: Tensor | None,
    seed: Tensor | None,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    additive: bool,
    scale: float,
    slope: float,
    dropout: float,
    out: Tensor,
    lse: Tensor,
    grad: Tensor,
    edge_grad: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The gradients of ``target, source, value, edge, att``; absent ones have no elements.

    ``out`` and ``lse`` are made again from the inputs: so the second derivative of the operator is
    that of this function. With a bfloat16 value all is computed in float32, and each gradient
    rounded once to the type of what it belongs to.
    """
    if value.dtype == torch.bfloat16:
        wide = _widened(target, source, value, edge, att)
        rest: Any = (*wide, seed, colptr, row, tperm, additive, scale, slope, dropout)
        rest = (*rest, *_widened(out, lse, grad), edge_grad)
        found = attention_backward_reference(rowptr, col, *rest)
        types = (target, source, value, source, lse)
        a, b, c, d, e = (g.to(like.dtype) for g, like in zip(found, types, strict=True))
        return a, b, c, d, e
    rows = entry_rows(rowptr, col.size(0))
    rule = (additive, scale, slope)
    score, argument = _inputs_of_score(rows, col, target, source, edge, att, rule)
    alpha, _ = _softmax(rowptr, rows, score)
    kept = _kept(seed, dropout, alpha)
    weight = alpha if kept is None else alpha * kept
    to_value = torch.zeros_like(value).index_add(0, col, weight.unsqueeze(-1) * grad[rows])
    product = (grad[rows] * value[col]).sum(-1)
    mean = torch.zeros_like(lse).index_add(0, rows, weight * product)
    to_score = (weight * product - alpha * mean[rows]).unsqueeze(-1)
    to_att = value.new_empty(0)
    if additive:
        gated = torch.where(argument > 0, to_score, slope * to_score)
        to_edge = gated if att is None else gated * att
        of_target = of_source = to_edge
        if att is not None:
            to_att = (gated * argument).sum(0)
    else:
        to_edge = to_score
        of_target, of_source = scale * to_score * source[col], scale * to_score * target[rows]
    to_target = torch.zeros_like(target).index_add(0, rows, of_target)
    to_source = torch.zeros_like(source).index_add(0, col, of_source)
    if not edge_grad:
        to_edge = value.new_empty(0)
    return to_target, to_source, to_value, to_edge.clone(), to_att


def _backward_fake(*args: Any) -> tuple[Tensor, ...]:
    target, source, value, edge, att = args[2:7]
    lse = args[16]
    to_edge = edge.new_empty(edge.shape) if args[-1] else source.new_empty(0)
    to_att = lse.new_empty(0) if att is None else att.new_empty(att.shape)
    return *(t.new_empty(t.shape) for t in (target, source, value)), to_edge, to_att


def _backward_setup(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    ctx.rule, ctx.edge_grad = inputs[11:15], inputs[18]
    ctx.save_for_backward(*inputs[:11], *inputs[15:18])


def _double_backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate the reference; it stores ``[E, H, F]``, which the first derivative never does.

    No gradient goes to ``out`` and ``lse``: they are functions of the other inputs, and the
    reference counts them as such.
    """
    saved = ctx.saved_tensors
    inputs = (*saved[:11], *ctx.rule, *saved[11:], ctx.edge_grad)
    wanted = [i for i in (2, 3, 4, 5, 6, 17) if inputs[i] is not None and inputs[i].requires_grad]
    return tuple(differentiated(attention_backward_reference, inputs, wanted, outer))


implement(
    "attention",
    reference=attention_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)
implement(
    "attention_backward",
    reference=attention_backward_reference,
    fake=_backward_fake,
    setup_context=_backward_setup,
    backward=_double_backward,
)
