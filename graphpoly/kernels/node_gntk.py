r"""The neural tangent kernel between nodes, of networks of graph filters that are infinitely wide.

The network is :math:`H_l = \sigma\bigl(\sum_k S^k H_{l-1} W_{l,k}\bigr)`, without :math:`\sigma` in
the last of L layers. With :math:`\mathcal{S}(M) = \sum_k S^k M S'^{k\top}`

.. math::
    \Sigma_1 = \Theta_1 = \mathcal{S}(X X'^\top), \qquad
    \Sigma_{l+1} = \mathcal{S}(\kappa_1[\Sigma_l]), \qquad
    \Theta_{l+1} = \mathcal{S}(\kappa_1[\Sigma_l] + \Theta_l \odot \kappa_0[\Sigma_l])

and :math:`\Theta_L` is the kernel, see :func:`~graphpoly.kernels.arc_cosine` for :math:`\kappa`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.kernels.arc_cosine import rectify
from graphpoly.kernels.arguments import as_features, check_columns
from graphpoly.kernels.conjugate import conjugate
from graphpoly.kernels.nystrom import draw_landmarks, nystrom
from graphpoly.ops import CSR, normalize, spmm
from graphpoly.ops.entry import as_size
from graphpoly.registry import register

__all__ = ["NodeGNTK"]


@register(
    "kernel",
    paper="Krishnagopal and Ruiz, Graph Neural Tangent Kernel: Convergence on Large Graphs, ICML "
    "2023",
    arxiv="2301.10808",
    example=lambda: NodeGNTK(num_layers=2),
    tags={"complexity": "O(L N (E + R N))", "expressivity": "1-WL"},
)
@dataclass(frozen=True)
class NodeGNTK:
    r"""Kernel between the nodes of one graph, or of two, of an infinitely wide network.

    Args:
        num_layers: Number of aggregations L, at least 1; the last one is linear.
        num_mlp_layers: Perceptron layers R after each but the last, at least 1.
        powers: Powers k of the operator that a layer sums, each with weights of its own; ``(1,)``
            is GCN's.
        normalization: ``"sym"``, ``"rw"`` or None for the weights as they are, see
            :func:`~graphpoly.ops.normalize`.
        add_self_loops: Give nodes without a self-loop one first.

    Raises:
        ValueError: If an argument is out of its bounds.

    Complexity: for all pairs O(L N (E + R N)) time and O(N^2) memory; :meth:`features` needs
    O(L (E m + N m^2 + m^3)) time and O(N m) memory with m landmarks.

    Differences from the paper: the paper fixes :math:`S = A / N`, which weights 1 / N and
    ``normalization=None`` give; any operator is accepted.

    References:
        Krishnagopal and Ruiz, Graph Neural Tangent Kernel: Convergence on Large Graphs, ICML 2023.

    >>> path = Data(x=torch.eye(3), edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]))
    >>> NodeGNTK(1, normalization=None, add_self_loops=False)(path).tolist()
    [[1.0, 0.0, 1.0], [0.0, 2.0, 0.0], [1.0, 0.0, 1.0]]
    """

    num_layers: int = 2
    num_mlp_layers: int = 1
    powers: Sequence[int] = (1,)
    normalization: str | None = "sym"
    add_self_loops: bool = True

    def __post_init__(self) -> None:
        as_size("num_layers", self.num_layers, 1)
        as_size("num_mlp_layers", self.num_mlp_layers, 1)
        if not self.powers or len(set(self.powers)) < len(self.powers):
            raise ValueError(f"powers: got {self.powers}, expected different ones, one at least")
        for k in self.powers:
            as_size("powers", k)

    def __call__(self, data: Data, other: Data | None = None) -> Tensor:
        """Return the kernel of all nodes, or of those of one graph with those of another.

        Args:
            data: Rows: ``x`` ``[N, F]``, ``edge_index`` and, where it has them, ``edge_weight``.
            other: Columns; by default the same graph.

        Returns:
            float64, ``[N, M]``.

        Raises:
            TypeError: If ``x`` is complex, or as :func:`~graphpoly.ops.to_csr` does.
            ValueError: If ``x`` is missing or not finite, or has other columns than that of
                ``other``, or as :func:`~graphpoly.ops.to_csr` does.
        """
        rows = self._read(data)
        deviations: list[Tensor] = []
        if other is None:
            kernel = self._recursion(rows, rows, deviations, deviations)
            return (kernel + kernel.t()) / 2
        columns = self._read(other)
        check_columns(rows[1], columns[1])
        theirs: list[Tensor] = []
        self._recursion(rows, rows, deviations, deviations)
        self._recursion(columns, columns, theirs, theirs)
        return self._recursion(rows, columns, deviations, theirs).contiguous()

    def features(self, data: Data, num_landmarks: int, *, seed: int = 0) -> Tensor:
        """Return features whose products approximate the kernel: Nyström's method in every layer.

        Aggregation is exact on features; what follows it is a kernel again, of which the columns of
        the landmarks are computed. With all nodes as landmarks the products are the kernel.

        Args:
            data: As for a call.
            num_landmarks: Number m of nodes.
            seed: Of the draw of landmarks.

        Returns:
            float64 ``[N, m]``, with as many columns for each power. With one layer they are exact:
            ``[N, F]`` for each power.

        Raises:
            TypeError: As a call does.
            ValueError: As a call does, or if ``num_landmarks`` is less than 1.
        """
        adj, x = self._read(data)
        landmarks = draw_landmarks(x.size(0), num_landmarks, seed=seed)
        state = tangent = self._aggregate(adj, x)
        for _ in range(self.num_layers - 1):
            sigma, theta = state @ state[landmarks].t(), tangent @ tangent[landmarks].t()
            deviation = state.square().sum(1).sqrt()
            rectify(sigma, theta, deviation, deviation[landmarks], self.num_mlp_layers)
            state = self._aggregate(adj, nystrom(sigma, landmarks))
            tangent = self._aggregate(adj, nystrom(theta, landmarks))
        return tangent

    def _read(self, data: Data) -> tuple[CSR, Tensor]:
        x = as_features(data.x)
        adj = normalize(
            data.edge_index,
            data.get("edge_weight"),
            x.size(0),
            normalization=self.normalization,
            add_self_loops=self.add_self_loops,
            dtype=torch.float64,
        )
        return adj, x

    def _aggregate(self, adj: CSR, x: Tensor) -> Tensor:
        """The features ``S^k x`` of all powers, one beside the other."""
        parts = []
        for k in range(max(self.powers) + 1):
            x = spmm(adj, x) if k else x
            if k in self.powers:
                parts.append(x)
        return torch.cat(parts, 1)

    def _conjugate(self, left: CSR, matrix: Tensor, right: CSR) -> Tensor:
        total = torch.zeros_like(matrix)
        for k in range(max(self.powers) + 1):
            matrix = conjugate(left, matrix, right) if k else matrix
            if k in self.powers:
                total += matrix
        return total

    def _recursion(
        self,
        rows: tuple[CSR, Tensor],
        columns: tuple[CSR, Tensor],
        left: list[Tensor],
        right: list[Tensor],
    ) -> Tensor:
        """The kernel; ``left`` and ``right``, if they are one, collect the deviations."""
        sigma = self._conjugate(rows[0], rows[1] @ columns[1].t(), columns[0])
        theta = sigma.clone()
        for layer in range(self.num_layers - 1):
            if left is right:
                left.append(sigma.diagonal().clamp(min=0).sqrt())
            rectify(sigma, theta, left[layer], right[layer], self.num_mlp_layers)
            sigma = self._conjugate(rows[0], sigma, columns[0])
            theta = self._conjugate(rows[0], theta, columns[0])
        return theta
