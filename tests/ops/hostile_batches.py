"""Pairs of nodes, graphs of a batch, and small matrices."""

from __future__ import annotations

from graphpoly import ops
from tests.ops.hostile_draw import Recipes

BATCHES: Recipes = {
    "common_neighbors": lambda d: (
        ops.common_neighbors,
        {
            "adj_a": d.adj,
            "adj_b": d.adj,
            "pairs": d.index(6, d.n).view(2, -1),
            "x": d.rng.choice((None, d.normal(d.n, d.f))),
            "weight": d.rng.choice((None, d.normal(d.n))),
        },
    ),
    "intersect_rows": lambda d: (
        ops.intersect_rows,
        {"adj_a": d.adj, "adj_b": d.adj, "pairs": d.index(6, d.n).view(2, -1)},
    ),
    "sort_rows": lambda d: (ops.sort_rows, {"adj": d.adj}),
    "pair_sum": lambda d: (ops.pair_sum, {"adj": d.adj, "value": d.normal(d.e, 2)}),
    "pairs_within": lambda d: (
        ops.pairs_within,
        {"adj": d.looped, "hops": d.rng.choice((None, 1, 2)), "batch": None, "batch_size": 1},
    ),
    "power_basis": lambda d: (
        ops.power_basis,
        {
            "adj": d.looped,
            "pairs": d.looped,
            "exponents": (-0.5,),
            "powers": (1, 2),
            "batch": None,
            "batch_size": 1,
        },
    ),
    "pool": lambda d: (
        ops.pool,
        {
            "x": d.stored(d.n, d.f),
            "batch": d.index(d.n, 3),
            "reduce": d.rng.choice(("sum", "max", ["mean", "std"])),
            "batch_size": 3,
        },
    ),
    "pair_blocks": lambda d: (
        ops.pair_blocks,
        {"batch": d.batch(), "num_nodes": d.n, "batch_size": 3},
    ),
    "pair_matmul": lambda d: (
        lambda blocks: (
            ops.pair_matmul,
            {
                "blocks": blocks,
                "a": d.normal(d.f, blocks.num_pairs),
                "b": d.normal(d.f, blocks.num_pairs),
                "transpose_a": d.rng.random() < 0.5,
            },
        )
    )(d.blocks()),
    "pair_transpose": lambda d: (
        lambda blocks: (
            ops.pair_transpose,
            {"blocks": blocks, "x": d.normal(d.f, blocks.num_pairs)},
        )
    )(d.blocks()),
    "pair_pool": lambda d: (
        lambda blocks: (
            ops.pair_pool,
            {"blocks": blocks, "x": d.normal(d.f, blocks.num_pairs), "reduce": "mean"},
        )
    )(d.blocks()),
    "householder": lambda d: (ops.householder, {"params": d.normal(d.e, 3), "size": 3}),
    "householder_transport": lambda d: (
        ops.householder_transport,
        {"a": d.normal(d.e, 3), "b": d.normal(d.e, 3), "size": 3},
    ),
    "restriction_products": lambda d: (
        ops.restriction_products,
        {"target": d.normal(d.e, 2, 2), "source": d.normal(d.e, 2, 2)},
    ),
    "matrix_root": lambda d: (ops.matrix_root, {"matrix": d.normal(d.e, 2, 2)}),
    "orthonormalize": lambda d: (
        ops.orthonormalize,
        {"weight": d.normal(d.e, 3), "iterations": 5, "order": 2},
    ),
    "sylvester": lambda d: (
        ops.sylvester,
        {"root": d.normal(d.e, 2, 2), "right": d.normal(d.e, 2, 2)},
    ),
    "p_laplacian": lambda d: (
        ops.p_laplacian,
        {"adj": d.symmetric, "x": d.normal(d.n, d.f).to(d.symmetric.weight.dtype), "p": 1.5},
    ),
    "p_smooth": lambda d: (
        ops.p_smooth,
        {
            "adj": d.symmetric,
            "x": d.normal(d.n, d.f).to(d.symmetric.weight.dtype),
            "p": 1.5,
            "mu": 0.5,
            "steps": 2,
        },
    ),
    "edge_distances": lambda d: (
        ops.edge_distances,
        {"adj": d.adj, "x": d.normal(d.n, d.f), "p": 2.0},
    ),
    "denoise_graph": lambda d: (
        ops.denoise_graph,
        {
            "adj": d.valued,
            "distance": d.positive(d.e).to(d.valued.weight.dtype),
            "alpha": 1.0,
            "beta": 0.1,
            "steps": 2,
        },
    ),
}
