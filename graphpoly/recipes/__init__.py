"""Experiments that one command reproduces: dataset, model, protocol and published figure."""

from __future__ import annotations

from graphpoly.recipes import demo, node_polynomial, node_spectral, ogb_graph, sheaf
from graphpoly.recipes.recipe import Protocol, Published, Recipe, publish
from graphpoly.recipes.run import Outcome, RunOptions, compare, resolve_device, run_recipe
from graphpoly.recipes.settings import Settings, bounded, parse_assignments

__all__ = [
    "Outcome",
    "Protocol",
    "Published",
    "Recipe",
    "RunOptions",
    "Settings",
    "bounded",
    "compare",
    "demo",
    "node_polynomial",
    "node_spectral",
    "ogb_graph",
    "parse_assignments",
    "publish",
    "resolve_device",
    "run_recipe",
    "sheaf",
]
