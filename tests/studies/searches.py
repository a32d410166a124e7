"""A small dataset with stored divisions, and a search on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch_geometric.data import Data

from graphpoly.data import csbm
from graphpoly.recipes import recipe_for
from graphpoly.studies import Search

FIXED = {"epochs": 4, "hidden_channels": 8, "num_layers": 1}
WORDS = [f"{key}={value}" for key, value in FIXED.items()]
SPLITS = ("geom-gcn",)


def stored(divisions: int = 3) -> Data:
    """A graph of 60 nodes whose divisions do not depend on the labels."""
    data = csbm(60, 4.0, 12, phi=-0.5, epsilon=1.0, seed=3)
    generator = torch.Generator().manual_seed(0)
    orders = torch.stack([torch.randperm(60, generator=generator) for _ in range(divisions)], 1)
    data.train_mask, data.val_mask, data.test_mask = orders < 30, orders >= 45, orders // 15 == 2
    return data


def search(out: Path, trials: int = 6, model: str = "gcn", **further: Any) -> Search:
    """A search of learning rate, weight decay and dropout."""
    further = {"fixed": FIXED, "seeds": 2, **further}
    return Search(recipe_for(model, "actor"), trials=trials, out=out, **further)
