"""OGB's own baselines, as its example scripts train them."""

from __future__ import annotations

from typing import Any

from graphpoly.models.settings import MoleculeSettings, settings_of
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = "Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020"
_ALWAYS = Protocol(patience=None, watch_train=False)
_LINKS = {
    "batch_size": 65_536,
    "notes": ("two linear maps score the product of two nodes, where OGB's script has three",),
}


def _study(family: str, model: str, unit: str = "%", **also: Any) -> Study:
    about = {"paper": _PAPER, "arxiv": "2005.00687", "spread": "standard deviation", **also}
    title = f"OGB's {family.upper()}"
    return Study(family=family, model=model, protocol=_ALWAYS, title=title, unit=unit, **about)


# data set, layers, dropout, learning rate, norm, protocol, means and deviations of GCN and of SAGE
# fmt: off
_ROWS: tuple[tuple[str, int, float, float, str | None, dict[str, Any], Any, Any], ...] = (
    ("ogbn-arxiv", 3, .5, .01, "batch_norm", {"epochs": 500}, (71.74, .29), (71.49, .27)),
    ("ogbn-products", 3, .5, .01, None, {"epochs": 300}, (75.64, .21), (78.50, .14)),
    ("ogbn-proteins", 3, 0.0, .01, None, {"epochs": 1000}, (72.51, .35), (77.68, .20)),
    ("ogbn-mag", 2, .5, .01, None, {"epochs": 200}, (30.43, .25), (31.53, .15)),
    ("ogbl-collab", 3, 0.0, .001, None, {"epochs": 400, **_LINKS}, (44.75, 1.07), (48.10, .81)),
    ("ogbl-ppa", 3, 0.0, .01, None, {"epochs": 20, **_LINKS}, (18.67, 1.32), (16.55, 2.40)),
    ("ogbl-ddi", 2, .5, .005, None, {"epochs": 200, **_LINKS}, (37.07, 5.07), (53.90, 4.74)),
    ("ogbl-citation2", 3, 0.0, 5e-4, None, {"epochs": 50, **_LINKS}, (84.74, .21), (82.60, .36)),
)
for _dataset, _layers, _dropout, _lr, _norm, _how, *_figures in _ROWS:
    for _model, (_mean, _std) in zip(("GCN", "SAGE"), _figures, strict=True):
        _make: Any = settings_of(_model)[1]
        _set = _make(num_layers=_layers, hidden_channels=256, dropout=_dropout, lr=_lr,
                     weight_decay=0.0, norm=_norm)
        _study(_model.lower(), _model).row(_dataset, _mean, _std, _set, **_how)
for _conv, _dataset, _node, _mean, _std in (
    ("gin", "hiv", False, .7558, .0140), ("gin", "hiv", True, .7707, .0149),
    ("gcn", "hiv", False, .7606, .0097), ("gcn", "hiv", True, .7599, .0119),
    ("gin", "pcba", False, .2266, .0028), ("gin", "pcba", True, .2703, .0023),
    ("gcn", "pcba", False, .2020, .0024), ("gcn", "pcba", True, .2424, .0034),
    *((conv, name, node, None, None) for name in ("bace", "bbbp", "tox21")
      for conv in ("gin", "gcn") for node in (False, True)),
):
    _study(_conv, "MoleculeGNN", "").row(
        f"ogbg-mol{_dataset}", _mean, _std, MoleculeSettings(conv=_conv, virtual_node=_node),
        name=f"ogbg-mol{_dataset}{'-virtual' if _node else ''}", epochs=100, batch_size=32,
        notes=() if _mean else ("settings are those published for ogbg-molhiv",),
    )
# fmt: on
