"""Operators from a graph, what is summed over them, attention and groups."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly import ops
from tests.ops.hostile_draw import Recipes


def _sparse(size: int, rowptr: Tensor, col: Tensor, values: Tensor) -> Tensor:
    try:
        return torch.sparse_csr_tensor(rowptr, col, values, (size, size), check_invariants=False)
    except RuntimeError as error:  # torch has refused to make it
        raise ValueError(str(error)) from None


PRODUCTS: Recipes = {
    "to_csr": lambda d: (
        ops.to_csr,
        {
            "edge_index": d.edge_index,
            "edge_weight": d.rng.choice((None, d.normal(d.e))),
            "num_nodes": d.n,
            "transposed": d.rng.random() < 0.5,
        },
    ),
    "to_csr of torch.sparse": lambda d: (
        lambda rowptr, col, values: ops.to_csr(_sparse(d.n, rowptr, col, values)),
        {
            "rowptr": d.adj.rowptr.long(),
            "col": d.adj.col.long(),
            "values": d.normal(d.e),
        },
    ),
    "CSR": lambda d: (ops.CSR, dict(d.adj._asdict())),
    "to_edges": lambda d: (ops.to_edges, {"edge_index": d.edge_index, "size": (d.n, d.n)}),
    "silence_loops": lambda d: (
        ops.silence_loops,
        {"edge_index": d.edge_index, "num_nodes": d.n, "dtype": torch.float32},
    ),
    "normalize": lambda d: (
        ops.normalize,
        {
            "edge_index": d.edge_index,
            "num_nodes": d.n,
            "normalization": "sym",
            "add_self_loops": True,
        },
    ),
    "rescale": lambda d: (ops.rescale, {"adj": d.valued, "normalization": "rw"}),
    "spmm": lambda d: (
        ops.spmm,
        {
            "adj": d.adj,
            "x": d.stored(d.n, d.f),
            "reduce": d.rng.choice(("sum", "mean", "max", "min")),
        },
    ),
    "multi_aggregate": lambda d: (
        ops.multi_aggregate,
        {"adj": d.adj, "x": d.stored(d.n, d.f), "aggregations": ["sum", "std", "max"]},
    ),
    "sddmm": lambda d: (
        ops.sddmm,
        {"adj": d.adj, "a": d.normal(d.n, d.f), "b": d.normal(d.n, d.f)},
    ),
    "entry_sum": lambda d: (
        ops.entry_sum,
        {"adj": d.adj, "a": d.normal(d.n, d.f), "b": d.normal(d.n, d.f)},
    ),
    "sum_entries": lambda d: (ops.sum_entries, {"adj": d.adj, "values": d.normal(d.e, d.f)}),
    "min_plus": lambda d: (
        ops.min_plus,
        {"adj": d.adj, "x": d.normal(d.n, d.f), "largest": d.rng.random() < 0.5},
    ),
    "list_triplets": lambda d: (ops.list_triplets, {"adj": d.adj}),
    "triplets_min_plus": lambda d: (
        ops.triplets_min_plus,
        {
            "triplets": ops.list_triplets(d.adj),
            "first": d.normal(d.e, d.f),
            "second": d.normal(d.e, d.f),
            "largest": d.rng.random() < 0.5,
        },
    ),
    "edge_vectors": lambda d: (
        ops.edge_vectors,
        {
            "adj": d.adj,
            "pos": d.normal(d.n, 3),
            "cell": d.normal(2, 3, 3),
            "batch": d.index(d.n, 2),
        },
    ),
    "block_spmm": lambda d: (
        ops.block_spmm,
        {"adj": d.adj, "blocks": d.normal(d.e, 2, 2), "x": d.normal(d.n, 2, d.f)},
    ),
    "block_sddmm": lambda d: (
        ops.block_sddmm,
        {"adj": d.adj, "a": d.normal(d.n, 2, d.f), "b": d.normal(d.n, 2, d.f)},
    ),
    "polynomial": lambda d: (
        ops.polynomial,
        {
            "adj": d.adj,
            "x": d.stored(d.n, d.f),
            "theta": d.normal(4, 1),
            "recurrence": d.positive(3, 3, 1),
        },
    ),
    "lanczos": lambda d: (
        ops.lanczos,
        {"adj": d.adj, "x": d.normal(d.n, d.f), "K": 3, "batch": d.batch(), "batch_size": 3},
    ),
    "lanczos_filter": lambda d: (
        ops.lanczos_filter,
        {
            "adj": d.adj,
            "x": d.normal(d.n, d.f),
            "theta": d.normal(4, d.f),
            "batch": d.batch(),
            "batch_size": 3,
        },
    ),
    "resolvent": lambda d: (
        ops.resolvent,
        {
            "adj": d.symmetric,
            "x": d.normal(d.n, d.f),
            "solver": d.rng.choice(("dense", "sparse")),
            "block": None,
            "num_blocks": 1,
            "max_iterations": 100,
        },
    ),
    "fixed_point": lambda d: (
        lambda **given: vars(ops.fixed_point(lambda z: z.sin() / 2 + 1, **given)),
        {
            "start": d.normal(d.n, d.f),
            "solver": d.rng.choice(("anderson", "picard")),
            "tolerance": 1e-6,
            "gradient_tolerance": 1e-6,
            "max_iterations": 100,
            "window": 5,
            "mixing": 0.5,
            "batch": d.batch(),
            "batch_size": 3,
        },
    ),
    "column_space": lambda d: (
        ops.column_space,
        {"adj": d.adj, "rank": 2, "iterations": 2, "seed": 1, "batch": d.batch()},
    ),
    "spectral_density": lambda d: (
        ops.spectral_density,
        {
            "adj": d.symmetric,
            "edges": torch.tensor([-1.0, 0.0, 1.0]),
            "K": 5,
            "num_vectors": 2,
            "seed": 1,
        },
    ),
    "stationary_distribution": lambda d: (
        ops.stationary_distribution,
        {"adj": d.adj, "damping": 0.1},
    ),
    "connection": lambda d: (
        ops.connection,
        {"adj": d.adj, "x": d.normal(d.n, 3), "rank": 2, "batch": d.batch()},
    ),
    "linear_attention": lambda d: (
        ops.linear_attention,
        {
            "query": d.positive(d.n, 2, 3),
            "key": d.positive(d.n, 2, 3),
            "value": d.normal(d.n, 2, d.f),
            "batch": d.batch(),
            "batch_size": 3,
        },
    ),
    "gat_attention": lambda d: (
        ops.gat_attention,
        {
            "adj": d.adj,
            "value": d.stored(d.n, 2, 3),
            "alpha_src": d.normal(d.n, 2),
            "alpha_dst": d.normal(d.n, 2),
            "edge_bias": d.rng.choice((None, d.normal(d.e, 2))),
            "dropout": d.rng.choice((0.0, 0.5)),
            "seed": 3,
        },
    ),
    "gatv2_attention": lambda d: (
        ops.gatv2_attention,
        {
            "adj": d.adj,
            "x_src": d.stored(d.n, 2, 3),
            "x_dst": d.normal(d.n, 2, 3),
            "att": d.normal(2, 3),
            "edge_attr": d.rng.choice((None, d.normal(d.e, 2, 3))),
        },
    ),
    "dot_attention": lambda d: (
        ops.dot_attention,
        {
            "adj": d.adj,
            "query": d.normal(d.n, 2, 3),
            "key": d.normal(d.n, 2, 3),
            "value": d.stored(d.n, 2, d.f),
        },
    ),
    "segment_softmax": lambda d: (
        ops.segment_softmax,
        {"adj": d.adj, "value": d.normal(d.e, 2), "input_order": d.rng.random() < 0.5},
    ),
    "segment_logsumexp": lambda d: (
        ops.segment_logsumexp,
        {"adj": d.adj, "value": d.normal(d.e, 2), "input_order": d.rng.random() < 0.5},
    ),
    "selective_scan": lambda d: (
        ops.selective_scan,
        {
            "x": d.normal(d.e, d.f),
            "delta": d.positive(d.e, d.f),
            "A": -d.positive(d.f, 2),
            "B": d.normal(d.e, 2),
            "C": d.normal(d.e, 2),
            "D": d.rng.choice((None, d.normal(d.f))),
            "ptr": d.rng.choice((None, torch.tensor([0, d.e // 2, d.e]))),
            "reverse": d.rng.random() < 0.5,
        },
    ),
}
