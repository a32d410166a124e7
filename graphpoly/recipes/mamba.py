"""Graph Mamba on heterophilous graphs and on peptides."""

from __future__ import annotations

from graphpoly.models.settings import GraphMambaSettings
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = (
    "Behrouz, Hashemi. Graph Mamba: Towards Learning on Graphs with State Space Models. KDD 2024"
)
_NOTES = (
    "no code is public, and the paper prints a search space, not what was found in it: 1 to 32 "
    "walks, up to 16 samples, {} layers, at most 300 epochs and a learning rate of 0.001; width, "
    "length of the walks and dropout are not printed. The settings are a point of it, chosen for "
    "its cost",
    "without positional encodings, which the published networks have",
    "four seeds, as published",
)
_SETTINGS = GraphMambaSettings(walk_length=3, num_walks=4, samples=2, token_layers=1, node_layers=2)

_HETEROPHILOUS = Study(
    family="graph-mamba",
    model="GraphMamba",
    protocol=Protocol(split="public", num_splits=4, epochs=300, patience=None),
    paper=_PAPER,
    arxiv="2402.08678",
    source=f"{_PAPER}, table 3",
    spread="standard deviation",
    runs=4,
    title="GMN",
    notes=(_NOTES[0].format("3, 4 or 6"), *_NOTES[1:]),
)
for _dataset, _mean, _interval in (
    ("roman-empire", 87.69, 0.50),
    ("amazon-ratings", 54.07, 0.31),
    ("minesweeper", 91.01, 0.23),
    ("tolokers", 84.52, 0.21),
):
    _HETEROPHILOUS.row(_dataset, _mean, _interval, _SETTINGS)

_PEPTIDES = Study(
    family="graph-mamba",
    model="GraphMamba",
    protocol=Protocol(num_splits=4, epochs=300, patience=None, batch_size=32, watch_train=False),
    paper=_PAPER,
    arxiv="2402.08678",
    source=f"{_PAPER}, table 1",
    spread="standard deviation",
    runs=4,
    title="GMN",
    unit="",
    notes=(_NOTES[0].format("4 or 5"), *_NOTES[1:]),
)
_PEPTIDES.row("Peptides-func", 0.7071, 0.0083, _SETTINGS)
_PEPTIDES.row("Peptides-struct", 0.2473, 0.0025, _SETTINGS)
