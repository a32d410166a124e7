"""Learning five image filters: the optimal basis in closed form, with no training at all."""

from __future__ import annotations

from graphpoly.models.settings import OptBasisFilterSettings
from graphpoly.recipes.recipe import Protocol, Study

_SOURCE = "Wang, Zhang. How Powerful are Spectral Graph Neural Networks. ICML 2022"
_STUDY = Study(
    family="image-filter",
    model="OptBasisConv",
    protocol=Protocol(num_splits=1, epochs=1, patience=None, watch_train=False),
    paper="Guo, Wei. Graph Neural Networks with Learnable and Optimal Polynomial Bases. ICML 2023",
    arxiv="2302.12432",
    source=f"JacobiConv in {_SOURCE}, quoted second-hand",
    runs=1,
    unit="",
    notes=(
        "sum of squared errors over the interior pixels, mean over the images; the coefficients "
        "are the least-squares optimum of any filter of this order, and the published figure is "
        "that of JacobiConv, trained",
    ),
)
# JacobiConv's, the best that was published on this task
_PUBLISHED = {"low": 0.0003, "high": 0.0011, "band": 0.0213, "rejection": 0.0156, "comb": 0.2933}
for _name, _error in _PUBLISHED.items():
    _STUDY.row(f"images-{_name}", _error, None, OptBasisFilterSettings(), name=_name)
