"""Every linear filter of the family, and what its tests share."""

import torch

from graphpoly.layers import (
    BernConv,
    ChebIIConv,
    FavardConv,
    GPRConv,
    JacobiConv,
    LegendreConv,
    OptBasisConv,
    TFGConv,
    UniFilterConv,
)
from graphpoly.ops import normalize

LAYERS = [
    BernConv,
    ChebIIConv,
    FavardConv,
    GPRConv,
    JacobiConv,
    LegendreConv,
    OptBasisConv,
    TFGConv,
    UniFilterConv,
]
DATA_DEPENDENT = (OptBasisConv, UniFilterConv)


def randomize(conv):
    """Parameters away from their start, the basis still a sane one."""
    with torch.no_grad():
        conv.theta.normal_()
        if isinstance(conv, FavardConv):
            conv.gamma.uniform_(-0.3, 0.3)
            conv.sqrt_beta.uniform_(0.5, 1.2)
        if isinstance(conv, JacobiConv) and conv.eta is not None:
            conv.eta.uniform_(-1.0, 1.0)
    return conv


def operator(conv, data, edge_weight):
    """The operator of the layer as a dense matrix in float64."""
    return normalize(
        data.edge_index,
        edge_weight,
        data.num_nodes,
        normalization=conv.normalization,
        add_self_loops=conv.self_loops,
        dtype=torch.float64,
    ).to_dense()


def by_eigendecomposition(conv, x, data, edge_weight):
    """Apply ``conv.response`` to the eigenvalues of the operator; everything else by hand."""
    values, vectors = torch.linalg.eigh(operator(conv, data, edge_weight))
    if isinstance(conv, DATA_DEPENDENT):
        response = conv.response(values, x, data.edge_index, edge_weight)
    else:
        response = conv.response(values)
    signal = x if conv.lin is None else conv.lin(x)
    out = vectors @ (response * (vectors.T @ signal.double()))
    return out if conv.bias is None else out + conv.bias
