"""ForwardGNN by single forward passes, with the published settings.

The published code trains for at most 1000 steps a layer, validates after every second one and stops
after 100 without a better validation accuracy: 500 epochs of two steps here, and a patience of 50.
"""

from __future__ import annotations

from graphpoly.models.settings import ForwardSettings
from graphpoly.recipes.recipe import Protocol, Study

_SETTINGS = ForwardSettings(num_layers=4, weight_decay=5e-4)
_STUDY = Study(
    family="forwardgnn",
    model="ForwardGNN",
    protocol=Protocol(
        split="five-fold",
        num_splits=5,
        epochs=_SETTINGS.num_layers * _SETTINGS.layer_epochs,
        patience=None,
    ),
    paper="Park et al. Forward Learning of Graph Neural Networks. ICLR 2024",
    arxiv="2403.11004",
    notes=(
        "one to four layers, as published; here the validation accuracy of each run chooses among "
        "them",
    ),
    reading={"row_normalize": True},
)

for _dataset in ("citeseer-full", "cora-ml", "pubmed", "photo", "cs"):
    _STUDY.row(_dataset, None, None, _SETTINGS)
