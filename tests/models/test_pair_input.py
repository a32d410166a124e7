import pytest
import torch
from torch_geometric.data import Batch, Data
from torch_geometric.utils import to_dense_adj

from graphpoly.models.pair_input import pair_input
from graphpoly.ops import normalize, pair_blocks
from graphpoly.testing import assert_close, graph_zoo


def zoo():
    graphs = []
    for data in graph_zoo(weighted=True, num_features=2, dtype=torch.float64).values():
        data.edge_attr = torch.randn(data.num_edges, 3, dtype=torch.float64)
        data.pair_features = torch.randn(data.num_nodes**2, 2, dtype=torch.float64)
        graphs.append(data)
    return graphs


def test_channels_of_every_graph_of_a_batch():
    graphs = zoo()
    batch = Batch.from_data_list(graphs)
    blocks = pair_blocks(batch.batch, batch.num_nodes, batch.num_graphs)
    out = pair_input(
        blocks,
        batch.x,
        batch.edge_index,
        edge_weight=batch.edge_weight,
        edge_attr=batch.edge_attr,
        pair_features=batch.pair_features,
    )
    start = 0
    for data in graphs:
        n = data.num_nodes
        found = out[:, start : start + n * n].view(-1, n, n)
        start += n * n
        value = torch.cat([data.edge_weight.unsqueeze(1), data.edge_attr], dim=1)
        dense = to_dense_adj(data.edge_index, edge_attr=value, max_num_nodes=n)[0]
        assert_close(found[:4], dense.permute(2, 0, 1))
        assert torch.equal(found[4:6], torch.diag_embed(data.x.t()))
        assert torch.equal(found[6:], data.pair_features.t().reshape(2, n, n))


@pytest.mark.parametrize("normalization", ["sym", "rw"])
def test_normalisation_is_that_of_the_operators(normalization):
    for data in zoo():
        blocks = pair_blocks(None, data.num_nodes)
        found = pair_input(blocks, data.x, data.edge_index, normalization=normalization)[0]
        adj = normalize(
            data.edge_index, None, data.num_nodes, normalization=normalization, dtype=torch.float64
        )
        # an operator has a row for each target
        assert_close(found.view(data.num_nodes, -1).t(), adj.to_dense())


def test_what_does_not_fit_is_refused():
    batch = Batch.from_data_list([Data(x=torch.ones(2, 1)), Data(x=torch.ones(1, 1))])
    blocks = pair_blocks(batch.batch, 3)
    with pytest.raises(ValueError, match="an edge joins nodes of different graphs"):
        pair_input(blocks, batch.x, torch.tensor([[0], [2]]))
    none = torch.empty(2, 0, dtype=torch.int64)
    with pytest.raises(ValueError, match="pair_features: got 4 rows, expected 5"):
        pair_input(blocks, batch.x, none, pair_features=torch.ones(4, 1))
