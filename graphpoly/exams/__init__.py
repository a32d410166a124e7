"""Whole networks and whole datasets put to a test, and held against what is known exactly."""

from __future__ import annotations

from graphpoly.exams.brec import (
    BREC_SEEDS,
    BrecReport,
    BrecSettings,
    Candidate,
    CategoryRow,
    brec_candidate,
    chosen_pairs,
    run_brec,
)
from graphpoly.exams.rewiring import Example, RewiringReport, Shift, run_rewiring
from graphpoly.exams.rewiring_page import rewiring_page

__all__ = [
    "BREC_SEEDS",
    "BrecReport",
    "BrecSettings",
    "Candidate",
    "CategoryRow",
    "Example",
    "RewiringReport",
    "Shift",
    "brec_candidate",
    "chosen_pairs",
    "rewiring_page",
    "run_brec",
    "run_rewiring",
]
