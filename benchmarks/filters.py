"""Products with an operator and polynomials of it: the cases of ``benchmarks.ops``."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.cases import CHECKED, contestant, draw
from benchmarks.measure import Case, Contestant
from benchmarks.peers import Operators, affordable, filters, products, recurrence_on
from graphpoly.ops import polynomial, reorder, spmm, to_csr

__all__ = [
    "CHECKED",
    "ORDER",
    "aggregation",
    "blocked",
    "chebyshev",
    "conversion",
    "polynomial_filter",
    "reordering",
]

ORDER = 10


def chebyshev(order: int, channels: int) -> tuple[Tensor, Tensor]:
    """Coefficients that decay and the Chebyshev recurrence, each channel with its own copy."""
    theta = 1 / (1 + torch.arange(order + 1.0)).unsqueeze(1).repeat(1, channels)
    a = torch.full((order, channels), 0.5)
    a[:1] = 1
    return theta, torch.stack([a, torch.zeros_like(a), torch.where(a == 1, 0.0, 0.5)])


def conversion(o: Operators) -> Iterator[Case]:
    """From unsorted edges to compressed rows."""
    graph = o.graph
    edge_index, weight = graph.edge_index, graph.weight
    shape = (graph.num_nodes, graph.num_nodes)
    degree = torch.bincount(edge_index[1], minlength=graph.num_nodes)
    rowptr = torch.cat([degree.new_zeros(1), degree.cumsum(0)])
    flat = edge_index.flip(0)
    as_array = edge_index.numpy()

    def scipy_csr() -> tuple[Tensor]:
        from scipy.sparse import coo_matrix

        made = coo_matrix((weight.numpy(), (as_array[1], as_array[0])), shape=shape).tocsr()
        return (torch.from_numpy(made.indptr),)

    def sort() -> tuple[Tensor]:
        order = torch.argsort(edge_index[1], stable=True)
        count = torch.bincount(edge_index[1], minlength=graph.num_nodes)
        pointer = torch.cat([count.new_zeros(1), count.cumsum(0)])
        return pointer, edge_index[0][order], weight[order]

    yield Case(
        "to_csr",
        graph.name,
        0,
        "forward",
        lambda: (rowptr,),
        [
            # a view is a new tensor: nothing is remembered of it
            Contestant(
                "graphpoly", lambda: (to_csr(edge_index[:], weight, graph.num_nodes).rowptr,)
            ),
            Contestant("argsort and gather", sort),
            Contestant(
                "torch to_sparse_csr",
                lambda: (
                    torch.sparse_coo_tensor(flat, weight, shape).to_sparse_csr().crow_indices(),
                ),
            ),
            Contestant("scipy, one thread", scipy_csr),
        ],
    )


def aggregation(o: Operators, reduce: str, channels: int) -> Iterator[Case]:
    graph = o.graph
    x, grad = (draw(graph.num_nodes, channels, seed=seed) for seed in (1, 2))
    gathered = graph.num_edges * channels * 4
    streamed = graph.num_edges * 8 + 2 * x.numel() * 4
    for backward in (False, True):
        target = grad[:, :CHECKED] if backward else None
        yield Case(
            f"spmm {reduce}",
            graph.name,
            channels,
            "forward+backward" if backward else "forward",
            lambda target=target: o.truth(x[:, :CHECKED], target, reduce),
            [
                contestant(name, run, [x], grad if backward else None)
                for name, run in affordable(products(o, reduce), o, channels, backward).items()
            ],
            gathered=gathered * (1 + backward),
            streamed=streamed * (1 + backward),
        )


def polynomial_filter(o: Operators, channels: int) -> Iterator[Case]:
    graph = o.graph
    x, grad = (draw(graph.num_nodes, channels, seed=seed) for seed in (1, 2))
    theta, recurrence = chebyshev(ORDER, channels)

    def truth(backward: bool) -> tuple[Tensor, ...]:
        matrix = o.csr64.double()
        head = [t[..., :CHECKED].double() for t in (x, theta)]
        head = [t.clone().requires_grad_(backward) for t in head]
        z = recurrence_on(
            lambda p: matrix @ p, head[0], head[1], recurrence[..., :CHECKED].double()
        )
        if not backward:
            return (z,)
        return z.detach(), *torch.autograd.grad(z, head, grad[:, :CHECKED].double())

    gathered = ORDER * graph.num_edges * channels * 4
    streamed = ORDER * (graph.num_edges * 8 + 4 * x.numel() * 4)
    for backward in (False, True):
        yield Case(
            "polynomial",
            graph.name,
            channels,
            "forward+backward" if backward else "forward",
            lambda backward=backward: truth(backward),
            [
                contestant(
                    name,
                    run
                    if isinstance(run, str)
                    else lambda x, theta, run=run: run(x, theta, recurrence),
                    [x, theta],
                    grad if backward else None,
                )
                for name, run in affordable(filters(o), o, channels, backward).items()
            ],
            order=ORDER,
            gathered=gathered * (1 + backward),
            streamed=streamed * (1 + backward),
        )


def blocked(o: Operators, channels: int = 64) -> Iterator[Case]:
    """All K steps on so few channels that they stay in the cache, before the next ones start."""
    graph = o.graph
    x = draw(graph.num_nodes, channels)
    theta, recurrence = chebyshev(ORDER, channels)

    def in_blocks(width: int) -> Contestant:
        # cut before the clock starts: what is measured is the filter
        cuts = [slice(c, c + width) for c in range(0, channels, width)]
        parts = [x[:, cut].contiguous() for cut in cuts]

        def run() -> tuple[Tensor, ...]:
            with torch.no_grad():
                made = [
                    polynomial(o.adj, part, theta[:, cut], recurrence[..., cut])
                    for part, cut in zip(parts, cuts, strict=True)
                ]
            return tuple(made[:1])

        megabytes = graph.num_nodes * width * 4 / 1e6
        return Contestant(f"graphpoly, {width} channels at a time ({megabytes:.3g} MB)", run)

    def truth() -> tuple[Tensor, ...]:
        matrix = o.csr64.double()
        head, t = x[:, :CHECKED].double(), theta[:, :CHECKED].double()
        r = recurrence[..., :CHECKED].double()
        return (recurrence_on(lambda p: matrix @ p, head, t, r),)

    whole = contestant("graphpoly", lambda x: polynomial(o.adj, x, theta, recurrence), [x], None)
    narrow = [in_blocks(width) for width in (8, 16, 32)]
    yield Case(
        "polynomial in blocks of channels",
        graph.name,
        channels,
        "forward",
        truth,
        [whole, *narrow],
        order=ORDER,
    )


def reordering(o: Operators, channels: int = 64) -> Iterator[Case]:
    """The same product on the graph with its nodes in other orders."""
    graph = o.graph
    x = draw(graph.num_nodes, channels)
    expected = spmm(o.adj, x)
    rows = [contestant("graphpoly", lambda x: spmm(o.adj, x), [x], None)]
    for method in ("degree", "rcm", "community"):
        begin = time.perf_counter()
        order = reorder(graph.edge_index, graph.num_nodes, method)
        seconds = time.perf_counter() - begin
        adj = to_csr(order.edges(graph.edge_index), graph.weight, graph.num_nodes)
        moved, name = order.rows(x), f"graphpoly, order: {method} (found in {seconds:.2g} s)"
        if torch.allclose(order.back(spmm(adj, moved)), expected, rtol=1e-4, atol=1e-5):
            rows.append(contestant(name, lambda x, adj=adj: spmm(adj, x), [moved], None))
        else:
            rows.append(Contestant(name, skip="wrong result: not timed"))
    yield Case("reordering, spmm sum", graph.name, channels, "forward", None, rows)
