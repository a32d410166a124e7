"""PPGN and PPGN++: graph classification over folds, and graphs made to look alike."""

from __future__ import annotations

from typing import Any

from graphpoly.models.settings import PPGNPlusPlusSettings, PPGNSettings
from graphpoly.recipes.recipe import Protocol, Study

_PROTOCOL = (
    "the published figure is the best epoch of the mean of ten validation folds, with no test set; "
    "here the epoch is chosen on validation graphs and measured on a test fold"
)
_BATCHES = "the published batches hold graphs of one size; here any"
_HEADS = "the published heads start Xavier with zero bias; here as torch.nn.Linear does"
_DEGREES = "the published network is given no degrees; here they are one-hot features"
_MEMORY = "the largest graph, of 620 nodes, takes about 15 GB at the published width"
_OWN = "there is no published configuration; these settings are ours"
_UNTRAINED = (
    "no training: the share of pairs that random weights tell apart. There is no published mean; "
    "theory says none"
)
_PPGN: dict[str, Any] = {
    "family": "ppgn",
    "model": "PPGN",
    "paper": "Maron, Ben-Hamu, Serviansky, Lipman. Provably Powerful Graph Networks. NeurIPS 2019",
    "arxiv": "1905.11136",
}
_PLUS_PLUS: dict[str, Any] = {
    "family": "ppgn-plus-plus",
    "model": "PPGNPlusPlus",
    "paper": "Puny, Lim, Kiani, Maron, Lipman. Equivariant Polynomials for Graph Neural Networks. "
    "ICML 2023",
    "arxiv": "2302.11556",
}
_TU = Study(
    **_PPGN,
    protocol=Protocol(patience=None, batch_size=5, watch_train=False),
    source=f"{_PPGN['paper']}, table of graph classification, quoted second-hand",
    spread="standard deviation over ten folds",
    notes=(_PROTOCOL, _BATCHES, _HEADS),
)


def _tu(dataset: str, mean: float, std: float, lr: float, *notes: str, **protocol: Any) -> None:
    settings = PPGNSettings(hidden_channels=400, normalization="sym", lr=lr)
    split = "gnn-comparison" if dataset in ("PROTEINS", "IMDB-BINARY") else "stratified"
    _TU.row(dataset, mean, std, settings, notes=notes, split=split, **protocol)


# dataset, published mean and standard deviation, learning rate
_tu("MUTAG", 90.55, 8.7, 1e-4, epochs=500)
_tu("PTC_MR", 66.17, 6.54, 1e-4, epochs=400)
_tu("PROTEINS", 77.2, 4.73, 1e-3, _MEMORY, epochs=100, decay=0.5)
_tu("IMDB-BINARY", 72.6, 4.9, 5e-5, _DEGREES, epochs=100, decay=0.5)

for _facts in (_PPGN, _PLUS_PLUS):
    _plain = _facts is _PPGN
    _settings: Any = PPGNSettings if _plain else PPGNPlusPlusSettings
    _alike = Study(
        **_facts,
        protocol=Protocol(epochs=200, patience=50, batch_size=20, watch_train=False),
        notes=(_OWN,),
    )
    _small = _settings(hidden_channels=32, lr=1e-3, pool="mean")
    _alike.row("CSL", None, None, _small, split="stratified-5", num_splits=5)
    for _dataset in ("EXP", "CEXP"):
        _alike.row(_dataset, None, None, _small, split="stratified")
    _untrained = Study(
        **_facts,
        protocol=Protocol(num_splits=5, epochs=1, patience=None, watch_train=False),
        title=f"{_facts['model']}, untrained,",
        notes=(_UNTRAINED,),
    )
    _sizes: dict[str, Any] = {"hidden_channels": 75, "num_layers": 4, "pool": "mean"}
    _random = _settings(**_sizes) if _plain else _settings(**_sizes, head_channels=55)
    for _dataset in ("sr16622", "sr251256", "sr261034", "sr281264", "sr291467"):
        _untrained.row(_dataset, None, None, _random)
