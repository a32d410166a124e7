"""Whole networks put to a benchmark's test: trained on it, and held against an exact bound."""

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

__all__ = [
    "BREC_SEEDS",
    "BrecReport",
    "BrecSettings",
    "Candidate",
    "CategoryRow",
    "brec_candidate",
    "chosen_pairs",
    "run_brec",
]
