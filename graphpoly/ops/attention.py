r"""Attention over the entries of a sparse operator: an edge softmax and a weighted sum, fused.

For every target i and head h, over the entries e = (i, j) of row i,

.. math::
    \alpha_{e,h} = \frac{\exp s_{e,h}}{\sum_{e' \in \mathcal{N}(i)} \exp s_{e',h}}, \qquad
    y_{i,h} = \sum_{e \in \mathcal{N}(i)} \frac{m_{e,h}}{1 - p}\, \alpha_{e,h}\, v_{j,h},

with a dropout mask :math:`m` that keeps each entry and head with probability :math:`1 - p`. The
three functions differ in the score s; :mod:`graphpoly.ops.attention_operator` is the operator
behind them.
"""

from __future__ import annotations

import math

from torch import Tensor

from graphpoly.ops.adjacency import CSR
from graphpoly.ops.attention_operator import attend
from graphpoly.ops.dtypes import floating

__all__ = ["dot_attention", "gat_attention", "gatv2_attention"]


def gat_attention(
    adj: CSR,
    value: Tensor,
    *,
    alpha_src: Tensor,
    alpha_dst: Tensor,
    edge_bias: Tensor | None = None,
    negative_slope: float = 0.2,
    dropout: float = 0.0,
    seed: int | Tensor | None = None,
) -> Tensor:
    r"""Aggregate with the additive attention of GAT.

    .. math::
        s_{e,h} = \mathrm{LeakyReLU}(a^{\mathrm{src}}_{j,h} + a^{\mathrm{dst}}_{i,h} + b_{e,h})

    Args:
        adj: The operator, R rows (targets) by C columns (sources); its values are not read, and no
            self-loop is added.
        value: ``[C, H, F]``.
        alpha_src: Score of each source, ``[C, H]``.
        alpha_dst: Score of each target, ``[R, H]``.
        edge_bias: ``[E, H]``, in the order of the entries of ``adj``.
        negative_slope: Slope of LeakyReLU below 0.
        dropout: Probability p that an entry of a head is dropped; 0 outside training.
        seed: Of the dropout mask: an integer, or an int64 tensor of one element. Drawn from the
            default generator where it is None.

    Returns:
        ``[R, H, F]`` in the dtype of ``value``; 0 for rows without entries and for rows all of
        whose scores are minus infinity. Half precisions are computed in float32; on the CPU,
        bfloat16 is read and written as it is.

    Raises:
        ValueError: If shapes do not fit or ``dropout`` is no probability.

    Complexity: O(E H F) time; O(R H F) memory, in both directions.

    Source: Veličković et al., "Graph Attention Networks", ICLR 2018.

    >>> import torch
    >>> from graphpoly.ops import gat_attention, to_csr
    >>> adj = to_csr(torch.tensor([[0, 1], [0, 0]]), num_nodes=2)
    >>> zero = torch.zeros(2, 1)
    >>> value = torch.tensor([[[1.0]], [[3.0]]])
    >>> gat_attention(adj, value, alpha_src=zero, alpha_dst=zero).flatten().tolist()
    [2.0, 0.0]
    """
    heads = _heads(adj, value)
    _expect("alpha_src", alpha_src, (adj.num_cols, heads))
    _expect("alpha_dst", alpha_dst, (adj.num_rows, heads))
    _expect("edge_bias", edge_bias, (adj.num_entries, heads))
    edge = None if edge_bias is None else edge_bias.unsqueeze(-1)
    target, source = alpha_dst.unsqueeze(-1), alpha_src.unsqueeze(-1)
    rule = (True, 1.0, negative_slope)
    return attend(adj, target, source, value, edge, None, rule, dropout, seed)


def gatv2_attention(
    adj: CSR,
    x_src: Tensor,
    x_dst: Tensor,
    *,
    att: Tensor,
    value: Tensor | None = None,
    edge_attr: Tensor | None = None,
    negative_slope: float = 0.2,
    dropout: float = 0.0,
    seed: int | Tensor | None = None,
) -> Tensor:
    r"""Aggregate with the attention of GATv2.

    .. math::
        s_{e,h} = \sum_d a_{h,d}\,
        \mathrm{LeakyReLU}(x^{\mathrm{src}}_{j,h,d} + x^{\mathrm{dst}}_{i,h,d} + z_{e,h,d})

    Args:
        adj: As for :func:`gat_attention`.
        x_src: ``[C, H, D]``.
        x_dst: ``[R, H, D]``.
        att: Attention vectors, ``[H, D]``.
        value: What is aggregated, ``[C, H, F]``; default ``x_src``.
        edge_attr: Features of the entries already projected, ``[E, H, D]``, in their order. The
            only argument of this size, and so is its gradient.
        negative_slope: Slope of LeakyReLU below 0.
        dropout: As for :func:`gat_attention`.
        seed: As for :func:`gat_attention`.

    Returns:
        ``[R, H, F]``, as :func:`gat_attention` does.

    Raises:
        ValueError: If shapes do not fit or ``dropout`` is no probability.

    Complexity: O(E H (D + F)) time; O(R H F) memory, in both directions.

    Source: Brody, Alon, Yahav, "How Attentive are Graph Attention Networks?", ICLR 2022.
    """
    value = x_src if value is None else value
    heads, depth = _heads(adj, value), x_src.shape[-1] if x_src.dim() else 0
    _expect("x_src", x_src, (adj.num_cols, heads, depth))
    _expect("x_dst", x_dst, (adj.num_rows, heads, depth))
    _expect("att", att, (heads, depth))
    _expect("edge_attr", edge_attr, (adj.num_entries, heads, depth))
    rule = (True, 1.0, negative_slope)
    return attend(adj, x_dst, x_src, value, edge_attr, att, rule, dropout, seed)


def dot_attention(
    adj: CSR,
    query: Tensor,
    key: Tensor,
    *,
    value: Tensor,
    scale: float | None = None,
    edge_bias: Tensor | None = None,
    dropout: float = 0.0,
    seed: int | Tensor | None = None,
) -> Tensor:
    r"""Aggregate with scaled dot-product attention.

    .. math::
        s_{e,h} = c\, \langle q_{i,h}, k_{j,h} \rangle + b_{e,h}

    Args:
        adj: As for :func:`gat_attention`.
        query: ``[R, H, D]``, of the targets.
        key: ``[C, H, D]``, of the sources.
        value: ``[C, H, F]``.
        scale: c; default :math:`1/\sqrt D`.
        edge_bias: ``[E, H]``, in the order of the entries of ``adj``; minus infinity leaves an
            entry out.
        dropout: As for :func:`gat_attention`.
        seed: As for :func:`gat_attention`.

    Returns:
        ``[R, H, F]``, as :func:`gat_attention` does.

    Raises:
        ValueError: If shapes do not fit or ``dropout`` is no probability.

    Complexity: O(E H (D + F)) time; O(R H F) memory, in both directions.

    Source: Vaswani et al., "Attention is All you Need", NeurIPS 2017; on the edges of a graph, Shi
    et al., "Masked Label Prediction", IJCAI 2021.
    """
    heads, depth = _heads(adj, value), query.shape[-1] if query.dim() else 0
    _expect("query", query, (adj.num_rows, heads, depth))
    _expect("key", key, (adj.num_cols, heads, depth))
    _expect("edge_bias", edge_bias, (adj.num_entries, heads))
    edge = None if edge_bias is None else edge_bias.unsqueeze(-1)
    scale = 1 / math.sqrt(max(depth, 1)) if scale is None else scale
    return attend(adj, query, key, value, edge, None, (False, scale, 0.0), dropout, seed)


def _heads(adj: CSR, value: Tensor) -> int:
    if value.dim() != 3 or value.size(0) != adj.num_cols:
        raise ValueError(f"value: got shape {tuple(value.shape)}, expected [{adj.num_cols}, H, F]")
    floating(value=value)
    return value.size(1)


def _expect(name: str, tensor: Tensor | None, shape: tuple[int, ...]) -> None:
    if tensor is None:
        return
    if tensor.shape != shape:
        raise ValueError(f"{name}: got shape {tuple(tensor.shape)}, expected {shape}")
    floating(**{name: tensor})
