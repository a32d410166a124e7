"""Colours, paths, patterns, rewiring and samples of a graph."""

from __future__ import annotations

import torch

from graphpoly import ops
from tests.ops.hostile_draw import Recipes

_SQUARE = ops.Multigraph.parse("ab,bc,cd,da->")

STRUCTURE: Recipes = {
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
        {"patterns": [_SQUARE], "x": d.normal(2, d.n, d.n), "mask": None},
    ),
    "contract_sparse": lambda d: (
        ops.contract_sparse,
        {
            "patterns": [_SQUARE, ops.Multigraph.parse("ab,bc->ac")],
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
