"""Graph ViT: overlapping patches of a graph, mixed by attention that knows which ones overlap."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from graphpoly.layers.arguments import check_size
from graphpoly.models.passed_on import passes_on
from graphpoly.models.patch_mixers import AttentionBlock
from graphpoly.models.patch_net import PatchNet
from graphpoly.registry import register

__all__ = ["GraphViT"]


@register(
    "model",
    paper="He, Hooi, Laurent, Perold, LeCun, Bresson. A Generalization of ViT/MLP-Mixer to Graphs. "
    "ICML 2023",
    arxiv="2212.13350",
    example=lambda: GraphViT(
        8,
        16,
        4,
        num_layers=2,
        mixer_layers=1,
        heads=2,
        num_patches=4,
        patch_walks=2,
        method="random",
    ),
    tags={
        "expressivity": "beyond 1-WL by its patches, invariant under renaming given these",
        "complexity": "O(L (T C + S C^2) + B P (P + C) C) time, S copies of nodes and T of edges",
    },
)
@passes_on(PatchNet)
class GraphViT(PatchNet):
    r"""Patches of a graph become tokens that attend to each other.

    As :class:`~graphpoly.models.GraphMLPMixer`, with blocks of attention and a perceptron along the
    channels (:class:`~graphpoly.models.patch_mixers.AttentionBlock`) in place of its mixer and of
    the normalisation behind it. No block reads the numbers of patches: they may be any.

    Args:
        mixer_layers: Number of blocks.
        mixer_dropout: Inside of them.
        heads: Heads of attention.
        attention: ``"hadamard"``, as published, ``"standard"``, ``"graph"``, ``"kernel"`` or
            ``"additive"``.

    Shapes: as for :class:`~graphpoly.models.GraphMLPMixer`.

    Differences from the paper: those of :class:`~graphpoly.models.GraphMLPMixer`; parameters are
    drawn as :class:`torch.nn.Linear` draws them, and keys have no bias.

    >>> GraphViT(16, 32, 2, pool="mean", attention="standard")
    GraphViT(16, 32, 2, pool='mean', attention='standard')
    """

    printed: ClassVar[dict[str, object]] = {
        **PatchNet.printed,
        "mixer_layers": 4,
        "mixer_dropout": 0.0,
        "heads": 8,
        "attention": "hadamard",
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 4,
        *,
        mixer_layers: int = 4,
        mixer_dropout: float = 0.0,
        heads: int = 8,
        attention: str = "hadamard",
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, hidden_channels, out_channels, num_layers, **kwargs)
        check_size("mixer_layers", mixer_layers, least=0)
        self.mixer_layers = mixer_layers
        self.mixer_dropout = mixer_dropout
        self.heads = heads
        self.attention = attention
        self.blocks = nn.ModuleList(
            AttentionBlock(hidden_channels, heads, attention=attention, dropout=mixer_dropout)
            for _ in range(mixer_layers)
        )

    def mix(self, tokens: Tensor, overlap: Tensor, held: Tensor) -> Tensor:
        """Return the tokens after the blocks, ``[B, P, C]``."""
        for block in self.blocks:
            tokens = block(tokens, overlap, held)
        return tokens
