import networkx as nx
import pytest
import torch
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks

from graphpoly.layers import LASERConv
from graphpoly.rewiring import LASER
from graphpoly.testing import assert_close
from tests.rewiring.graphs import data_of


def dense(conv, x, edge_index, edge_type, edge_weight=None):
    """The definition, a matrix for each type."""
    n, size = x.size(0), conv.out_channels
    out = x @ conv.lin_root.weight.T + conv.bias
    weight = torch.ones(edge_type.numel()).to(x) if edge_weight is None else edge_weight
    for r in range(conv.num_relations):
        of = edge_type == r
        matrix = x.new_zeros(n, n).index_put(
            (edge_index[1, of], edge_index[0, of]), weight[of], accumulate=True
        )
        if conv.normalize:
            into, out_of = matrix.sum(1), matrix.sum(0)
            scale = (into[:, None] * out_of).clamp(min=0)
            matrix = torch.where(scale > 0, matrix / scale.sqrt(), 0).nan_to_num()
        out = out + matrix @ x @ conv.lin.weight[r * size : (r + 1) * size].T
    return out


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_it_is_a_convolution_for_each_snapshot(normalize, weighted):
    data = LASER(3, 0.5)(data_of(nx.random_regular_graph(3, 20, seed=0)))
    count = data.edge_index.size(1)
    # entries out of order, some twice
    order = torch.cat([torch.randperm(count), torch.arange(5)])
    edge_index, edge_type = data.edge_index[:, order], data.edge_type[order]
    assert edge_type.unique().tolist() == [0, 1, 2, 3]
    weight = torch.rand(order.numel()).double() if weighted else None
    conv = LASERConv(5, 3, num_relations=4, normalize=normalize).double()
    torch.nn.init.normal_(conv.bias)
    x = torch.randn(20, 5, dtype=torch.float64)
    assert_close(
        conv(x, edge_index, edge_type, weight), dense(conv, x, edge_index, edge_type, weight)
    )


def test_gradients():
    data = LASER(2, 0.5)(data_of(nx.path_graph(6)))
    conv = LASERConv(2, 2, num_relations=3).double()
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(data.edge_index.size(1)).double().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x, weight: conv(x, data.edge_index, data.edge_type, weight), (x, weight)
    )


def test_snapshots_are_told_apart():
    """Another order of the types gives another result, in every layer."""
    data = LASER(2, 0.5)(data_of(nx.path_graph(8)))
    conv, x = LASERConv(4, 4, num_relations=3), torch.randn(8, 4)
    one = conv(x, data.edge_index, data.edge_type)
    assert not torch.allclose(one, conv(x, data.edge_index, (data.edge_type + 1) % 3))
    assert not torch.allclose(one, conv(x, data.edge_index))


def test_refusals():
    conv, x = LASERConv(2, 2), torch.randn(2, 2)
    pairs = torch.tensor([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="edge_type: got types 0 to 2, expected 0 to 1"):
        conv(x, pairs, torch.tensor([0, 2]))
    with pytest.raises(ValueError, match=r"edge_type: got \[3\], expected \[2\]"):
        conv(x, pairs, torch.tensor([0, 1, 1]))
    with pytest.raises(TypeError, match="edge_type: got dtype"):
        conv(x, pairs, torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match="num_relations: got 0"):
        LASERConv(2, 2, num_relations=0)


@pytest.mark.parametrize("normalize", [True, False])
def test_an_explainer_masks_what_edges_bring(normalize):
    """Behind the norms, as PyG does: weaker edges are weaker, also where all of them are."""
    data = LASER(2, 0.5)(data_of(nx.random_regular_graph(3, 12, seed=0)))
    order = torch.randperm(data.edge_index.size(1))
    edge_index, edge_type = data.edge_index[:, order], data.edge_type[order]
    conv = LASERConv(5, 3, num_relations=3, normalize=normalize).double()
    x = torch.randn(12, 5).double()
    mask = torch.rand(order.numel(), requires_grad=True).double()
    whole = conv(x, edge_index, edge_type)
    own = x @ conv.lin_root.weight.T + conv.bias
    set_masks(conv, 0.3 * torch.ones(order.numel()).double(), edge_index, apply_sigmoid=False)
    assert_close(conv(x, edge_index, edge_type), own + 0.3 * (whole - own))
    set_masks(conv, mask, edge_index, apply_sigmoid=False)
    for v in range(12):
        (reached,) = torch.autograd.grad(conv(x, edge_index, edge_type)[v].sum(), mask)
        assert not reached[edge_index[1] != v].any()
    clear_masks(conv)
    assert_close(conv(x, edge_index, edge_type), whole)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("weighted", [True, False])
def test_degrees_are_counted_where_numbers_are_short(dtype, weighted):
    """In bfloat16 256 + 1 is 256."""
    edge_index = torch.stack([torch.arange(1, 3001), torch.zeros(3000, dtype=torch.int64)])
    weight = torch.ones(3000, dtype=dtype) if weighted else None
    conv = LASERConv(2, 2, num_relations=1, root_weight=False, bias=False)
    x = torch.ones(3001, 2)
    wide = conv(x, edge_index, edge_weight=None if weight is None else weight.float())
    out = conv.to(dtype)(x.to(dtype), edge_index, edge_weight=weight)
    assert out.dtype == dtype
    assert_close(out, wide.to(dtype))
