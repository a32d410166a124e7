"""A sound call of every operator on a small graph, for others to spoil."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly import ops
from graphpoly.compat import torch_scatter

Call = tuple[Callable[..., Any], dict[str, Any]]


class Draw:
    """Small graphs and what belongs to them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.n = rng.choice((0, 1, 2, 3, 5, 6))
        self.e = rng.randint(0, 12) if self.n else 0
        self.f = rng.choice((0, 1, 2, 3))
        self.torch = torch.Generator("cpu").manual_seed(rng.getrandbits(31))
        self.dtype = rng.choice((torch.float32, torch.float64))
        self.edge_index = self.index(2 * self.e, self.n).view(2, -1)
        weight = rng.choice((None, self.positive(self.e)))
        turned = rng.random() < 0.5
        self.adj = ops.to_csr(self.edge_index, weight, self.n, transposed=turned)
        self.valued = ops.to_csr(self.edge_index, self.positive(self.e), self.n, transposed=turned)
        self.looped = ops.normalize(self.edge_index, None, self.n, add_self_loops=True)
        self.symmetric = ops.normalize(
            torch.cat([self.edge_index, self.edge_index.flip(0)], 1), num_nodes=self.n
        )

    def index(self, length: int, size: int) -> Tensor:
        dtype = self.rng.choice((torch.int64, torch.int64, torch.int32))
        high = max(size, 1)
        length = length if size else 0
        return torch.randint(high, (length,), generator=self.torch, dtype=dtype)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.torch, dtype=self.dtype)

    def positive(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.torch, dtype=self.dtype) + 0.1

    def stored(self, *shape: int) -> Tensor:
        """Features that may be stored as bfloat16."""
        return self.normal(*shape).to(self.rng.choice((self.dtype, torch.bfloat16)))

    def batch(self) -> Tensor | None:
        return self.rng.choice((None, self.index(self.n, 3).sort().values))

    def graphs(self) -> dict[str, Any]:
        row, col = torch.cat([self.edge_index, self.edge_index.flip(0)], 1).long()
        key = torch.unique((row * max(self.n, 1) + col)[row != col])
        row, col = key // max(self.n, 1), key % max(self.n, 1)
        count = torch.bincount(row, minlength=self.n)
        return {
            "rowptr": torch.cat([torch.zeros(1).long(), count.cumsum(0)]),
            "col": col,
            "ptr": torch.tensor([0, self.n]),
        }

    def adjacent(self) -> dict[str, Any]:
        given = self.graphs()
        edges = torch.stack([torch.repeat_interleave(given["rowptr"].diff()), given["col"]])
        return {"rowptr": given["rowptr"], "col": given["col"], "edges": edges}

    def blocks(self) -> ops.PairBlocks:
        return ops.pair_blocks(None, self.rng.choice((0, 1, 2, 3)))


def _sparse(size: int, rowptr: Tensor, col: Tensor, values: Tensor) -> Tensor:
    try:
        return torch.sparse_csr_tensor(rowptr, col, values, (size, size), check_invariants=False)
    except RuntimeError as error:  # torch has refused to make it
        raise ValueError(str(error)) from None


def _adapter(function: Callable[..., Any], d: Draw) -> Call:
    name = function.__name__
    src = d.normal(d.e, d.f) if d.rng.random() < 0.7 else d.normal(2, d.e, 2)
    dim = src.dim() - 2
    if "csr" in name:
        ptr = torch.cat([torch.zeros(1).long(), d.index(2, d.e + 1).sort().values.long()])
        ptr = torch.cat([ptr, torch.tensor([d.e])])
        ptr = ptr if dim == 0 else ptr.unsqueeze(0)
        if name == "gather_csr":
            src = src.narrow(dim, 0, 0).new_ones(*src.shape[:dim], ptr.size(-1) - 1, src.size(-1))
        return function, {"src": src, "indptr": ptr}
    index = d.index(d.e, 4 if d.e else 0)
    if "coo" in name:
        index = index.sort().values
        index = index if dim == 0 else index.unsqueeze(0)
        if name == "gather_coo":
            src = src.new_ones(*src.shape[:dim], 4, src.size(-1))
            return function, {"src": src, "index": index}
        return function, {"src": src, "index": index, "dim_size": 4}
    return function, {"src": src, "index": index, "dim": dim, "dim_size": 4}


def _recipes() -> dict[str, Callable[[Draw], Call]]:
    square = ops.Multigraph.parse("ab,bc,cd,da->")
    found: dict[str, Callable[[Draw], Call]] = {
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
        "color_refinement": lambda d: (
            ops.color_refinement,
            {
                "adj": d.adj,
                "rounds": 3,
                "node_label": d.rng.choice((None, d.normal(d.n))),
                "edge_label": d.rng.choice((None, d.index(d.e, 2))) if d.e else None,
            },
        ),
        "stable_colors": lambda d: (
            ops.stable_colors,
            {"adj": d.adj, "node_label": d.normal(d.n), "limit": d.rng.choice((0, 1, 32))},
        ),
        "label_names": lambda d: (ops.label_names, {"label": d.normal(d.n, 2)}),
        "mix64": lambda d: (ops.mix64, {"x": d.index(d.e, 5).long()}),
        "count_paths": lambda d: (
            ops.count_paths,
            {
                "edge_index": d.edge_index,
                "K": 3,
                "num_nodes": d.n,
                "paths": d.rng.choice(("simple", "shortest", "single")),
            },
        ),
        "enumerate_paths": lambda d: (
            ops.enumerate_paths,
            {
                "edge_index": d.edge_index,
                "K": 3,
                "num_nodes": d.n,
                "paths": d.rng.choice(("simple", "shortest", "single")),
                "shortest": 1,
                "distances": d.rng.random() < 0.5,
                "seed": d.rng.choice((None, 5)),
                "max_paths": d.rng.choice((None, 10**6, 5)),
                "sample": d.rng.choice((None, 2)),
            },
        ),
        "path_trie": lambda d: (
            ops.path_trie,
            {"paths": ops.enumerate_paths(d.edge_index, 2, d.n)[1], "share": True},
        ),
        "reorder": lambda d: (
            ops.reorder,
            {
                "edge_index": d.edge_index,
                "num_nodes": d.n,
                "method": d.rng.choice(("degree", "rcm", "community")),
                "rounds": 2,
                "seed": 1,
            },
        ),
        "list_cliques": lambda d: (
            ops.list_cliques,
            {"edge_index": d.edge_index, "k": 3, "num_nodes": d.n},
        ),
        "contract": lambda d: (
            ops.contract,
            {"patterns": [square], "x": d.normal(2, d.n, d.n), "mask": None},
        ),
        "contract_sparse": lambda d: (
            ops.contract_sparse,
            {
                "patterns": [square, ops.Multigraph.parse("ab,bc->ac")],
                "edge_index": d.edge_index,
                "num_nodes": d.n,
                "batch": d.batch(),
                "num_graphs": 3,
                "pairs": d.index(4, d.n).view(2, -1),
            },
        ),
        "color_rounds": lambda d: (
            lambda **given: next(ops.color_rounds(**given)),
            {"adj": d.adj, "node_label": d.normal(d.n), "edge_label": None, "portion": 2},
        ),
        "hash64": lambda d: (
            ops.hash64,
            {"seed": 3, "a": d.index(d.e, 5).long(), "b": d.index(d.e, 5).long()},
        ),
        "uniform": lambda d: (ops.uniform, {"bits": d.index(d.e, 5).long()}),
        "random_features": lambda d: (
            ops.random_features,
            {
                "num_nodes": d.n,
                "dim": d.f,
                "distribution": d.rng.choice(("normal", "uniform", "xavier")),
            },
        ),
        "random_walks": lambda d: (
            ops.random_walks,
            {
                "adj": d.adj,
                "start": d.index(4, d.n),
                "steps": 3,
                "backtracking": d.rng.random() < 0.5,
                "seed": 1,
                "name": None,
                "draws": None,
            },
        ),
        "walk_bits": lambda d: (
            ops.walk_bits,
            {"adj": d.adj, "node": d.index(12, d.n).view(-1, 4), "window": 2},
        ),
        "clique_complex": lambda d: (
            ops.clique_complex,
            {"edge_index": d.edge_index, "num_nodes": d.n, "dim": 2},
        ),
        "simplicial_complex": lambda d: (ops.simplicial_complex, {"simplices": [[0], [1], [0, 1]]}),
        "simplicial_faces": lambda d: (
            ops.simplicial_faces,
            {"simplices": ops.clique_complex(d.edge_index, d.n), "k": 1},
        ),
        "simplicial_neighbors": lambda d: (
            ops.simplicial_neighbors,
            {"simplices": ops.clique_complex(d.edge_index, d.n), "k": 1, "through": "both"},
        ),
        "balanced_forman": lambda d: (ops.balanced_forman, d.graphs()),
        "fosr": lambda d: (
            ops.fosr,
            {
                **d.graphs(),
                "num_edges": 2,
                "power_steps": d.rng.choice((None, 2)),
                "tolerance": 1e-10,
                "seed": 1,
            },
        ),
        "sdrf": lambda d: (
            ops.sdrf,
            {
                **d.graphs(),
                "iterations": 2,
                "tau": d.rng.choice((1.0, float("inf"))),
                "bound": d.rng.choice((0.5, float("inf"))),
                "seed": 1,
            },
        ),
        "laser": lambda d: (
            ops.laser,
            {**d.graphs(), "snapshots": 2, "share": 0.5, "least": 1, "power": 4, "seed": 1},
        ),
        "laplacian_powers": lambda d: (
            ops.laplacian_powers,
            {name: d.graphs()[name] for name in ("rowptr", "col")},
        ),
        "edge_transport": lambda d: (ops.edge_transport, d.adjacent()),
        "gtr": lambda d: (ops.gtr, {**d.graphs(), "num_edges": 2}),
        "gather_parts": lambda d: (
            ops.gather_parts,
            {
                "value": d.edge_index.long(),
                "bounds": torch.tensor([0, d.e // 2, d.e]),
                "chosen": d.index(3, 2).long(),
                "dim": 1,
                "step": d.rng.choice((None, torch.tensor([d.n, 1]))),
            },
        ),
        "dropout": lambda d: (
            ops.dropout,
            {
                "x": d.normal(d.n, d.f),
                "p": d.rng.choice((0.0, 0.5, 1.0)),
                "seed": d.rng.choice((None, -1, torch.tensor([3]))),
                "place": d.rng.choice((None, torch.arange(d.n * d.f).view(d.n, d.f))),
            },
        ),
        "number_keys": lambda d: (
            ops.number_keys,
            {"known": d.index(4, 9).long(), "found": d.index(d.e, 9).long()},
        ),
        "sample_neighbors": lambda d: (
            ops.sample_neighbors,
            {
                "rowptr": d.graphs()["rowptr"],
                "node": d.index(3, d.n).long(),
                "count": d.rng.choice((-1, 0, 2)),
                "num_entries": d.graphs()["col"].numel(),
                "replace": d.rng.random() < 0.5,
                "weight": d.positive(d.graphs()["col"].numel()).double(),
                "seed": 1,
            },
        ),
        "take_and_number": lambda d: (
            ops.take_and_number,
            {
                "known": d.index(3, 9).long(),
                "value": d.index(4, 9).long(),
                "place": d.index(d.e, 4).long(),
                "num_keys": 9,
            },
        ),
        "take_numbers": lambda d: (
            ops.take_numbers,
            {"value": d.index(4, 9).long(), "place": d.index(d.e, 4).long()},
        ),
        "multigraphs": lambda d: (
            ops.multigraphs,
            {"degree": 2, "roots": 1, "kind": "simple"},
        ),
    }
    for name in torch_scatter.__all__:
        function = getattr(torch_scatter, name)
        found[f"torch_scatter.{name}"] = lambda d, function=function: _adapter(function, d)
    return found


RECIPES = _recipes()
# exported and without a call that arguments could spoil: types, constants, and functions of graphs'
# names that hold no tensor
OTHERS = {
    "COLOR_VERSION", "STABLE_ROUNDS", "FixedPoint", "LinearOperator", "Multigraph", "NumberedKeys",
    "Ordering", "PairBlocks", "Pairs", "Parts", "PathTrie", "Paths", "Plan", "SampledEntries",
    "SimplicialNeighbors", "StableColors", "TakenKeys", "Triplets", "Walks", "backends",
    "contraction_plan", "einsum_cost", "still_node", "uncomputable",
}  # fmt: skip
