"""EGNN on charged particles, where five of them will be, and on the energies of molecules."""

from __future__ import annotations

from graphpoly.models.settings import EGNNSettings, MPNNSettings
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = "Satorras, Hoogeboom, Welling. E(n) Equivariant Graph Neural Networks. ICML 2021"
_CODE = (
    "velocities stay those of the first frame in every layer, as in the published code; "
    "update_velocity=true for equation 7 of the proceedings"
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

_ENERGIES = Protocol(
    epochs=100, patience=None, batch_size=96, num_splits=3, watch_train=False, schedule="cosine"
)
_OURS = (
    "no published experiment; settings are those published for QM9, but for width, depth and time"
)

Study(
    family="egnn",
    model="EGNN",
    protocol=_ENERGIES,
    paper=_PAPER,
    arxiv="2102.09844",
    unit="",
    notes=(_OURS,),
).row("gdb7", None, None, EGNNSettings(attention=True, update_coords=False, edge_features=False))
Study(
    family="mpnn",
    model="MPNN",
    protocol=_ENERGIES,
    paper="Gilmer, Schoenholz, Riley, Vinyals, Dahl. Neural Message Passing for Quantum Chemistry. "
    "ICML 2017",
    arxiv="1704.01212",
    unit="",
    notes=("no published experiment; settings are ours",),
).row("gdb7", None, None, MPNNSettings(lr=1e-3))
