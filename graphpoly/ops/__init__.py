"""The sparse core: functions on tensors and an adjacency, no module in sight."""

import graphpoly.ops._extension as _extension
from graphpoly.ops.adjacency import CSR, normalize, silence_loops, to_csr, to_edges
from graphpoly.ops.attention import dot_attention, gat_attention, gatv2_attention
from graphpoly.ops.backends import backends
from graphpoly.ops.block_spmm import block_sddmm, block_spmm
from graphpoly.ops.column_space import column_space
from graphpoly.ops.common_neighbors import common_neighbors, intersect_rows, sort_rows
from graphpoly.ops.connection import connection
from graphpoly.ops.entry_sum import entry_sum, sum_entries
from graphpoly.ops.householder import householder, householder_transport
from graphpoly.ops.lanczos import lanczos
from graphpoly.ops.matrix_root import matrix_root, sylvester
from graphpoly.ops.multi_aggregate import multi_aggregate
from graphpoly.ops.polynomial import polynomial
from graphpoly.ops.pool import pool
from graphpoly.ops.sddmm import sddmm
from graphpoly.ops.segment import segment_logsumexp, segment_softmax
from graphpoly.ops.spectral_density import spectral_density
from graphpoly.ops.spmm import spmm

__all__ = [
    "CSR",
    "backends",
    "block_sddmm",
    "block_spmm",
    "column_space",
    "common_neighbors",
    "connection",
    "dot_attention",
    "entry_sum",
    "gat_attention",
    "gatv2_attention",
    "householder",
    "householder_transport",
    "intersect_rows",
    "lanczos",
    "matrix_root",
    "multi_aggregate",
    "normalize",
    "polynomial",
    "pool",
    "sddmm",
    "segment_logsumexp",
    "segment_softmax",
    "silence_loops",
    "sort_rows",
    "spectral_density",
    "spmm",
    "sum_entries",
    "sylvester",
    "to_csr",
    "to_edges",
]

_extension.load()
