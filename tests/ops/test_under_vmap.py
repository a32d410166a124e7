"""An index that ``torch.func.vmap`` maps over: as one call after another, or one clear error."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad, vmap
from torch.utils._pytree import tree_leaves

from graphpoly import ops
from graphpoly.layers import SheafConv
from graphpoly.testing import assert_close
from tests.ops.hostile_calls import RECIPES
from tests.ops.hostile_draw import Draw

# torch asks for vmap's own argument of random draws, and maps over no sparse tensors
LEFT = {"dropout", "reorder", "to_csr of torch.sparse"}

pytestmark = pytest.mark.filterwarnings("ignore:There is a performance drop")


def indices(seed: int, name: str) -> tuple[Any, dict[str, Any], list[str]]:
    """A call on some graph, and which of its arguments are indices."""
    draw = Draw(random.Random(f"vmap {seed}"))
    function, given = RECIPES[name](draw)
    found = [
        key
        for key, value in given.items()
        if isinstance(value, Tensor) and not value.is_floating_point() and value.numel()
    ]
    return function, given, found


def tensors(result: Any) -> tuple[Tensor, ...]:
    """What an operator is, whatever its fields leave out; or what was given, one by one."""
    if isinstance(result, ops.CSR):
        return (result.to_dense(),)
    return tuple(each for each in tree_leaves(result) if isinstance(each, Tensor))


@pytest.mark.parametrize("name", sorted(set(RECIPES) - LEFT))
def test_as_one_after_another_or_an_error_that_names_vmap(name: str) -> None:
    told: list[str] = []
    for seed in range(8):
        function, given, found = indices(seed, name)
        for key in found:

            def call(
                index: Tensor, function: Any = function, given: Any = given, key: str = key
            ) -> tuple[Tensor, ...]:
                return tensors(function(**{**given, key: index}))

            both = given[key], given[key].flip(-1) if key == "edge_index" else given[key].clone()
            try:
                mapped = vmap(call)(torch.stack(both))
            except ValueError as error:
                told.append(str(error))
                continue
            for place, index in enumerate(both):
                for one, other in zip(mapped, call(index), strict=True):
                    assert_close(one[place], other)
    assert not [each for each in told if "torch.func.vmap maps over it" not in each]


def test_sizes_that_are_given_are_not_read_off() -> None:
    edges, x = torch.randint(5, (3, 2, 8)), torch.randn(5, 4, dtype=torch.float64)

    def aggregated(pairs: Tensor, num_nodes: int | None) -> Tensor:
        return ops.spmm(ops.to_csr(pairs, num_nodes=num_nodes), x)

    for one, pairs in zip(vmap(lambda pairs: aggregated(pairs, 5))(edges), edges, strict=True):
        assert_close(one, aggregated(pairs, 5))
    with pytest.raises(ValueError, match=r"edge_index: torch\.func.vmap maps over it, and sizes"):
        vmap(lambda pairs: aggregated(pairs, None))(edges)


def test_a_gradient_within_is_seen_through() -> None:
    batch, x = torch.tensor([[0, 0, 1], [0, 1, 1]]), torch.randn(3, 2)

    def slope(batch: Tensor, size: int | None) -> Tensor:
        return grad(lambda x: ops.pool(x.exp(), batch, "sum", batch_size=size).sum())(x)

    assert_close(vmap(lambda batch: slope(batch, 2))(batch)[1], x.exp())
    with pytest.raises(ValueError, match=r"batch: torch\.func.vmap maps over it"):
        vmap(lambda batch: slope(batch, None))(batch)


def test_layers_take_graphs_of_one_size() -> None:
    conv, x = SheafConv(4, 4), torch.randn(5, 4)
    edges = torch.randint(5, (3, 2, 8))
    for one, pairs in zip(vmap(lambda pairs: conv(x, pairs))(edges), edges, strict=True):
        assert_close(one, conv(x, pairs))
