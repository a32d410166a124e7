"""Random operators with everything that can go wrong: empty rows, loops, duplicates, hubs."""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.ops import CSR, to_csr

SHAPES = {  # rows, columns, entries
    "no entries": (4, 3, 0),
    "no columns": (3, 0, 0),
    "no rows": (0, 3, 0),
    "one": (1, 1, 1),
    "wide": (3, 40, 50),
    "tall": (40, 3, 50),
    "duplicates": (4, 4, 90),
    "sparse": (60, 50, 40),
    "square": (50, 50, 400),
}


def random_csr(
    shape: tuple[int, int, int],
    *,
    weighted: bool = True,
    dtype: torch.dtype = torch.float64,
    transposed: bool = False,
    seed: int = 0,
) -> CSR:
    """Draw an operator with a hub in row 0."""
    rows, cols, entries = shape
    # drawn on the CPU, so that every device gets the same
    options = {"generator": torch.Generator("cpu").manual_seed(seed), "device": "cpu"}
    target = torch.randint(0, max(rows, 1), (entries,), **options)
    target[: entries // 4] = 0
    source = torch.randint(0, max(cols, 1), (entries,), **options)
    device = torch.get_default_device()
    weight = torch.randn(entries, **options, dtype=dtype).to(device) if weighted else None
    pairs = torch.stack([source, target]).to(device)
    return to_csr(pairs, weight, size=(cols, rows), transposed=transposed)


def dense(adj: CSR, dtype: torch.dtype = torch.float64) -> Tensor:
    """The same operator as a matrix."""
    weight = adj.weight if adj.weight is not None else torch.ones(adj.num_entries)
    return adj.with_weight(weight.to(dtype)).to_dense()


def dense_attention(
    edge_index: Tensor,
    x: Tensor,
    map_: Tensor,
    source: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    slope: float = 0.2,
) -> Tensor:
    """The layer of a GAT on a matrix that counts the entries."""
    nodes, (heads, channels) = len(x), source.shape[1:]
    count = torch.zeros(nodes, nodes, dtype=x.dtype)
    count = count.index_put(tuple(edge_index.flip(0)), count.new_ones(()), accumulate=True)
    value = (x @ map_.T).view(nodes, heads, channels)
    score = (value * target).sum(-1).unsqueeze(1) + (value * source).sum(-1).unsqueeze(0)
    power = torch.nn.functional.leaky_relu(score, slope).exp() * count.unsqueeze(-1)
    total = power.sum(1, keepdim=True)
    alpha = power / torch.where(total == 0, 1, total)
    out = torch.einsum("ijh,jhc->ihc", alpha, value).flatten(1)
    return out if bias is None else out + bias
