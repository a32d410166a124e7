import torch
from torch_geometric.data import Batch, Data

from graphpoly.models import PDFNet
from graphpoly.testing import assert_close, graph_zoo


def test_pooled_graphs_do_not_depend_on_their_batch():
    zoo = graph_zoo(num_features=3, names=["star", "one_node", "grid"])
    graphs = [Data(x=data.x, edge_index=data.edge_index) for data in zoo.values()]
    model = PDFNet(3, 8, 2, num_layers=2, pool="max", powers=(1, 2), hops=None).eval()
    batch = Batch.from_data_list(graphs)
    alone = torch.cat([model(graph.x, graph.edge_index) for graph in graphs])
    out = model(batch.x, batch.edge_index, batch=batch.batch)
    assert_close(out, alone, kind="accumulated")


def test_one_encoder_serves_all_layers():
    model = PDFNet(3, 8, 2, num_layers=3, powers=(1, 2))
    encoders = [name for name, _ in model.named_parameters() if ".filter." in name]
    assert encoders
    assert all(name.startswith("convs.0.") for name in encoders)
