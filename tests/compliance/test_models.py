"""Every registered model prints, saves, repeats and batches as a layer does."""

from __future__ import annotations

from graphpoly.registry import entries
from graphpoly.testing import parametrize_with_checks

PROPERTIES = [
    "repr",
    "message_passing_arguments",
    "constructor_errors",
    "feature_errors",
    "third_argument",
    "output",
    "edge_weight",
    "node_permutation",
    "batch",
    "used_parameters",
    "degenerate_graphs",
    "eval_determinism",
    "train_seed",
    "reset_parameters",
    "state_dict",
    "safetensors",
    "copies",
    "stateless_forward",
]


@parametrize_with_checks(entries("model"), only=PROPERTIES)
def test_model(check):
    check()
