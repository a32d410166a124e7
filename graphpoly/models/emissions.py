"""Densities of a node's features in each state of a mixture, with features that are missing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn import Parameter

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_size

__all__ = ["EMISSIONS", "CategoricalEmission", "GaussianEmission", "make_emission"]

EMISSIONS = ("categorical", "gaussian")
# what keeps densities finite: the smallest scale, and how far from a mean features are told apart
SMALLEST = 1e-3
FARTHEST = 1e12


class GaussianEmission(nn.Module):
    r"""Features that are independent and normal, given the state.

    .. math::
        \log p(x \mid i) = -\tfrac{1}{2} \sum_{f \text{ there}} \Big( \frac{(x_f - \mu_{if})^2}
        {\sigma_{if}^2} + \log 2 \pi \sigma_{if}^2 \Big), \qquad
        \sigma = 10^{-3} + \mathrm{softplus}(\rho)

    Args:
        in_channels: Number F of features.
        states: Number C of states.

    Shapes:
        - **input:** features :math:`(N, F)`, and which of them are there :math:`(N, F)`
        - **output:** logarithms of densities :math:`(N, C)`

    Complexity: O(N C F) time and memory: squares of differences, not differences of squares.

    >>> emission = GaussianEmission(2, 1)
    >>> x, nothing = torch.zeros(1, 2), torch.zeros(1, 2, dtype=torch.bool)
    >>> emission(x, nothing).item()
    0.0
    """

    def __init__(self, in_channels: int, states: int) -> None:
        super().__init__()
        self.means = Parameter(torch.empty(states, in_channels))
        self.rho = Parameter(torch.empty(states, in_channels))
        self.reset_parameters()

    @property
    def scales(self) -> Tensor:
        """The standard deviations, ``[C, F]``."""
        return SMALLEST + F.softplus(self.rho)

    @property
    def mean(self) -> Tensor:
        """What is expected of each feature in each state, ``[C, F]``."""
        return self.means

    def reset_parameters(self) -> None:
        """Draw the means; the scales are about 1."""
        nn.init.normal_(self.means)
        nn.init.constant_(self.rho, math.log(math.e - 1))

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """Return the logarithms of the densities; what is not there is integrated out."""
        scales = self.scales
        z = (x.unsqueeze(1) - self.means).clamp(-FARTHEST, FARTHEST) / scales
        terms = -0.5 * z.square() - scales.log() - 0.5 * math.log(2 * math.pi)
        return terms.masked_fill(~there.unsqueeze(1), 0).sum(-1)


class CategoricalEmission(nn.Module):
    r"""Categories that are independent, given the state; each is a block of one-hot columns.

    .. math::
        \log p(x \mid i) = \sum_f x_f \log p_{if}, \qquad
        \sum_{f \in \text{block}} p_{if} = 1

    A block that is missing or all zero is summed out.

    Args:
        in_channels: Number F of columns.
        states: Number C of states.
        categories: Columns of each block, F together; default one block.

    Shapes:
        - **input:** one-hot blocks :math:`(N, F)`, and which columns are there :math:`(N, F)`
        - **output:** logarithms of probabilities :math:`(N, C)`

    Complexity: O(N C F) time, O(N C) memory.

    >>> emission = CategoricalEmission(3, 2)
    >>> [round(each, 6) for each in emission.mean.sum(1).tolist()]
    [1.0, 1.0]
    """

    def __init__(
        self, in_channels: int, states: int, categories: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        sizes = [in_channels] if categories is None else list(categories)
        for size in sizes:
            check_size("categories", size)
        if sum(sizes) != in_channels:
            raise ValueError(f"categories: got {sizes}, expected sizes that sum to {in_channels}")
        self.sizes = sizes
        self.logits = Parameter(torch.empty(states, in_channels))
        self.reset_parameters()

    @property
    def table(self) -> Tensor:
        """The logarithms of the probabilities, ``[C, F]``."""
        return torch.cat([each.log_softmax(1) for each in self.logits.split(self.sizes, 1)], 1)

    @property
    def mean(self) -> Tensor:
        """The probability of each category in each state, ``[C, F]``."""
        return self.table.exp()

    def reset_parameters(self) -> None:
        """Draw the probabilities."""
        nn.init.normal_(self.logits)

    def forward(self, x: Tensor, there: Tensor) -> Tensor:
        """Return the logarithms of the probabilities."""
        return x.masked_fill(~there, 0) @ self.table.T


def make_emission(
    name: str, in_channels: int, states: int, categories: Sequence[int] | None = None
) -> GaussianEmission | CategoricalEmission:
    """Return an emission by its name, one of :data:`EMISSIONS`.

    Raises:
        ValueError: If there is no such emission, or if categories are named of a normal one.
    """
    if name not in EMISSIONS:
        raise unknown("emission", name, EMISSIONS)
    if name == "categorical":
        return CategoricalEmission(in_channels, states, categories)
    if categories is not None:
        raise ValueError(f'categories: got {categories}, which emission="gaussian" does not have')
    return GaussianEmission(in_channels, states)
