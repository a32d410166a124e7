"""PDF and MFN on the graphs of TUDataset."""

from __future__ import annotations

from typing import Any

from graphpoly.models.settings import MatrixFunctionSettings, PDFSettings
from graphpoly.recipes.recipe import Protocol, Study

_PDF_PAPER = (
    "Yang, Feng, Shen, Hooi. Towards Better Graph Representation Learning with Parameterized "
    "Decomposition & Filtering. ICML 2023"
)
_MFN_PAPER = (
    "Batatia, Schaaf, Csányi, Ortner, Faber. Equivariant Matrix Function Neural Networks. ICLR 2024"
)
_FOLDS = (
    "the published figure is the best epoch of the mean of ten validation folds, with no test set; "
    "here the epoch is chosen on validation graphs and measured on a test fold"
)
_PDF = Study(
    family="pdf",
    model="PDFNet",
    protocol=Protocol(
        split="gnn-comparison",
        patience=None,
        batch_size=64,
        decay=0.6,
        decay_epochs=50,
        watch_train=False,
    ),
    paper=_PDF_PAPER,
    arxiv="2305.06102",
    source=f"{_PDF_PAPER}, TU table",
    title="PDF",
    notes=(_FOLDS,),
)
_MFN = Study(
    family="mfn",
    model="MatrixFunctionGNN",
    protocol=Protocol(split="gnn-comparison", epochs=300, patience=100, watch_train=False),
    paper=_MFN_PAPER,
    arxiv="2310.10434",
    source=f"{_MFN_PAPER}, TU table",
    title="MFN",
    notes=(
        "the graph version of the published code was never released; settings are ours",
        _FOLDS,
    ),
)


def _pdf(
    dataset: str,
    mean: float | None,
    exponents: tuple[float, ...],
    highest_power: int,
    shape: tuple[int, int],
    epochs: int,
    *,
    dropout: float = 0.0,
    pool: str = "max",
    norm: bool = True,
    activation: str = "gelu",
    **protocol: Any,
) -> None:
    settings = PDFSettings(
        exponents=exponents,
        highest_power=highest_power,
        num_layers=shape[0],
        hidden_channels=shape[1],
        dropout=dropout,
        filter_dropout=dropout,
        layer_dropout=dropout,
        pool=pool,
        norm=norm,
        activation=activation,
    )
    _PDF.row(dataset, mean, None, settings, epochs=epochs, **protocol)


# fmt: off
# dataset, published mean, exponents, highest power, (layers, width), epochs
_pdf("MUTAG", None, (-.2, -.25, -.3), 5, (4, 256), 300, split="stratified")
_pdf("ENZYMES", 73.5, (-.2, -.25, -.3, -.35), 6, (6, 256), 200, dropout=.2, activation="relu",
     decay_epochs=40)
_pdf("NCI1", None, (-.2, -.25), 5, (6, 256), 300)
_pdf("NCI109", None, (-.2, -.25), 5, (6, 256), 500, split="stratified")
_pdf("PROTEINS", None, (-.3, -.35, -.4), 4, (6, 128), 450, pool="mean", norm=False, decay=.65)
# fmt: on

_MFN.row("MUTAG", None, None, MatrixFunctionSettings(), split="stratified")
_MFN.row("ENZYMES", 72.9, None, MatrixFunctionSettings())
_MFN.row("NCI1", None, None, MatrixFunctionSettings(matrices=4, poles=2), batch_size=128)
_MFN.row(
    "PROTEINS",
    None,
    None,
    MatrixFunctionSettings(readout="product", solver="sparse", tolerance=1e-5),
)
