"""GCORN on citation graphs, with the published settings.

What the paper prints are accuracies after its attacks, which a recipe does not say:
``graphpoly robustness GCORN cora row_normalize=true --attack random --budgets 0.5,1``.
"""

from __future__ import annotations

from graphpoly.models.settings import GCORNSettings
from graphpoly.recipes.recipe import Protocol, Study

_STUDY = Study(
    family="gcorn",
    model="GCORN",
    protocol=Protocol(split="public", epochs=300, patience=None, num_splits=10),
    paper="Abbahaddou, Ennadir, Lutzeyer, Vazirgiannis, Boström. Bounding the Expected Robustness "
    "of Graph Neural Networks Subject to Node Feature Attacks. ICLR 2024",
    arxiv="2404.17947",
    notes=("the published figures are those of attacked features; see graphpoly robustness",),
    reading={"row_normalize": True},
)

for _dataset in ("cora", "citeseer", "pubmed"):
    _STUDY.row(_dataset, None, None, GCORNSettings())
