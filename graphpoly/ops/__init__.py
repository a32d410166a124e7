"""The sparse core: functions on tensors and an adjacency, no module in sight."""

import graphpoly.ops._extension as _extension
import graphpoly.ops.triton as _triton
from graphpoly.ops.adjacency import CSR, normalize, to_csr
from graphpoly.ops.attention import dot_attention, gat_attention, gatv2_attention
from graphpoly.ops.backends import backends
from graphpoly.ops.column_space import column_space
from graphpoly.ops.common_neighbors import common_neighbors, intersect_rows, sort_rows
from graphpoly.ops.lanczos import lanczos
from graphpoly.ops.multi_aggregate import multi_aggregate
from graphpoly.ops.polynomial import polynomial
from graphpoly.ops.pool import pool
from graphpoly.ops.sddmm import sddmm
from graphpoly.ops.segment import segment_logsumexp, segment_softmax
from graphpoly.ops.spmm import spmm

__all__ = [
    "CSR",
    "backends",
    "column_space",
    "common_neighbors",
    "dot_attention",
    "gat_attention",
    "gatv2_attention",
    "intersect_rows",
    "lanczos",
    "multi_aggregate",
    "normalize",
    "polynomial",
    "pool",
    "sddmm",
    "segment_logsumexp",
    "segment_softmax",
    "sort_rows",
    "spmm",
    "to_csr",
]

_extension.load()
_triton.load()
