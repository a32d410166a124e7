"""OGB's own molecule baselines: GIN and GCN on ogbg-molhiv."""

from __future__ import annotations

from graphpoly.models.settings import MoleculeSettings
from graphpoly.recipes.recipe import Protocol, Study

_OGB = "Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020"
for _conv, _mean, _std in (("gin", 0.7558, 0.0140), ("gcn", 0.7606, 0.0097)):
    Study(
        family=_conv,
        model="MoleculeGNN",
        protocol=Protocol(epochs=100, patience=None, batch_size=32, watch_train=False),
        paper=_OGB,
        arxiv="2005.00687",
        spread="standard deviation",
        title=f"OGB's {_conv.upper()}",
        unit="",
    ).row("ogbg-molhiv", _mean, _std, MoleculeSettings(conv=_conv))
