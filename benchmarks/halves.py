"""Features of bfloat16, read and written as they are or through a float32 copy: more cases of
``benchmarks.ops``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.cases import CHECKED, Run, contestant, draw
from benchmarks.filters import ORDER, chebyshev
from benchmarks.measure import Case
from benchmarks.peers import Operators, recurrence_on
from graphpoly.ops import (
    dot_attention,
    gat_attention,
    multi_aggregate,
    polynomial,
    pool,
    spmm,
)
from graphpoly.ops.attention_operator import attention_reference
from graphpoly.ops.multi_aggregate import AGGREGATIONS, multi_aggregate_reference
from graphpoly.ops.pool import pool_sum_reference
from graphpoly.ops.spmm import spmm_max_reference

__all__ = ["half_precision"]

HEADS = 8
NONE = (None, None, None)


def half_precision(o: Operators) -> Iterator[Case]:
    """Every operator that reads bfloat16 as it is."""
    matrix, exact = o.csr64.bfloat16(), o.csr64.double()
    theta, recurrence = chebyshev(ORDER, 1)

    def chain(x: Tensor) -> Tensor:
        return recurrence_on(lambda p: spmm(o.adj, p), x, theta.to(x.dtype), recurrence.to(x.dtype))

    def defined(x: Tensor) -> Tensor:
        return recurrence_on(lambda p: exact @ p, x, theta.double(), recurrence.double())

    for channels in (64, 128, 256):
        peer = {"torch.sparse CSR int64, bfloat16": lambda x: matrix @ x}
        yield from _of_halves(
            "spmm sum", o, channels, lambda x: spmm(o.adj, x), lambda x: exact @ x, peer
        )
    rows = (o.adj.rowptr, o.adj.col, o.weight.double())
    yield from _of_halves(
        "spmm max",
        o,
        64,
        lambda x: spmm(o.adj, x, "max"),
        lambda x: spmm_max_reference(*rows, x)[0],
        {},
        ways=(False,),  # products tie, and whose the gradient is then, is open
    )
    yield from _of_halves(
        "polynomial",
        o,
        64,
        lambda x: polynomial(o.adj, x, theta, recurrence),
        defined,
        {"recurrence on graphpoly spmm, bfloat16": chain},
        order=ORDER,
    )
    yield from _attention(o)
    yield from _aggregation(o)


def _attention(o: Operators, width: int = 16) -> Iterator[Case]:
    """With scores that are given: the truth is made for channels of the first head."""
    nodes, adj = o.graph.num_nodes, o.adj.with_weight(None)
    query, key = (draw(nodes, HEADS, width, seed=seed).bfloat16().float() for seed in (3, 4))
    of, to = query[..., 0], key[..., 0]

    def additive(x: Tensor) -> Tensor:
        value = x.view(nodes, HEADS, width)
        return gat_attention(adj, value, alpha_src=of, alpha_dst=to).flatten(1)

    def product(x: Tensor) -> Tensor:
        value, pair = x.view(nodes, HEADS, width), (query.to(x.dtype), key.to(x.dtype))
        return dot_attention(adj, *pair, value=value).flatten(1)

    def defined(
        target: Tensor, source: Tensor, rule: tuple[bool, float, float], x: Tensor
    ) -> Tensor:
        pair = (t[:, :1].double() for t in (target, source))
        arguments = (*pair, x.unsqueeze(1), None, None, None, *NONE, *rule, 0.0)
        return attention_reference(adj.rowptr, adj.col, *arguments)[0].squeeze(1)

    gat = partial(defined, to.unsqueeze(-1), of.unsqueeze(-1), (True, 1.0, 0.2))
    dot = partial(defined, query, key, (False, width**-0.5, 0.0))
    yield from _of_halves("GAT attention, 8 heads", o, HEADS * width, additive, gat, {})
    yield from _of_halves("dot attention, 8 heads", o, HEADS * width, product, dot, {})


def _aggregation(o: Operators, channels: int = 64) -> Iterator[Case]:
    # no extremes: numbers of bfloat16 tie, and whose the gradient is then, is open
    nodes, kinds = o.graph.num_nodes, ["mean", "std"]
    adj, plan = o.adj.with_weight(None), [AGGREGATIONS.index(kind) for kind in kinds]
    batch = torch.arange(nodes) // 30
    graphs = int(batch[-1]) + 1

    def several(x: Tensor) -> Tensor:
        return multi_aggregate_reference(adj.rowptr, adj.col, None, x, *NONE, plan)[0]

    yield from _of_halves(
        "mean and deviation at once",
        o,
        channels,
        lambda x: multi_aggregate(adj, x, kinds),
        several,
        {},
        grad=draw(nodes, len(kinds), channels, seed=2),
    )
    yield from _of_halves(
        "pool mean",
        o,
        channels,
        lambda x: pool(x, batch, "mean", batch_size=graphs),
        lambda x: pool_sum_reference(x, batch, graphs, True),
        {},
        grad=draw(graphs, channels, seed=2),
    )


def _of_halves(
    op: str,
    o: Operators,
    channels: int,
    run: Run,
    definition: Run,
    peers: dict[str, Run],
    order: int | None = None,
    grad: Tensor | None = None,
    ways: tuple[bool, ...] = (False, True),
) -> Iterator[Case]:
    x = draw(o.graph.num_nodes, channels).bfloat16().float()
    given = draw(o.graph.num_nodes, channels, seed=2) if grad is None else grad
    runs = {
        "graphpoly, bfloat16": run,
        "graphpoly, a float32 copy of bfloat16": lambda x: run(x.float()).bfloat16(),
        **peers,
    }

    def truth(backward: bool) -> tuple[Tensor, ...]:
        head = x[:, :CHECKED].double().requires_grad_(backward)
        out = definition(head)
        if not backward:
            return (out,)
        return out.detach(), *torch.autograd.grad(out, head, given[..., :CHECKED].double())

    for backward in ways:
        half = given.bfloat16() if backward else None
        yield Case(
            f"{op}, bfloat16",
            o.graph.name,
            channels,
            "forward+backward" if backward else "forward",
            partial(truth, backward),
            [
                contestant("graphpoly", run, [x], given if backward else None),
                *(
                    contestant(name, each, [x.bfloat16()], half, tolerance=2e-2)
                    for name, each in runs.items()
                ),
            ],
            order=order,
        )
