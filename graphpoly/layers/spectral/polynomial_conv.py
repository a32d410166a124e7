"""The frame that every polynomial filter shares: linear map, coefficients, bias, response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import zeros

from graphpoly.bases import evaluate
from graphpoly.layers.arguments import check_batch
from graphpoly.layers.spectral.operator_conv import OperatorConv
from graphpoly.ops import CSR, polynomial

__all__ = ["PolynomialConv"]


class PolynomialConv(OperatorConv):
    r"""A learnable polynomial of the normalised adjacency, channel by channel.

    .. math::
        Z_{:,c} = \sum_{k=0}^{K} \theta_{k,c}\; p_{k,c}(P)\, (X W)_{:,c} + b_c

    A subclass says which polynomials :math:`p_k` are: it overrides :meth:`recurrence`, or
    :meth:`filter` and :meth:`basis` where the basis depends on the data. :meth:`response` is a
    function of the eigenvalues of P, whatever matrix the paper writes its filter in.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature.
        K: Order of the polynomial: the layer reaches K hops.
        shared: Learn one filter for all channels instead of one for each.
        linear: Whether the layer has the matrix W. Without it ``in_channels`` must equal
            ``out_channels``.
        bias: Whether the layer has the vector b.
        normalization: Operator P: ``"sym"`` :math:`D^{-1/2} A D^{-1/2}`, ``"rw"``
            :math:`D^{-1} A`, or None for A with its weights as they are.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        add_self_loops: Use A + I (nodes that have a loop keep theirs).
        cached: Keep the operator of the first call; only for one fixed graph.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional), ``batch``
          :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`

    The operator is square, so that a pair of source and target features is refused. On a batch each
    graph is filtered as if it were alone.
    """

    parameter_roles: ClassVar[dict[str, str]] = {"theta": "coefficient"}
    printed: ClassVar[dict[str, object]] = {**OperatorConv.printed, "shared": False}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        K: int = 10,
        *,
        shared: bool = False,
        linear: bool = True,
        bias: bool = True,
        normalization: str | None = "sym",
        normalize: bool | None = None,
        add_self_loops: bool = False,
        cached: bool = False,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            K,
            normalization=normalization,
            normalize=normalize,
            add_self_loops=add_self_loops,
            cached=cached,
        )
        if not linear and in_channels != out_channels:
            raise ValueError(
                "linear=False needs in_channels == out_channels, "
                f"got {in_channels} and {out_channels}"
            )
        self.shared = shared
        self.lin = (
            Linear(in_channels, out_channels, bias=False, weight_initializer="glorot")
            if linear
            else None
        )
        # the identity at once: a subclass need not override more than its recurrence
        self.theta = Parameter(torch.eye(K + 1, 1).repeat(1, 1 if shared else out_channels))
        self.bias = Parameter(torch.zeros(out_channels)) if bias else None
        self._constants: dict[str, Tensor] = {}

    def reset_parameters(self) -> None:
        """Draw new parameters (the filter is the identity then) and forget the cached operator."""
        super().reset_parameters()
        if self.lin is not None:
            self.lin.reset_parameters()
        with torch.no_grad():
            self.theta.zero_()[0] = 1
        zeros(self.bias)

    def recurrence(self) -> tuple[Tensor, Tensor | None]:
        """Return the recurrence ``[3, K, C]`` in Jacobi form and p_0 ``[C]`` (None for 1)."""
        raise NotImplementedError(f"{type(self).__name__} has no recurrence of its own")

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Filter the features.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
            batch: Graph of each node, ``[N]``; read only where the basis depends on the data.
            batch_size: Number of graphs, if known.
        """
        check_batch(batch)
        adj = self.operator(x, edge_index, edge_weight)
        if self.lin is not None:
            x = self.lin(x)
        out = self.filter(x, adj, batch, batch_size)
        return out if self.bias is None else out + self.bias

    def filter(self, x: Tensor, adj: CSR, batch: Tensor | None, batch_size: int | None) -> Tensor:
        """Apply the polynomial alone to ``x`` ``[N, out_channels]``."""
        recurrence, initial = self.recurrence()
        if initial is not None:
            x = x * initial.to(x.dtype)
        return polynomial(adj, x, self.coefficients(), recurrence)

    def weights(self) -> Tensor:
        """Return what multiplies the polynomials of :meth:`basis`, ``[K+1, C]`` or ``[K+1, 1]``."""
        return self.theta

    def coefficients(self) -> Tensor:
        """Return what multiplies the polynomials of :meth:`recurrence`, in the same shape."""
        return self.weights()

    def basis(self, lambdas: Tensor) -> Tensor:
        """Evaluate p_0, ..., p_K of each channel at ``lambdas`` ``[L]``: ``[K+1, L, C]``.

        Where all channels have the same basis, C is 1.
        """
        recurrence, initial = self.recurrence()
        return evaluate(recurrence, lambdas, initial=initial)

    def response(self, lambdas: Tensor) -> Tensor:
        r"""Evaluate the filter :math:`\sum_k \theta_k\, p_k` at ``lambdas`` ``[L]``: ``[L, C]``."""
        return self._combine(self.basis(lambdas))

    def _combine(self, basis: Tensor) -> Tensor:
        return (self.weights().unsqueeze(1) * basis).sum(0).expand(-1, self.out_channels)

    def _keep(self, name: str, constant: Tensor | None) -> None:
        """Hold a constant that follows the device but stays in float64."""
        self.register_buffer(name, constant, persistent=False)
        if constant is not None:
            self._constants[name] = constant

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        for name, constant in self._constants.items():  # which outlast a stay on the meta device
            device = getattr(self, name).device
            if constant.is_meta and device.type != "meta":
                raise ValueError(
                    f"{type(self).__name__}: was made on the meta device, where its constants have "
                    "no values; make it on another, and move it there by to('meta')"
                )
            setattr(self, name, constant.to(device))
        return self

    def _arguments(self) -> list[str]:
        arguments = super()._arguments()
        arguments += ["linear=False"] if self.lin is None else []
        return arguments + (["bias=False"] if self.bias is None else [])
