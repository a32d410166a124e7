"""Experiments that one command reproduces: dataset, model, protocol and published figure."""

from __future__ import annotations

from graphpoly.recipes import (
    cooperative,
    demo,
    graph_spectral,
    image_filter,
    node_features,
    node_polynomial,
    node_polynormer,
    node_spectral,
    ogb_graph,
    path_nn,
    ppgn,
    sheaf,
    sweep,
)
from graphpoly.recipes.recipe import Protocol, Published, Recipe, publish
from graphpoly.recipes.run import Outcome, RunOptions, compare, resolve_device, run_recipe
from graphpoly.settings import Settings, bounded, parse_assignments
from graphpoly.recipes.spectra import draw_filters, filter_spectra

__all__ = [
    "Outcome",
    "Protocol",
    "Published",
    "Recipe",
    "RunOptions",
    "Settings",
    "bounded",
    "compare",
    "cooperative",
    "demo",
    "draw_filters",
    "filter_spectra",
    "graph_spectral",
    "image_filter",
    "node_features",
    "node_polynomial",
    "node_polynormer",
    "node_spectral",
    "ogb_graph",
    "parse_assignments",
    "path_nn",
    "ppgn",
    "publish",
    "resolve_device",
    "run_recipe",
    "sheaf",
    "sweep",
]
