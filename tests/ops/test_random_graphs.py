"""Random graphs of every shape: kernels against definitions, value and gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch_geometric.utils import softmax

from graphpoly.ops import (
    CSR,
    gat_attention,
    multi_aggregate,
    polynomial,
    segment_softmax,
    spmm,
    to_csr,
)
from graphpoly.ops.attention_operator import attention_reference
from graphpoly.ops.multi_aggregate import AGGREGATIONS, multi_aggregate_reference
from graphpoly.ops.polynomial import polynomial_reference
from graphpoly.ops.spmm import spmm_max_reference, spmm_reference


class Drawn(NamedTuple):
    adj: CSR
    channels: int
    heads: int
    order: int

    def randn(self, *shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64)


@st.composite
def graphs(draw: st.DrawFn) -> Drawn:
    """Any number of rows, columns and entries, duplicates and loops, hubs and empty rows."""
    rows = draw(st.integers(0, 40))
    cols = rows if draw(st.booleans()) else draw(st.integers(0, 40))
    entries = draw(st.integers(0, 160)) if rows and cols else 0
    torch.manual_seed(draw(st.integers(0, 2**31)))
    target = torch.randint(0, max(rows, 1), (entries,))
    source = torch.randint(0, max(cols, 1), (entries,))
    if draw(st.booleans()):  # a hub
        target[: entries // 2] = 0
    if draw(st.booleans()):  # some rows and columns stay empty
        target, source = target // 2, source // 2
    dtype = draw(st.sampled_from([torch.int32, torch.int64]))
    weight = torch.randn(entries, dtype=torch.float64) if draw(st.booleans()) else None
    adj = to_csr(
        torch.stack([source, target]), weight, size=(cols, rows), transposed=draw(st.booleans())
    )
    turned = adj.transposed and tuple(t.to(dtype) for t in adj.transposed)
    adj = adj._replace(rowptr=adj.rowptr.to(dtype), col=adj.col.to(dtype), transposed=turned)
    channels = draw(st.sampled_from([1, 2, 3, 8, 9, 17, 33]))
    return Drawn(adj, channels, draw(st.sampled_from([1, 2, 3])), draw(st.integers(0, 5)))


def agree(
    ours: Callable[..., Tensor], definition: Callable[..., Tensor], *inputs: Tensor | None
) -> None:
    """The same value, and the same gradient in every input that is there."""
    found = []
    cotangent = None
    for run in (ours, definition):
        leaves = [t if t is None else t.detach().clone().requires_grad_() for t in inputs]
        out = run(*leaves)
        cotangent = torch.randn_like(out) if cotangent is None else cotangent
        wanted = [t for t in leaves if t is not None]
        grads = torch.autograd.grad(out, wanted, cotangent, allow_unused=True)
        zeros = [
            torch.zeros_like(t) if g is None else g for g, t in zip(grads, wanted, strict=True)
        ]
        found.append([out.detach(), *zeros])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def check(g: Drawn) -> None:
    adj, rows = g.adj, g.adj.rows().long()
    where, x = (adj.rowptr, adj.col), g.randn(adj.num_cols, g.channels)
    for mean in (False, True):
        agree(
            lambda x, w, mean=mean: spmm(adj.with_weight(w), x, "mean" if mean else "sum"),
            lambda x, w, mean=mean: spmm_reference(*where, w, x, mean=mean),
            x,
            adj.weight,
        )
    for largest in (False, True):
        agree(
            lambda x, w, top=largest: spmm(adj.with_weight(w), x, "max" if top else "min"),
            lambda x, w, top=largest: spmm_max_reference(*where, w, x, largest=top)[0],
            x,
            adj.weight,
        )
    kinds = [kind for kind in AGGREGATIONS if kind not in ("max", "min")]
    plan = [AGGREGATIONS.index(kind) for kind in kinds]
    agree(
        lambda x: multi_aggregate(adj, x, kinds),
        lambda x: multi_aggregate_reference(*where, adj.weight, x, None, None, None, plan)[0],
        x,
    )
    if adj.num_rows == adj.num_cols:
        recurrence = g.randn(3, g.order, g.channels)
        recurrence[0] = recurrence[0].sign() * (1 + recurrence[0].abs())
        agree(
            lambda x, t, r, w: polynomial(adj.with_weight(w), x, t, r),
            lambda x, t, r, w: polynomial_reference(*where, w, x, t, r),
            x,
            g.randn(g.order + 1, g.channels),
            recurrence,
            adj.weight,
        )
    entries = g.randn(adj.num_entries, g.heads)
    agree(
        lambda value: segment_softmax(adj, value),
        lambda value: softmax(value, rows, num_nodes=adj.num_rows),
        entries,
    )
    agree(
        lambda v, s, t, e: gat_attention(adj, v, alpha_src=s, alpha_dst=t, edge_bias=e),
        lambda v, s, t, e: attention_reference(
            *where,
            t.unsqueeze(-1),
            s.unsqueeze(-1),
            v,
            e.unsqueeze(-1),
            *(None,) * 5,
            True,
            1.0,
            0.2,
            0.0,
        )[0],
        g.randn(adj.num_cols, g.heads, g.channels),
        g.randn(adj.num_cols, g.heads),
        g.randn(adj.num_rows, g.heads),
        entries,
    )


RELAXED = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)


@settings(RELAXED, max_examples=200, derandomize=True)
@given(graphs())
def test_kernels_agree_with_their_definitions(g: Drawn) -> None:
    check(g)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
@settings(RELAXED, max_examples=2_500)
@given(g=graphs())
def test_kernels_agree_with_their_definitions_on_ten_thousand_graphs(part: int, g: Drawn) -> None:
    check(g)
