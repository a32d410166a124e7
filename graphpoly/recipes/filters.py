"""Settings of the networks around a polynomial filter: three groups of parameters, one shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch_geometric.data import Data

from graphpoly.data import Split
from graphpoly.models import (
    GPRGNN,
    BernNet,
    ChebNetII,
    FavardGNN,
    JacobiGNN,
    OptBasisGNN,
    PolynomialGNN,
    PrecomputedOptBasisGNN,
)
from graphpoly.recipes.node import NodeSettings
from graphpoly.settings import bounded
from graphpoly.training import RowTask, Task, parameter_groups

__all__ = [
    "BernSettings",
    "ChebIISettings",
    "FavardSettings",
    "FilterSettings",
    "GPRSettings",
    "JacobiSettings",
    "OptBasisSettings",
    "PrecomputedSettings",
]


@dataclass(frozen=True, kw_only=True)
class FilterSettings(NodeSettings):
    """Hyperparameters of the network around a polynomial filter.

    Attributes:
        K: Order of the polynomial.
        dropout: Before both linear maps.
        filter_dropout: Before the filter.
        lr, weight_decay: Of the linear maps.
        lr_coefficient, weight_decay_coefficient: Of the filter's coefficients.
    """

    K: int = bounded(10, low=0)
    dropout: float = bounded(0.5, low=0, high=1)
    filter_dropout: float = bounded(0.5, low=0, high=1)
    lr: float = bounded(low=0)
    weight_decay: float = bounded(low=0)
    lr_coefficient: float = bounded(low=0)
    weight_decay_coefficient: float = bounded(low=0)

    def groups(self) -> dict[str, dict[str, float]]:
        """Return the options of each parameter role."""
        return {
            "linear": {"lr": self.lr, "weight_decay": self.weight_decay},
            "coefficient": {
                "lr": self.lr_coefficient,
                "weight_decay": self.weight_decay_coefficient,
            },
        }

    def network(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return the network."""
        raise TypeError(f"{type(self).__name__} has to define network()")

    def build(self, data: Data, num_classes: int, split: Split) -> tuple[nn.Module, Optimizer]:
        """See :meth:`NodeSettings.build`; the optimiser is Adam."""
        model = self.network(data.num_node_features, num_classes)
        return model, torch.optim.Adam(parameter_groups(model, self.groups()))


@dataclass(frozen=True, kw_only=True)
class _HiddenSettings(FilterSettings):
    """Of the networks with a hidden layer.

    Attributes:
        hidden_channels: Its width.
    """

    cls: ClassVar[type[PolynomialGNN]]

    hidden_channels: int = bounded(64, low=1)

    def options(self) -> dict[str, Any]:
        """Return what the filter has of its own."""
        return {}

    def network(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return the network."""
        return self.cls(
            in_channels,
            self.hidden_channels,
            out_channels,
            self.K,
            dropout=self.dropout,
            filter_dropout=self.filter_dropout,
            **self.options(),
        )


@dataclass(frozen=True, kw_only=True)
class OptBasisSettings(_HiddenSettings):
    """Hyperparameters of OptBasisGNN."""

    cls = OptBasisGNN


@dataclass(frozen=True, kw_only=True)
class PrecomputedSettings(FilterSettings):
    """Hyperparameters of OptBasisGNN's scaled-up form.

    Attributes:
        hidden_channels, num_layers: Of the perceptron.
        batch_size: Nodes a step.
    """

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(2, low=1)
    batch_size: int = bounded(1024, low=1)

    def network(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return the network."""
        return PrecomputedOptBasisGNN(
            in_channels,
            self.hidden_channels,
            out_channels,
            self.K,
            num_layers=self.num_layers,
            dropout=self.dropout,
            filter_dropout=self.filter_dropout,
        )

    def task(
        self,
        data: Data,
        split: Split,
        model: nn.Module,
        *,
        metric: str,
        device: torch.device,
        seed: int,
    ) -> Task:
        """See :meth:`NodeSettings.task`: the graph is seen here, once, and never again."""
        assert isinstance(model, PrecomputedOptBasisGNN)
        assert data.x is not None
        with torch.no_grad():
            rows = model.precompute(data.x, data.edge_index)
        return RowTask(
            rows,
            data.y,
            split,
            batch_size=self.batch_size,
            metric=metric,
            forward=_readout,
            device=device,
            seed=seed,
        )


def _readout(model: nn.Module, rows: Tensor) -> Tensor:
    assert isinstance(model, PrecomputedOptBasisGNN)
    return model.readout(rows)


@dataclass(frozen=True, kw_only=True)
class FavardSettings(_HiddenSettings):
    """Hyperparameters of FavardGNN.

    Attributes:
        lr_basis, weight_decay_basis: Of the recurrence's coefficients.
    """

    cls = FavardGNN

    lr_basis: float = bounded(low=0)
    weight_decay_basis: float = bounded(low=0)

    def groups(self) -> dict[str, dict[str, float]]:
        """Return the options of each parameter role."""
        basis = {"lr": self.lr_basis, "weight_decay": self.weight_decay_basis}
        return {**super().groups(), "basis": basis}


@dataclass(frozen=True, kw_only=True)
class BernSettings(_HiddenSettings):
    """Hyperparameters of BernNet."""

    cls = BernNet


@dataclass(frozen=True, kw_only=True)
class ChebIISettings(_HiddenSettings):
    """Hyperparameters of ChebNetII."""

    cls = ChebNetII


@dataclass(frozen=True, kw_only=True)
class GPRSettings(_HiddenSettings):
    """Hyperparameters of GPR-GNN.

    Attributes:
        alpha: Teleport probability of the PageRank that the filter starts as.
    """

    cls = GPRGNN

    alpha: float = bounded(0.1, low=0, high=1)

    def options(self) -> dict[str, Any]:
        """Return what the filter has of its own."""
        return {"alpha": self.alpha}


@dataclass(frozen=True, kw_only=True)
class JacobiSettings(FilterSettings):
    """Hyperparameters of JacobiConv's linear network.

    Attributes:
        a, b: Of the Jacobi polynomials.
        alpha: Scale of the learned factors of the recurrence.
        legacy_sign: Take the recurrence of the published code, whose sign is wrong unless a = ±b.
        lr_basis, weight_decay_basis: Of the factors.
    """

    a: float = bounded(1.0, low=-1)
    b: float = bounded(1.0, low=-1)
    alpha: float = bounded(1.0, low=0)
    legacy_sign: bool = True
    lr_basis: float = bounded(low=0)
    weight_decay_basis: float = bounded(low=0)

    def groups(self) -> dict[str, dict[str, float]]:
        """Return the options of each parameter role."""
        basis = {"lr": self.lr_basis, "weight_decay": self.weight_decay_basis}
        return {**super().groups(), "basis": basis}

    def network(self, in_channels: int, out_channels: int) -> nn.Module:
        """Return the network."""
        return JacobiGNN(
            in_channels,
            out_channels,
            self.K,
            dropout=self.dropout,
            filter_dropout=self.filter_dropout,
            a=self.a,
            b=self.b,
            alpha=self.alpha,
            legacy_sign=self.legacy_sign,
        )
