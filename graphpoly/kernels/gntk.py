r"""The graph neural tangent kernel: an infinitely wide network on graphs, trained to the end.

Between nodes u of G and v of H, with :math:`\mathcal{N}[u]` the neighbours of u and u itself,

.. math::
    \Sigma^{(0)}_{uv} = \Theta^{(0)}_{uv} = \langle x_u, x_v \rangle, \qquad
    \Sigma^{(l)}_{0,uv} = c_u c_v \sum_{u' \in \mathcal{N}[u]} \sum_{v' \in \mathcal{N}[v]}
        \Sigma^{(l-1)}_{R,u'v'}

(and likewise :math:`\Theta`), then R perceptron layers, see :func:`~graphpoly.kernels.arc_cosine`;
the kernel of two graphs is :math:`\sum_{uv} \Theta^{(L)}_{R,uv}`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from graphpoly.errors import unknown
from graphpoly.kernels.arc_cosine import inverse, rectify
from graphpoly.kernels.arguments import check_columns
from graphpoly.kernels.conjugate import conjugate
from graphpoly.kernels.estimator import Graphs, KernelEstimator
from graphpoly.kernels.unfoldings import Unfoldings, unfold
from graphpoly.ops.entry import as_size
from graphpoly.registry import register

__all__ = ["GNTK"]

SCALINGS = ("uniform", "degree")


@register(
    "kernel",
    paper="Du et al., Graph Neural Tangent Kernel, NeurIPS 2019",
    arxiv="1905.13192",
    example=lambda: GNTK(num_layers=2),
    tags={"complexity": "O(L (C E + R C^2)), C unfoldings", "expressivity": "1-WL"},
)
class GNTK(KernelEstimator):
    r"""Kernel between graphs of an infinitely wide network of L blocks.

    Each block sums over a node and its neighbours and applies R perceptron layers; the readout sums
    over the nodes. A self-loop is a term beside the node itself, and an edge that is there twice
    two terms, as in :class:`~torch_geometric.nn.conv.GINConv`. Nodes with equal unfoldings have
    equal rows, and one of them is computed; where features are continuous every node has its own.

    As an estimator of scikit-learn it turns graphs into their kernel with those that it was fitted
    on: ``make_pipeline(GNTK(3), SVC(kernel="precomputed"))``. Features of all graphs must have the
    same columns; ``edge_attr`` and ``edge_weight`` are not read.

    Args:
        num_layers: Number of blocks L, at least 1.
        num_mlp_layers: Perceptron layers R of a block, at least 1.
        jumping_knowledge: Sum the kernels after 0, 1, ..., L blocks rather than take the last.
        scaling: ``"uniform"``, :math:`c_u = 1`, or ``"degree"``,
            :math:`c_u = 1 / |\mathcal{N}[u]|`.
        normalize: Divide by the roots of both graphs' kernels with themselves.
        block_size: Most unfoldings whose pairs are held at once, unless one graph has more; memory
            is about five times its square in float64.

    Raises:
        ValueError: If an argument is out of its bounds.

    Complexity: with C unfoldings in all, of at most E terms, O(L (C E + R C^2)) time;
    O(block_size^2 + G^2) memory.

    Differences from the paper: none in the kernel. The published program multiplies it by 2, holds
    the Kronecker product of two adjacency matrices and goes pair by pair. Colour refinement names
    unfoldings with 64 bits, see :func:`~graphpoly.ops.color_refinement`.

    References:
        Du, Hou, Póczos, Salakhutdinov, Wang and Xu, Graph Neural Tangent Kernel: Fusing Graph
        Neural Networks with Graph Kernels, NeurIPS 2019.

    >>> from torch_geometric.data import Data
    >>> edge = Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0, 1], [1, 0]]))
    >>> node = Data(x=torch.ones(1, 1), edge_index=torch.empty(2, 0, dtype=torch.int64))
    >>> GNTK(num_layers=1)([edge, node]).tolist()
    [[32.0, 8.0], [8.0, 2.0]]
    """

    def __init__(
        self,
        num_layers: int = 2,
        num_mlp_layers: int = 1,
        *,
        jumping_knowledge: bool = False,
        scaling: str = "uniform",
        normalize: bool = False,
        block_size: int = 4096,
    ) -> None:
        self.num_layers = num_layers
        self.num_mlp_layers = num_mlp_layers
        self.jumping_knowledge = jumping_knowledge
        self.scaling = scaling
        self.normalize = normalize
        self.block_size = block_size
        self._check()

    def _check(self) -> None:
        for name in ("num_layers", "num_mlp_layers", "block_size"):
            as_size(name, getattr(self, name), 1)
        if self.scaling not in SCALINGS:
            raise unknown("scaling", self.scaling, SCALINGS)

    def __call__(self, graphs: Graphs, others: Graphs | None = None) -> Tensor:
        """Return the kernel of all graphs, or of some with others, float64 ``[G, H]``.

        Args:
            graphs: Rows: graphs with ``x`` and ``edge_index``, or a batch of them.
            others: Columns; by default the same graphs.

        Raises:
            TypeError: If ``graphs`` holds anything but ``Data``.
            ValueError: As :func:`~graphpoly.kernels.unfold` does, or if features have other
                numbers of columns.
        """
        rows = self.unfold(graphs)
        columns = rows if others is None else self.unfold(others)
        shape = rows[-1].graphs.stop, columns[-1].graphs.stop
        kernel = torch.empty(shape, dtype=torch.float64, device=rows[0].x.device)
        for i, left in enumerate(rows):
            for right in [left, *rows[:i]] if others is None else columns:
                block = self.block(left, right)
                kernel[left.graphs, right.graphs] = block
                if others is None:
                    kernel[right.graphs, left.graphs] = block.t()
        if self.normalize:
            own = torch.cat([self.diagonal(part) for part in rows])
            other = torch.cat([self.diagonal(part) for part in columns])
            kernel *= torch.outer(inverse(own.sqrt()), inverse(other.sqrt()))
        return kernel

    def unfold(self, graphs: Graphs) -> list[Unfoldings]:
        """Return the parts between which :meth:`block` computes, in the order of the graphs."""
        self._check()
        return unfold(graphs, self.num_layers, mean=self.scaling == "degree", most=self.block_size)

    def block(self, rows: Unfoldings, columns: Unfoldings) -> Tensor:
        """Return the kernel between two parts, not normalised, float64 ``[G, H]``.

        A block depends on its two parts alone: those of a large matrix can be made and stored one
        by one. What a part needs of itself is computed once and remembered in it.

        Raises:
            ValueError: If features have other numbers of columns.
        """
        check_columns(rows.x, columns.x)
        if rows is columns:
            return self._own(rows)
        for part in (rows, columns):
            if part.own is None:
                self._own(part)
        return self._recursion(rows, columns)

    def diagonal(self, part: Unfoldings) -> Tensor:
        """Return the kernel of each graph of a part with itself, ``[G]``."""
        return self._own(part).diagonal() if part.own is None else part.own

    def _own(self, part: Unfoldings) -> Tensor:
        part.deviations.clear()
        kernel = self._recursion(part, part)
        kernel = (kernel + kernel.t()) / 2  # symmetric to the last digit
        part.own = kernel.diagonal()
        return kernel

    def _recursion(self, rows: Unfoldings, columns: Unfoldings) -> Tensor:
        sigma = theta = rows.x @ columns.x.t()
        kernel = sigma.new_zeros(rows.num_graphs, columns.num_graphs)
        for layer in range(self.num_layers + 1):
            if layer:
                steps = rows.steps[layer - 1], columns.steps[layer - 1]
                sigma = conjugate(steps[0], sigma, steps[1])
                theta = sigma.clone() if layer == 1 else conjugate(steps[0], theta, steps[1])
                if rows is columns:
                    rows.deviations.append(sigma.diagonal().clamp(min=0).sqrt())
                deviations = rows.deviations[layer - 1], columns.deviations[layer - 1]
                rectify(sigma, theta, *deviations, self.num_mlp_layers)
            if self.jumping_knowledge or layer == self.num_layers:
                kernel += conjugate(rows.counts[layer], theta, columns.counts[layer])
        return kernel
