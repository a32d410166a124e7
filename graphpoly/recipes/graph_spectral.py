"""PDF and MFN on the graphs of TUDataset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from graphpoly.models import MatrixFunctionGNN, PDFNet
from graphpoly.recipes.recipe import Protocol, Published, Recipe, publish
from graphpoly.recipes.run import Outcome, RunOptions
from graphpoly.settings import bounded
from graphpoly.recipes.tu import TU_SPLITS, GraphSettings, run_tu

__all__ = ["MatrixFunctionSettings", "PDFSettings"]

_POOLS = ("add", "max", "mean")


@dataclass(frozen=True, kw_only=True)
class PDFSettings(GraphSettings):
    """Hyperparameters of PDF.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of layers.
        exponents: Of the degrees, separated by commas.
        highest_power: Powers from 1 to this one.
        hops: Pairs within so many hops, or None for all pairs.
        softmax: Normalise the filters over neighbours.
        dropout, filter_dropout: Before the last linear map and on the filters.
        pool: Over the nodes of a graph.
    """

    hidden_channels: int = bounded(128, low=1)
    num_layers: int = bounded(4, low=1)
    exponents: str = "-0.5,-0.4,-0.3,-0.2"
    highest_power: int = bounded(6, low=1)
    hops: int | None = bounded(None, low=1)
    softmax: bool = True
    dropout: float = bounded(0.5, low=0, high=1)
    filter_dropout: float = bounded(0.1, low=0, high=1)
    pool: str = bounded("max", choices=_POOLS)

    def build(self, num_features: int, num_classes: int) -> tuple[nn.Module, Optimizer]:
        """Return the network and its optimiser."""
        try:
            exponents = tuple(float(word) for word in self.exponents.split(","))
        except ValueError:
            raise ValueError(
                f"exponents: got {self.exponents!r}, expected numbers separated by commas"
            ) from None
        model = PDFNet(
            num_features,
            self.hidden_channels,
            num_classes,
            num_layers=self.num_layers,
            dropout=self.dropout,
            filter_dropout=self.filter_dropout,
            pool=self.pool,
            exponents=exponents,
            powers=tuple(range(1, self.highest_power + 1)),
            hops=self.hops,
            softmax=self.softmax,
        )
        return model, _adam(model, self)


@dataclass(frozen=True, kw_only=True)
class MatrixFunctionSettings(GraphSettings):
    """Hyperparameters of MFN.

    Attributes:
        hidden_channels: Width.
        num_layers: Number of layers.
        matrices, poles: Of each layer.
        readout, solver, tolerance: As for :class:`~graphpoly.layers.MatrixFunctionConv`.
        dropout: Before the last linear map.
        pool: Over the nodes of a graph.
    """

    hidden_channels: int = bounded(64, low=1)
    num_layers: int = bounded(2, low=1)
    matrices: int = bounded(8, low=1)
    poles: int = bounded(4, low=1)
    readout: str = bounded("diagonal", choices=("diagonal", "product"))
    solver: str = bounded("dense", choices=("dense", "sparse"))
    tolerance: float | None = bounded(None, low=0)
    dropout: float = bounded(0.5, low=0, high=1)
    pool: str = bounded("mean", choices=_POOLS)

    def build(self, num_features: int, num_classes: int) -> tuple[nn.Module, Optimizer]:
        """Return the network and its optimiser."""
        model = MatrixFunctionGNN(
            num_features,
            self.hidden_channels,
            num_classes,
            num_layers=self.num_layers,
            dropout=self.dropout,
            pool=self.pool,
            matrices=self.matrices,
            poles=self.poles,
            readout=self.readout,
            solver=self.solver,
            tolerance=self.tolerance,
        )
        return model, _adam(model, self)


def _adam(model: nn.Module, settings: GraphSettings) -> Optimizer:
    return torch.optim.Adam(model.parameters(), lr=settings.lr, weight_decay=settings.weight_decay)


def _run(recipe: Recipe, options: RunOptions) -> Outcome:
    settings = recipe.settings
    assert isinstance(settings, PDFSettings | MatrixFunctionSettings)
    build: Callable[[int, int], tuple[nn.Module, Optimizer]] = settings.build
    return run_tu(recipe, options, build)


_PDF = (
    "Yang, Feng, Shen, Hooi. Towards Better Graph Representation Learning with Parameterized "
    "Decomposition & Filtering. ICML 2023"
)
_MFN = (
    "Batatia, Schaaf, Csányi, Ortner, Faber. Equivariant Matrix Function Neural Networks. ICLR 2024"
)
_PROTOCOL = (
    "the published figure is the best epoch of the mean of ten validation folds, with no test set; "
    "here the epoch is chosen on validation graphs and measured on a test fold"
)
_OWN = "the published settings of each dataset are not at hand; these are ours"
_UNRELEASED = "the graph version of the published code was never released; settings are ours"


def _publish(
    model: str, dataset: str, settings: GraphSettings, mean: float | None, split: str
) -> None:
    paper, arxiv, note = {
        "PDFNet": (_PDF, "2305.06102", _OWN),
        "MatrixFunctionGNN": (_MFN, "2310.10434", _UNRELEASED),
    }[model]
    family = {"PDFNet": "pdf", "MatrixFunctionGNN": "mfn"}[model]
    published = None
    if mean is not None:
        published = Published(mean, None, "none", 10, f"{paper}, TU table")
    publish(
        Recipe(
            name=f"{family}/{dataset.lower()}",
            title=f"{family.upper()} on {dataset}",
            dataset=dataset,
            models=(model,),
            metric="accuracy",
            protocol=Protocol(split=split, num_splits=10, epochs=300, patience=100),
            settings=settings,
            splits=TU_SPLITS,
            paper=paper,
            arxiv=arxiv,
            published=published,
            notes=(note,) if mean is None else (note, _PROTOCOL),
            execute=_run,
        )
    )


_publish("PDFNet", "MUTAG", PDFSettings(), None, "stratified")
_publish("PDFNet", "ENZYMES", PDFSettings(), 73.5, "gnn-comparison")
_publish("PDFNet", "NCI1", PDFSettings(batch_size=128), None, "gnn-comparison")
# all pairs of its largest graph, of 620 nodes, would be 384 400
_publish("PDFNet", "PROTEINS", PDFSettings(hops=1), None, "gnn-comparison")
_publish("MatrixFunctionGNN", "MUTAG", MatrixFunctionSettings(), None, "stratified")
_publish("MatrixFunctionGNN", "ENZYMES", MatrixFunctionSettings(), 72.9, "gnn-comparison")
_publish(
    "MatrixFunctionGNN",
    "NCI1",
    MatrixFunctionSettings(batch_size=128, matrices=4, poles=2),
    None,
    "gnn-comparison",
)
_publish(
    "MatrixFunctionGNN",
    "PROTEINS",
    MatrixFunctionSettings(readout="product", solver="sparse", tolerance=1e-5),
    None,
    "gnn-comparison",
)
