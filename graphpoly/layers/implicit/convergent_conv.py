"""A linear fixed point whose operator contracts by construction."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor
from torch_geometric.nn.dense.linear import Linear

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_size
from graphpoly.layers.implicit.fixed_point_layer import FixedPointOperatorLayer
from graphpoly.ops import CSR, spmm
from graphpoly.ops.block_diagonal import block_diagonal
from graphpoly.ops.normalize import NORMALIZATIONS
from graphpoly.ops.take_rows import take_rows
from graphpoly.registry import register

__all__ = ["ConvergentConv"]


@register(
    "layer",
    paper="Park, Choo, Park. Convergent Graph Solvers. ICLR 2022",
    arxiv="2106.01680",
    example=lambda: ConvergentConv(8, 4, heads=2),
    tags={
        "expressivity": "1-WL",
        "complexity": "O(|E| H + |E| C) an iteration, O(|E| H + |V| C) memory, H heads",
    },
)
class ConvergentConv(FixedPointOperatorLayer):
    r"""Fixed points of affine maps that are made from the graph, from `Convergent Graph Solvers
    <https://arxiv.org/abs/2106.01680>`_ (Park, Choo, Park, ICLR 2022).

    .. math::
        z_h = \gamma A_h z_h + b_h, \qquad (A_h)_{ij} = P_{ij}\, \sigma\left(u_h^\top x_i + v_h^\top
        x_j + c_h\right), \qquad b = X W + d

    for each head h, with P normalised by degrees and :math:`\gamma < 1`. Rows of
    :math:`|A_h|` sum to less than 1 for ``"rw"``, and so they do for ``"sym"`` once node i is
    measured in units of :math:`\sqrt{d_i}`: a step brings two points nearer by :math:`\gamma` or
    more, and :math:`z_h = (I - \gamma A_h)^{-1} b_h`.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        heads: Number of operators H, each for ``out_channels / heads`` columns; default one for
            each column, as in the paper.
        gamma: :math:`\gamma`, above 0 and below 1: how far a node looks.
        solver: ``"anderson"`` or ``"picard"``; see :func:`graphpoly.ops.fixed_point`.
        tolerance: Of the solver; default by the type of x.
        max_iterations: Of the solver.
        bias: Whether the layer has the vector d.
        normalization: Operator P: ``"rw"`` :math:`D^{-1} A` or ``"sym"``
            :math:`D^{-1/2} A D^{-1/2}`.
        normalize: The same in PyG's words: True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep P of the first call; only for one fixed graph.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional, not negative),
          ``batch`` :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`

    Complexity: a sparse product of H operators an iteration; the backward pass likewise, and no
    iteration is stored.

    Differences from the paper:
        A and b come from one layer of attention, there from several of message passing over edge
        features, too. The paper cuts the gate off at 0 and 1, where its gradient ends; here it is a
        sigmoid. It solves with dense operators over a whole batch up to one common tolerance, and
        allows a nonlinear map after each step.

    Raises:
        ConvergenceError: If the solver does not reach its tolerance.

    Example:
        >>> import torch
        >>> from graphpoly.layers import ConvergentConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> ConvergentConv(16, 7)(torch.randn(3, 16), edge_index).shape
        torch.Size([3, 7])
    """

    printed: ClassVar[dict[str, object]] = {
        "heads": None,
        "gamma": 0.5,
        **FixedPointOperatorLayer.printed,
        "solver": "anderson",
        "normalization": "rw",
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        heads: int | None = None,
        gamma: float = 0.5,
        solver: str = "anderson",
        tolerance: float | None = None,
        max_iterations: int = 1000,
        bias: bool = True,
        normalization: str = "rw",
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
        if self.normalization is None:
            raise unknown("normalization", "None", NORMALIZATIONS)
        if not 0 < gamma < 1:
            raise ValueError(f"gamma: got {gamma}, expected a number above 0 and below 1")
        if heads is not None:
            check_size("heads", heads)
            if out_channels % heads:
                raise ValueError(f"heads: got {heads}, expected a divisor of {out_channels}")
        self.solves_by(solver, tolerance, max_iterations)
        self.heads = heads
        self.gamma = gamma
        self.lin = Linear(in_channels, out_channels, bias=bias)
        self.lin_target = Linear(in_channels, self.num_operators)
        self.lin_source = Linear(in_channels, self.num_operators, bias=False)
        self.reset_parameters()

    @property
    def num_operators(self) -> int:
        """H."""
        return self.out_channels if self.heads is None else self.heads

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the cached operator."""
        super().reset_parameters()
        for lin in (self.lin, self.lin_target, self.lin_source):
            lin.reset_parameters()

    def operators(self, x: Tensor, adj: CSR) -> CSR:
        """Return the A of all heads as blocks along the diagonal of one operator.

        Args:
            x: ``[N, in_channels]``.
            adj: P, as :meth:`operator` makes it.
        """
        dtype = self._computed_in(x)
        target, source = self.lin_target(x).to(dtype), self.lin_source(x).to(dtype)
        gate = (take_rows(target, adj.rows()) + take_rows(source, adj.col)).sigmoid()
        assert adj.weight is not None
        return block_diagonal(adj, (gate * adj.weight.unsqueeze(1)).t())

    def map(self, x: Tensor, adj: CSR) -> tuple[Any, Tensor]:
        """Return the map of ``[N, H, C / H]``, and b to start from."""
        shape = x.size(0), self.num_operators, self.out_channels // self.num_operators
        own = self.lin(x).to(self._computed_in(x)).view(shape)
        blocks = self.operators(x, adj)

        def function(z: Tensor) -> Tensor:
            by_head = z.transpose(0, 1)
            heard = spmm(blocks, by_head.flatten(0, 1)).view(by_head.shape)
            return self.gamma * heard.transpose(0, 1) + own

        return function, own

    def _arguments(self) -> list[str]:
        return super()._arguments() + (["bias=False"] if self.lin.bias is None else [])
