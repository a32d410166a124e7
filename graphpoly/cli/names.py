"""Names that can be known to be wrong before torch is imported, which takes seconds."""

from __future__ import annotations

import json
import sys
from importlib import resources
from typing import Any

from graphpoly.errors import unknown

__all__ = ["PAGE", "check_names", "known_names", "offered"]

PAGE = "names.json"  # made by `python -m benchmarks.names_page`, and held equal by a test


def check_names(names: list[str]) -> None:
    """Refuse a recipe or a model that nothing in this package is called.

    In a process that has torch already somebody may have registered more, and nothing is refused.

    Args:
        names: A recipe, or a model and a dataset; see ``graphpoly train``.

    Raises:
        ValueError: As the registry would raise it; and how else what is named is asked for.
    """
    if "torch" in sys.modules or not names or len(names) > 2 or ":" in names[0]:
        return
    name, known = names[0], known_names()
    is_model = name.lower() in {each.lower() for each in known["models"]}
    if len(names) == 2 and not is_model:
        methods = {each.lower() for each in known["methods"]}
        if name.lower() in methods:
            again = f"graphpoly train MODEL {names[1]} rewire={name.lower()}"
            raise ValueError(f"{name}: is no model, it rewires the graphs of one; {again}")
        if names[1].lower() in {each.lower() for each in known["models"]}:
            again = f"graphpoly train {names[1]} {name}"
            raise ValueError(f"{name}: is no model, and the model comes first; {again}")
        raise unknown("model", name, known["models"])
    if len(names) == 1 and name not in known["recipes"] and not is_model:
        error = unknown("recipe", name, known["recipes"])
        model, _, dataset = name.partition("/")
        if model in known["models"] and dataset and str(error).count(f"'{model}/") == 1:
            again = f"graphpoly train {model} {dataset}"
            raise ValueError(
                f"unknown recipe {name!r}; a model and a dataset are two words: {again}"
            )
        raise error


def known_names() -> dict[str, Any]:
    """Return the names that the file holds."""
    found: dict[str, Any] = json.loads(resources.files(__package__).joinpath(PAGE).read_text())
    return found


def offered() -> dict[str, Any]:
    """Return the names that the file must hold."""
    from graphpoly import registry
    from graphpoly.models.settings import aliases
    from graphpoly.rewiring import method_names

    recipes = sorted((entry.name, entry.obj.dataset) for entry in registry.entries("recipe"))
    return {
        "recipes": [name for name, _ in recipes],
        "ogb": {name: dataset for name, dataset in recipes if dataset.startswith("ogb")},
        "models": aliases(),
        "methods": method_names(),
    }
