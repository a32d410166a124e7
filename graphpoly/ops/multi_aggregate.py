r"""Several aggregations of each neighbourhood from one gathering of it.

With the messages :math:`m_e = w_e\, x_{\mathrm{col}(e)}` of the :math:`n_i` entries of row i, and
channel by channel:

.. math::
    \mu_i = \frac{1}{n_i} \sum_{e \in \mathcal{N}(i)} m_e, \qquad
    \mathrm{var}_i = \frac{1}{n_i} \sum_{e \in \mathcal{N}(i)} (m_e - \mu_i)^2, \qquad
    \mathrm{std}_i = \begin{cases} \sqrt{\mathrm{var}_i} & \mathrm{var}_i > 10^{-5} \\ 0
    \end{cases}

The variance is summed around the mean and not taken as :math:`E[m^2] - E[m]^2`: in float32 the
latter loses every digit once the mean is some thousand times the deviation. The threshold of the
deviation is that of PyG's ``StdAggregation``; no gradient flows below it.

The whole gradient of a message is :math:`\alpha_i + \beta_i m_e` plus what the extremes give to
their winners, so that one pass over the transpose gathers it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.ops.adjacency import CSR
from graphpoly.ops.coo_to_csr import entry_rows, transpose
from graphpoly.ops.dtypes import floating
from graphpoly.ops.library import differentiated, direct, implement
from graphpoly.ops.spmm import _count, _pick, _sum_by_entry, spmm_max_reference, spmm_reference

__all__ = ["AGGREGATIONS", "multi_aggregate", "multi_aggregate_reference"]

AGGREGATIONS = ("sum", "mean", "var", "std", "min", "max")
SUM, MEAN, VAR, STD, MIN, MAX = range(6)
LEAST_VARIANCE = 1e-5


def multi_aggregate(adj: CSR, x: Tensor, aggregations: Sequence[str]) -> Tensor:
    """Aggregate the rows of ``x`` over the neighbourhoods of ``adj`` in several ways at once.

    Args:
        adj: The operator, R rows (targets) by C columns (sources); see
            :func:`~graphpoly.ops.to_csr`. Its weights, if any, scale the messages.
        x: Features, ``[C]`` or ``[C, ...]``; half precisions are computed in float32. On the CPU,
            bfloat16 is read and written as it is.
        aggregations: A different ones of ``"sum"``, ``"mean"``, ``"var"``, ``"std"``, ``"min"``,
            ``"max"``.

    Returns:
        ``[R, A, ...]``, in the order of ``aggregations``; rows without entries are 0. The gradient
        of an extreme goes to the first of equals.

    Raises:
        ValueError: If an aggregation is unknown, there twice or there is none, or ``x`` has not C
            rows.

    Complexity: O(E F) time, O(R A F) memory; the backward pass is one more pass over the transpose,
    with 2 R F values and, for extremes, 16 bytes for each entry as scratch memory.

    Corso et al., "Principal Neighbourhood Aggregation for Graph Nets", NeurIPS 2020, use mean, min,
    max and std.

    >>> import torch
    >>> from graphpoly.ops import multi_aggregate, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1, 2], [1, 1, 0]]), num_nodes=3)
    >>> x = torch.tensor([[1.0], [2.0], [4.0]])
    >>> multi_aggregate(adj, x, ["sum", "max"]).squeeze(-1).tolist()
    [[4.0, 4.0], [3.0, 2.0], [0.0, 0.0]]
    """
    plan = _plan(aggregations)
    if x.dim() == 0 or x.size(0) != adj.num_cols:
        raise ValueError(f"x: got shape {tuple(x.shape)}, the operator has {adj.num_cols} columns")
    kept, dtype = floating(adj, x=x)
    flat = x.reshape(x.size(0), math.prod(x.shape[1:]))
    if kept != torch.bfloat16:
        flat = flat.to(dtype)
    weight = None if adj.weight is None else adj.weight.to(dtype)
    turn = adj.transposed or (None, None, None)
    out, *_ = direct.multi_aggregate(adj.rowptr, adj.col, weight, flat, *turn, plan)
    return out.to(x.dtype).reshape(adj.num_rows, len(plan), *x.shape[1:])


def _plan(aggregations: Sequence[str]) -> list[int]:
    if isinstance(aggregations, str):
        raise TypeError(f"aggregations: got the string {aggregations!r}, a list is accepted")
    for name in aggregations:
        if name not in AGGREGATIONS:
            raise unknown("aggregation", name, AGGREGATIONS)
    if not aggregations or len(set(aggregations)) < len(aggregations):
        raise ValueError(
            f"aggregations: got {list(aggregations)}, one or more different ones are accepted"
        )
    return [AGGREGATIONS.index(name) for name in aggregations]


def multi_aggregate_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    aggregations: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The definition of ``graphpoly::multi_aggregate`` in plain PyTorch.

    Returns:
        ``out [R, A, F]``; ``mean [R, F]`` where it is needed for a variance and not asked for;
        ``arg_max`` and ``arg_min [R, F]``, the entry that gave an extreme, where it is asked for.
        What is not there has no columns.

    A bfloat16 x has float32 weights, is computed in float32 and ``out`` rounded once; its mean is
    not kept.
    """
    if x.dtype == torch.bfloat16:
        rest: Any = (x.float(), colptr, row, tperm, aggregations)
        out, mean, high, low = multi_aggregate_reference(rowptr, col, weight, *rest)
        return out.to(x.dtype), mean[:, :0].to(x.dtype), high, low
    rows = entry_rows(rowptr, col.size(0))
    message = x[col] if weight is None else weight.unsqueeze(-1) * x[col]
    total = spmm_reference(rowptr, col, weight, x)
    count = _count(rowptr, x)
    found = {SUM: total, MEAN: total / count}
    if VAR in aggregations or STD in aggregations:
        apart = message - found[MEAN][rows]
        around = torch.zeros_like(total).index_add(0, rows, apart * apart)
        rest = torch.zeros_like(total).index_add(0, rows, apart)
        found[VAR] = ((around - rest * rest / count) / count).clamp(min=0)
        root = found[VAR].clamp(min=LEAST_VARIANCE).sqrt()
        found[STD] = root.masked_fill(root <= math.sqrt(LEAST_VARIANCE), 0)
    arg = {}
    for kind in (MAX, MIN):
        if kind in aggregations:
            found[kind], arg[kind] = spmm_max_reference(rowptr, col, weight, x, largest=kind == MAX)
    for kind in {MAX, MIN} - arg.keys():  # tensors of their own: outputs must not be one
        arg[kind] = col.new_empty(total.size(0), 0)
    return (
        torch.stack([found[kind] for kind in aggregations], 1),
        found[MEAN] if _keeps_mean(aggregations, x.dtype) else x.new_empty(total.size(0), 0),
        arg[MAX],
        arg[MIN],
    )


def _spread(aggregations: Sequence[int]) -> bool:
    return VAR in aggregations or STD in aggregations


def _keeps_mean(aggregations: Sequence[int], dtype: torch.dtype) -> bool:
    return _spread(aggregations) and MEAN not in aggregations and dtype != torch.bfloat16


def _fake(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    colptr: Tensor | None,
    row: Tensor | None,
    tperm: Tensor | None,
    aggregations: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    torch._check(x.dim() == 2)
    rows, channels = rowptr.size(0) - 1, x.size(1)
    return (
        x.new_empty(rows, len(aggregations), channels),
        x.new_empty(rows, channels if _keeps_mean(aggregations, x.dtype) else 0),
        col.new_empty(rows, channels if MAX in aggregations else 0),
        col.new_empty(rows, channels if MIN in aggregations else 0),
    )


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    rowptr, col, weight, x, *turn, plan = inputs
    ctx.aggregations, ctx.shape, ctx.dtype = plan, x.shape, x.dtype
    ctx.out_shape = output[0].shape
    ctx.mark_non_differentiable(output[2], output[3])
    ctx.set_materialize_grads(False)
    held_x = x if _spread(plan) or ctx.needs_input_grad[2] else None
    # the mean and the deviation stand in the result: it is held for their sake alone
    stands = STD in plan or (_spread(plan) and MEAN in plan)
    out = output[0] if stands and x.dtype != torch.bfloat16 else None
    ctx.save_for_backward(rowptr, col, weight, held_x, *turn, out, *output[1:])


def _backward(ctx: Any, grad: Tensor | None, grad_mean: Tensor | None, *_: Any) -> Any:
    rowptr, col, weight, x, colptr, row, tperm, out, mean, arg_max, arg_min = ctx.saved_tensors
    plan = list(ctx.aggregations)
    if grad is None and grad_mean is None:
        return (None,) * 8
    if grad is None:
        assert grad_mean is not None
        grad = grad_mean.new_zeros(ctx.out_shape)
    std = out.select(1, plan.index(STD)) if out is not None and STD in plan else None
    if not _keeps_mean(plan, ctx.dtype):
        mean = out.select(1, plan.index(MEAN)) if out is not None and MEAN in plan else None
    elif grad_mean is not None:  # comes from a second derivative only
        grad, plan = torch.cat([grad, grad_mean.unsqueeze(1)], 1), [*plan, MEAN]
    arg_max = arg_max if MAX in plan else None
    arg_min = arg_min if MIN in plan else None
    grad_x = grad_weight = None
    if weight is not None and ctx.needs_input_grad[2]:
        wide, given = x.to(weight.dtype), grad.to(weight.dtype)
        again = wide is not x and _spread(plan)
        middle, root = _middle(rowptr, col, weight, wide) if again else (mean, std)
        constant, linear = _terms(rowptr, given, middle, root, plan)
        grad_weight = direct.sddmm(rowptr, col, constant, wide, colptr, row, tperm)
        if linear is not None:
            square = wide * wide
            squares = direct.sddmm(rowptr, col, linear, square, colptr, row, tperm)
            grad_weight = grad_weight + weight * squares
        for kind, arg in ((MAX, arg_max), (MIN, arg_min)):
            if arg is not None:
                value = given.select(1, plan.index(kind)) * _pick(wide, col, arg)
                grad_weight = grad_weight + _sum_by_entry(value, arg, col.size(0))
    if ctx.needs_input_grad[3]:
        if colptr is None:
            colptr, row, tperm = transpose(rowptr, col, ctx.shape[0])
        if x is None:  # its shape and type are read, of its values none
            x = grad.new_empty(ctx.shape)
        grad_x = direct.multi_aggregate_backward(
            rowptr, col, weight, x, grad, mean, std, arg_max, arg_min, colptr, row, tperm, plan
        )
    return None, None, grad_weight, grad_x, None, None, None, None


implement(
    "multi_aggregate",
    reference=multi_aggregate_reference,
    fake=_fake,
    setup_context=_setup,
    backward=_backward,
)


def _terms(
    rowptr: Tensor, grad: Tensor, mean: Tensor | None, std: Tensor | None, plan: Sequence[int]
) -> tuple[Tensor, Tensor | None]:
    """Return alpha and beta ``[R, F]`` of the gradient of a message, but for the extremes."""
    count = _count(rowptr, grad)
    given = {kind: grad.select(1, slot) for slot, kind in enumerate(plan)}
    constant = torch.zeros_like(grad[:, 0])
    if SUM in given:
        constant = constant + given[SUM]
    if MEAN in given:
        constant = constant + given[MEAN] / count
    if VAR not in given and STD not in given:
        return constant, None
    assert mean is not None
    linear = torch.zeros_like(constant)
    if VAR in given:
        linear = linear + 2 * given[VAR] / count
    if STD in given:
        linear = linear + given[STD] / count * _reciprocal(std)
    return constant - linear * mean, linear


def _middle(rowptr: Tensor, col: Tensor, weight: Tensor | None, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean and the deviation of each row, ``[R, F]``."""
    none = (None, None, None)
    out, *_ = direct.multi_aggregate(rowptr, col, weight, x, *none, [MEAN, STD])
    return out.select(1, 0), out.select(1, 1)


def _reciprocal(std: Tensor | None) -> Tensor:
    assert std is not None
    return torch.where(std == 0, 0, 1 / torch.where(std == 0, 1, std))


def _grad_reference(
    rowptr: Tensor,
    col: Tensor,
    weight: Tensor | None,
    x: Tensor,
    grad: Tensor,
    mean: Tensor | None,
    std: Tensor | None,
    arg_max: Tensor | None,
    arg_min: Tensor | None,
    colptr: Tensor,
    row: Tensor,
    tperm: Tensor,
    aggregations: Sequence[int],
) -> Tensor:
    """``dx[j]``: the sum of ``w_e`` times the gradient of message e, over the entries of column j.

    The gradient of message e of row i is ``alpha_i + beta_i m_e``, plus that of an extreme where e
    is its winner. A bfloat16 x and grad are computed in float32 and dx rounded once; their mean
    and std are not given and made of x again.
    """
    if x.dtype == torch.bfloat16:
        wide = x.float()
        mean, std = _middle(rowptr, col, weight, wide) if _spread(aggregations) else (None, None)
        given = (wide, grad.float(), mean, std, arg_max, arg_min)
        made = _grad_reference(rowptr, col, weight, *given, colptr, row, tperm, aggregations)
        return made.to(x.dtype)
    rows = entry_rows(rowptr, col.size(0))
    constant, linear = _terms(rowptr, grad, mean, std, aggregations)
    scale = 1 if weight is None else weight.unsqueeze(-1)
    value = constant[rows]
    if linear is not None:
        value = value + linear[rows] * (scale * x[col])
    entry = torch.arange(col.size(0), dtype=col.dtype, device=col.device).unsqueeze(-1)
    for kind, arg in ((MAX, arg_max), (MIN, arg_min)):
        if kind in aggregations:
            assert arg is not None
            chosen = grad.select(1, list(aggregations).index(kind))
            value = value + torch.where(arg[rows] == entry, chosen[rows], 0)
    return torch.zeros_like(x).index_add(0, col, scale * value)


def _one_gradient(*inputs: Any) -> tuple[Tensor]:
    return (_grad_reference(*inputs),)


def _grad_fake(rowptr: Tensor, col: Tensor, weight: Tensor | None, x: Tensor, *_: Any) -> Tensor:
    return x.new_empty(x.shape)


def _grad_setup(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    rowptr, col, weight, x, grad, *rest, plan = inputs
    ctx.aggregations = plan
    spread, half = _spread(plan), x.dtype == torch.bfloat16
    held_grad = grad if spread or half or ctx.needs_input_grad[2] else None
    ctx.save_for_backward(rowptr, col, weight, x if spread or half else None, held_grad, *rest)


def _grad_backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiate <outer, dx>; with v_e = w_e outer[col_e] it is a sum over entries of v_e dm_e.

    Writing S_i and Q_i for the sums of v_e and v_e (m_e - mean_i) over row i, the derivatives are S
    for the sum, S / n for the mean, 2 Q / n for the variance and Q / (n std) for the deviation.
    Of bfloat16, whose mean and deviation are made within, the reference is differentiated.
    """
    if outer.dtype == torch.bfloat16:
        inputs = (*ctx.saved_tensors, ctx.aggregations)
        wanted = [i for i, needed in enumerate(ctx.needs_input_grad[:5]) if needed]
        return tuple(differentiated(_one_gradient, inputs, wanted, (outer,)))
    (rowptr, col, weight, x, grad, mean, std, arg_max, arg_min, *turn) = ctx.saved_tensors
    colptr, row, tperm = turn
    ops, plan = torch.ops.graphpoly, list(ctx.aggregations)
    count = _count(rowptr, outer)
    spread = _spread(plan)
    square = None if weight is None else weight * weight
    linear = _terms(rowptr, grad, mean, std, plan)[1] if spread else None
    args = {MAX: arg_max, MIN: arg_min}

    total = ops.spmm_sum(rowptr, col, weight, outer, *turn, False)
    pulled = {SUM: total, MEAN: total / count}
    if spread:
        apart = ops.spmm_sum(rowptr, col, square, outer * x, *turn, False) - mean * total
        pulled[VAR] = 2 * apart / count
        if STD in plan:
            pulled[STD] = apart / count * _reciprocal(std)
    for kind, arg in args.items():
        if kind in plan:
            pulled[kind] = _pick(outer, col, arg)
            if weight is not None and weight.numel():
                inside = arg.clamp(max=weight.size(0) - 1).long()
                pulled[kind] = pulled[kind] * weight[inside]
    needs = dict(
        zip(("weight", "x", "grad", "mean", "std"), ctx.needs_input_grad[2:7], strict=True)
    )
    grad_weight = grad_x = grad_mean = grad_std = None
    if weight is not None and needs["weight"]:
        constant, _ = _terms(rowptr, grad, mean, std, plan)
        grad_weight = ops.sddmm(rowptr, col, constant, outer, *turn)
        if linear is not None:
            cross = ops.sddmm(rowptr, col, linear, outer * x, *turn)
            grad_weight = grad_weight + 2 * weight * cross
        for kind, arg in args.items():
            if kind in plan:
                value = grad.select(1, plan.index(kind)) * _pick(outer, col, arg)
                grad_weight = grad_weight + _sum_by_entry(value, arg, col.size(0))
    if linear is not None:
        if needs["x"]:
            turned = None if square is None else square[tperm]
            grad_x = outer * ops.spmm_sum(colptr, row, turned, linear, None, None, None, False)
        if needs["mean"]:
            grad_mean = -linear * total
        if std is not None and needs["std"]:
            given = grad.select(1, plan.index(STD))
            grad_std = -apart * given / count * _reciprocal(std) ** 2
    grad_grad = torch.stack([pulled[kind] for kind in plan], 1)
    return (None, None, grad_weight, grad_x, grad_grad, grad_mean, grad_std, *(None,) * 6)


implement(
    "multi_aggregate_backward",
    reference=_grad_reference,
    fake=_grad_fake,
    setup_context=_grad_setup,
    backward=_grad_backward,
)
