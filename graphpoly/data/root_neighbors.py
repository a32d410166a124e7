"""RootNeighbors: trees whose root must tell some of its neighbours from the others."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.data.splits import Split
from graphpoly.devices import on_cpu

__all__ = ["root_neighbors"]

_PARTS = ("train", "val", "test")
_HUB_LEAVES = 5
_MAX_NEIGHBORS = 10


@on_cpu()
def root_neighbors(
    num_trees: int = 1000, *, num_features: int = 5, seed: int = 0, dtype: torch.dtype | None = None
) -> tuple[Data, Split]:
    r"""Sample trees of depth 2, and ask each root for the mean features of its busy children.

    A root has up to ten children. Those that are *hubs* have 5 leaves of their own, the others 1
    or 2. The label of the root is the mean of the features of the hubs: a node must hear some of
    its neighbours, and by their degree alone can it tell which.

    .. math::
        x_i \sim U(-2, 2)^p, \qquad h \sim U\{1, 2, 3\} + s, \qquad
        c \sim U\{3 + s, \ldots, 10\}, \qquad y_{\mathrm{root}} = \frac{1}{h} \sum_{\mathrm{hubs}} x

    with h hubs among c children, s = 0 in training trees and s = 2 in the others.

    Args:
        num_trees: Number of trees in each part of the split.
        num_features: Number of features p.
        seed: Seed of everything that is drawn.
        dtype: Type of features and labels; default torch's default.

    Returns:
        One graph of ``3 num_trees`` components with ``x`` [N, p], ``edge_index`` [2, E] (both
        directions), ``y`` [N, p] (zeros but for roots) and ``tree`` [N], the component of each
        node; and the split, whose masks select roots.

    Raises:
        ValueError: If a number is less than 1.

    Notes:
        O(N p) time and memory, N about 31 a tree.

    References:
        Finkelshtein, Huang, Bronstein, Ceylan, Cooperative Graph Neural Networks, ICML 2024,
        arXiv:2310.01267.

    Example:
        >>> data, split = root_neighbors(2, seed=1)
        >>> split.sizes, int(data.tree.max())
        ((2, 2, 2), 5)
    """
    for name, value in (("num_trees", num_trees), ("num_features", num_features)):
        if value < 1:
            raise ValueError(f"{name}: got {value}, expected at least 1")
    generator = torch.Generator().manual_seed(seed)
    total = len(_PARTS) * num_trees
    part = torch.arange(total) // num_trees

    # tree t: its root, then its children (hubs first), then the leaves, child by child
    hubs = torch.randint(1, 4, (total,), generator=generator) + 2 * (part > 0)
    trained = torch.randint(3, _MAX_NEIGHBORS + 1, (total,), generator=generator)
    others = torch.randint(5, _MAX_NEIGHBORS + 1, (total,), generator=generator)
    children = torch.where(part > 0, others, trained)
    child_tree, child_rank = _ragged(children)
    is_hub = child_rank < hubs[child_tree]
    few = torch.randint(1, 3, (child_tree.numel(),), generator=generator)
    leaves = torch.where(is_hub, _HUB_LEAVES, few)
    leaf_child, _ = _ragged(leaves)

    tree = torch.cat([torch.arange(total), child_tree, child_tree[leaf_child]])
    order = tree.argsort(stable=True)
    place = torch.empty_like(order)
    place[order] = torch.arange(order.numel())
    root, child = place[:total], place[total : total + child_tree.numel()]
    leaf = place[total + child_tree.numel() :]
    parent = torch.cat([root[child_tree], child[leaf_child]])
    below = torch.cat([child, leaf])
    edge_index = torch.cat([torch.stack([below, parent]), torch.stack([parent, below])], dim=1)

    dtype = torch.get_default_dtype() if dtype is None else dtype
    x = 4 * torch.rand(order.numel(), num_features, generator=generator, dtype=dtype) - 2
    heard = x[child] * is_hub.unsqueeze(1)
    mean = x.new_zeros(total, num_features).index_add(0, child_tree, heard) / hubs.unsqueeze(1)
    y = torch.zeros_like(x).index_copy(0, root, mean)
    data = Data(x=x, edge_index=edge_index, y=y, tree=tree[order])
    return data, _split(root, part, order.numel())


def _ragged(counts: Tensor) -> tuple[Tensor, Tensor]:
    """Return (owner, rank) of each item where owner i has ``counts[i]`` of them."""
    owner = torch.repeat_interleave(counts)
    first = counts.cumsum(0) - counts
    return owner, torch.arange(owner.numel()) - first[owner]


def _split(root: Tensor, part: Tensor, num_nodes: int) -> Split:
    masks = torch.zeros(len(_PARTS), num_nodes, dtype=torch.bool)
    masks[part, root] = True
    return Split("root-neighbors", 0, *masks)
