"""Against loops over edges, PyG's layers and matrices that are stored, in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import GatedGraphConv, NNConv

from graphpoly.layers import MPNNConv
from graphpoly.testing import assert_close, check_layer, graph_zoo
from tests.compliance.forms import STAGES, stage

ZOO = graph_zoo(0, weighted=False)
NAMES = ["duplicate_edges", "self_loops", "directed", "no_edges", "one_node"]
FORMS = {
    "pair": {"messages": "pair", "edge_dim": 3},
    "pair_alone": {"messages": "pair"},
    "constant": {},
    "linear": {"edge_dim": 3, "edge_channels": None, "bias": False},
}


def made(*sizes, **arguments):
    torch.manual_seed(0)
    return MPNNConv(*sizes, **arguments).double()


def drawn(name, in_channels, edge_dim):
    edge_index, num_nodes = ZOO[name].edge_index, int(ZOO[name].num_nodes)
    draw = {"dtype": torch.float64, "requires_grad": True}
    x = torch.randn(num_nodes, in_channels, **draw)
    return x, edge_index, torch.randn(edge_index.size(1), edge_dim, **draw)


def matrix(conv, e):
    """Return A(e) as it is written: a sum of matrices."""
    phi = e if conv.said.phi is None else conv.said.phi(e)
    *parts, last = conv.said.lin.weight.split(conv.in_channels, dim=1)
    return last + sum(phi[k] * part for k, part in enumerate(parts))


def by_loops(conv, x, edge_index, edge_attr, mask=None):
    rows = []
    for i in range(x.size(0)):
        heard = torch.zeros(conv.out_channels, dtype=x.dtype)
        for place, (j, target) in enumerate(edge_index.T.tolist()):
            if target != i:
                continue
            if conv.messages == "edge":
                said = matrix(conv, edge_attr[place]) @ x[j]
            else:
                lin, after = conv.said.lin, conv.said.after
                said = after(lin(torch.cat([x[i], x[j], edge_attr[place]])))
            heard = heard + (said if mask is None else mask[place] * said)
        state = torch.cat([x[i], x.new_zeros(conv.out_channels - x.size(1))])
        rows.append(conv.gru(heard, state))
    return torch.stack(rows)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "form", [{"edge_channels": 4}, {"edge_channels": None}, {"messages": "pair"}], ids=str
)
def test_equals_loops(name, form):
    conv = made(3, 5, edge_dim=2, **form)
    x, edge_index, edge_attr = drawn(name, 3, 2)
    out, expected = conv(x, edge_index, edge_attr), by_loops(conv, x, edge_index, edge_attr)
    assert_close(out, expected)
    probe = torch.randn_like(expected)
    watched = [x, edge_attr, *conv.parameters()]
    grads = [
        torch.autograd.grad(
            (each * probe).sum(), watched, allow_unused=True, materialize_grads=True
        )
        for each in (out, expected)
    ]
    for one, other in zip(*grads, strict=True):
        assert_close(one, other, kind="accumulated")


def stored(conv):
    """Return PyG's layer with the same matrices, which it makes for each edge."""
    size, terms = conv.out_channels, conv.said.terms
    phi = copy.deepcopy(conv.said.phi)
    lin = nn.Linear(terms - 1, conv.in_channels * size)
    peer = NNConv(conv.in_channels, size, nn.Sequential(phi, lin), root_weight=False, bias=False)
    maps = conv.said.lin.weight.view(size, terms, conv.in_channels).permute(1, 2, 0).flatten(1)
    with torch.no_grad():  # after the layer has drawn parameters for what it was given
        phi.load_state_dict(conv.said.phi.state_dict())
        lin.weight.copy_(maps[:-1].T)
        lin.bias.copy_(maps[-1])
    return peer.to(maps.dtype)


@pytest.mark.parametrize(("sizes", "channels"), [((4, 9), 6), ((8, 8), 1), ((1, 7), 12)])
def test_the_order_of_the_sums_is_that_of_pyg_to_the_last_digits(sizes, channels):
    conv = made(*sizes, edge_dim=5, edge_channels=channels)
    peer = stored(conv)
    torch.manual_seed(1)
    edge_index = torch.randint(0, 30, (2, 200))
    draw = {"dtype": torch.float64, "requires_grad": True}
    x, edge_attr = torch.randn(30, sizes[0], **draw), torch.randn(200, 5, **draw)
    expected = conv.gru(
        peer(x, edge_index, edge_attr), nn.functional.pad(x, (0, sizes[1] - sizes[0]))
    )
    out = conv(x, edge_index, edge_attr)
    assert (out - expected).abs().max() <= 1e-12
    grads = [torch.autograd.grad(each.sum(), [x, edge_attr]) for each in (out, expected)]
    for one, other in zip(*grads, strict=True):
        assert (one - other).abs().max() <= 1e-12 * other.abs().max().clamp(min=1)


def test_without_features_of_edges_it_is_the_gated_graph_convolution():
    conv, peer = made(6, 6), GatedGraphConv(6, 1).double()
    with torch.no_grad():
        peer.weight[0].copy_(conv.said.lin.weight.T)
        peer.rnn.load_state_dict(conv.gru.state_dict())
    for name in ("erdos_renyi", "star", "self_loops"):
        x, edge_index, _ = drawn(name, 6, 1)
        assert_close(conv(x, edge_index), peer(x, edge_index))


def test_one_hot_bonds_choose_a_matrix():
    conv = made(4, 4, edge_dim=3, edge_channels=None)
    x, edge_index, _ = drawn("erdos_renyi", 4, 1)
    kind = torch.arange(edge_index.size(1)) % 3
    one_hot = nn.functional.one_hot(kind, 3).double()
    *maps, last = conv.said.lin.weight.split(4, dim=1)
    heard = torch.zeros_like(x)
    for k in range(3):
        source, target = edge_index[:, kind == k]
        heard = heard.index_add(0, target, x[source] @ (maps[k] + last).T)
    assert_close(conv(x, edge_index, one_hot), conv.gru(heard, x))


class _Largest(TorchDispatchMode):
    """Watches how many numbers the largest tensor has."""

    most = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else (out,):
            if isinstance(each, torch.Tensor):
                self.most = max(self.most, each.numel())
        return out


def test_no_edge_has_a_matrix_stored():
    """Forwards and backwards, K + 1 vectors a node are the most."""
    num_nodes, num_edges, size, channels = 10, 400, 24, 3
    conv = MPNNConv(size, size, edge_dim=2, edge_channels=channels)
    edge_index = torch.randint(0, num_nodes, (2, num_edges))
    inputs = torch.randn(num_nodes, size), edge_index, torch.randn(num_edges, 2)
    with _Largest() as ours:
        conv(*inputs).sum().backward()
    with _Largest() as plain:
        stored(conv)(*inputs).sum().backward()
    assert plain.most >= num_edges * size * size
    assert ours.most <= max(
        num_edges * (channels + 1), num_nodes * (channels + 1) * size, 3 * size * size * channels
    )


def test_what_is_heard_beside():
    conv = made(4, 4, edge_dim=2)
    x, edge_index, edge_attr = drawn("star", 4, 2)
    beside = torch.randn(x.size(0), 4).double()
    heard = conv.said(*_entries(edge_index, x, edge_attr))
    out = conv(x, edge_index, edge_attr, also_heard=beside)
    assert_close(out, conv.gru(heard + beside, x))


def _entries(edge_index, x, edge_attr):
    from graphpoly.ops import to_csr

    adj = to_csr(edge_index, num_nodes=x.size(0))
    return adj, x, edge_attr if adj.perm is None else edge_attr[adj.perm]


@pytest.mark.parametrize("messages", ["edge", "pair"])
def test_the_mask_of_an_explainer_weighs_messages(messages):
    conv = made(3, 4, edge_dim=2, messages=messages)
    x, edge_index, edge_attr = drawn("duplicate_edges", 3, 2)
    mask = torch.rand(edge_index.size(1), dtype=torch.float64)
    set_masks(conv, nn.Parameter(mask), edge_index, apply_sigmoid=False)
    masked = conv(x, edge_index, edge_attr)
    clear_masks(conv)
    assert_close(masked, by_loops(conv, x, edge_index, edge_attr, mask))


@pytest.mark.parametrize("compiled", STAGES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_keeps_every_promise(form, compiled):
    report = check_layer(lambda: MPNNConv(6, 6, **FORMS[form]), only=stage(compiled))
    assert report.passed


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"messages": "node"}, "unknown messages 'node'"),
        ({"edge_dim": 0}, "edge_dim: got 0"),
        ({"edge_channels": -1}, "edge_channels: got -1"),
        ({"in_channels": 5}, "in_channels: got 5, expected at most out_channels, 4"),
    ],
)
def test_arguments_are_refused_by_name(wrong, message):
    with pytest.raises(ValueError, match=message):
        MPNNConv(**{"in_channels": 3, "out_channels": 4, **wrong})


def test_inputs_are_refused_by_name():
    x, edge_index, edge_attr = torch.randn(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.randn(2, 2)
    with pytest.raises(ValueError, match="edge_attr: given to a layer without edge_dim"):
        MPNNConv(4, 4)(x, edge_index, edge_attr)
    conv = MPNNConv(4, 4, edge_dim=2)
    with pytest.raises(ValueError, match="edge_attr: got None, edge_dim is 2"):
        conv(x, edge_index)
    with pytest.raises(ValueError, match="edge_attr: got 1 rows, expected 2"):
        conv(x, edge_index, edge_attr[:1])
    with pytest.raises(ValueError, match=r"edge_attr: got shape \[2, 1\], expected \[E, 2\]"):
        conv(x, edge_index, edge_attr[:, :1])
    with pytest.raises(ValueError, match="x: got 4 columns, expected at most 3"):
        MPNNConv(-1, 3)(x, edge_index)
