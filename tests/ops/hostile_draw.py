"""Small graphs, on which operators are called before somebody spoils the arguments."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from graphpoly import ops

Call = tuple[Callable[..., Any], dict[str, Any]]


class Draw:
    """Small graphs and what belongs to them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.n = rng.choice((0, 1, 2, 3, 5, 6))
        self.e = rng.randint(0, 12) if self.n else 0
        self.f = rng.choice((0, 1, 2, 3))
        self.torch = torch.Generator("cpu").manual_seed(rng.getrandbits(31))
        self.dtype = rng.choice((torch.float32, torch.float64))
        self.edge_index = self.index(2 * self.e, self.n).view(2, -1)
        weight = rng.choice((None, self.positive(self.e)))
        turned = rng.random() < 0.5
        self.adj = ops.to_csr(self.edge_index, weight, self.n, transposed=turned)
        self.valued = ops.to_csr(self.edge_index, self.positive(self.e), self.n, transposed=turned)
        self.looped = ops.normalize(self.edge_index, None, self.n, add_self_loops=True)
        self.symmetric = ops.normalize(
            torch.cat([self.edge_index, self.edge_index.flip(0)], 1), num_nodes=self.n
        )

    def index(self, length: int, size: int) -> Tensor:
        dtype = self.rng.choice((torch.int64, torch.int64, torch.int32))
        high = max(size, 1)
        length = length if size else 0
        return torch.randint(high, (length,), generator=self.torch, dtype=dtype)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.torch, dtype=self.dtype)

    def positive(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.torch, dtype=self.dtype) + 0.1

    def stored(self, *shape: int) -> Tensor:
        """Features that may be stored as bfloat16."""
        return self.normal(*shape).to(self.rng.choice((self.dtype, torch.bfloat16)))

    def batch(self) -> Tensor | None:
        return self.rng.choice((None, self.index(self.n, 3).sort().values))

    def graphs(self) -> dict[str, Any]:
        row, col = torch.cat([self.edge_index, self.edge_index.flip(0)], 1).long()
        key = torch.unique((row * max(self.n, 1) + col)[row != col])
        row, col = key // max(self.n, 1), key % max(self.n, 1)
        count = torch.bincount(row, minlength=self.n)
        return {
            "rowptr": torch.cat([torch.zeros(1).long(), count.cumsum(0)]),
            "col": col,
            "ptr": torch.tensor([0, self.n]),
        }

    def adjacent(self) -> dict[str, Any]:
        given = self.graphs()
        edges = torch.stack([torch.repeat_interleave(given["rowptr"].diff()), given["col"]])
        return {"rowptr": given["rowptr"], "col": given["col"], "edges": edges}

    def blocks(self) -> ops.PairBlocks:
        return ops.pair_blocks(None, self.rng.choice((0, 1, 2, 3)))


Recipes = dict[str, Callable[[Draw], Call]]
