"""The functions of torch-scatter 2.1, name for name, on the operators of this package.

``from graphpoly.compat import torch_scatter`` or ``from graphpoly.compat.torch_scatter import
scatter`` replaces the import of the package; signatures, shapes and broadcasting, gradients, the
winner among equals and what empty groups give are the same. Sums run in the order of the values, so
that they do not change with the number of threads. Known differences:

* A NaN wins a maximum or minimum here; there it is passed over, and a group of nothing but NaN or
  of the least number counts as empty.
* ``scatter_logsumexp`` and ``scatter_log_softmax`` are exact: ``eps`` is accepted and not added,
  since the largest term is 1.
* ``scatter_mul`` has the right gradient where factors are 0; there it is 0. An empty group is 1,
  even where all are empty; there it is 0 then.
* ``out`` of ``scatter_logsumexp`` stays where a group is empty; there it becomes 0.

``torch.jit.script`` takes them; a scripted call runs in Python, so that what holds one cannot be
saved for a process without.

Values that are not floating-point, which no operator here computes, go through PyTorch's own
scatter functions.
"""

from __future__ import annotations

from graphpoly.compat.torch_scatter.composite import (
    scatter_log_softmax,
    scatter_logsumexp,
    scatter_softmax,
    scatter_std,
)
from graphpoly.compat.torch_scatter.scatter import (
    scatter,
    scatter_add,
    scatter_max,
    scatter_mean,
    scatter_min,
    scatter_mul,
    scatter_sum,
)
from graphpoly.compat.torch_scatter.segment_coo import (
    gather_coo,
    segment_add_coo,
    segment_coo,
    segment_max_coo,
    segment_mean_coo,
    segment_min_coo,
    segment_sum_coo,
)
from graphpoly.compat.torch_scatter.segment_csr import (
    gather_csr,
    segment_add_csr,
    segment_csr,
    segment_max_csr,
    segment_mean_csr,
    segment_min_csr,
    segment_sum_csr,
)

__all__ = [
    "gather_coo",
    "gather_csr",
    "scatter",
    "scatter_add",
    "scatter_log_softmax",
    "scatter_logsumexp",
    "scatter_max",
    "scatter_mean",
    "scatter_min",
    "scatter_mul",
    "scatter_softmax",
    "scatter_std",
    "scatter_sum",
    "segment_add_coo",
    "segment_add_csr",
    "segment_coo",
    "segment_csr",
    "segment_max_coo",
    "segment_max_csr",
    "segment_mean_coo",
    "segment_mean_csr",
    "segment_min_coo",
    "segment_min_csr",
    "segment_sum_coo",
    "segment_sum_csr",
]
