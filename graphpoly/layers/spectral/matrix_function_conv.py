"""A function of a matrix that is learned from the graph, through its resolvent."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.dense.linear import Linear

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_batch, check_size
from graphpoly.layers.linear import width_of
from graphpoly.layers.operator_layer import OperatorLayer
from graphpoly.ops import CSR, pair_sum, resolvent
from graphpoly.ops.adjacency import trusted_csr
from graphpoly.ops.batching import count_graphs, largest, nodes_of_each, places
from graphpoly.ops.block_diagonal import block_diagonal
from graphpoly.ops.take_rows import take_rows
from graphpoly.registry import register

__all__ = ["MatrixFunctionConv"]

READOUTS = ("diagonal", "product")
_EPS = 1e-5


@register(
    "layer",
    paper="Batatia, Schaaf, Csányi, Ortner, Faber. Equivariant Matrix Function Neural Networks. "
    "ICLR 2024",
    arxiv="2310.10434",
    example=lambda: MatrixFunctionConv(8, 4, matrices=2, poles=2),
    tags={
        "expressivity": "beyond 1-WL (closed walks of all lengths)",
        "complexity": "dense O(C P sum_g n_g^3); sparse, product: O(C P |E|) an iteration",
    },
)
class MatrixFunctionConv(OperatorLayer):
    r"""Learned function of a learned matrix, from `Equivariant Matrix Function Neural Networks
    <https://arxiv.org/abs/2310.10434>`_ (Batatia et al., ICLR 2024), in its form for graphs.

    Symmetric matrices :math:`H_c` are made of the features, zero where there is no edge:

    .. math::
        H_{c,ij} = \tfrac12 (A_{ij} + A_{ji})\, \phi_c(u_i + u_j), \qquad
        H_{c,ii} = A_{ii}\, \phi_c(2 u_i) + \psi_c(u_i), \qquad u = X W_u + b_u

    with :math:`\phi = W_\phi\,\mathrm{SiLU}(\cdot)`, :math:`\psi` likewise. The eigenvalues of each
    are shifted and scaled, graph by graph, to mean 0 and variance 1. A pole s of matrix c has a
    scale and a shift of its own, and reads the resolvent

    .. math::
        R_{c,s} = \big(i I - e^{\alpha_{c,s}} H_c - \beta_{c,s} I\big)^{-1},

    of which every function of H is a sum. Its norm is at most 1 and it reaches as far as the graph
    is connected. Real and imaginary part of what is read, for all c and s, go through a linear map:

    - ``readout="diagonal"`` reads :math:`(R_{c,s})_{ii}`, as the paper does;
    - ``readout="product"`` reads :math:`(R_{c,s} V)_i` with :math:`V_{:,c} = (X W_v)_{:,c}`.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature, and of u.
        matrices: Number of matrices C.
        poles: Number of poles P of each.
        readout: ``"diagonal"`` or ``"product"``.
        solver: ``"dense"``, exact, or ``"sparse"``, iterative; see :func:`graphpoly.ops.resolvent`.
        tolerance: Of the sparse solver.
        max_iterations: Of the sparse solver.
        bias: Whether the layer has a bias at the end.
        normalization: Of A: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named, or
            ``"sym"``.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional), ``batch``
          :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`

        Mean and variance are those of a graph: on a batch give ``batch``. Copies of one graph side
        by side give the output of one. An edge between two graphs of a batch is left out.

    Complexity:
        For graphs of n nodes the dense solver takes :math:`O(C P \sum n^3)`. The sparse one takes
        O(C P E) an iteration for ``"product"``, and :math:`\max n` times as much for
        ``"diagonal"``. The gradient costs one more solve; no iteration is stored.

    Differences from the paper:
        The published code is the molecular model alone; this is its scalar form on edges. It
        solves in complex numbers over padded matrices; here no graph is padded to the size of
        another. It averages mean and variance over channels and takes the variance over n - 1
        eigenvalues; here each matrix has its own, over n, so that copies of a graph do not see
        each other. It follows H with :math:`H R`; since :math:`H R` is a combination of
        R and I, the linear map has it already.

    Raises:
        ConvergenceError: If the sparse solver does not reach its tolerance.

    Example:
        >>> import torch
        >>> conv = MatrixFunctionConv(16, 7, readout="product", solver="sparse")
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        "matrices": 8,
        "poles": 4,
        "readout": "diagonal",
        "solver": "dense",
        "tolerance": None,
        "max_iterations": 1000,
        **OperatorLayer.printed,
        "normalization": None,
    }
    exceptions: ClassVar[dict[str, str]] = {
        "num_hops": "a resolvent reaches every node that there is a path to",
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        matrices: int = 8,
        poles: int = 4,
        readout: str = "diagonal",
        solver: str = "dense",
        tolerance: float | None = None,
        max_iterations: int = 1000,
        bias: bool = True,
        normalization: str | None = None,
        normalize: bool | None = None,
        add_self_loops: bool = False,
        cached: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        check_size("matrices", matrices)
        check_size("poles", poles)
        if readout not in READOUTS:
            raise unknown("readout", readout, READOUTS)
        if solver not in ("dense", "sparse"):
            raise unknown("solver", solver, ("dense", "sparse"))
        self.matrices = matrices
        self.poles = poles
        self.readout = readout
        self.solver = solver
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.lin_node = Linear(in_channels, out_channels)
        self.lin_edge = Linear(out_channels, matrices, bias=False)
        self.lin_diagonal = Linear(out_channels, matrices, bias=False)
        self.lin_value = Linear(in_channels, matrices) if readout == "product" else None
        self.log_scale = Parameter(torch.empty(matrices, poles))
        self.shift = Parameter(torch.empty(matrices, poles))
        self.lin_out = Linear(2 * matrices * poles, out_channels, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the cached operator."""
        super().reset_parameters()
        for lin in (self.lin_node, self.lin_edge, self.lin_diagonal, self.lin_value, self.lin_out):
            if lin is not None:
                lin.reset_parameters()
        torch.nn.init.normal_(self.log_scale)
        torch.nn.init.normal_(self.shift)

    @property
    def width(self) -> int:
        """Columns of x that forward takes; -1 where the first input has yet to say so."""
        return width_of(self.lin_node)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Read the resolvents.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
        """
        check_batch(batch)
        adj = self.operator(x, edge_index, edge_weight)
        num_nodes, copies = x.size(0), self.matrices * self.poles
        num_graphs = count_graphs(batch, batch_size, num_nodes)
        graph = x.new_zeros(num_nodes, dtype=torch.long) if batch is None else batch
        matrix = self._matrix(x, adj, graph, num_graphs)
        block = torch.arange(copies, device=x.device).unsqueeze(1) * num_graphs + graph
        right, place = self._right(x, graph, num_graphs, alone=batch is None)
        real, imag, _ = resolvent(
            matrix,
            right,
            solver=self.solver,
            block=block.flatten(),
            num_blocks=copies * num_graphs,
            tolerance=self.tolerance,
            max_iterations=self.max_iterations,
        )
        read = torch.stack([real, imag])
        if place is not None:
            read = read.gather(2, place.repeat(copies).view(1, -1, 1).expand(2, -1, -1))
        read = read.view(2 * copies, num_nodes).t().to(x.dtype)
        out: Tensor = self.lin_out(read)
        return out

    def matrix(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> CSR:
        r"""Return the scaled and shifted :math:`H_{c,s}` as blocks along the diagonal of one CSR.

        The block of matrix c and pole s has the rows from ``(c * poles + s) * N`` on. Arguments as
        for :meth:`forward`.
        """
        num_graphs = count_graphs(batch, batch_size, x.size(0))
        graph = x.new_zeros(x.size(0), dtype=torch.long) if batch is None else batch
        return self._matrix(x, self.operator(x, edge_index, edge_weight), graph, num_graphs)

    def _matrix(self, x: Tensor, adj: CSR, graph: Tensor, num_graphs: int) -> CSR:
        num_nodes = x.size(0)
        node = self.lin_node(x)
        rows, cols = adj.rows().long(), adj.col.long()
        assert adj.weight is not None
        # the resolvent of a graph needs to know that no edge leaves it
        weight = torch.where(graph[rows] == graph[cols], adj.weight / 2, 0)
        ends = take_rows(node, rows) + take_rows(node, cols)
        edge = self.lin_edge(F.silu(ends)) * weight.unsqueeze(1)
        loops = torch.arange(num_nodes, device=x.device)
        rowptr, col, perm = torch.ops.graphpoly.coo_to_csr(
            torch.cat([rows, cols, loops]), torch.cat([cols, rows, loops]), num_nodes, num_nodes
        )
        both = trusted_csr(rowptr, col, None, perm, num_nodes, None)
        value = torch.cat([edge, edge, self.lin_diagonal(F.silu(node))])[perm].double()
        row = both.rows()
        value, own = self._standardised(
            both, value, row, perm >= 2 * rows.size(0), graph, num_graphs
        )
        value = value.unsqueeze(-1) * self.log_scale.double().exp()
        value = value + own.view(-1, 1, 1) * self.shift.double()
        return block_diagonal(both, value.flatten(1).t())

    def _standardised(
        self, adj: CSR, value: Tensor, row: Tensor, own: Tensor, graph: Tensor, num_graphs: int
    ) -> tuple[Tensor, Tensor]:
        """Bring the eigenvalues ``[E, C]`` of each graph to mean 0 and variance 1.

        ``own`` marks one diagonal entry of each node, which takes what is added to the diagonal.
        """
        mark = own.to(value.dtype).unsqueeze(1)
        where = graph[row]
        count = nodes_of_each(graph, num_graphs).clamp(min=1).to(value.dtype).unsqueeze(1)

        def trace(of_entries: Tensor) -> Tensor:
            return value.new_zeros(num_graphs, value.size(1)).index_add(0, where, of_entries)

        diagonal = (row == adj.col).to(value.dtype).unsqueeze(1)
        value = value - mark * take_rows(trace(diagonal * value) / count, where)
        variance = trace(value * pair_sum(adj, value)) / count
        return value * take_rows((variance + _EPS).rsqrt(), where), mark

    def _right(
        self, x: Tensor, graph: Tensor, num_graphs: int, *, alone: bool
    ) -> tuple[Tensor, Tensor | None]:
        """What the resolvents are applied to, and the column in which each node stands."""
        copies = self.matrices * self.poles
        if self.lin_value is not None:
            value = self.lin_value(x).t()
            return value.repeat_interleave(self.poles, 0).reshape(-1, 1), None
        place, _, _ = places(graph, num_graphs)
        width = largest(None if alone else graph, num_graphs, x.size(0))
        columns = torch.arange(width, device=x.device)
        # the columns of graphs do not meet: one column serves a node of each
        return (place.unsqueeze(1) == columns).to(x.dtype).repeat(copies, 1), place

    def _arguments(self) -> list[str]:
        return super()._arguments() + (["bias=False"] if self.lin_out.bias is None else [])
