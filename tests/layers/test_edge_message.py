import pytest
import torch

from graphpoly.layers.edge_message import EdgeMessage
from graphpoly.ops import to_csr
from graphpoly.testing import assert_close
from tests.ops.graphs import SHAPES, random_csr


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize("shape", ["no entries", "one", "square"])
def test_it_is_a_perceptron_on_both_ends_and_the_edge(shape, attention):
    size = max(SHAPES[shape][:2])
    adj = random_csr((size, size, SHAPES[shape][2]), weighted=False, transposed=True)
    torch.manual_seed(0)
    phi = EdgeMessage(5, 4, 3, attention=attention).double()
    x = torch.randn(size, 5, dtype=torch.float64, requires_grad=True)
    carried = torch.randn(adj.num_entries, 3, dtype=torch.float64, requires_grad=True)
    plain = phi.after(phi.lin(torch.cat([x[adj.rows().long()], x[adj.col.long()], carried], 1)))
    plain = plain * phi.attention(plain).sigmoid() if attention else plain
    variables, message = (x, carried, *phi.parameters()), phi(adj, x, carried)
    assert_close(message, plain)
    gradients = [torch.autograd.grad(each.sin().sum(), variables) for each in (message, plain)]
    for one, other in zip(*gradients, strict=True):
        assert_close(one, other)


def test_the_first_input_sets_the_size():
    torch.manual_seed(0)
    lazy = EdgeMessage(-1, 4, 2)
    assert lazy.in_channels == -1
    adj = to_csr(torch.tensor([[0], [1]]), num_nodes=2)
    lazy(adj, torch.randn(2, 30), torch.randn(1, 2))
    assert lazy.in_channels == 30
    assert lazy.lin.weight.shape == (4, 62)
    assert lazy.lin.weight.abs().max() <= 62**-0.5
