"""PyG's to_hetero makes of a layer one for each type of edges, whose outputs it adds up.

Its to_hetero_with_bases weighs the messages of one layer, which no layer of ours sends.
"""

import pytest
import torch
from torch import nn
from torch_geometric.nn import MessagePassing, to_hetero, to_hetero_with_bases

from graphpoly.registry import entries
from graphpoly.testing import assert_close
from graphpoly.testing.subject import Subject, joined

LAYERS = {entry.name: entry for entry in entries("layer")}
OF_EDGES = ("edge_weight", "edge_attr")
GIVEN = (*OF_EDGES, "pos", "vel")


class Net(nn.Module):
    def __init__(self, conv, takes):
        super().__init__()
        self.conv, self.takes = conv, takes

    def forward(self, x, edge_index, edge_weight, edge_attr, pos, vel):
        given = dict(zip(GIVEN, (edge_weight, edge_attr, pos, vel), strict=True))
        return self.conv(x, edge_index, **{name: given[name] for name in self.takes})


def graphs_of(subject, edge_types):
    """A graph for each type of edges, those of one type of nodes with the same nodes."""
    found, nodes = {}, {}
    for seed, edge_type in enumerate(edge_types):
        data = subject.graph("erdos_renyi", seed=seed)
        first = nodes.setdefault(edge_type[0], data)
        for name in ("x", "pos", "vel"):
            if name in data:
                data[name] = first[name]
        found[edge_type] = data
    return found


def call(net, graphs):
    of_nodes = {edge_type[0]: data for edge_type, data in graphs.items()}
    x = {node_type: data.x for node_type, data in of_nodes.items()}
    further = [
        {key: data.get(name) for key, data in (graphs if name in OF_EDGES else of_nodes).items()}
        for name in GIVEN
    ]
    return net(x, {edge_type: data.edge_index for edge_type, data in graphs.items()}, *further)


def transformed(subject, edge_types):
    node_types = sorted({name for edge_type in edge_types for name in edge_type[::2]})
    takes = [name for name in GIVEN if name in subject.takes]
    return to_hetero(Net(subject.layer(dtype=torch.float64), takes), (node_types, edge_types))


@pytest.mark.parametrize("name", LAYERS)
def test_outputs_of_all_types_of_edges_are_added_up(name):
    subject = Subject(LAYERS[name])
    edge_types = [("a", "near", "a"), ("b", "near", "b")]
    if "pos" not in subject.takes:  # of several outputs there is no sum
        edge_types.append(("a", "far", "a"))
    net, graphs = transformed(subject, edge_types).eval(), graphs_of(subject, edge_types)
    out = call(net, graphs)
    assert list(out) == ["a", "b"]
    for node_type in out:
        expected = [
            subject.call(net.conv["__".join(edge_type)], data)
            for edge_type, data in graphs.items()
            if edge_type[2] == node_type
        ]
        assert_close(joined(out[node_type]), sum(expected), kind="accumulated")


@pytest.mark.parametrize("name", LAYERS)
def test_between_types_of_nodes_a_layer_runs_or_is_refused_by_its_name(name):
    subject = Subject(LAYERS[name])
    edge_types = [("a", "near", "a"), ("a", "to", "b"), ("b", "to", "a")]
    net, graphs = transformed(subject, edge_types).eval(), graphs_of(subject, edge_types)
    if name != "CooperativeConv":
        with pytest.raises(ValueError, match=f"{name} needs a square operator: got a tuple"):
            call(net, graphs)
        return
    out = call(net, graphs)
    a, b = graphs["a", "near", "a"].x, graphs["b", "to", "a"].x
    pair = dict(zip(edge_types, (a, (a, b), (b, a)), strict=True))
    each = {
        edge_type: subject.call(net.conv["__".join(edge_type)], data, x=pair[edge_type])
        for edge_type, data in graphs.items()
    }
    assert_close(out["b"], each["a", "to", "b"], kind="accumulated")
    sum_of_both = each["a", "near", "a"] + each["b", "to", "a"]
    assert_close(out["a"], sum_of_both, kind="accumulated")


@pytest.mark.parametrize("name", LAYERS)
def test_what_reads_single_messages_is_refused(name):
    layer = Subject(LAYERS[name]).layer()
    hooks = [each for each in dir(MessagePassing) if each.endswith("_hook")]
    of_messages = [each for each in hooks if not hasattr(nn.Module, each)]
    assert len(of_messages) == 10
    for hook in of_messages:
        with pytest.raises(ValueError, match=f"{name}: {hook} would see nothing"):
            getattr(layer, hook)(lambda *given: None)
    net = Net(layer, [])
    with pytest.raises(ValueError, match=f"{name}: register_message_forward_hook would see"):
        to_hetero_with_bases(net, (["a"], [("a", "near", "a")]), num_bases=2)
