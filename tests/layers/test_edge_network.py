"""Sums that come first, against matrices that are made for each edge."""

from __future__ import annotations

import pytest
import torch

from graphpoly.layers.edge_network import EdgeNetwork
from graphpoly.ops import to_csr
from graphpoly.testing import assert_close

EDGES = torch.tensor([[0, 0, 2, 3, 3, 1], [1, 1, 0, 3, 0, 4]])


def by_matrices(net, x, edge_index, edge_attr, mask):
    *parts, last = net.lin.weight.split(net.in_channels, dim=1)
    out = x.new_zeros(len(x), net.lin.out_channels)
    for e, (source, target) in enumerate(edge_index.T.tolist()):
        matrix = last
        if edge_attr is not None:
            phi = edge_attr[e] if net.phi is None else net.phi(edge_attr[e])
            matrix = last + sum(phi[k] * part for k, part in enumerate(parts))
        out[target] = out[target] + mask[e] * (matrix @ x[source])
    return out


@pytest.mark.parametrize(
    ("sizes", "terms"), [((3, 2, 4, 7), 8), ((3, 5, 4, None), 5), ((3, 3, None, 7), 1)]
)
def test_it_is_a_matrix_for_each_edge(sizes, terms):
    torch.manual_seed(0)
    net = EdgeNetwork(*sizes).double()
    assert (net.terms, net.in_channels) == (terms, 3)
    adj = to_csr(EDGES, num_nodes=6, transposed=True)
    x = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(6, dtype=torch.float64, requires_grad=True)
    edge_attr, watched = None, [x, mask, *net.parameters()]
    if sizes[2] is not None:
        edge_attr = torch.randn(6, sizes[2], dtype=torch.float64, requires_grad=True)
        watched.append(edge_attr)
    ordered = None if edge_attr is None else edge_attr[adj.perm]
    out = net(adj, x, ordered, mask[adj.perm])
    expected = by_matrices(net, x, EDGES, edge_attr, mask)
    assert_close(out, expected)
    probe = torch.randn_like(out)
    grads = [torch.autograd.grad((each * probe).sum(), watched) for each in (out, expected)]
    for one, other in zip(*grads, strict=True):
        assert_close(one, other, kind="accumulated")


def test_the_first_input_says_the_size():
    net = EdgeNetwork(-1, 2, 4, 7)
    assert net.in_channels == -1
    out = net(to_csr(EDGES, num_nodes=6), torch.randn(6, 3), torch.randn(6, 4))
    assert (net.in_channels, out.shape) == (3, (6, 2))
