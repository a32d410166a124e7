"""Typed settings of the rewirings that are learned, which a command puts around any network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import nn
from torch_geometric.transforms import BaseTransform

from graphpoly.rewiring.learned.pr_mpnn import PRMPNN
from graphpoly.rewiring.learned.sampler import ESTIMATORS
from graphpoly.rewiring.learned.snowflake import NeuralSnowflake
from graphpoly.rewiring.settings import MethodSettings, offer_method
from graphpoly.settings import bounded

__all__ = ["LearnedSettings", "PRMPNNSettings", "SnowflakeSettings"]


@dataclass(frozen=True, kw_only=True)
class LearnedSettings(MethodSettings):
    """What a network around another is told, which rewires the graph in each pass.

    A subclass makes it in :meth:`around`. The data keep their edges, and there is no transform.
    """

    rewires: ClassVar[bool] = False

    def check(self) -> None:
        """Take what the bounds of each value allow."""

    @property
    def in_forward(self) -> bool:
        """It is the network that rewires."""
        return True

    def transform(self, **further: Any) -> BaseTransform:
        """Refuse: there is none."""
        raise TypeError(f"{self.method}: is learned with a network, it is no transform of data")

    def around(self, net: nn.Module, in_channels: int) -> nn.Module:
        """Return the network that rewires the graph for ``net``.

        Args:
            net: With ``forward(x, edge_index, edge_weight)``.
            in_channels: Columns of ``x``.

        Raises:
            TypeError: If ``net`` takes no weights of edges.
        """
        raise TypeError(f"{type(self).__name__} has to define around()")


@offer_method("PRMPNN", "pr-mpnn")
@dataclass(frozen=True, kw_only=True)
class PRMPNNSettings(LearnedSettings):
    """What probabilistic rewiring is told.

    Attributes:
        added: Pairs of nodes to join in each graph.
        deleted: Edges to take away from each graph.
        candidates: Consider only so many pairs of each graph, the farthest; none for all.
        priors: Number of rewired graphs; what the network says of them is averaged.
        upstream_channels: Width of the network that scores pairs.
        estimator: Of the gradient through the samples.
        temperature: Of the samples.
        with_original: Have what the network says of the given graph in the mean.
    """

    added: int = bounded(10, low=0)
    deleted: int = bounded(0, low=0)
    candidates: int | None = bounded(None, low=1)
    priors: int = bounded(1, low=1)
    upstream_channels: int = bounded(64, low=1)
    estimator: str = bounded("simple", choices=ESTIMATORS)
    temperature: float = bounded(1.0, low=1e-6)
    with_original: bool = False

    def check(self) -> None:
        """Refuse fewer candidates than pairs to join."""
        if self.candidates is not None and self.candidates < self.added:
            raise ValueError(
                f"candidates: got {self.candidates}, expected at least added={self.added}"
            )

    def around(self, net: nn.Module, in_channels: int) -> nn.Module:
        """Return the network that rewires the graph for ``net``."""
        return PRMPNN(
            net,
            in_channels,
            num_added=self.added,
            num_deleted=self.deleted,
            num_candidates=self.candidates,
            num_priors=self.priors,
            hidden_channels=self.upstream_channels,
            estimator=self.estimator,
            temperature=self.temperature,
            with_original=self.with_original,
        )


@offer_method("NeuralSnowflake", "snowflake")
@dataclass(frozen=True, kw_only=True)
class SnowflakeSettings(LearnedSettings):
    """What latent graph inference by a neural snowflake is told.

    Attributes:
        neighbors: Number of nodes that each node hears from beside those of the graph.
        latent_channels: Dimension of the points between which distances are taken.
        encoder_channels: Width of the perceptron that makes the points.
        keep: Keep the edges that are given.
    """

    neighbors: int = bounded(5, low=1)
    latent_channels: int = bounded(8, low=1)
    encoder_channels: int = bounded(32, low=1)
    keep: bool = True

    def around(self, net: nn.Module, in_channels: int) -> nn.Module:
        """Return the network that infers a graph for ``net``."""
        return NeuralSnowflake(
            net,
            in_channels,
            latent_channels=self.latent_channels,
            k=self.neighbors,
            hidden_channels=self.encoder_channels,
            keep=self.keep,
        )
