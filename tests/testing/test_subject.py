import pytest
import torch
from torch_geometric.nn import GATConv, GCNConv, GINEConv, GraphConv

from graphpoly.registry import Entry
from graphpoly.testing.subject import Subject, held_arguments, joined
from graphpoly.testing.violations import Violation
from tests.testing.checks.sound_conv import SoundPointConv


def test_what_forward_takes_is_read_from_its_signature():
    assert Subject(lambda: GCNConv(8, 4)).takes == {"edge_weight"}
    assert Subject(lambda: GATConv(8, 4)).takes == set()
    subject = Subject(lambda: GATConv(8, 4, edge_dim=3))
    assert subject.takes == {"edge_attr"}
    data = subject.graph("star")
    assert data.edge_attr.shape == (16, 3)
    assert "edge_weight" not in data


def test_positions_and_velocities_are_given_where_they_are_taken():
    still = type("StillConv", (SoundPointConv,), {"velocity": False})
    assert Subject(lambda: still(8, 4)).takes == {"edge_weight", "pos", "batch", "batch_size"}
    subject = Subject(lambda: SoundPointConv(8, 4))
    assert {"pos", "vel"} <= subject.takes
    data, layer = subject.graph("star"), subject.layer(dtype=torch.float64)
    assert (data.pos.shape, data.vel.shape) == ((9, 3), (9, 3))
    whole = torch.cat(subject.outputs(layer, data), dim=1)
    assert torch.equal(subject.call(layer, data), whole)
    with pytest.raises(Violation, match="forward returned list, expected a tensor, or several"):
        joined([data.pos])


def test_input_size():
    linear = torch.nn.Linear(5, 5)
    assert Subject(lambda: GCNConv(6, 4)).in_channels == 6
    assert Subject(lambda: GraphConv((7, 7), 4)).in_channels == 7
    subject = Subject(lambda: GINEConv(linear), edge_dim=5)
    assert subject.in_channels == 5
    assert subject.graph("one_edge").edge_attr.shape == (1, 5)
    assert Subject(lambda: GCNConv(-1, 4), in_channels=3).graph("path").x.shape == (10, 3)


def test_refusals_name_what_is_missing():
    with pytest.raises(TypeError, match="got int, expected an nn"):
        Subject(3)
    with pytest.raises(TypeError, match="made int, expected nn"):
        Subject(lambda: 3)
    with pytest.raises(ValueError, match="EdgeNeeding: forward needs edge_attr; give edge_dim="):
        Subject(EdgeNeeding)
    with pytest.raises(ValueError, match="cached=True answers for one graph only"):
        Subject(lambda: GCNConv(8, 4, cached=True))
    with pytest.raises(ValueError, match="registry entry has no example"):
        Subject(Entry("Empty", "layer", None, "", None, None, {}))
    with pytest.raises(ValueError, match="give in_channels="):
        Subject(Activation)
    with pytest.raises(ValueError, match=r"Positional: forward must take .*; got position"):
        Subject(Positional)
    with pytest.raises(ValueError, match="too few"):
        Subject(lambda: torch.nn.Linear(3, 3))


class Activation(torch.nn.Module):
    def forward(self, x, edge_index):
        return x.relu()


class EdgeNeeding(torch.nn.Linear):
    def __init__(self):
        super().__init__(3, 3)

    def forward(self, x, edge_index, edge_attr):
        return x


class Positional(torch.nn.Linear):
    def __init__(self):
        super().__init__(3, 3)

    def forward(self, x, edge_index, position):
        return x + position


def test_layers_are_fresh_seeded_and_stirred():
    subject = Subject(lambda: GCNConv(8, 4))
    first, second = subject.layer(seed=1), subject.layer(seed=1)
    assert torch.equal(first.lin.weight, second.lin.weight)
    assert not torch.equal(first.lin.weight, subject.layer(seed=2).lin.weight)
    assert (first.bias != 0).all()
    assert (subject.layer(stirred=False).bias == 0).all()
    assert not first.training
    assert subject.layer(train=True).training
    assert subject.layer(dtype=torch.float64).bias.dtype == torch.float64


def test_an_instance_is_copied_and_never_changed():
    layer = GCNConv(8, 4)
    before = layer.lin.weight.clone()
    subject = Subject(layer)
    assert not torch.equal(subject.layer(seed=3).lin.weight, subject.layer(seed=4).lin.weight)
    assert torch.equal(layer.lin.weight, before)


def test_lazy_layers_get_their_sizes():
    layer = Subject(lambda: GCNConv(-1, 4), in_channels=5).layer()
    assert layer.lin.weight.shape == (4, 5)


def test_construction_is_read_off_the_call():
    original = GCNConv.__init__
    subject = Subject(lambda: GCNConv(8, out_channels=4, improved=True, flow="target_to_source"))
    expected = {
        "in_channels": 8,
        "out_channels": 4,
        "improved": True,
        "flow": "target_to_source",
    }
    assert subject.construction() == expected
    assert GCNConv.__init__ is original
    held = Subject(GCNConv(8, 4, improved=True)).construction()
    assert (held["in_channels"], held["out_channels"], held["improved"]) == (8, 4, True)


class Inheriting(GCNConv):
    pass


def test_construction_leaves_no_trace_on_a_class_without_init():
    assert Subject(lambda: Inheriting(8, 4)).construction()["in_channels"] == 8
    assert "__init__" not in vars(Inheriting)


def test_held_arguments():
    held = held_arguments(GATConv(8, 4, heads=2))
    assert held["heads"] == 2
    assert held["negative_slope"] == 0.2
    assert "aggr" not in held  # an argument of MessagePassing, which GATConv sets itself


def test_the_declared_number_of_hops():
    assert Subject(lambda: GCNConv(8, 4)).num_hops == 1
    layer = GCNConv(8, 4)
    layer.num_hops = 3
    assert Subject(layer).num_hops == 3
