"""The edge mask of PyG's explainers, for networks whose layers run on other edges than they get."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch_geometric.nn import MessagePassing

__all__ = ["carried_masks"]


@contextmanager
def carried_masks(module: nn.Module, edge_index: Tensor, place: Tensor) -> Iterator[None]:
    """Let the masks that are set on the layers of a module follow the edges to where they went.

    Args:
        module: Layers that are about to run on ``edge_index``.
        edge_index: ``[2, T]``.
        place: Which of the edges that the explainer knows each one is, ``[T]``; -1 for none of
            them, which is not masked.
    """
    convs = [
        conv
        for conv in module.modules()
        if isinstance(conv, MessagePassing) and conv.explain and conv._edge_mask is not None
    ]
    held = [(conv, conv._edge_mask, conv._loop_mask, conv._apply_sigmoid) for conv in convs]
    try:
        for conv, mask, _, squashed in held:
            seen = mask.sigmoid() if squashed else mask
            # where all edges are others it has no gradient, which an explainer says
            seen = seen if bool((place >= 0).any()) else seen.detach()
            seen = torch.cat([seen, seen.new_ones(1)])[place]
            _set(conv, seen, edge_index[0] != edge_index[1], False)
        yield
    finally:
        for each in held:
            _set(*each)


def _set(conv: MessagePassing, mask: Tensor, loops: Tensor, squashed: bool) -> None:
    conv._parameters.pop("_edge_mask", None)
    conv.__dict__.pop("_edge_mask", None)
    conv._edge_mask, conv._loop_mask, conv._apply_sigmoid = mask, loops, squashed
