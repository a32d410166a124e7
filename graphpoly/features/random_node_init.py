r"""Random node initialisation: some features of each node are noise.

With them message passing tells all graphs apart, with high probability, at the price of results
that are invariant in expectation only.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.data.datapipes import functional_transform
from torch_geometric.transforms import BaseTransform

from graphpoly.errors import unknown
from graphpoly.ops import hash64, random_features, uniform
from graphpoly.ops.random_features import DISTRIBUTIONS
from graphpoly.registry import register

__all__ = ["RandomNodeInit"]


@register(
    "transform",
    paper="Abboud, Ceylan, Grohe, Lukasiewicz. The Surprising Power of Graph Neural Networks with "
    "Random Node Initialization. IJCAI 2021",
    arxiv="2010.01179",
    example=lambda: RandomNodeInit(4, seed=0),
    tags={"complexity": "O(N F)", "expressivity": "universal with high probability"},
)
@functional_transform("graphpoly_random_node_init")
class RandomNodeInit(BaseTransform):
    r"""Append random features to ``x``.

    Args:
        dim: Number of random features.
        distribution: See :func:`graphpoly.ops.random_features`.
        seed: None draws anew in each call from torch's generator: as ``transform=`` of a data set
            that is a new draw each epoch. A number makes the features a function of it, of the
            number of the node in its graph and of the graph's number of nodes alone.
        attr_name: Where they go: appended to it where it is there, as ``x`` is.

    Complexity: O(N F).

    Differences from the paper: none. In a network,
    :class:`~graphpoly.layers.RandomNodeFeatures` does the same in each forward pass.

    >>> data = RandomNodeInit(2, seed=1)(Data(x=torch.ones(3, 1)))
    >>> data.x.shape, data.x[:, 0].tolist()
    (torch.Size([3, 3]), [1.0, 1.0, 1.0])
    """

    def __init__(
        self,
        dim: int,
        *,
        distribution: str = "normal",
        seed: int | None = None,
        attr_name: str = "x",
    ) -> None:
        if dim < 1:
            raise ValueError(f"dim: got {dim}, expected at least 1")
        if distribution not in DISTRIBUTIONS:
            raise unknown("distribution", distribution, DISTRIBUTIONS)
        self.dim, self.distribution = dim, distribution
        self.seed, self.attr_name = seed, attr_name

    def forward(self, data: Any) -> Any:
        """Append the features."""
        if not isinstance(data, Data):
            raise TypeError(
                f"RandomNodeInit: got {type(data).__name__}; Data of one node type is accepted"
            )
        held = data.get(self.attr_name)
        sizes = data.ptr.diff().tolist() if isinstance(data, Batch) else [data.num_nodes or 0]
        drawn = torch.cat([self._drawn(size) for size in sizes])
        given = data.edge_index if held is None else held
        if given is not None:
            drawn = drawn.to(given.device)
        if held is not None:
            held = held if held.dim() > 1 else held.unsqueeze(1)
            if not held.is_floating_point():
                raise TypeError(
                    f"{self.attr_name}: got dtype {held.dtype}, a floating-point one is accepted"
                )
            drawn = torch.cat([held, drawn.to(held)], 1)
        data[self.attr_name] = drawn
        return data

    def _drawn(self, size: int) -> Tensor:
        if self.seed is None:
            return random_features(size, self.dim, self.distribution, device=torch.device("cpu"))
        count = torch.arange(size * self.dim, device="cpu").view(size, self.dim)
        first = uniform(hash64(self.seed, count, torch.zeros_like(count)))
        if self.distribution == "uniform":
            drawn = 2 * first - 1
        else:  # Box and Muller
            second = uniform(hash64(self.seed, count, torch.ones_like(count)))
            drawn = (-2 * torch.log1p(-first)).sqrt() * torch.cos(2 * torch.pi * second)
            if self.distribution == "xavier":
                drawn = drawn * (2 / max(size + self.dim, 1)) ** 0.5
        return drawn.to(torch.get_default_dtype())

    def __repr__(self) -> str:
        return (
            f"RandomNodeInit({self.dim}, distribution={self.distribution!r}, seed={self.seed}, "
            f"attr_name={self.attr_name!r})"
        )
