"""Typed settings of every method of rewiring, by which a command makes and combines them all."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from torch_geometric.transforms import BaseTransform

from graphpoly.errors import unknown
from graphpoly.rewiring.borf import BORF
from graphpoly.rewiring.digl import DIGL
from graphpoly.rewiring.expander import ExpanderPropagation
from graphpoly.rewiring.fosr import FoSR
from graphpoly.rewiring.gtr import GTR
from graphpoly.rewiring.laser import LASER
from graphpoly.rewiring.sdrf import SDRF
from graphpoly.settings import Settings, bounded

__all__ = [
    "BORFSettings",
    "DIGLSettings",
    "ExpanderSettings",
    "FoSRSettings",
    "GTRSettings",
    "LASERSettings",
    "MethodSettings",
    "SDRFSettings",
    "method_names",
    "method_of",
    "offer_method",
]

M = TypeVar("M", bound="MethodSettings")


@dataclass(frozen=True, kw_only=True)
class MethodSettings(Settings):
    """What a method is told.

    A subclass makes the transform in :meth:`transform`. :attr:`method` is its registered name,
    :attr:`rewires` says whether it changes edges.

    Raises:
        ValueError: If values do not go together.
    """

    method: ClassVar[str] = ""
    rewires: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check()

    def check(self) -> None:
        """Refuse values that do not go together; the transform knows which do."""
        self.transform()

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform; ``further`` arguments are those that no user is asked for."""
        raise TypeError(f"{type(self).__name__} has to define transform()")

    @property
    def in_forward(self) -> bool:
        """Whether it happens in each pass of a network, and not to the data beforehand."""
        return False

    @property
    def num_types(self) -> int:
        """Number of types of edges that there are afterwards, those of the graph among them."""
        return 2 if self.rewires else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the method's name and its settings, as plain values."""
        return {"method": self.method, **dataclasses.asdict(self)}

    def __str__(self) -> str:
        """Write it as a user does: ``rewire=fosr edges=50``."""
        values = [f"{key}={_word(value)}" for key, value in dataclasses.asdict(self).items()]
        return " ".join([f"rewire={self.method.lower()}", *values])


_METHODS: dict[str, type[MethodSettings]] = {}
_ALIASES: dict[str, str] = {}


def _folded(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")


def offer_method(name: str, *aliases: str) -> Callable[[type[M]], type[M]]:
    """Enter the decorated settings as those of a registered transform.

    Args:
        name: The transform's registered name.
        *aliases: Further names for the command line; case, ``-`` and ``_`` never matter.
    """

    def decorate(cls: type[M]) -> type[M]:
        cls.method = name
        _METHODS[name] = cls
        _ALIASES.update(dict.fromkeys(map(_folded, (name, *aliases)), name))
        return cls

    return decorate


def method_names() -> list[str]:
    """Return the names of all methods that a command offers.

    >>> "FoSR" in method_names()
    True
    """
    return sorted(_METHODS)


def method_of(name: str) -> type[MethodSettings]:
    """Return the settings' class of a method, by any of its names.

    Raises:
        ValueError: If there is no such method; the message names the nearest one.

    >>> method_of("fosr")(edges="50")
    FoSRSettings(edges=50, power_steps=None, seed=0, symmetrize=False)
    """
    found = _ALIASES.get(_folded(name))
    if found is None:
        raise unknown("rewiring", name, [name.lower() for name in _METHODS])
    return _METHODS[found]


@offer_method("FoSR")
@dataclass(frozen=True, kw_only=True)
class FoSRSettings(MethodSettings):
    """What FoSR is told.

    Attributes:
        edges: Number of edges to add to each graph.
        power_steps: Steps of the power iteration from random numbers; none converges.
        seed: Of the method's own draws, not of the runs.
        symmetrize: Take directed graphs, and give each edge its reverse.
    """

    edges: int = bounded(10, low=0)
    power_steps: int | None = bounded(None, low=0)
    seed: int = bounded(0, low=0)
    symmetrize: bool = False

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform."""
        return FoSR(
            self.edges,
            power_steps=self.power_steps,
            seed=self.seed,
            symmetrize=self.symmetrize,
            **further,
        )


@offer_method("GTR")
@dataclass(frozen=True, kw_only=True)
class GTRSettings(MethodSettings):
    """What greedy total resistance is told.

    Attributes:
        edges: Number of edges to add to each graph.
        symmetrize: Take directed graphs, and give each edge its reverse.
    """

    edges: int = bounded(10, low=0)
    symmetrize: bool = False

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform."""
        return GTR(self.edges, symmetrize=self.symmetrize, **further)


@offer_method("SDRF")
@dataclass(frozen=True, kw_only=True)
class SDRFSettings(MethodSettings):
    """What stochastic discrete Ricci flow is told.

    Attributes:
        iterations: Number of iterations; each adds an edge to each graph.
        tau: Inverse temperature of the choice among candidates; none always takes the best.
        removal_bound: Curvature above which an edge is removed; none removes nothing.
        seed: Of the method's own draws, not of the runs.
        symmetrize: Take directed graphs, and give each edge its reverse.
    """

    iterations: int = bounded(10, low=0)
    tau: float | None = bounded(None, low=0)
    removal_bound: float | None = None
    seed: int = bounded(0, low=0)
    symmetrize: bool = False

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform."""
        return SDRF(
            self.iterations,
            tau=math.inf if self.tau is None else self.tau,
            removal_bound=self.removal_bound,
            seed=self.seed,
            symmetrize=self.symmetrize,
            **further,
        )


@offer_method("BORF")
@dataclass(frozen=True, kw_only=True)
class BORFSettings(MethodSettings):
    """What batch Ollivier-Ricci flow is told.

    Attributes:
        batches: Number of batches.
        added: Edges that a batch adds to each graph, at most.
        removed: Edges that a batch removes from each graph, at most.
        symmetrize: Take directed graphs, and give each edge its reverse.
    """

    batches: int = bounded(3, low=0)
    added: int = bounded(3, low=0)
    removed: int = bounded(1, low=0)
    symmetrize: bool = False

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform."""
        return BORF(self.batches, self.added, self.removed, symmetrize=self.symmetrize, **further)


@offer_method("LASER")
@dataclass(frozen=True, kw_only=True)
class LASERSettings(MethodSettings):
    """What LASER is told.

    Attributes:
        snapshots: Number of snapshots; the l-th joins nodes at distance l + 1.
        share: Share of the nodes at each distance that a node is joined to.
        minimum: At least as many, where there are.
        power: Length of the walks that are counted, more than snapshots.
        seed: Of the method's own draws, not of the runs.
        symmetrize: Take directed graphs, and give each edge its reverse.
    """

    snapshots: int = bounded(3, low=1)
    share: float = bounded(0.5, low=0, high=1)
    minimum: int = bounded(1, low=0)
    power: int = bounded(8, low=2)
    seed: int = bounded(0, low=0)
    symmetrize: bool = False

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform."""
        return LASER(
            self.snapshots,
            self.share,
            minimum=self.minimum,
            power=self.power,
            seed=self.seed,
            symmetrize=self.symmetrize,
            **further,
        )

    @property
    def num_types(self) -> int:
        """One more than there are snapshots."""
        return self.snapshots + 1


@offer_method("ExpanderPropagation", "expander", "egp")
@dataclass(frozen=True, kw_only=True)
class ExpanderSettings(MethodSettings):
    """What expander propagation is told: the edges of a Cayley graph join those of the graph.

    Differences from the paper: it alternates layers on the graph with layers on the expander; here
    every layer sees both, told apart by their type where the network reads types.

    Attributes:
        shuffle: Put the nodes on the expander in a random order, not in that of their numbers.
        seed: Of the method's own draws, not of the runs.
        symmetrize: Take directed graphs, and give each edge its reverse.
    """

    shuffle: bool = False
    seed: int = bounded(0, low=0)
    symmetrize: bool = False

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform."""
        return ExpanderPropagation(
            separate=False,
            shuffle=self.shuffle,
            seed=self.seed,
            symmetrize=self.symmetrize,
            **further,
        )


@offer_method("DIGL", "gdc")
@dataclass(frozen=True, kw_only=True)
class DIGLSettings(MethodSettings):
    """What graph diffusion is told.

    Attributes:
        alpha: Probability of a return.
        k: Entries that each node keeps, itself included; none where eps decides.
        eps: Threshold in place of k, with k=none; or none.
        symmetrize: Take directed graphs, and give each edge its reverse.
    """

    alpha: float = bounded(0.15, low=1e-6, high=1 - 1e-6)
    k: int | None = bounded(16, low=1)
    eps: float | None = bounded(None, low=1e-12)
    symmetrize: bool = False

    def transform(self, **further: Any) -> BaseTransform:
        """Return the transform."""
        return DIGL(self.alpha, k=self.k, eps=self.eps, symmetrize=self.symmetrize, **further)


def _word(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
