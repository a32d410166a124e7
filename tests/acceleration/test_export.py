"""torch.export of each accelerated layer: one program for graphs of any size."""

import copy

import pytest
import torch
import torch_geometric.nn as pyg
from torch.export import Dim

from graphpoly.acceleration import accelerate
from graphpoly.acceleration.swap import ACCELERATED
from graphpoly.testing import assert_close
from tests.acceleration.test_convs import IN, OUT, gin

SIZES = [(2, 2), (7, 15), (40, 150)]  # the second one is traced
LAYERS = {
    "APPNP": lambda: pyg.APPNP(K=3, alpha=0.1),
    "ChebConv": lambda: pyg.ChebConv(IN, OUT, K=3),
    "GATConv": lambda: pyg.GATConv(IN, OUT, heads=2, add_self_loops=False),
    "GATConv with loops": lambda: pyg.GATConv(IN, OUT, heads=2),
    "GATConv with edges": lambda: pyg.GATConv(IN, OUT, edge_dim=3, add_self_loops=False),
    "GATv2Conv": lambda: pyg.GATv2Conv(IN, OUT, heads=2, add_self_loops=False),
    "GATv2Conv with loops": lambda: pyg.GATv2Conv(IN, OUT, heads=2),
    "GATv2Conv with edges": lambda: pyg.GATv2Conv(IN, OUT, edge_dim=3, add_self_loops=False),
    "GCNConv": lambda: pyg.GCNConv(IN, OUT),
    "GCNConv with weights": lambda: pyg.GCNConv(IN, OUT),
    "GINConv": gin,
    "GINConv of maxima": lambda: gin(aggr="max"),
    "GraphConv": lambda: pyg.GraphConv(IN, OUT),
    "GraphConv with weights": lambda: pyg.GraphConv(IN, OUT, aggr="mean"),
    "PNAConv": lambda: pyg.PNAConv(
        IN, OUT, ["mean", "min", "max", "std"], ["identity", "amplification"], torch.ones(4)
    ),
    "SAGEConv": lambda: pyg.SAGEConv(IN, OUT),
    "SAGEConv of maxima": lambda: pyg.SAGEConv(IN, OUT, aggr="max"),
    "SGConv": lambda: pyg.SGConv(IN, OUT, K=2),
    "TAGConv": lambda: pyg.TAGConv(IN, OUT, K=2),
    "TAGConv with weights": lambda: pyg.TAGConv(IN, OUT, K=2),
    "TransformerConv": lambda: pyg.TransformerConv(IN, OUT, heads=2),
}


class Positional(torch.nn.Module):
    """The layer by three arguments, the third of them a weight or a feature of each edge."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, edge_index, edge=None):
        return self.layer(x, edge_index) if edge is None else self.layer(x, edge_index, edge)


def graph(name, num_nodes, num_edges):
    generator = torch.Generator().manual_seed(num_nodes)
    # self-loops and parallel edges come by chance
    pairs = torch.randint(num_nodes, (2, num_edges), generator=generator)
    found = [torch.randn(num_nodes, IN, generator=generator), pairs]
    if name.endswith("weights"):
        found.append(torch.rand(num_edges, generator=generator) + 0.1)
    elif name.endswith("edges"):
        found.append(torch.randn(num_edges, 3, generator=generator))
    return tuple(found)


@pytest.mark.parametrize("name", LAYERS)
def test_one_program_for_all_sizes(name):
    layer = LAYERS[name]().eval()
    twin = copy.deepcopy(layer)
    assert accelerate(twin).accelerated
    first = graph(name, *SIZES[1])
    nodes, edges = Dim("nodes", min=2), Dim("edges", min=2)
    open_sizes = ({0: nodes}, {1: edges}, {0: edges})
    program = torch.export.export(
        Positional(twin),
        first,
        dynamic_shapes=open_sizes[: len(first)],
    )
    # attention to loops of its own has as many entries as there were other ones: PyG's code
    own = any("graphpoly" in str(node.target) for node in program.graph.nodes)
    assert own != name.endswith("loops")
    run = program.module()
    for size in SIZES:
        data = graph(name, *size)
        assert_close(run(*data), layer(*data), kind="accumulated", what=f"{size}")


def test_every_accelerated_layer_is_exported():
    assert {type(make()) for make in LAYERS.values()} == set(ACCELERATED)
