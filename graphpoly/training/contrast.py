"""Training a network to give two kinds of graphs opposite outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["train_apart"]


def train_apart(
    model: nn.Module,
    batches: Sequence[Any],
    forward: Callable[[nn.Module, Any], Tensor],
    *,
    epochs: int = 20,
    lr: float = 1e-4,
    weight_decay: float = 1e-4,
    enough: float = 0.2,
) -> tuple[int, float]:
    """Train until the outputs of one kind and the other point in different directions.

    The loss is that of the cosine embedding with target -1 and margin 0: the positive part of the
    cosine between outputs 2i and 2i + 1. The step is divided by ten where the loss has not improved
    for ten epochs.

    Args:
        model: What is trained, in place.
        batches: In this order in every epoch; graphs of the two kinds by turns.
        forward: Gives the outputs ``[B, d]`` of a batch.
        epochs: At most.
        lr, weight_decay: Of Adam.
        enough: Stop where the mean loss is smaller.

    Returns:
        Number of epochs, and the mean loss of the last one: 0 and infinity where there is nothing
        to train.
    """
    if not any(parameter.requires_grad for parameter in model.parameters()):
        return 0, float("inf")
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    measure = nn.CosineEmbeddingLoss(margin=0.0)
    model.train()
    done, mean = 0, float("inf")
    while done < epochs:
        total, count = 0.0, 0
        for batch in batches:
            optimizer.zero_grad()
            out = forward(model, batch)
            pairs = out.size(0) // 2
            loss = measure(out[0::2], out[1::2], out.new_full((pairs,), -1))
            loss.backward()
            optimizer.step()
            total, count = total + pairs * loss.item(), count + pairs
        done, mean = done + 1, total / count
        if mean < enough:
            break
        scheduler.step(mean)
    return done, mean
