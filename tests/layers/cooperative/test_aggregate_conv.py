import pytest
import torch
from torch_geometric.nn import GraphConv

from graphpoly.layers.cooperative import AggregateConv
from graphpoly.testing import assert_close, check_layer, graph_zoo


@pytest.mark.parametrize(("aggregation", "aggr"), [("sum", "add"), ("mean", "mean")])
@pytest.mark.parametrize("out_channels", [2, 5])  # mapped before and after sending
def test_equals_graph_conv(aggregation, aggr, out_channels):
    conv = AggregateConv(3, out_channels, aggregation).double()
    other = GraphConv(3, out_channels, aggr=aggr).double()
    other.lin_root.weight, other.lin_rel.weight = conv.lin_root.weight, conv.lin_neighbors.weight
    other.lin_rel.bias = conv.lin_root.bias
    for name, data in graph_zoo(weighted=True, num_features=3, dtype=torch.float64).items():
        expected = other(data.x, data.edge_index, data.edge_weight)
        assert_close(conv(data.x, data.edge_index, data.edge_weight), expected, what=name)


def test_kept_mean_divides_by_the_weights():
    conv = AggregateConv(2, 3, "kept_mean").double()
    for name, data in graph_zoo(weighted=True, num_features=2, dtype=torch.float64).items():
        n = data.num_nodes
        source, target = data.edge_index
        weight = data.edge_weight * (torch.arange(source.numel()) % 2)
        dense = torch.zeros(n, n, dtype=torch.float64)
        dense.index_put_((target, source), weight, accumulate=True)
        degree = dense.sum(1, keepdim=True)
        mean = torch.where(degree > 0, dense @ data.x / degree.where(degree > 0, 1), 0)
        expected = conv.lin_root(data.x) + conv.lin_neighbors(mean)
        assert_close(conv(data.x, data.edge_index, weight), expected, what=name)


@pytest.mark.parametrize("aggregation", ["sum", "mean", "kept_mean"])
def test_keeps_the_promises_of_a_layer(aggregation):
    exclude = ["edge_weight"] if aggregation == "mean" else []
    report = check_layer(
        lambda: AggregateConv(4, 3, aggregation), exclude=[*exclude, "compile", "reset_parameters"]
    )
    assert "explainer" in report.passed


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="unknown aggregation 'men'; did you mean 'mean'"):
        AggregateConv(2, 2, "men")
