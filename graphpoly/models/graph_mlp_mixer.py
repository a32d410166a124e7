"""Graph MLP-Mixer: overlapping patches of a graph, mixed by perceptrons."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from graphpoly.layers.arguments import check_size
from graphpoly.models.passed_on import passes_on
from graphpoly.models.patch_mixers import MixerBlock
from graphpoly.models.patch_net import PatchNet
from graphpoly.registry import register

__all__ = ["GraphMLPMixer"]


@register(
    "model",
    paper="He, Hooi, Laurent, Perold, LeCun, Bresson. A Generalization of ViT/MLP-Mixer to Graphs. "
    "ICML 2023",
    arxiv="2212.13350",
    example=lambda: GraphMLPMixer(
        8, 16, 4, num_layers=2, mixer_layers=1, num_patches=4, patch_walks=2, method="random"
    ),
    tags={
        "expressivity": "beyond 1-WL by its patches, not invariant under renaming",
        "complexity": "O(L (T C + S C^2) + B P C^2) time, S copies of nodes and T of edges",
    },
)
@passes_on(PatchNet)
class GraphMLPMixer(PatchNet):
    r"""Patches of a graph become tokens, which MLP-Mixer mixes: long ranges in linear time.

    1. METIS divides the graph into P parts, which grow by ``overlap`` hops
       (:class:`~graphpoly.features.ExtractPatches`).
    2. Message passing inside of the patches, whose copies of a node agree before each layer but the
       first (:class:`~graphpoly.models.patch_encoder.PatchEncoder`), and the mean of each patch
       with an encoding of walks over patches that share nodes
       (:class:`~graphpoly.models.patch_net.PatchNet`).
    3. ``mixer_layers`` blocks of two perceptrons, along the patches and along the channels
       (:class:`~graphpoly.models.patch_mixers.MixerBlock`), and layer normalisation.
    4. The mean of the patches that have nodes, and a perceptron.

    The perceptron along the patches reads them by their numbers, which METIS gives as it likes: the
    output depends on how nodes are numbered, unlike that of :class:`~graphpoly.models.GraphViT`
    given its patches. Drawing patches anew in each epoch of training is what makes up for it.

    Args:
        mixer_layers: Number of blocks of the mixer.
        mixer_dropout: Before each of its linear maps.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_attr`` :math:`(E, D)`,
          ``batch`` :math:`(N)`, ``encoding`` :math:`(N, F_{enc})`, ``patch_node_index`` and
          ``patch_number`` :math:`(S)`
        - **output:** logits :math:`(B, F_{out})`, or :math:`(N, F_{out})` without ``pool``

    Differences from the paper: patches without nodes take no part in the mixer (there they have
    zeros and what the normalisation makes of them) nor in any statistics; categories are embedded
    in front of the network, whose input is a linear map; features of edges are optional; where a
    graph has no more nodes than there are patches, empty ones may stand anywhere.

    >>> GraphMLPMixer(16, 32, 2, pool="mean", num_patches=8)
    GraphMLPMixer(16, 32, 2, num_patches=8, pool='mean')
    """

    printed: ClassVar[dict[str, object]] = {
        **PatchNet.printed,
        "mixer_layers": 4,
        "mixer_dropout": 0.0,
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
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, hidden_channels, out_channels, num_layers, **kwargs)
        check_size("mixer_layers", mixer_layers, least=0)
        self.mixer_layers = mixer_layers
        self.mixer_dropout = mixer_dropout
        self.blocks = nn.ModuleList(
            MixerBlock(self.num_patches, hidden_channels, dropout=mixer_dropout)
            for _ in range(mixer_layers)
        )
        self.norm = nn.LayerNorm(hidden_channels)

    def mix(self, tokens: Tensor, overlap: Tensor, held: Tensor) -> Tensor:
        """Return the tokens after the blocks, ``[B, P, C]``."""
        for block in self.blocks:
            tokens = block(tokens, held)
        out: Tensor = self.norm(tokens)
        return out
