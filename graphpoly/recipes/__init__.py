"""Experiments that one command reproduces: model, dataset, protocol and published figure."""

from __future__ import annotations

import importlib
import pkgutil

from graphpoly.recipes.ad_hoc import recipe_for, recipe_of
from graphpoly.recipes.recipe import Protocol, Published, Recipe, SharedSettings, Study, publish
from graphpoly.recipes.run import Outcome, RunOptions, compare, resolve_device, run_recipe
from graphpoly.recipes.trained import trained_network
from graphpoly.settings import Settings, bounded, parse_assignments
from graphpoly.training.experiment import judge

__all__ = [
    "Outcome",
    "Protocol",
    "Published",
    "Recipe",
    "RunOptions",
    "Settings",
    "SharedSettings",
    "Study",
    "bounded",
    "compare",
    "judge",
    "parse_assignments",
    "publish",
    "recipe_for",
    "recipe_of",
    "resolve_device",
    "run_recipe",
    "trained_network",
]

for _found in pkgutil.iter_modules(__path__):  # a module of rows publishes them as it is read
    importlib.import_module(f"{__name__}.{_found.name}")
