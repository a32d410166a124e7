"""The sparse core: functions on tensors and an adjacency, no module in sight."""

import graphpoly.ops._extension as _extension
from graphpoly.ops.adjacency import CSR, normalize, to_csr
from graphpoly.ops.attention import dot_attention, gat_attention, gatv2_attention
from graphpoly.ops.backends import backends
from graphpoly.ops.column_space import column_space
from graphpoly.ops.lanczos import lanczos
from graphpoly.ops.linear_attention import linear_attention
from graphpoly.ops.pairs import pair_sum
from graphpoly.ops.polynomial import polynomial
from graphpoly.ops.power_basis import Pairs, pairs_within, power_basis
from graphpoly.ops.resolvent import resolvent
from graphpoly.ops.sddmm import sddmm
from graphpoly.ops.spmm import spmm

__all__ = [
    "CSR",
    "Pairs",
    "backends",
    "column_space",
    "dot_attention",
    "gat_attention",
    "gatv2_attention",
    "lanczos",
    "linear_attention",
    "normalize",
    "pair_sum",
    "pairs_within",
    "polynomial",
    "power_basis",
    "resolvent",
    "sddmm",
    "spmm",
    "to_csr",
]

_extension.load()
