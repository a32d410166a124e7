"""Attention, segments and pairs, and the Krylov basis: more cases of ``benchmarks.ops``."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch_geometric.nn import MultiAggregation, global_add_pool, global_max_pool
from torch_geometric.utils import scatter, softmax

from benchmarks.cases import Run, both, compiled, contestant, distinct, draw, package
from benchmarks.measure import Case
from benchmarks.peers import Operators
from graphpoly.ops import (
    common_neighbors,
    gat_attention,
    lanczos,
    lanczos_filter,
    multi_aggregate,
    pool,
    sddmm,
    segment_softmax,
)
from graphpoly.ops.attention_operator import attention_reference
from graphpoly.ops.lanczos import lanczos_reference
from graphpoly.ops.lanczos_filter import lanczos_filter_reference
from graphpoly.ops.multi_aggregate import AGGREGATIONS, multi_aggregate_reference
from graphpoly.ops.sddmm import sddmm_reference

__all__ = ["attention", "krylov", "neighbors", "pooling", "several", "softmax_of_entries", "values"]

HEADS, WIDTH = 8, 16


def attention(o: Operators) -> Iterator[Case]:
    """GAT's aggregation, with the gradients of values and scores."""
    nodes, (source, target) = o.graph.num_nodes, o.graph.edge_index
    value, grad = (draw(nodes, WIDTH, HEADS, seed=seed) for seed in (1, 2))
    of, to = (draw(nodes, HEADS, seed=seed) for seed in (3, 4))

    def ours(value: Tensor, of: Tensor, to: Tensor) -> Tensor:
        turned = value.movedim(1, 2)
        return gat_attention(o.adj, turned, alpha_src=of, alpha_dst=to).movedim(2, 1)

    def pyg(value: Tensor, of: Tensor, to: Tensor) -> Tensor:
        score = torch.nn.functional.leaky_relu(of[source] + to[target], 0.2)
        weight = softmax(score, target, num_nodes=nodes)
        message = weight.unsqueeze(-1) * value.movedim(1, 2)[source]
        return scatter(message, target, dim_size=nodes).movedim(2, 1)

    def with_scatter() -> Run:
        from torch_scatter import segment_csr
        from torch_scatter.composite import scatter_softmax

        rowptr, col, row = o.adj.rowptr.long(), o.adj.col.long(), o.adj.rows().long()

        def run(value: Tensor, of: Tensor, to: Tensor) -> Tensor:
            score = torch.nn.functional.leaky_relu(of[col] + to[row], 0.2)
            weight = scatter_softmax(score, row, dim=0, dim_size=nodes)
            return segment_csr(weight.unsqueeze(-1) * value.movedim(1, 2)[col], rowptr).movedim(
                2, 1
            )

        return run

    def definition(value: Tensor, of: Tensor, to: Tensor) -> Tensor:
        pair = (to.unsqueeze(-1), of.unsqueeze(-1))
        nothing = (None,) * 6
        rows = (o.adj.rowptr, o.adj.col)
        rule = (True, 1.0, 0.2, 0.0)
        return attention_reference(*rows, *pair, value.movedim(1, 2), *nothing, *rule)[0].movedim(
            2, 1
        )

    yield from both(
        f"attention aggregation, {HEADS} heads",
        o.graph.name,
        HEADS * WIDTH,
        {
            "graphpoly": ours,
            "PyG softmax and scatter": pyg,
            "compiled PyG softmax and scatter": compiled(pyg),
            "torch_scatter softmax and segment_csr": package("torch_scatter", with_scatter),
        },
        # heads come last, so that the first head is what the truth is computed for
        [value.movedim(1, 2).contiguous().movedim(2, 1), of, to],
        grad.movedim(1, 2).contiguous().movedim(2, 1),
        definition,
        head=lambda t: t[..., :1],
        gathered=o.graph.num_edges * HEADS * WIDTH * 4,
        streamed=o.graph.num_edges * 4 + 2 * value.numel() * 4,
    )


def softmax_of_entries(o: Operators) -> Iterator[Case]:
    """A softmax over the entries of each row."""
    nodes, row = o.graph.num_nodes, o.adj.rows().long()
    value, grad = (draw(o.graph.num_edges, HEADS, seed=seed) for seed in (1, 2))

    def with_scatter() -> Run:
        from torch_scatter.composite import scatter_softmax

        return lambda value: scatter_softmax(value, row, dim=0, dim_size=nodes)

    yield from both(
        f"segment softmax, {HEADS} heads",
        o.graph.name,
        HEADS,
        {
            "graphpoly": lambda value: segment_softmax(o.adj, value),
            "PyG softmax": lambda value: softmax(value, row, num_nodes=nodes),
            "compiled PyG softmax": compiled(lambda value: softmax(value, row, num_nodes=nodes)),
            "torch_scatter.scatter_softmax": package("torch_scatter", with_scatter),
        },
        [value],
        grad,
        lambda value: softmax(value, row, num_nodes=nodes),
    )


def several(o: Operators, channels: int = 64) -> Iterator[Case]:
    """Mean, minimum, maximum and deviation at once, as PNA takes them."""
    nodes, kinds = o.graph.num_nodes, ["mean", "min", "max", "std"]
    col, row, rowptr = o.adj.col.long(), o.adj.rows().long(), o.adj.rowptr.long()
    x, grad = distinct(nodes, channels), draw(nodes, len(kinds), channels, seed=2)
    adj = o.adj.with_weight(None)
    aggregate = MultiAggregation(kinds, mode="cat")

    def pyg(x: Tensor) -> Tensor:
        made = aggregate(x[col], row, ptr=None, dim_size=nodes)
        return made.view(nodes, len(kinds), x.size(1))

    def with_scatter() -> Run:
        from torch_scatter import segment_csr

        def run(x: Tensor) -> Tensor:
            message = x[col]
            mean, low, high = (segment_csr(message, rowptr, reduce=k) for k in kinds[:3])
            square = segment_csr((message - mean[row]) ** 2, rowptr, reduce="mean")
            return torch.stack([mean, low, high, square.clamp(min=1e-5).sqrt()], 1)

        return run

    plan = [AGGREGATIONS.index(kind) for kind in kinds]
    yield from both(
        "four aggregations at once",
        o.graph.name,
        channels,
        {
            "graphpoly": lambda x: multi_aggregate(adj, x, kinds),
            "PyG MultiAggregation": pyg,
            "compiled PyG MultiAggregation": compiled(pyg),
            "torch_scatter.segment_csr": package("torch_scatter", with_scatter),
        },
        [x],
        grad,
        lambda x: multi_aggregate_reference(adj.rowptr, adj.col, None, x, None, None, None, plan)[
            0
        ],
        gathered=o.graph.num_edges * channels * 4,
        streamed=o.graph.num_edges * 4 + 5 * x.numel() * 4,
        tolerance=1e-2,  # peers take the deviation from the mean of squares, or clamp it
    )


def pooling(o: Operators, channels: int = 64) -> Iterator[Case]:
    """The nodes cut into graphs of about 30."""
    nodes = o.graph.num_nodes
    graphs = nodes // 30
    batch = torch.randint(graphs, (nodes,), generator=torch.Generator().manual_seed(1)).sort()[0]
    pointer = torch.cat([batch.new_zeros(1), torch.bincount(batch, minlength=graphs).cumsum(0)])
    x, grad = distinct(nodes, channels), draw(graphs, channels, seed=2)
    whole = {"sum": global_add_pool, "max": global_max_pool}

    for kind in ("sum", "max"):

        def with_scatter(kind: str = kind) -> Run:
            from torch_scatter import segment_csr

            return lambda x: segment_csr(x, pointer, reduce=kind)

        torch_kind = {"sum": "sum", "max": "amax"}[kind]
        theirs = f"PyG global_{'add' if kind == 'sum' else kind}_pool"

        def pyg(x: Tensor, kind: str = kind) -> Tensor:
            return whole[kind](x, batch, graphs)

        index = batch.unsqueeze(-1).expand(-1, channels)

        def definition(x: Tensor, torch_kind: str = torch_kind) -> Tensor:
            zero = x.new_zeros(graphs, x.size(1))
            spread = batch.unsqueeze(-1).expand(-1, x.size(1))
            return zero.scatter_reduce(0, spread, x, torch_kind, include_self=False)

        yield from both(
            f"pool {kind}",
            o.graph.name,
            channels,
            {
                "graphpoly": lambda x, kind=kind: pool(x, batch, kind, batch_size=graphs),
                theirs: pyg,
                f"compiled {theirs}": compiled(pyg),
                "torch.scatter_reduce": lambda x, index=index, torch_kind=torch_kind: x.new_zeros(
                    graphs, channels
                ).scatter_reduce(0, index, x, torch_kind, include_self=False),
                "torch_scatter.segment_csr": package("torch_scatter", with_scatter),
            },
            [x],
            grad,
            definition,
        )


def values(o: Operators, channels: int = 64) -> Iterator[Case]:
    """One inner product for each entry."""
    nodes, col, row = o.graph.num_nodes, o.adj.col.long(), o.adj.rows().long()
    a, b = (draw(nodes, channels, seed=seed) / 8 for seed in (1, 2))
    grad = draw(o.graph.num_edges, seed=3)

    pattern = torch.sparse_csr_tensor(
        o.adj.rowptr.long(), col, torch.zeros(col.size(0)), (nodes, nodes)
    )

    # all channels take part in each value: nothing can be left out of the truth
    yield from both(
        "sddmm",
        o.graph.name,
        channels,
        {
            "graphpoly": lambda a, b: sddmm(o.adj, a, b),
            "gather, multiply, add": lambda a, b: (a[row] * b[col]).sum(-1),
            "torch.sparse.sampled_addmm": lambda a, b: torch.sparse.sampled_addmm(
                pattern, a, b.t()
            ).values(),
        },
        [a, b],
        grad,
        lambda a, b: sddmm_reference(o.adj.rowptr, o.adj.col, a, b),
        head=lambda t: t,
        gathered=o.graph.num_edges * channels * 4,
        streamed=o.graph.num_edges * 8 + a.numel() * 4,
    )


def neighbors(o: Operators, channels: int = 64) -> Iterator[Case]:
    """Features of common neighbours, added up for pairs that are edges."""
    x = draw(o.graph.num_nodes, channels)
    pairs = o.graph.edge_index[:, : min(20_000, o.graph.num_edges)]
    adj = o.adj.with_weight(None)
    pattern = o.scipy.astype(bool).astype("float32")
    first, second = pairs.numpy()

    def with_scipy(x: Tensor) -> Tensor:
        both = pattern[first].multiply(pattern[second]).tocsr()
        return torch.from_numpy(both @ x.numpy())

    def definition(x: Tensor) -> Tensor:
        both = pattern[first].multiply(pattern[second]).tocsr().astype("float64")
        return torch.from_numpy(both @ x.numpy())

    yield from both(
        "common neighbours",
        o.graph.name,
        channels,
        {
            "graphpoly": lambda x: common_neighbors(adj, adj, pairs, x=x),
            "scipy: products of rows, times x": with_scipy,
        },
        [x],
        x,
        definition,
        directions=(False,),
    )


def krylov(o: Operators, channels: int = 16, order: int = 10) -> Iterator[Case]:
    """An orthonormal Krylov basis of each channel, and a filter in that basis."""
    x = draw(o.graph.num_nodes, channels)
    rows = (o.adj.rowptr, o.adj.col, o.weight.double())

    def orthogonal(x: Tensor) -> Tensor:
        basis = (x / x.norm(dim=0)).unsqueeze(0)
        for _ in range(order):
            vector = o.csr32 @ basis[-1]
            for _ in range(2):  # once is not orthogonal in float32
                vector = vector - ((basis * vector).sum(1, keepdim=True) * basis).sum(0)
            basis = torch.cat([basis, (vector / vector.norm(dim=0)).unsqueeze(0)])
        return basis

    def truth() -> tuple[Tensor, ...]:
        return (lanczos_reference(*rows, x[:, :2].double(), order, None, 1, 1e-7)[0],)

    yield Case(
        "lanczos",
        o.graph.name,
        channels,
        "forward",
        truth,
        [
            contestant(
                "graphpoly", lambda x: lanczos(o.adj, x, order)[0], [x], None, tolerance=1e-2
            ),
            contestant(
                "torch.sparse CSR, orthogonalised twice", orthogonal, [x], None, tolerance=1e-2
            ),
        ],
        order=order,
    )

    theta, grad = draw(order + 1, channels, seed=2), draw(o.graph.num_nodes, channels, seed=3)

    def combined(basis: Tensor, theta: Tensor) -> Tensor:
        return (theta.unsqueeze(1) * basis).sum(0)

    def of_filter() -> tuple[Tensor, ...]:
        leaves = [t[:, :2].double().requires_grad_() for t in (x, theta)]
        z = lanczos_filter_reference(*rows, *leaves, None, 1, 1e-7)[0]
        return z.detach(), *torch.autograd.grad(z, leaves, grad[:, :2].double())

    runs = {
        "graphpoly": lambda x, theta: lanczos_filter(o.adj, x, theta),
        "graphpoly, lanczos and a sum": lambda x, theta: combined(
            lanczos(o.adj, x, order)[0], theta
        ),
        "torch.sparse CSR, orthogonalised twice": lambda x, theta: combined(orthogonal(x), theta),
    }
    yield Case(
        "lanczos_filter",
        o.graph.name,
        channels,
        "forward+backward",
        of_filter,
        [contestant(name, run, [x, theta], grad, tolerance=1e-2) for name, run in runs.items()],
        order=order,
    )
