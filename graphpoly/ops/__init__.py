"""The sparse core: functions on tensors and an adjacency, no module in sight."""

import graphpoly.ops._extension as _extension
from graphpoly.ops.adjacency import CSR, normalize, to_csr, to_edges
from graphpoly.ops.attention import dot_attention, gat_attention, gatv2_attention
from graphpoly.ops.backends import backends
from graphpoly.ops.color_refinement import (
    COLOR_VERSION,
    STABLE_ROUNDS,
    StableColors,
    color_refinement,
    label_names,
    mix64,
    stable_colors,
)
from graphpoly.ops.column_space import column_space
from graphpoly.ops.common_neighbors import common_neighbors, intersect_rows, sort_rows
from graphpoly.ops.lanczos import lanczos
from graphpoly.ops.multi_aggregate import multi_aggregate
from graphpoly.ops.polynomial import polynomial
from graphpoly.ops.pool import pool
from graphpoly.ops.sddmm import sddmm
from graphpoly.ops.segment import segment_logsumexp, segment_softmax
from graphpoly.ops.spectral_density import spectral_density
from graphpoly.ops.spmm import spmm

__all__ = [
    "COLOR_VERSION",
    "CSR",
    "STABLE_ROUNDS",
    "StableColors",
    "backends",
    "color_refinement",
    "column_space",
    "common_neighbors",
    "dot_attention",
    "gat_attention",
    "gatv2_attention",
    "intersect_rows",
    "label_names",
    "lanczos",
    "mix64",
    "multi_aggregate",
    "normalize",
    "polynomial",
    "pool",
    "sddmm",
    "segment_logsumexp",
    "segment_softmax",
    "sort_rows",
    "spectral_density",
    "spmm",
    "stable_colors",
    "to_csr",
    "to_edges",
]

_extension.load()
