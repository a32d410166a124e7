"""What an attack on a classifier makes large."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["margins", "tanh_margin"]


def margins(logits: Tensor, y: Tensor) -> Tensor:
    """Return by how much the right class of each node is ahead of the best other one, ``[N]``.

    Args:
        logits: ``[N, C]``, two classes or more.
        y: Right classes, ``[N]``.

    >>> import torch
    >>> margins(torch.tensor([[1.0, 3.0, 2.5]]), torch.tensor([1]))
    tensor([0.5000])
    """
    right = torch.zeros_like(logits, dtype=torch.bool).scatter(1, y.unsqueeze(1), True)
    others = logits.masked_fill(right, -torch.inf).amax(1)
    return logits.gather(1, y.unsqueeze(1)).squeeze(1) - others


def tanh_margin(logits: Tensor, y: Tensor) -> Tensor:
    r"""Return :math:`-\sum_v \tanh(m_v)` with the margins m, which is large where many are wrong.

    Its gradient looks at nodes near the border and spends nothing on those that are lost (Geisler,
    Schmidt, Şirin, Zügner, Bojchevski, Günnemann. Robustness of Graph Neural Networks at Scale.
    NeurIPS 2021).

    Args:
        logits: ``[N, C]``, two classes or more.
        y: Right classes, ``[N]``.
    """
    return -margins(logits, y).tanh().sum()
