"""Graphs as the unfoldings of their nodes, each kept once.

What l aggregations make of a node is a function of its unfolding of depth l: its features, those
around it, and so on. Colour refinement names unfoldings, so that a kernel of nodes needs one row
for each name, however many nodes share it, and a graph is the counts of its names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphpoly.devices import on_cpu
from graphpoly.kernels.arguments import as_features
from graphpoly.ops import CSR, color_refinement, number_keys, to_csr

__all__ = ["Unfoldings", "unfold"]


@dataclass(eq=False)
class Unfoldings:
    """The unfoldings of graphs that stand together, C_l of them at depth l.

    Attributes:
        graphs: Which graphs.
        x: Features of those of depth 0, float64 ``[C_0, F]``.
        steps: For each depth l >= 1 the aggregation over a node and its neighbours,
            ``[C_l, C_(l-1)]``.
        counts: For each depth how often each occurs in each graph, ``[G, C_l]``.
        deviations: For each aggregation the standard deviations after it, ``[C_l]``; empty until
            they are computed.
        own: Kernel of each graph with itself, ``[G]``; None until it is computed.
    """

    graphs: slice
    x: Tensor
    steps: tuple[CSR, ...]
    counts: tuple[CSR, ...]
    deviations: list[Tensor] = field(default_factory=list)
    own: Tensor | None = None

    @property
    def num_graphs(self) -> int:
        """Number of graphs G."""
        return self.counts[0].num_rows

    @property
    def sizes(self) -> list[int]:
        """Number of unfoldings of each depth, C_0 to C_L."""
        return [each.num_cols for each in self.counts]


def unfold(
    graphs: Sequence[Data] | Batch, depth: int, *, mean: bool = False, most: int = 4096
) -> list[Unfoldings]:
    """Name the unfoldings of every node up to a depth.

    Args:
        graphs: Graphs with ``x`` and ``edge_index``, or a batch of them; nothing else is read.
        depth: Number of aggregations L.
        mean: Divide each aggregation by the number of its terms.
        most: Unfoldings of depth L that stand together at most, unless one graph has more.

    Returns:
        One part after another, in the order of the graphs.

    Raises:
        TypeError: If ``graphs`` holds anything but ``Data``, or ``x`` is complex.
        ValueError: If there is no graph, a graph has no ``x`` ``[N, F]``, values are not finite, or
            an edge leaves its graph.

    Complexity: O(L (N + E)).

    >>> path = Data(x=torch.ones(4, 1), edge_index=torch.tensor([[0, 1, 1, 2, 2, 3],
    ...                                                          [1, 0, 2, 1, 3, 2]]))
    >>> unfold([path, path], 2)[0].sizes
    [1, 2, 2]
    """
    batch = _joined(graphs)
    x = as_features(batch.x)
    adj = to_csr(batch.edge_index, num_nodes=x.size(0))
    owner = batch.batch.long()
    rows, col = adj.rows().long(), adj.col.long()
    if not torch.equal(owner[rows], owner[col]):
        raise ValueError("graphs: an edge leaves its graph")
    colors = color_refinement(adj, depth, node_label=x)
    nodes = torch.arange(x.size(0), device=x.device)
    edges = torch.cat([torch.stack([col, rows]), nodes.expand(2, -1)], 1)
    edges = edges[:, edges[1].argsort(stable=True)]
    begin = torch.cat(
        [nodes.new_zeros(1), torch.bincount(edges[1], minlength=len(nodes)).cumsum(0)]
    )
    parts = []
    for part in _parts(colors[-1], batch.ptr, most):
        first, last = batch.ptr[[part.start, part.stop]].tolist()
        inside = edges[:, begin[first] : begin[last]] - first
        share = owner[first:last] - part.start, part.stop - part.start
        parts.append(_part(part, x[first:last], colors[:, first:last], inside, share, mean))
    return parts


@on_cpu()
def _joined(graphs: Sequence[Data] | Batch) -> Batch:
    if isinstance(graphs, Data) and not isinstance(graphs, Batch):
        raise TypeError("graphs: got one Data, expected a list of them or a Batch")
    if len(graphs) == 0:
        raise ValueError("graphs: got none")
    if isinstance(graphs, Batch):
        return graphs
    taken: list[Data] = []
    for number, data in enumerate(graphs):
        if not isinstance(data, Data) or data.edge_index is None:
            got = type(data).__name__
            raise TypeError(f"graphs[{number}]: got {got}, expected Data with edge_index")
        x = as_features(data.x, f"graphs[{number}].x")
        if taken and x.size(1) != taken[0].x.size(1):
            raise ValueError(
                f"graphs[{number}].x: got {x.size(1)} columns, graphs[0] has {taken[0].x.size(1)}"
            )
        taken.append(Data(x=x, edge_index=data.edge_index))
    return Batch.from_data_list(taken)


def _parts(color: Tensor, ptr: Tensor, most: int) -> Iterator[slice]:
    """Cut where a part would have more than ``most`` colours."""
    order = color.argsort(stable=True)
    before = torch.full_like(color, -1)  # the last node of the same colour
    again = color[order[1:]] == color[order[:-1]]
    before[order[1:][again]] = order[:-1][again]
    start, num_graphs = 0, ptr.numel() - 1
    while start < num_graphs:
        node = int(ptr[start])
        fresh = torch.cat([ptr.new_zeros(1), (before[node:] < node).cumsum(0)])
        reached = fresh[ptr[start + 1 :] - node]
        stop = start + max(1, int(torch.searchsorted(reached, most, right=True)))
        yield slice(start, stop)
        start = stop


def _part(
    graphs: slice,
    x: Tensor,
    colors: Tensor,
    edges: Tensor,
    share: tuple[Tensor, int],
    mean: bool,
) -> Unfoldings:
    owner, num_graphs = share
    terms = torch.bincount(edges[1], minlength=x.size(0)).double()
    none = colors.new_empty(0)
    steps, counts = [], []
    number, first = number_keys(none, colors[0])
    x = x[first]
    counts.append(_counted(number, owner, first.numel(), num_graphs))
    for color in colors[1:]:
        below, size = number, first.numel()
        number, first = number_keys(none, color)
        chosen = torch.zeros(owner.numel(), dtype=torch.bool, device=owner.device)
        chosen[first] = True
        kept = edges[:, chosen[edges[1]]]
        weight = terms[kept[1]].reciprocal() if mean else torch.ones_like(terms)[kept[1]]
        pairs = torch.stack([below[kept[0]], number[kept[1]]])
        steps.append(to_csr(pairs, weight, size=(size, first.numel())))
        counts.append(_counted(number, owner, first.numel(), num_graphs))
    return Unfoldings(graphs, x, tuple(steps), tuple(counts))


def _counted(number: Tensor, owner: Tensor, num_colors: int, num_graphs: int) -> CSR:
    """How often each colour occurs in each graph."""
    pair, count = (owner * num_colors + number).unique(return_counts=True)
    size = max(num_colors, 1)
    pairs = torch.stack([pair % size, pair // size])
    return to_csr(pairs, count.double(), size=(num_colors, num_graphs))
