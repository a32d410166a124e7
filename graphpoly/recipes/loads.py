"""A recipe's dataset: read, rewired and prepared once for all its models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from graphpoly.data import Loaded
from graphpoly.devices import on_cpu
from graphpoly.distributed import in_turn
from graphpoly.models.network_for import prepared
from graphpoly.recipes.recipe import Recipe
from graphpoly.training import Progress
from graphpoly.training.rewired import rewire_loaded

__all__ = ["Loads"]


class Loads:
    """A recipe's dataset, read once, or once a seed where every seed has its own.

    Args:
        recipe: Its dataset, reading and rewiring.
        root: Folder that holds the datasets.
        saved: Folder where a rewiring that took long is kept, or None.
        progress: Told about the rewiring.
    """

    def __init__(
        self,
        recipe: Recipe,
        root: Path | None,
        *,
        saved: Path | None = None,
        progress: Progress | None = None,
    ) -> None:
        # the account of a private training does not have the mean of labels
        known = recipe.data.standardized and recipe.privacy is None
        self.dataset = replace(recipe.data, standardized=known)
        self._recipe, self._root = recipe, root
        self._saved, self._progress = saved, progress
        self._held: dict[tuple[int, str], Loaded] = {}

    def of(self, seed: int) -> Loaded:
        """Return the dataset of a seed as it was found."""
        key = (seed if self.dataset.drawn else 0, "")
        if key not in self._held:
            self._held[key] = in_turn(
                lambda: self.dataset.load(self._root, self._recipe.reading, key[0])
            )
        return self._held[key]

    @on_cpu()
    def rewired(self, seed: int) -> Loaded:
        """Return the dataset of a seed after its rewiring; of links, the training part of it."""
        method = self._recipe.rewire
        if method is None or method.in_forward:
            return self.of(seed)
        links = self.dataset.task == "links" and method.rewires
        key = (seed if self.dataset.drawn or links else 0, "rewired")
        if key not in self._held:
            if links:  # each division has a graph of its own; one is held at a time
                self._held = {each: self._held[each] for each in self._held if each[1] == ""}
            found, split = self.of(seed), self.split(seed) if links else None
            self._held[key] = in_turn(
                lambda: rewire_loaded(
                    found,
                    method,
                    split,
                    saved=None if self._saved is None else self._saved / f"rewired-{key[0]}.pt",
                    progress=self._progress,
                    label=f"{self.dataset.name} by {method.method}",
                )
            )
        return self._held[key]

    @on_cpu()
    def read_by(self, model: str, seed: int) -> Loaded:
        """Return the dataset of a seed as a model reads it."""
        rewired = self.rewired(seed)
        own = self.dataset.drawn or rewired is not self.of(seed)
        key = (seed if own else 0, f"read by {model}")
        if key not in self._held:
            self._held[key] = prepared(self._recipe.settings_of(model), rewired)
        return self._held[key]

    def split(self, seed: int) -> Any:
        """Return the division of a seed."""
        return self.of(seed).split(self._recipe.protocol.split, seed)
