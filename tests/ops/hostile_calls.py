"""A sound call of every operator on a small graph, for others to spoil."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from graphpoly.compat import torch_scatter
from tests.ops.hostile_batches import BATCHES
from tests.ops.hostile_draw import Call, Draw, Recipes
from tests.ops.hostile_products import PRODUCTS
from tests.ops.hostile_structure import STRUCTURE


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


RECIPES: Recipes = {**PRODUCTS, **BATCHES, **STRUCTURE}
for _name in torch_scatter.__all__:
    _function = getattr(torch_scatter, _name)
    RECIPES[f"torch_scatter.{_name}"] = lambda d, function=_function: _adapter(function, d)

# exported and without a call that arguments could spoil: types, constants, and functions of graphs'
# names that hold no tensor
OTHERS = {
    "COLOR_VERSION", "STABLE_ROUNDS", "FixedPoint", "LinearOperator", "Multigraph", "NumberedKeys",
    "Ordering", "PairBlocks", "Pairs", "Parts", "PathTrie", "Paths", "Plan", "SampledEntries",
    "SimplicialNeighbors", "StableColors", "TakenKeys", "Triplets", "Walks", "backends",
    "contraction_plan", "einsum_cost", "still_node", "uncomputable",
}  # fmt: skip
