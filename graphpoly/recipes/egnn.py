"""EGNN on charged particles: where five of them will be."""

from __future__ import annotations

from graphpoly.models.settings import EGNNSettings
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = "Satorras, Hoogeboom, Welling. E(n) Equivariant Graph Neural Networks. ICML 2021"
_CODE = (
    "velocities stay those of the first frame in every layer, as in the published code; "
    "update_velocity=true for equation 7"
)

Study(
    family="egnn",
    model="EGNN",
    protocol=Protocol(
        epochs=10000,
        patience=None,
        monitor="loss",
        batch_size=100,
        num_splits=3,
        watch_train=False,
    ),
    paper=_PAPER,
    arxiv="2102.09844",
    source=f"{_PAPER}, quoted second-hand",
    runs=1,
    unit="",
    notes=(_CODE,),
).row("n-body", 0.0071, None, EGNNSettings(update_velocity=False))
