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


# data set, batch, learning rates, dropouts (features, behind products, neighbours, score)
_SHARED: dict[str, tuple[int, dict[str, Any]]] = {
    "cora": (
        1152,
        {
            "lr": 0.0043,
            "lr_predictor": 0.0024,
            "in_dropout": 0.7,
            "gnn_dropout": 0.05,
            "edge_dropout": 0.4,
            "dropout": 0.05,
        },
    ),
    "citeseer": (
        384,
        {
            "lr": 0.0085,
            "lr_predictor": 0.0078,
            "in_dropout": 0.4,
            "gnn_dropout": 0.75,
            "dropout": 0.55,
        },
    ),
}
# prior, scale, offset, alpha
_COMPLETION = {"cora": (0.75, 4.3, 2.8, 1.0), "citeseer": (0.75, 6.5, 4.4, 0.4)}
# mean and standard deviation of NCN and of NCNC; the table gives one for each
_FIGURES: dict[str, tuple[tuple[float, float | None], tuple[float, float | None]]] = {
    "cora": ((89.05, 0.96), (89.65, 1.36)),
    "citeseer": ((91.56, None), (93.47, None)),
}

for _name, (_batch, _settings) in _SHARED.items():
    _plain, _completed = _FIGURES[_name]
    _study("NCN").row(
        f"{_name}-links", *_plain, NCNSettings(**_settings), name=_name, batch_size=_batch
    )
    _prior, _scale, _offset, _alpha = _COMPLETION[_name]
    _study("NCNC").row(
        f"{_name}-links",
        *_completed,
        NCNCSettings(**_settings, prior=_prior, scale=_scale, offset=_offset, alpha=_alpha),
        name=_name,
        batch_size=_batch,
    )
