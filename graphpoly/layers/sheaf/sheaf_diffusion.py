"""One step of diffusion on a sheaf: what all sheaf convolutions share."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear

from graphpoly.layers.arguments import (
    check_features,
    check_size,
    chosen_normalization,
)
from graphpoly.layers.edge_mask import edge_mask
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import width_of
from graphpoly.layers.sheaf.laplacian import SheafLaplacian, inverse_root
from graphpoly.ops import CSR, dropout, silence_loops, sum_entries

__all__ = ["SheafDiffusion", "weighted"]


class SheafDiffusion(FusedLayer):
    r"""A step :math:`X \leftarrow (1 + \tanh \varepsilon) \odot X - \mathrm{ELU}(\Delta\, W_1 X
    W_2)`, with a Laplacian that a subclass makes.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size of each output feature, a multiple of the dimension of the stalks.
        stalk_dim: Dimension of the maps.
        add_lp: Add a stalk coordinate that every edge carries over as it is.
        add_hp: Add one that every edge carries over with the opposite sign.
        normalization: ``"augmented"``, ``"sym"`` or None, see :class:`SheafLaplacian`.
        normalize: The same in PyG's words: False for None, True for the one that is named, or
            ``"augmented"``.
        dropout: Probability before :math:`W_1` and :math:`W_2`.
        linear: Map the input linearly to ``out_channels`` first; otherwise it is taken for the
            stalks, and must have that size.
    """

    printed: ClassVar[dict[str, object]] = {  # arguments and the defaults that repr leaves out
        "add_lp": False,
        "add_hp": False,
        "normalization": "augmented",
        "dropout": 0.0,
        "linear": True,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stalk_dim: int,
        add_lp: bool = False,
        add_hp: bool = False,
        normalization: str | None = "augmented",
        normalize: bool | None = None,
        dropout: float = 0.0,
        linear: bool = True,
    ) -> None:
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        check_size("stalk_dim", stalk_dim)
        normalization = chosen_normalization(normalization, normalize, "augmented")
        super().__init__(aggr="add")
        inverse_root(torch.zeros(0), normalization)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.stalk_dim = stalk_dim
        self.add_lp = add_lp
        self.add_hp = add_hp
        self.normalization = normalization
        self.dropout = dropout
        self.linear = linear
        size = self.total_dim
        if out_channels < size or out_channels % size:
            raise ValueError(
                f"out_channels: got {out_channels}, expected a multiple of {size}, the dimension "
                "of the stalks"
            )
        if not linear and in_channels != out_channels:
            raise ValueError(
                f"in_channels: got {in_channels}, expected {out_channels} without linear=True"
            )
        self.lin = Linear(in_channels, out_channels) if linear else None
        self.left = nn.Parameter(torch.empty(size, size))
        self.right = nn.Parameter(torch.empty(out_channels // size, out_channels // size))
        self.epsilon = nn.Parameter(torch.empty(size, 1))

    @property
    def total_dim(self) -> int:
        """Dimension of the stalks: that of the maps and the fixed coordinates."""
        return self.stalk_dim + self.add_lp + self.add_hp

    def reset_parameters(self) -> None:
        """Start from the identity for W_1, a random orthogonal W_2 and no damping."""
        super().reset_parameters()
        if self.lin is not None:
            self.lin.reset_parameters()
        nn.init.eye_(self.left)
        nn.init.orthogonal_(self.right)
        nn.init.zeros_(self.epsilon)

    def stalks(self, x: Tensor) -> Tensor:
        """Return the features as stalks, ``[N, d, out_channels / d]``."""
        width = self.in_channels if self.lin is None else width_of(self.lin)
        check_features(type(self).__name__, x, width)
        if self.lin is not None:
            x = self.lin(x)
        return x.view(x.size(0), self.total_dim, self.out_channels // self.total_dim)

    def structure(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None) -> CSR:
        """Return the operator with its weights, if any, those of loops zero."""
        adj = silence_loops(
            edge_index,
            edge_weight,
            x.size(0),
            dtype=torch.promote_types(x.dtype, torch.float32),
            transposed=torch.is_grad_enabled(),
        )
        if adj.num_rows != adj.num_cols:
            raise ValueError(
                f"{type(self).__name__} needs a square operator, got {adj.num_rows} targets and "
                f"{adj.num_cols} sources"
            )
        return adj

    def assemble(
        self,
        adj: CSR,
        transport: Tensor | None,
        degree: Tensor | None = None,
        strength: Tensor | None = None,
    ) -> SheafLaplacian:
        r"""Make the Laplacian from the part of it that the maps act on.

        Args:
            adj: Structure and weights.
            transport: As in :class:`SheafLaplacian`, in the ``stalk_dim`` coordinates of the maps.
            degree: D in these coordinates, ``[N, d]`` or ``[N, d, d]``; None where
                :math:`F^\top F` is the identity.
            strength: ``[E]``, a further weight in these coordinates alone.
        """
        size, fixed = self.stalk_dim, self.total_dim - self.stalk_dim
        plain = degrees(adj, self.left.dtype)
        if strength is not None:
            if transport is None:
                transport = strength.unsqueeze(1).expand(-1, size)
            else:
                transport = transport * strength.view(-1, *[1] * (transport.dim() - 1))
            if degree is None:
                weighed = sum_entries(adj, weighted(adj, strength))
                degree = weighed.unsqueeze(1).expand(-1, size)
        if degree is None:
            degree = plain
        if fixed:
            signs = [1.0] * self.add_lp + [-1.0] * self.add_hp
            if transport is not None or self.add_hp:
                if transport is None:
                    transport = plain.new_ones(adj.num_entries, size)
                transport = _extended(
                    transport, transport.new_tensor(signs).expand(adj.num_entries, -1)
                )
            if degree.dim() > 1:
                degree = _extended(degree, plain.unsqueeze(1).expand(-1, fixed))
        scale = inverse_root(degree, self.normalization)
        return SheafLaplacian(self._masked(adj), transport, degree, scale, self.total_dim)

    def _masked(self, adj: CSR) -> CSR:
        """Weigh what each edge carries by the mask that PyG's explainers set."""
        mask = edge_mask(self)
        if mask is None:
            return adj
        mask = mask if adj.perm is None else mask[adj.perm]
        return adj.with_weight(mask if adj.weight is None else adj.weight * mask)

    def diffuse(self, laplacian: SheafLaplacian, x: Tensor) -> Tensor:
        """Take the step from the stalks ``x``; return ``[N, out_channels]``."""
        y = dropout(x, self.dropout, self.training)
        y = F.linear(F.linear(y.mT, self.left).mT, self.right)
        moved = F.elu(laplacian.matvec(y))
        return ((1 + self.epsilon.tanh()) * x - moved).flatten(1)

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels), f"stalk_dim={self.stalk_dim}"]
        return f"{type(self).__name__}({', '.join([*arguments, *self.options()])})"


def weighted(adj: CSR, values: Tensor) -> Tensor:
    """Multiply what belongs to each entry by the absolute value of its weight."""
    if adj.weight is None:
        return values
    return values * adj.weight.abs().to(values.dtype).view(-1, *[1] * (values.dim() - 1))


def degrees(adj: CSR, dtype: torch.dtype) -> Tensor:
    """Return the sum of the absolute weights of each row, in at least float32."""
    if adj.weight is None:
        return adj.rowptr.diff().to(torch.promote_types(dtype, torch.float32))
    return sum_entries(adj, adj.weight.abs())


def _extended(blocks: Tensor, diagonal: Tensor) -> Tensor:
    """Append coordinates of their own to blocks or diagonals: ``[E, d, ...]`` and ``[E, k]``."""
    if blocks.dim() == 2:
        return torch.cat([blocks, diagonal.to(blocks.dtype)], 1)
    count = diagonal.size(1)
    corner = F.pad(diagonal.to(blocks.dtype), (blocks.size(1), 0))
    return F.pad(blocks, (0, count, 0, count)) + torch.diag_embed(corner)
