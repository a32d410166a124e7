"""What a private training is told."""

from __future__ import annotations

from dataclasses import dataclass

from graphpoly.settings import Settings, bounded

__all__ = ["PrivacySettings"]


@dataclass(frozen=True, kw_only=True)
class PrivacySettings(Settings):
    """How much a training may reveal of one of its nodes, and how that is kept.

    Attributes:
        epsilon: Most that all steps together may reveal; none trains without protection.
        delta: Chance that more is revealed; none for 1 / (10 N) with N training nodes.
        max_degree: K, by how many training nodes a node may be read.
        clip: Greatest length of a node's gradient, one for all parameters or one for each; none to
            take it from the gradients at the beginning, which is outside the account.
        clip_percentile: Which of those lengths it is.
        secret: Draw batches and noise from the system's entropy, without which whoever knows the
            seed can take the noise off again.
    """

    epsilon: float = bounded(8.0, low=0)
    delta: float | None = bounded(None, low=0, high=1)
    max_degree: int = bounded(5, low=1)
    clip: tuple[float, ...] | None = None
    clip_percentile: float = bounded(75.0, low=0, high=100)
    secret: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip is not None and not all(each > 0 for each in self.clip):
            raise ValueError(f"clip: got {self.clip}, expected numbers above 0")
