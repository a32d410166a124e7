"""Settings of the networks around a filter of the spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.data import Data

from graphpoly.layers import OptBasisConv
from graphpoly.models.decoupled_gnn import GPRGNN, TFGNN, BernNet, ChebNetII, LegendreNet
from graphpoly.models.fe_gnn import FEGNN
from graphpoly.models.jacobi_gnn import JacobiGNN
from graphpoly.models.p_laplacian_gnn import PLaplacianGNN
from graphpoly.models.polynomial_gnn import FavardGNN, OptBasisGNN
from graphpoly.models.precomputed_opt_basis_gnn import PrecomputedOptBasisGNN
from graphpoly.models.settings.base import Inputs, ModelSettings, configure
from graphpoly.models.uni_filter_gnn import UniFilterGNN
from graphpoly.settings import bounded

__all__ = [
    "BernSettings",
    "ChebIISettings",
    "FESettings",
    "FavardSettings",
    "FilterSettings",
    "GPRSettings",
    "JacobiSettings",
    "LegendreSettings",
    "OptBasisFilterSettings",
    "OptBasisSettings",
    "PLaplacianSettings",
    "PrecomputedSettings",
    "TFGSettings",
    "UniFilterSettings",
    "training_homophily",
]


@dataclass(frozen=True, kw_only=True)
class FilterSettings(ModelSettings):
    """Hyperparameters of a network around a polynomial filter.

    Attributes:
        K: Order of the polynomial.
        dropout: Before both linear maps.
        filter_dropout: Before the filter.
        lr: Learning rate of the linear maps.
        weight_decay: L2 penalty of the linear maps.
        lr_coefficient: Learning rate of the filter's coefficients.
        weight_decay_coefficient: L2 penalty of the filter's coefficients.
    """

    K: int = bounded(10, low=0)
    dropout: float = bounded(0.5, low=0, high=1)
    filter_dropout: float = bounded(0.5, low=0, high=1)
    lr_coefficient: float = bounded(0.01, low=0)
    weight_decay_coefficient: float = bounded(0.0, low=0)


@dataclass(frozen=True, kw_only=True)
class HiddenSettings(FilterSettings):
    """Hyperparameters of a filter's network with a hidden layer.

    Attributes:
        hidden_channels: Width of the hidden layer.
    """

    hidden_channels: int = bounded(64, low=1)


@configure("OptBasisGNN", "optbasis")
@dataclass(frozen=True, kw_only=True)
class OptBasisSettings(HiddenSettings):
    """Hyperparameters of OptBasisGNN."""

    cls = OptBasisGNN


@configure("FavardGNN", "favard")
@dataclass(frozen=True, kw_only=True)
class FavardSettings(HiddenSettings):
    """Hyperparameters of FavardGNN.

    Attributes:
        lr_basis: Learning rate of the recurrence's coefficients.
        weight_decay_basis: L2 penalty of the recurrence's coefficients.
    """

    cls = FavardGNN

    lr_basis: float = bounded(0.01, low=0)
    weight_decay_basis: float = bounded(0.0, low=0)


@configure("BernNet", "bern")
@dataclass(frozen=True, kw_only=True)
class BernSettings(HiddenSettings):
    """Hyperparameters of BernNet."""

    cls = BernNet


@configure("ChebNetII", "chebii", "cheb-ii")
@dataclass(frozen=True, kw_only=True)
class ChebIISettings(HiddenSettings):
    """Hyperparameters of ChebNetII."""

    cls = ChebNetII


@configure("LegendreNet", "legendre")
@dataclass(frozen=True, kw_only=True)
class LegendreSettings(HiddenSettings):
    """Hyperparameters of LegendreNet."""

    cls = LegendreNet


@configure("GPRGNN", "gpr", "gpr-gnn")
@dataclass(frozen=True, kw_only=True)
class GPRSettings(HiddenSettings):
    """Hyperparameters of GPR-GNN.

    Attributes:
        alpha: Teleport probability of the PageRank that the filter starts as.
    """

    cls = GPRGNN

    alpha: float = bounded(0.1, low=0, high=1)


@configure("JacobiGNN", "jacobi", "jacobiconv")
@dataclass(frozen=True, kw_only=True)
class JacobiSettings(FilterSettings):
    """Hyperparameters of JacobiConv's linear network.

    Attributes:
        a, b: Of the Jacobi polynomials.
        alpha: Scale of the learned factors of the recurrence.
        legacy_sign: Take the recurrence of the published code, whose sign is wrong unless a = ±b.
        lr_basis: Learning rate of the factors.
        weight_decay_basis: L2 penalty of the factors.
    """

    cls = JacobiGNN

    a: float = bounded(1.0, low=-1)
    b: float = bounded(1.0, low=-1)
    alpha: float = bounded(1.0, low=0)
    legacy_sign: bool = False
    lr_basis: float = bounded(0.01, low=0)
    weight_decay_basis: float = bounded(0.0, low=0)


@configure("TFGNN", "tfg")
@dataclass(frozen=True, kw_only=True)
class TFGSettings(HiddenSettings):
    """Hyperparameters of TFGNN.

    Attributes:
        num_frequencies: Multiples of the base frequency.
        omega: Base frequency, in half turns.
        skip: Add the signal itself, undiminished by weight decay.
    """

    cls = TFGNN

    num_frequencies: int = bounded(6, low=1)
    omega: float = bounded(0.3, low=0)
    skip: bool = False


@configure("UniFilterGNN", "unifilter")
@dataclass(frozen=True, kw_only=True)
class UniFilterSettings(HiddenSettings):
    """Hyperparameters of UniFilter.

    Attributes:
        num_layers: Layers of the perceptron.
        tau: Share of the powers in the basis.
        raw_first: The first basis vector is the signal itself, as in the published code.
        norm: Batch normalisation in the perceptron.
    """

    cls = UniFilterGNN

    hidden_channels: int = bounded(256, low=1)
    num_layers: int = bounded(3, low=1)
    tau: float = bounded(0.5, low=0, high=1)
    raw_first: bool = False
    norm: bool = False

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Add what the training nodes say of the homophily; graphs and links say nothing."""
        homophily, alone = 0.5, inputs.data is not None and inputs.data.get("y") is not None
        if alone and hasattr(inputs.split, "train_mask"):
            assert inputs.data is not None
            homophily = training_homophily(inputs.data, inputs.split)
        return {**super().arguments(inputs), "homophily": homophily, "precomputed": alone}


def training_homophily(data: Data, split: Any) -> float:
    """Return the share of the edges between training nodes that join one class; 1/2 if none do."""
    source, target = data.edge_index
    known = split.train_mask
    same = (data.y[source] == data.y[target])[known[source] & known[target]]
    return float(same.float().mean()) if same.numel() else 0.5


@configure("FEGNN", "fe", "fe-gnn")
@dataclass(frozen=True, kw_only=True)
class FESettings(ModelSettings):
    """Hyperparameters of FE-GNN.

    Attributes:
        K: Hops.
        rank: Structural features.
        hidden_channels: Size of what the expansion is mapped to.
        separate: Keep the matrices of the hops apart, as the published code does.
    """

    cls = FEGNN

    K: int = bounded(3, low=0)
    rank: int = bounded(0, low=0)
    hidden_channels: int = bounded(64, low=1)
    separate: bool = False

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Keep the expansion of the one graph, where there is one."""
        return {**super().arguments(inputs), "cached": inputs.data is not None}


@configure("PLaplacianGNN", "p-laplacian", "pgnn")
@dataclass(frozen=True, kw_only=True)
class PLaplacianSettings(ModelSettings):
    """Hyperparameters of the p-Laplacian network.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of layers.
        dropout: Between layers.
        p: Exponent of the energy.
        alpha: Weight of the features in the energy.
        beta: Weight of sparsity in the energy.
        steps: Steps in which the graph is cleaned.
    """

    cls = PLaplacianGNN

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(2, low=1)
    dropout: float = bounded(0.5, low=0, high=1)
    p: float = bounded(2.0, low=0)
    alpha: float = bounded(1.0, low=0)
    beta: float = bounded(0.1, low=0)
    steps: int = bounded(10, low=0)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Clean the one graph once, where there is one: the published first stage."""
        return {**super().arguments(inputs), "cached": inputs.data is not None}


@configure("OptBasisConv")
@dataclass(frozen=True, kw_only=True)
class OptBasisFilterSettings(ModelSettings):
    """Hyperparameters of a single filter in the optimal basis, which is solved in closed form.

    Attributes:
        K: Order of the polynomial.
    """

    cls = OptBasisConv

    K: int = bounded(10, low=0)

    def arguments(self, inputs: Inputs) -> dict[str, Any]:
        """Leave the channels alone: nothing but the filter is learned.

        Raises:
            ValueError: If there are not as many outputs as inputs.
        """
        if inputs.in_channels != inputs.out_channels:
            raise ValueError("model: OptBasisConv alone filters signals; take OptBasisGNN")
        return {**super().arguments(inputs), "linear": False, "bias": False}


@configure("PrecomputedOptBasisGNN", "optbasis-precomputed")
@dataclass(frozen=True, kw_only=True)
class PrecomputedSettings(HiddenSettings):
    """Hyperparameters of OptBasisGNN's scaled-up form, a perceptron on rows made beforehand.

    Attributes:
        num_layers: Layers of the perceptron.
    """

    cls = PrecomputedOptBasisGNN

    num_layers: int = bounded(2, low=1)

    @torch.no_grad()
    def rows(self, model: nn.Module, data: Data) -> Tensor | None:
        """Return the basis of each node: the graph is seen here, once, and never again."""
        assert isinstance(model, PrecomputedOptBasisGNN)
        assert data.x is not None
        return model.precompute(data.x, data.edge_index)

    def from_rows(self, model: nn.Module, rows: Tensor) -> Tensor:
        """See :meth:`ModelSettings.from_rows`."""
        assert isinstance(model, PrecomputedOptBasisGNN)
        return model.readout(rows)
