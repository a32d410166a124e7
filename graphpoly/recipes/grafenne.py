"""GRAFENNE on citation graphs, with the settings of its code."""

from __future__ import annotations

from graphpoly.models.settings import GRAFENNESettings
from graphpoly.recipes.recipe import Protocol, Study

_STUDY = Study(
    family="grafenne",
    model="GRAFENNE",
    protocol=Protocol(split="stratified", epochs=500, patience=None, num_splits=5),
    paper="Gupta, Manchanda, Ranu, Bedathur. GRAFENNE: Learning on Graphs with Heterogeneous and "
    "Dynamic Feature Sets. ICML 2023",
    arxiv="2306.03447",
    notes=(
        "no published figure is at hand; the settings are those of the published code, which gives "
        "each feature a row of a table. Here its name decides a code, code_channels=0 for none",
        "all entries are read, and all nodes in one step; the code samples both, and draws its "
        "60/20/20 among all nodes alike",
    ),
)

for _dataset in ("cora", "citeseer", "pubmed"):
    _STUDY.row(
        _dataset,
        None,
        None,
        GRAFENNESettings(hidden_channels=256, num_layers=1, dropout=0.2, lr=1e-4),
    )
