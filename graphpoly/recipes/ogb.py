"""OGB's own baselines, as its example scripts train them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphpoly.models.settings import settings_of
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = "Hu et al. Open Graph Benchmark: Datasets for Machine Learning on Graphs. NeurIPS 2020"
_ALWAYS = Protocol(patience=None, watch_train=False)
_WHOLE = "gradients of half the loss are clipped as a whole; OGB's script clips those of each part"
_DRUG = "embeddings begin as normal numbers, in OGB's script as Xavier's"
_DRAWN = "pairs drawn at random that are links are drawn anew; OGB's script keeps them"
_WEIGHED = "OGB's script weighs edges by how often two authors have met"
_PAIRS: dict[str, Any] = {"batch_size": 65_536, "remove_targets": False}
_CITED = {**_PAIRS, "negatives": "targets", "notes": (_DRAWN,)}
_LINKS = {**_PAIRS, "grad_clip": 1.0, "notes": (_WHOLE,)}
_DRUGS = {**_LINKS, "notes": (_WHOLE, _DRUG)}
_PROTEINS = {**_LINKS, "notes": (_WHOLE, _DRAWN)}
_AUTHORS = {**_LINKS, "notes": (_WHOLE, _DRAWN, _WEIGHED)}


def _study(family: str, model: str, unit: str = "%") -> Study:
    about: Any = {"paper": _PAPER, "arxiv": "2005.00687", "title": f"OGB's {family.upper()}"}
    how: Any = {"protocol": _ALWAYS, "unit": unit, "spread": "standard deviation"}
    return Study(family=family, model=model, **about, **how)


# data set, layers, dropout, learning rate, norm, protocol, means and deviations of GCN and of SAGE
# fmt: off
_ROWS: tuple[tuple[str, int, float, float, str | None, dict[str, Any], Any, Any], ...] = (
    ("ogbn-arxiv", 3, .5, .01, "batch_norm", {"epochs": 500}, (71.74, .29), (71.49, .27)),
    ("ogbn-products", 3, .5, .01, None, {"epochs": 300}, (75.64, .21), (78.50, .14)),
    ("ogbn-proteins", 3, 0.0, .01, None, {"epochs": 1000}, (72.51, .35), (77.68, .20)),
    ("ogbn-mag", 2, .5, .01, None, {"epochs": 100}, (30.43, .25), (31.53, .15)),
    ("ogbl-collab", 3, 0.0, .001, None, {"epochs": 400, **_AUTHORS}, (44.75, 1.07), (48.10, .81)),
    ("ogbl-ppa", 3, 0.0, .01, None, {"epochs": 20, **_PROTEINS}, (18.67, 1.32), (16.55, 2.40)),
    ("ogbl-ddi", 2, .5, .005, None, {"epochs": 200, **_DRUGS}, (37.07, 5.07), (53.90, 4.74)),
    ("ogbl-citation2", 3, 0.0, 5e-4, None, {"epochs": 50, **_CITED}, (84.74, .21), (82.60, .36)),
)
for _dataset, _layers, _dropout, _lr, _norm, _how, *_figures in _ROWS:
    for _model, (_mean, _std) in zip(("GCN", "SAGE"), _figures, strict=True):
        _make: Any = settings_of(_model)[1]
        _set = _make(num_layers=_layers, hidden_channels=256, dropout=_dropout, lr=_lr,
                     weight_decay=0.0, norm=_norm)
        if _dataset.startswith("ogbl-"):  # pairs are scored by as many maps as there are layers
            _set = replace(_set, score_layers=_layers, score_dropout=_dropout)
        _study(_model.lower(), _model).row(_dataset, _mean, _std, _set, **_how)
for _dataset, _each in {  # of GIN, of GIN with a virtual node, of GCN, of GCN with one
    "ogbg-molhiv": ((.7558, .0140), (.7707, .0149), (.7606, .0097), (.7599, .0119)),
    "ogbg-molpcba": ((.2266, .0028), (.2703, .0023), (.2020, .0024), (.2424, .0034)),
    **dict.fromkeys(("ogbg-molbace", "ogbg-molbbbp", "ogbg-moltox21", "ogbg-ppa"),
                    [(None, None)] * 4),
}.items():
    _model, _make = settings_of("AssociationGNN" if _dataset == "ogbg-ppa" else "MoleculeGNN")
    for _conv, _node, _one in zip(["gin"] * 2 + ["gcn"] * 2, [False, True] * 2, _each, strict=True):
        _study(_conv, _model, "").row(
            _dataset, *_one, _make(conv=_conv, virtual_node=_node), epochs=100, batch_size=32,
            name=f"{_dataset}{'-virtual' if _node else ''}",
            notes=() if _one[0] else ("settings are those published for ogbg-molhiv",),
        )
# fmt: on
