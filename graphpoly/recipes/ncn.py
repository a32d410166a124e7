"""Neural common neighbours on citation graphs."""

from __future__ import annotations

from typing import Any

from graphpoly.models.settings import NCNCSettings, NCNSettings
from graphpoly.recipes.recipe import Protocol, Study

_PAPER = "Wang, Yang, Zhang. Neural Common Neighbor with Completion for Link Prediction. ICLR 2024"
_PROTOCOL = Protocol(
    split="random-70", epochs=100, patience=None, monitor="metric", watch_train=False
)
_OURS = "uniform negatives are drawn anew in each step, the published ones once an epoch"


def _study(model: str) -> Study:
    return Study(
        family=model.lower(),
        model=model,
        protocol=_PROTOCOL,
        paper=_PAPER,
        arxiv="2302.00890",
        source=f"{_PAPER}, quoted second-hand",
        spread="standard deviation",
        notes=(_OURS,),
    )


# data set, batch, hidden layers of the score, learning rates, dropouts (features, input, tail,
# neighbours, score); then prior, scale, offset, alpha; means and deviations of NCN and NCNC
# fmt: off
_ROWS: tuple[tuple[str, int, int, tuple[float, ...], tuple[float, ...], Any, Any], ...] = (
    ("cora", 1152, 1, (0.0043, 0.0024, 0.7, 0.05, 0.3, 0.4, 0.05), (0.75, 4.3, 2.8, 1.0),
     (89.05, 0.96), (89.65, 1.36)),
    ("citeseer", 384, 2, (0.0085, 0.0078, 0.4, 0.75, 0.0, 0.0, 0.55), (0.75, 6.5, 4.4, 0.4),
     (91.56, None), (93.47, None)),
)
# fmt: on
_DROPPED = ("in_dropout", "gnn_dropout", "tail_dropout", "edge_dropout", "dropout")
_COMPLETED = ("prior", "scale", "offset", "alpha")
for _name, _batch, _layers, _values, _rest, _plain, _full in _ROWS:
    _set: dict[str, Any] = dict(zip(("lr", "lr_predictor", *_DROPPED), _values, strict=True))
    _set |= {"encoder": "pure", "head": "refined", "score_layers": _layers}
    _more: dict[str, Any] = _set | dict(zip(_COMPLETED, _rest, strict=True))
    _where: Any = {"name": _name, "batch_size": _batch}
    _study("NCN").row(f"{_name}-links", _plain[0], _plain[1], NCNSettings(**_set), **_where)
    _study("NCNC").row(f"{_name}-links", _full[0], _full[1], NCNCSettings(**_more), **_where)
