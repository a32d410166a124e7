"""Rewiring that is learned: it happens in the forward pass, and gradients go through it."""

from graphpoly.rewiring.learned.pr_mpnn import PRMPNN
from graphpoly.rewiring.learned.sampler import SubsetSampler, top_subset
from graphpoly.rewiring.learned.settings import LearnedSettings, PRMPNNSettings, SnowflakeSettings
from graphpoly.rewiring.learned.snowflake import NeuralSnowflake, SnowflakeMetric
from graphpoly.rewiring.learned.subsets import sample_subsets, subset_marginals

__all__ = [
    "PRMPNN",
    "LearnedSettings",
    "NeuralSnowflake",
    "PRMPNNSettings",
    "SnowflakeMetric",
    "SnowflakeSettings",
    "SubsetSampler",
    "sample_subsets",
    "subset_marginals",
    "top_subset",
]
