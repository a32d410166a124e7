"""What training reveals of a node, bounded: sampling, clipped gradients, noise, and its account.

>>> from graphpoly.privacy import Mechanism
>>> step = Mechanism(num_nodes=90_941, batch_size=10_000, terms=6, sigma=4.0)
>>> round(step.epsilon(100, delta=1 / 909_410), 1)
2.2
"""

from __future__ import annotations

from graphpoly.privacy.accountant import Ledger, Mechanism, noise_for, to_epsilon
from graphpoly.privacy.sampling import Blocks, Readers, bound_readers, most_terms
from graphpoly.privacy.settings import PrivacySettings

__all__ = [
    "Blocks",
    "Ledger",
    "Mechanism",
    "PrivacySettings",
    "Readers",
    "bound_readers",
    "most_terms",
    "noise_for",
    "to_epsilon",
]
