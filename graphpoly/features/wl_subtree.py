r"""Subtree features of colour refinement, and the kernel that they define.

Feature :math:`\phi_{t,c}(G)` counts the nodes of G that have colour c after t rounds; the kernel is

.. math::
    k(G, H) = \sum_{t=0}^{T} \sum_c \phi_{t,c}(G)\, \phi_{t,c}(H)

Names of colours are the same in every graph and run (see :func:`graphpoly.ops.color_refinement`);
the labels 1 and 1.0 are equal here.
Nothing has to be fitted: features of graphs that come later fit those of the graphs from before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.transforms import BaseTransform

from graphpoly.devices import on_cpu
from graphpoly.ops import color_refinement, mix64, to_csr
from graphpoly.ops.entry import check_held
from graphpoly.registry import register

__all__ = ["WLSubtree", "wl_features", "wl_kernel"]


@on_cpu()
def wl_features(
    graphs: Sequence[Data] | Batch,
    rounds: int = 3,
    *,
    labels: bool = True,
    vocabulary: np.ndarray | None = None,
) -> tuple[csr_matrix, np.ndarray]:
    """Count the colours of each graph.

    Args:
        graphs: Graphs, or a batch of them.
        rounds: Number of rounds T.
        labels: Start from ``x`` and tell edges apart by ``edge_attr``, where the graphs have them.
        vocabulary: Names of the columns, as an earlier call gave them; other colours are left out.
            By default all that occur, in ascending order.

    Returns:
        Counts ``[G, C]``, int64, and the names of the columns, ``[C]``.

    Complexity: O(T (N + E)), and a sort of T N names.

    References:
        Shervashidze, Schweitzer, van Leeuwen, Mehlhorn and Borgwardt, Weisfeiler-Lehman Graph
        Kernels, JMLR 2011.

    >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> counts, names = wl_features([path], rounds=1)
    >>> sorted(counts.toarray()[0].tolist())
    [1, 2, 3]
    """
    batch = graphs if isinstance(graphs, Batch) else Batch.from_data_list(list(graphs))
    names = _names(batch, rounds, labels)
    row = np.tile(batch.batch.numpy(), rounds + 1)
    flat = names.flatten().numpy()
    if vocabulary is None:
        vocabulary = np.unique(flat)
    column = np.searchsorted(vocabulary, flat)
    known = column < len(vocabulary)
    known[known] = vocabulary[column[known]] == flat[known]
    entries = np.ones(int(known.sum()), dtype=np.int64), (row[known], column[known])
    counts = csr_matrix(entries, shape=(batch.num_graphs, len(vocabulary)))
    counts.sum_duplicates()
    return counts, vocabulary


def wl_kernel(
    graphs: Sequence[Data] | Batch,
    others: Sequence[Data] | Batch | None = None,
    *,
    rounds: int = 3,
    labels: bool = True,
    normalize: bool = False,
) -> Tensor:
    """Return the kernel of all graphs, or of some with others, float64 ``[G, H]``.

    Args:
        graphs: Rows.
        others: Columns; by default the same graphs.
        rounds: Number of rounds T.
        labels: Start from ``x`` and ``edge_attr``.
        normalize: Divide by the roots of both graphs' kernels with themselves.

    >>> from graphpoly.data import cycle_pairs
    >>> wl_kernel(cycle_pairs((6,)), rounds=1).tolist()
    [[72.0, 72.0], [72.0, 72.0]]
    """
    left, vocabulary = wl_features(graphs, rounds, labels=labels)
    right = left
    if others is not None:
        right, _ = wl_features(others, rounds, labels=labels, vocabulary=vocabulary)
    kernel = torch.from_numpy((left @ right.T).toarray()).double()
    if normalize:
        own = torch.from_numpy(np.asarray(left.multiply(left).sum(1))).double()
        theirs = own
        if others is not None:  # with the colours that the rows do not have
            every, _ = wl_features(others, rounds, labels=labels)
            theirs = torch.from_numpy(np.asarray(every.multiply(every).sum(1))).double()
        kernel = kernel / (own.sqrt() * theirs.sqrt().T).clamp(min=1)
    return kernel


@register(
    "transform",
    paper="Shervashidze et al., Weisfeiler-Lehman Graph Kernels, JMLR 2011",
    example=lambda: WLSubtree(rounds=2, dim=16),
    tags={"complexity": "O(T (N + E))", "expressivity": "1-WL"},
)
class WLSubtree(BaseTransform):
    r"""Add the counts of colours to each graph, hashed into a vector of fixed size.

    Colour c after t rounds adds 1 to one of ``dim`` places, which its name and t choose. Nothing is
    fitted; with many more places than colours the vectors' products are the kernel.

    Args:
        rounds: Number of rounds.
        dim: Number of places.
        labels: Start from ``x`` and tell edges apart by ``edge_attr``, where the graph has them.
        attr_name: What the result ``[1, dim]`` is called.

    Differences from the paper: places are hashed, since a transform sees one graph at a time.

    References:
        Shervashidze, Schweitzer, van Leeuwen, Mehlhorn and Borgwardt, Weisfeiler-Lehman Graph
        Kernels, JMLR 2011.

    >>> path = Data(edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), num_nodes=3)
    >>> float(WLSubtree(rounds=1, dim=64)(path).wl_subtree.sum())
    6.0
    """

    def __init__(
        self,
        rounds: int = 3,
        dim: int = 1024,
        *,
        labels: bool = True,
        attr_name: str = "wl_subtree",
    ) -> None:
        if rounds < 0:
            raise ValueError(f"rounds: got {rounds}, expected at least 0")
        if dim < 1:
            raise ValueError(f"dim: got {dim}, expected at least 1")
        self.rounds, self.dim, self.labels, self.attr_name = rounds, dim, labels, attr_name

    def forward(self, data: Any) -> Any:
        if not isinstance(data, Data):
            raise TypeError(f"WLSubtree takes Data, got {type(data).__name__}")
        names = _names(data, self.rounds, self.labels)
        # the sign is dropped; a different function of the name for each round
        salted = mix64(names + torch.arange(self.rounds + 1, device=names.device).unsqueeze(1))
        place = ((salted >> 1) & ((1 << 62) - 1)) % self.dim
        graph = torch.zeros(data.num_nodes or 0, dtype=torch.int64, device=names.device)
        count = 1
        if isinstance(data, Batch):
            graph, count = data.batch, data.num_graphs
        at = (graph * self.dim + place).flatten()
        counts = torch.bincount(at, minlength=count * self.dim)
        data[self.attr_name] = counts.view(count, self.dim).to(torch.get_default_dtype())
        return data

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(rounds={self.rounds}, dim={self.dim}, labels={self.labels}, "
            f"attr_name={self.attr_name!r})"
        )


def _names(data: Data, rounds: int, labels: bool) -> Tensor:
    adj = to_csr(data.edge_index, num_nodes=data.num_nodes)
    return color_refinement(
        adj,
        rounds,
        node_label=_as_numbers(data.x) if labels else None,
        edge_label=_as_numbers(data.edge_attr) if labels else None,
    ).cpu()


def _as_numbers(label: Tensor | None) -> Tensor | None:
    """Return integers with the bits of equal floats: another call may have the same labels so."""
    if label is None or label.is_floating_point() or label.is_complex():
        return label
    check_held("label", label)
    whole = label.long()
    exact = whole.abs() <= 1 << 53  # no float is equal to others but by chance
    return torch.where(exact, whole.double().view(torch.int64), mix64(whole))
