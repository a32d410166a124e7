"""SCRaWl: its layers over dimensions word for word, CRaWl, and what both tell apart."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch_geometric.data import Batch, Data

from graphpoly.data import find_dataset
from graphpoly.models import SCRaWl
from graphpoly.models.network_for import network_for, prepared
from graphpoly.models.settings import SCRaWlSettings
from graphpoly.ops import clique_complex, simplicial_neighbors
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.testing import assert_close
from graphpoly.training.forward import call_by_name
from tests.models.test_molecule_gnn import molecule
from tests.models.test_rni_gnn import HEXAGON, TRIANGLES, both_ways
from tests.stand_in import on_graphs

# two triangles that share an edge, a tail, and node 5 alone
EDGES = both_ways(torch.tensor([[0, 0, 1, 1, 2, 3], [1, 2, 2, 3, 3, 4]]))
WALKS = {"walk_length": 5, "window": 2}


def made(*sizes, **options):
    torch.manual_seed(0)
    return SCRaWl(*sizes, **{**WALKS, **options}).double().eval()


def stirred(net):
    """The network with statistics that are not those of the start."""
    for part in net.modules():
        if isinstance(part, torch.nn.modules.batchnorm._BatchNorm):
            torch.nn.init.normal_(part.running_mean, std=0.3)
            torch.nn.init.uniform_(part.running_var, 0.5, 2)
    return net


def test_crawl_is_layers_a_virtual_node_and_a_head():
    net = stirred(made(3, 4, 2, 3, edge_dim=2, virtual_node=True, pool="add"))
    x, edge_attr = torch.randn(6, 3).double(), torch.randn(12, 2).double()
    h, u = x, torch.zeros(1, 4).double()
    for layer in range(3):
        h = net.layers[layer][0](h, EDGES, edge_attr)
        if layer < 2:
            u = net.virtual[layer](u + h.sum(0, keepdim=True))
            h = h + u
    read = F.relu(net.norm(h)).sum(0, keepdim=True)
    assert_close(net(x, EDGES, edge_attr), net.head(read))


def test_a_step_carries_the_face_or_coface_that_it_leads_over():
    """Each pair of simplices by itself, its attributes put together by hand."""
    net = stirred(made(3, 4, 2, 3, dim=2))
    assert [len(convs) for convs in net.layers] == [3, 2, 1]
    x = torch.randn(6, 3).double()
    simplices = clique_complex(EDGES, 6)
    assert [each.size(1) for each in simplices] == [6, 6, 2]
    held = [torch.stack([x[nodes].mean(0) for nodes in each.T]) for each in simplices]
    for convs in net.layers:
        following = list(held)
        for k, conv in enumerate(convs):
            pairs, via, upper = simplicial_neighbors(simplices, k)
            zero = torch.zeros_like(held[0][0])
            attr = []
            for joins, above in zip(via.tolist(), upper.tolist(), strict=True):
                face = [zero if above else held[k - 1][joins]] if k > 0 else []
                coface = [held[k + 1][joins] if above else zero] if k < 2 else []
                attr.append(torch.cat(face + coface))
            following[k] = conv(held[k], pairs, torch.stack(attr))
        held = following
    assert_close(net(x, EDGES), net.head(F.relu(net.norm(held[0]))))


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_what_is_alone_or_absent(dim):
    net = made(3, 4, 2, 2, dim=dim)
    few = [torch.zeros(2, 0, dtype=torch.long), torch.tensor([[1, 1, 1], [2, 2, 1]])]
    for edges in few:
        for nodes in (0, 1, 4):
            if edges.numel() and nodes < 4:
                continue
            out = net(torch.randn(nodes, 3).double(), edges)
            assert out.shape == (nodes, 2)
            assert bool(out.isfinite().all())


def test_every_parameter_is_read_in_every_dimension():
    torch.manual_seed(0)
    net = SCRaWl(3, 4, 2, 3, dim=2, virtual_node=True, pool="mean", **WALKS)
    net(torch.randn(6, 3), EDGES).sum().backward()
    assert [name for name, each in net.named_parameters() if each.grad is None] == []


def test_what_far_simplices_know_arrives():
    """Node 4 hears of the features of triangles through walks on edges and nodes."""
    net = made(1, 16, 2, 3, dim=2)
    x = torch.randn(6, 1, dtype=torch.float64, requires_grad=True)
    (grad,) = torch.autograd.grad(net(x, EDGES)[4].abs().sum(), x)
    assert (grad[:5].abs() > 0).all()
    assert grad[5] == 0


@pytest.mark.parametrize("dim", [0, 1])
def test_a_hexagon_is_not_two_triangles(dim):
    net = made(1, 6, 1, 2, dim=dim, walk_length=8, window=3, pool="mean")
    one, other = (
        net(torch.ones(6, 1).double(), both_ways(edges)) for edges in (HEXAGON, TRIANGLES)
    )
    assert abs(float((one - other).detach())) > 1e-4


def test_walks_are_drawn_anew_in_training_alone_and_differ_from_layer_to_layer():
    net, x = made(3, 4, 2, 3, dim=1), torch.randn(6, 3).double()
    assert torch.equal(net(x, EDGES), net(x, EDGES))
    other = made(3, 4, 2, 3, dim=1, seed=1)
    assert not torch.equal(net(x, EDGES), other(x, EDGES))
    seeds = [conv.seed for each in (net, other) for convs in each.layers for conv in convs]
    assert len(set(seeds)) == len(seeds) == 10
    net.train()
    outs = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        outs.append(net(x, EDGES))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("training", [True, False])
def test_walks_come_from_a_generator_that_is_given(dim, training):
    net, x = made(3, 4, 2, 3, dim=dim).train(training), torch.randn(6, 3).double()
    before = torch.random.get_rng_state()
    outs = [net(x, EDGES, generator=torch.Generator().manual_seed(seed)) for seed in (4, 4, 5)]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


def test_the_virtual_node_stays_within_its_graph():
    net = made(3, 4, 2, 3, virtual_node=True, pool="mean")
    batch = Batch.from_data_list([Data(torch.randn(6, 3).double(), EDGES) for _ in range(3)])
    before = net(batch.x, batch.edge_index, batch=batch.batch)
    x = batch.x.clone()
    x[6:12] += 1
    after = net(x, batch.edge_index, batch=batch.batch)
    assert_close(before[[0, 2]], after[[0, 2]])
    assert not torch.allclose(before[1], after[1])
    assert net(x[:6], EDGES, batch=batch.batch[:6], batch_size=2).shape == (2, 2)


def test_gradients():
    net = made(2, 3, 1, 2, dim=1, pool="mean")
    x = torch.randn(6, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x, EDGES), x)


@pytest.mark.parametrize(
    ("changes", "reads"), [({}, True), ({"edge_features": False}, False), ({"dim": 1}, False)]
)
def test_bonds_through_the_runner(changes, reads, stand_in):
    """A molecule, and the same one with other bonds."""
    graphs = [molecule(seed, 5) for seed in (0, 0)]
    graphs[1].edge_attr = (graphs[1].edge_attr + 1) % 2
    for label, graph in enumerate(graphs):
        graph.y = torch.tensor([[float(label)]])
    load = on_graphs(graphs, num_outputs=1, categories="ogb", edge_categories="ogb")
    stand_in("ogbg-molhiv", load)
    settings = SCRaWlSettings(hidden_channels=8, num_layers=1, walk_length=4, window=2, **changes)
    entry = find_dataset("ogbg-molhiv")
    loaded = prepared(settings, entry.load(None, entry.reading, 0))
    net = network_for(settings, entry, loaded, None).eval()
    one, other = (call_by_name(net, Batch.from_data_list([each])) for each in loaded.graphs)
    assert torch.equal(one, other) != reads


@pytest.mark.parametrize(
    ("changes", "least"),
    [({"epochs": 14}, 0.9), ({"epochs": 1, "dim": 2, "virtual_node": True}, 0)],
)
def test_it_learns_cycles_by_the_command_line(changes, least, tmp_path):
    small = {"hidden_channels": 8, "num_layers": 2, "walk_length": 6, "window": 3, "lr": 0.02}
    changes |= {**small, "draws": 1, "batch_size": 8, "watch_train": False}
    outcome = run_recipe(recipe_for("crawl", "cycles"), seeds=1, out=tmp_path, overrides=changes)
    assert outcome.experiments["SCRaWl"].mean > least


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SCRaWl(2, 4, 1, 1, dim=2), "num_layers: got 1"),
        (lambda: SCRaWl(2, 4, 1, dim=1, edge_dim=3), "edge_dim: got 3"),
        (lambda: SCRaWl(2, 4, 1, pool="sum"), "pool"),
        (lambda: SCRaWl(2, 4, 1, window=8, walk_length=8), "walk_length: got 8"),
        (
            lambda: made(2, 4, 1, dim=1)(torch.ones(6, 2).double(), EDGES, torch.ones(12, 1)),
            "edge_attr: features of edges",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
