"""Attacks on trained networks, what is known of their effect beforehand, and both measured.

>>> import torch
>>> from graphpoly.robustness import pgd
>>> pgd(lambda x: x.sum(), torch.zeros(1, 4), 2.0)
tensor([[1., 1., 1., 1.]])
"""

from __future__ import annotations

from graphpoly.robustness.attack import ATTACKS, READS, Attack, Target
from graphpoly.robustness.bounds import FeatureBound, feature_bound, operator_norm
from graphpoly.robustness.estimate import (
    Expected,
    expected_bound,
    expected_length,
    expected_robustness,
)
from graphpoly.robustness.features import BALLS, PLACES, pgd, project, random_perturbation
from graphpoly.robustness.fidelity import Fidelity, fidelity
from graphpoly.robustness.losses import margins, tanh_margin
from graphpoly.robustness.page import robustness_page, robustness_table
from graphpoly.robustness.report import BudgetRow, RobustnessReport, attack_run
from graphpoly.robustness.structure import FLIPS, flip_edges, greedy_flips, random_flips

__all__ = [
    "ATTACKS",
    "BALLS",
    "FLIPS",
    "PLACES",
    "READS",
    "Attack",
    "BudgetRow",
    "Expected",
    "FeatureBound",
    "Fidelity",
    "RobustnessReport",
    "Target",
    "attack_run",
    "expected_bound",
    "expected_length",
    "expected_robustness",
    "feature_bound",
    "fidelity",
    "flip_edges",
    "greedy_flips",
    "margins",
    "operator_norm",
    "pgd",
    "project",
    "random_flips",
    "random_perturbation",
    "robustness_page",
    "robustness_table",
    "tanh_margin",
]
