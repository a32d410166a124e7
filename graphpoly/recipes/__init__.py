"""Experiments that one command reproduces: model, dataset, protocol and published figure."""

from __future__ import annotations

# fmt: off
# isort: off
from graphpoly.recipes import (
    cooperative, demo, egnn, favard, features, forward, gcorn, grafenne, gspn, image_filter,
    mamba, ncn, ogb, patches, path_nn, polynormer, ppgn, rni, scrawl, sheaf, spectral, sweep,
    traces, tu,
)
# isort: on
from graphpoly.recipes.ad_hoc import recipe_for, recipe_of
from graphpoly.recipes.recipe import Protocol, Published, Recipe, SharedSettings, Study, publish
from graphpoly.recipes.run import Outcome, RunOptions, compare, judge, resolve_device, run_recipe
from graphpoly.recipes.trained import trained_network
from graphpoly.settings import Settings, bounded, parse_assignments

__all__ = [
    "Outcome", "Protocol", "Published", "Recipe", "RunOptions", "Settings", "SharedSettings",
    "Study", "bounded", "compare", "cooperative", "demo", "egnn", "favard", "features",
    "forward", "gcorn", "grafenne", "gspn", "image_filter", "judge", "mamba", "ncn", "ogb",
    "parse_assignments", "patches", "path_nn", "polynormer", "ppgn", "publish", "recipe_for",
    "recipe_of", "resolve_device", "rni", "run_recipe", "scrawl", "sheaf", "spectral", "sweep",
    "traces", "trained_network", "tu",
]
# fmt: on
