"""What both networks on patches share: patches, copies, readout and refusals."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import nn
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GINConv, SAGEConv, global_mean_pool
from torch_geometric.transforms import AddLaplacianEigenvectorPE, AddRandomWalkPE

from graphpoly.features import ExtractPatches
from graphpoly.models import GraphMLPMixer, GraphViT
from graphpoly.models.patch_encoder import PatchEncoder
from graphpoly.testing import graph_zoo
from tests.ops.test_enumerate_paths import edges

NETWORKS = [GraphMLPMixer, GraphViT]
SMALL = {"num_layers": 2, "num_patches": 4, "method": "random", "pool": "mean"}
NAMES = ["no_edges", "one_node", "star", "directed", "self_loops", "erdos_renyi"]


def network(cls, **arguments):
    """A network with statistics that are not those of the beginning."""
    torch.manual_seed(0)
    model = cls(3, 8, 2, **{**SMALL, **arguments}).double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return model.eval()


def graph_of(graph, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(graph), 3, dtype=torch.float64, generator=generator)
    return Data(x=x, edge_index=edges(graph))


@pytest.mark.parametrize("cls", NETWORKS)
@pytest.mark.parametrize("pool", ["mean", None])
def test_a_batch_gives_what_its_graphs_give_alone(cls, pool):
    model = network(cls, edge_dim=2, encoding_dim=4, pool=pool)
    graphs = list(graph_zoo(names=NAMES).values())
    for data in graphs:
        data.x = torch.randn(data.num_nodes, 3, dtype=torch.float64)
        data.edge_attr = torch.randn(data.num_edges, 2, dtype=torch.float64)
        data.encoding = torch.randn(data.num_nodes, 4, dtype=torch.float64)
    stored = [ExtractPatches(4, method="random")(data) for data in graphs]
    alone = torch.cat([model(d.x, d.edge_index, d.edge_attr, encoding=d.encoding) for d in graphs])
    for batch in (Batch.from_data_list(graphs), Batch.from_data_list(stored)):
        out = model(
            batch.x,
            batch.edge_index,
            batch.edge_attr,
            batch.batch,
            len(graphs),
            encoding=batch.encoding,
            patch_node_index=batch.get("patch_node_index"),
            patch_number=batch.get("patch_number"),
        )
        torch.testing.assert_close(out, alone)


@pytest.mark.parametrize("cls", NETWORKS)
def test_the_order_of_copies_does_not_matter(cls):
    model = network(cls)
    data = ExtractPatches(4, method="random")(graph_of(nx.gnm_random_graph(11, 16, seed=2)))
    node, number = data.patch_node_index, data.patch_number
    order = torch.randperm(node.numel())
    given = [(node, number), (node[order], number[order])]
    outs = [model(data.x, data.edge_index, patch_node_index=a, patch_number=b) for a, b in given]
    assert torch.equal(*outs)


def test_one_patch_is_message_passing_and_a_mean():
    """Without the mixer's own layers: GIN by PyG, and between its layers the mean of the graph."""
    model = network(GraphViT, num_patches=1, mixer_layers=0, patch_walks=None, num_layers=3)
    data, encoder = graph_of(nx.gnm_random_graph(9, 14, seed=1)), model.encoder
    h = model.lin(data.x)
    for i in range(3):
        if i:
            h = h + encoder.updates[i - 1](h.mean(0, keepdim=True))
        conv = GINConv(encoder.convs[i].nn, eps=float(encoder.convs[i].eps))
        h = encoder.lins[i](h + encoder.norms[i](conv(h, data.edge_index)).relu())
    expected = model.head(global_mean_pool(h, None))
    torch.testing.assert_close(model(data.x, data.edge_index), expected)


def test_two_patches_by_hand():
    """A path of four nodes cut in the middle, in loops over patches."""
    model = network(GraphViT, num_patches=2, mixer_layers=0, patch_walks=2, conv=_sage)
    data = graph_of(nx.path_graph(4))
    held = [[0, 1, 2], [1, 2, 3]]
    h, encoder = [model.lin(data.x)[nodes] for nodes in held], model.encoder
    inside = edges(nx.path_graph(3))
    for i in range(2):
        if i:
            h = [each + encoder.updates[0](each.mean(0, keepdim=True)) for each in h]
            agreed = [(h[0][k] + h[1][k - 1]) / 2 for k in (1, 2)]
            h = [torch.stack([h[0][0], *agreed]), torch.stack([*agreed, h[1][2]])]
        h = [
            encoder.lins[i](each + encoder.norms[i](encoder.convs[i](each, inside)).relu())
            for each in h
        ]
    overlap = torch.tensor([[3.0, 2.0], [2.0, 3.0]]).double() / 5
    walks = torch.stack([overlap.diagonal(), (overlap @ overlap).diagonal()], 1)
    tokens = torch.stack([each.mean(0) for each in h]) + model.walks(walks)
    given = {
        "patch_node_index": torch.tensor([0, 1, 2, 1, 2, 3]),
        "patch_number": torch.tensor([0, 0, 0, 1, 1, 1]),
    }
    out = model(data.x, data.edge_index, **given)
    torch.testing.assert_close(out, model.head(tokens.mean(0, keepdim=True)))


def test_layers_are_those_of_the_definition_in_training():
    torch.manual_seed(0)
    encoder = PatchEncoder(8, 3, conv="gine", edges=False, dropout=0.0).double()
    patch, node = torch.tensor([[0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 1, 2, 3, 4]])
    source, target = inside = torch.tensor([[0, 1, 3, 4, 5, 6], [1, 2, 4, 5, 6, 3]])
    x = torch.randn(5, 8, dtype=torch.float64)
    h = x[node]
    for i, (conv, norm, lin) in enumerate(
        zip(encoder.convs, encoder.norms, encoder.lins, strict=True)
    ):
        if i:
            mean = torch.stack([h[patch == p].mean(0) for p in range(2)])
            h = h + encoder.updates[i - 1](mean[patch])
            h = torch.stack([h[node == v].mean(0) for v in range(5)])[node]
        heard = torch.zeros_like(h).index_add(0, target, h[source])
        h = lin(h + norm(conv.nn(heard + (1 + conv.eps) * h)).relu())
    torch.testing.assert_close(encoder(x, node, patch, 2, inside), h)


def _sage(channels, edges):
    return SAGEConv(channels, channels)


@pytest.mark.parametrize("conv", ["gine", "gcn", "gat", "gated", "transformer"])
def test_message_passing_stays_inside_of_a_patch(conv):
    """Nodes of one patch feel no edge of another; features of edges come with their edges."""
    edge_dim = None if conv == "gcn" else 2
    model = network(GraphViT, conv=conv, edge_dim=edge_dim, num_layers=1, num_patches=2, pool=None)
    model.blocks = nn.ModuleList()
    data = graph_of(nx.path_graph(6))
    attr = torch.randn(10, 2, dtype=torch.float64, requires_grad=True)
    given = {"patch_node_index": torch.arange(6), "patch_number": torch.tensor([0, 0, 0, 1, 1, 1])}
    data.x.requires_grad_()
    features = None if edge_dim is None else attr
    out = model(data.x, data.edge_index, features, **given)
    (gradient,) = torch.autograd.grad(out[:3].sum(), data.x, retain_graph=True)
    assert gradient[:3].abs().sum(1).min() > 0
    assert not gradient[3:].any()
    if edge_dim is not None:
        (gradient,) = torch.autograd.grad(out[:3].sum(), attr)
        inside = (data.edge_index < 3).all(0)
        assert gradient[inside].abs().sum() > 1e-6
        assert not gradient[~inside].any()
        order = torch.randperm(10)
        again = model(data.x, data.edge_index[:, order], attr[order], **given)
        torch.testing.assert_close(again, out)


@pytest.mark.parametrize("cls", NETWORKS)
def test_gradcheck(cls):
    model = network(cls, edge_dim=1, encoding_dim=1, mixer_layers=1, num_patches=2)
    data = graph_of(nx.path_graph(3))
    inputs = (data.x, torch.randn(4, 1).double(), torch.randn(3, 1).double())
    for value in inputs:
        value.requires_grad_()

    def run(x, attr, encoding):
        return model(x, data.edge_index, attr, encoding=encoding)

    assert torch.autograd.gradcheck(run, inputs)


def test_encodings_of_pyg():
    model = network(GraphViT, encoding_dim=3, pool=None)
    data = graph_of(nx.gnm_random_graph(9, 14, seed=1))
    for transform in (
        AddRandomWalkPE(3, attr_name="encoding"),
        AddLaplacianEigenvectorPE(3, attr_name="encoding", is_undirected=True),
    ):
        made = transform(data)
        out = model(made.x, made.edge_index, encoding=made.encoding)
        other = model(made.x, made.edge_index, encoding=2 * made.encoding)
        assert not torch.allclose(out, other)


@pytest.mark.parametrize("cls", NETWORKS)
def test_hexagon_and_two_triangles(cls):
    """Patches see the triangles that 1-WL does not: those of a triangle are closed."""
    hexagon, triangles = nx.cycle_graph(6), nx.disjoint_union(*[nx.cycle_graph(3)] * 2)
    outs = []
    for graph in (hexagon, triangles):
        model = network(cls, num_patches=6)
        outs.append(model(torch.ones(6, 3).double(), edges(graph)))
    assert float((outs[0] - outs[1]).abs().max()) > 1e-3


def test_a_step_in_training_with_few_rows():
    for cls in NETWORKS:
        model = network(cls).train()
        out = model(torch.randn(1, 3).double(), torch.empty(2, 0, dtype=torch.long))
        out.sum().backward()
        assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())


@pytest.mark.parametrize("cls", NETWORKS)
@pytest.mark.parametrize(("pool", "count"), [("mean", 0), ("max", 2), (None, 0)])
def test_graphs_without_nodes_and_no_graphs_at_all(cls, pool, count):
    model = network(cls, pool=pool)
    none = torch.empty(0, dtype=torch.long)
    x, edges = torch.empty(0, 3).double(), none.view(2, 0)
    out = model(x, edges, batch=none, batch_size=count)
    assert out.shape == (count if pool else 0, model.out_channels)
    assert bool(out.isfinite().all())


def test_refusals():
    data = graph_of(nx.path_graph(4))
    x, pairs = data.x, data.edge_index
    model = network(GraphMLPMixer)
    with pytest.raises(ValueError, match=r"edge_attr: got shape \[6, 2\], expected none"):
        model(x, pairs, torch.ones(6, 2).double())
    with pytest.raises(ValueError, match=r"edge_attr: got None, expected \[6, 2\]"):
        network(GraphMLPMixer, edge_dim=2)(x, pairs)
    with pytest.raises(ValueError, match=r"encoding: got None, expected \[4, 2\]"):
        network(GraphMLPMixer, encoding_dim=2)(x, pairs)
    with pytest.raises(ValueError, match="got one of them, expected both"):
        model(x, pairs, patch_number=torch.zeros(4, dtype=torch.long))
    for name, wrong in (("patch_number", 4), ("patch_node_index", 4)):
        given = {key: torch.zeros(4).long() for key in ("patch_number", "patch_node_index")}
        given[name][1] = wrong
        with pytest.raises(ValueError, match=f"{name}: got 0 to 4"):
            model(x, pairs, **given)
    with pytest.raises(ValueError, match="expected the nodes graph by graph"):
        model(x, pairs, batch=torch.tensor([0, 1, 0, 1]))
    weighted = torch.sparse_coo_tensor(pairs, torch.rand(6).double(), (4, 4)).to_sparse_csr()
    with pytest.raises(ValueError, match="edge_weight: GraphMLPMixer has no use"):
        model(x, weighted)
    with pytest.raises(ValueError, match="edge_dim: got 2, but conv='gcn'"):
        GraphViT(3, 8, 2, conv="gcn", edge_dim=2)
    with pytest.raises(ValueError, match="unknown conv"):
        GraphViT(3, 8, 2, conv="sage")
    with pytest.raises(ValueError, match="heads: got 3"):
        GraphViT(3, 8, 2, heads=3)
    with pytest.raises(TypeError, match="did you mean 'num_patches'"):
        GraphViT(3, 8, 2, num_patch=3)
