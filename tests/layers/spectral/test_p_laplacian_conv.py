import pytest
import torch
from torch_geometric.nn import GCNConv

from graphpoly.layers import PLaplacianConv
from graphpoly.ops import denoise_graph, edge_distances, to_csr
from graphpoly.testing import assert_close, graph_zoo


@pytest.mark.parametrize("arguments", [{"beta": 0.0}, {"steps": 0}])
def test_without_cleaning_it_is_the_graph_convolution(arguments):
    for name, data in graph_zoo(weighted=True, num_features=3, dtype=torch.float64).items():
        conv = PLaplacianConv(3, 4, **arguments).double()
        gcn = GCNConv(3, 4).double()
        with torch.no_grad():
            gcn.lin.weight.copy_(conv.lin.weight)
        expected = gcn(data.x, data.edge_index, data.edge_weight)
        assert_close(conv(data.x, data.edge_index, data.edge_weight), expected, what=name)
    assert conv.num_hops == 1


def test_equals_the_graph_convolution_on_the_cleaned_weights():
    data = graph_zoo(names=["grid"], weighted=True, num_features=3, dtype=torch.float64)["grid"]
    conv = PLaplacianConv(3, 4, p=1.5, beta=0.5, steps=7).double()
    adj = to_csr(data.edge_index, data.edge_weight, 12)
    clean = denoise_graph(adj, edge_distances(adj, data.x, 1.5), beta=0.5, steps=7)
    weight = torch.empty_like(clean).index_copy(0, adj.perm.long(), clean)
    expected = PLaplacianConv(3, 4, steps=0).double()
    expected.load_state_dict(conv.state_dict())
    out = conv(data.x, data.edge_index, data.edge_weight)
    assert_close(out, expected(data.x, data.edge_index, weight))
    assert (clean - adj.weight).abs().max() > 0.05


def test_cleaned_graph_is_kept_without_history_and_dropped():
    data = graph_zoo(names=["grid"], num_features=3)["grid"]
    conv = PLaplacianConv(3, 4, cached=True)
    first = conv(data.x, data.edge_index)
    assert not conv._cached_operator.weight.requires_grad
    assert_close(conv(2 * data.x, data.edge_index), 2 * first)  # the operator is not made anew
    conv.reset_parameters()
    assert conv._cached_operator is None


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="p, alpha, beta, steps: got"):
        PLaplacianConv(2, 2, alpha=0.0)
