"""CRaWl, which is SCRaWl on nodes, on molecules and on graphs that refinement cannot tell apart."""

from __future__ import annotations

from typing import Any

from graphpoly.models.settings import SCRaWlSettings
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = (
    "Tönshoff, Ritzert, Wolf, Grohe. Walking Out of the Weisfeiler Leman Hierarchy: Graph Learning "
    "Beyond Message Passing. TMLR 2023"
)
_PLATEAU: dict[str, Any] = {
    "schedule": "plateau",
    "plateau": "metric",
    "decay": 0.5,
    "least_lr": 1e-5,
}
_STUDY = Study(
    family="crawl",
    model="SCRaWl",
    protocol=Protocol(
        num_splits=5, epochs=300, patience=None, ties="last", watch_train=False, **_PLATEAU
    ),
    paper=_PAPER,
    arxiv="2102.08786",
    source=f"{_PAPER}, ZINC table, quoted second-hand",
    runs=5,
    title="CRaWl",
    unit="",
    notes=(
        "published figures are means over several draws of the walks; here they are drawn once",
    ),
)
_ZINC = SCRaWlSettings(hidden_channels=147, virtual_node=True, pool="add")
_STUDY.row("ZINC", 0.085, None, _ZINC, batch_size=50, decay_epochs=10)
_CSL = SCRaWlSettings(hidden_channels=90, num_layers=2)
_STUDY.row("CSL", None, None, _CSL, batch_size=120, split="stratified-5")
