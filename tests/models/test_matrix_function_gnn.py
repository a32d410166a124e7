import torch
from torch_geometric.data import Batch, Data

from graphpoly.models import MatrixFunctionGNN
from graphpoly.testing import assert_close, graph_zoo


def test_pooled_graphs_do_not_depend_on_their_batch():
    zoo = graph_zoo(num_features=3, names=["star", "one_node", "grid"])
    graphs = [Data(x=data.x, edge_index=data.edge_index) for data in zoo.values()]
    model = MatrixFunctionGNN(3, 8, 2, num_layers=2, pool="mean", matrices=2, poles=2).eval()
    batch = Batch.from_data_list(graphs)
    alone = torch.cat([model(graph.x, graph.edge_index) for graph in graphs])
    out = model(batch.x, batch.edge_index, batch=batch.batch)
    assert_close(out, alone, kind="accumulated")


def test_learns_to_tell_triangles_from_a_hexagon():
    triangles = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])
    hexagon = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
    graphs = [
        Data(x=torch.ones(6, 1), edge_index=torch.cat([e, e.flip(0)], 1))
        for e in (triangles, hexagon)
    ]
    batch = Batch.from_data_list(graphs)
    model = MatrixFunctionGNN(1, 8, 2, num_layers=1, pool="mean", matrices=2, poles=2)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    y = torch.tensor([0, 1])
    for _ in range(80):
        optimizer.zero_grad()
        out = model(batch.x, batch.edge_index, batch=batch.batch)
        torch.nn.functional.cross_entropy(out, y).backward()
        optimizer.step()
    assert out.argmax(1).tolist() == [0, 1]
