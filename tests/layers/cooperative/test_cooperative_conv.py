from functools import partial

import pytest
import torch
from scipy.stats import ks_2samp
from torch_geometric.nn import GATConv, GCNConv, GINConv

from graphpoly.layers import CooperativeConv, FavardConv
from graphpoly.layers.cooperative import gumbel_noise
from graphpoly.testing import assert_close, check_layer, graph_zoo
from tests.compliance.forms import STAGES, stage

BASES = ["sum", "mean", "kept_mean", "gcn", "gin", "gat", partial(FavardConv, K=3)]
KINDS = ["factored", "joint"]
WIDE = 1e4  # a logit that decides


def made(base="mean", *, seed=0, **kwargs):
    torch.manual_seed(seed)
    return CooperativeConv(3, 4, base, **kwargs).double()


class Unweighted(CooperativeConv):
    """Around a base layer that takes no weights, for the battery to give none."""

    def forward(self, x, edge_index):
        return super().forward(x, edge_index)


def force(conv, action):
    """Make every node choose this action, whatever it sees."""
    listen, broadcast = action in "SL", action in "SB"
    with torch.no_grad():
        for net in conv.action_net.nets:
            for parameter in net.parameters():
                parameter.zero_()
        biases = [net[0].lin_root.bias for net in conv.action_net.nets]
        if conv.action_net.kind == "joint":
            biases[0]["SLBI".index(action)] = WIDE
        else:
            biases[0][0 if listen else 1] = WIDE
            biases[1][0 if broadcast else 1] = WIDE


def modes(conv):
    """The layer in training and in every mode of evaluation."""
    yield "train", conv.train()
    for mode in ("expected", "argmax", "sample"):
        conv.eval_mode = mode
        yield mode, conv.eval()


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("kind", KINDS)
def test_all_standard_is_the_base_layer_exactly(base, kind):
    conv = made(base, actions=kind)
    force(conv, "S")
    zoo = graph_zoo(num_features=3, dtype=torch.float64)
    for name in ("directed", "erdos_renyi", "self_loops", "no_edges"):
        data = zoo[name]
        expected = conv.conv(data.x, data.edge_index)
        for mode, layer in modes(conv):
            assert torch.equal(layer(data.x, data.edge_index), expected), (name, mode)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("action", ["I", "L", "B"])
def test_all_alike_but_standard_is_a_function_of_each_node_alone(base, kind, action):
    conv = made(base, actions=kind)
    force(conv, action)
    data = graph_zoo(names=["erdos_renyi"], num_features=3, dtype=torch.float64)["erdos_renyi"]
    for mode, layer in modes(conv):
        alone = torch.cat([conv.conv(row, torch.empty(2, 0).long()) for row in data.x.split(1)])
        assert_close(layer(data.x, data.edge_index), alone, what=mode)


def test_five_nodes_by_hand():
    """0 -> 1, 2 -> 1, 3 -> 1, 1 -> 4, 3 -> 4; 0: standard, 1: listen, 2: isolate, 3: broadcast, 4:
    standard."""
    edges = torch.tensor([[0, 2, 3, 1, 3], [1, 1, 1, 4, 4]])
    conv = CooperativeConv(5, 1, "sum", actions="joint", eval_mode="argmax").double().eval()
    wanted = torch.tensor([0, 1, 3, 2, 0])
    with torch.no_grad():
        net = conv.action_net.nets[0][0]
        net.lin_neighbors.weight.zero_()
        net.lin_root.weight.copy_(10 * torch.nn.functional.one_hot(wanted, 4).T)
        net.lin_root.bias.zero_()
        conv.conv.lin_root.weight.zero_()
        conv.conv.lin_root.bias.zero_()
        conv.conv.lin_neighbors.weight.copy_(torch.tensor([[1.0, 2, 4, 8, 16]]))
    x = torch.eye(5, dtype=torch.float64)
    actions = conv.actions(x, edges)
    assert actions.shares.argmax(1).tolist() == wanted.tolist()
    assert actions.listen.tolist() == [1, 1, 0, 0, 1]
    assert actions.broadcast.tolist() == [1, 0, 0, 1, 1]
    # 1 hears 0 and 3 but not 2; 4 hears 3 but not 1, who only listens
    assert conv(x, edges).flatten().tolist() == [0, 1 + 8, 0, 0, 8]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("temperature", [0.01, 5.0])
def test_actions_have_the_probabilities_of_their_logits(kind, temperature):
    conv = made(actions=kind, temperature=temperature)
    data = graph_zoo(names=["star"], num_features=3, dtype=torch.float64)["star"]
    expected = conv.eval().actions(data.x, data.edge_index).shares
    generator = torch.Generator().manual_seed(0)
    copies = 20_000
    x = data.x[:1].repeat(copies, 1)
    logits = conv.action_net.logits(data.x, data.edge_index)[:1].expand(copies, -1, -1)
    conv.action_net.logits = lambda *args: logits  # one node, many times
    drawn = conv.train().actions(x, torch.empty(2, 0).long(), generator=generator)
    assert (drawn.shares.mean(0) - expected[0]).abs().max() < 0.01
    assert torch.equal(drawn.listen, drawn.shares[:, :2].sum(1))
    assert torch.equal(drawn.broadcast, drawn.shares[:, ::2].sum(1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("base", ["sum", "mean"])
def test_expected_is_the_mean_over_all_actions_for_affine_bases(base, kind):
    """Summed over all 4^4 outcomes: no sampling error."""
    conv = made(base, actions=kind).eval()
    edges = torch.tensor([[0, 1, 2, 3, 0, 2], [1, 0, 1, 2, 2, 2]])
    x = torch.randn(4, 3, dtype=torch.float64)
    probability = conv.actions(x, edges).shares
    mean = torch.zeros(4, 4, dtype=torch.float64)
    listens, broadcasts = torch.tensor([1.0, 1, 0, 0]), torch.tensor([1.0, 0, 1, 0])
    for outcome in torch.cartesian_prod(*[torch.arange(4)] * 4):
        weight = probability[torch.arange(4), outcome].prod()
        gate = broadcasts[outcome][edges[0]] * listens[outcome][edges[1]]
        gate = torch.where(edges[0] == edges[1], 1, gate).double()
        mean += weight * conv.conv(x, edges, gate)
    assert_close(conv(x, edges), mean.detach())


@pytest.mark.parametrize("base", ["sum", "gin", "gat"])
def test_evaluation_is_deterministic_unless_asked_otherwise(base):
    conv = made(base).eval()
    data = graph_zoo(names=["erdos_renyi"], num_features=3, dtype=torch.float64)["erdos_renyi"]
    for mode in ("expected", "argmax"):
        conv.eval_mode = mode
        before = torch.get_rng_state()
        first = conv(data.x, data.edge_index)
        assert torch.equal(first, conv(data.x, data.edge_index))
        assert torch.equal(before, torch.get_rng_state())
    conv.eval_mode = "sample"
    draws = [conv(data.x, data.edge_index) for _ in range(4)]
    assert any(not torch.equal(draw, draws[0]) for draw in draws)


def test_every_draw_comes_from_the_generator_or_is_given():
    conv = made().train()
    data = graph_zoo(names=["grid"], num_features=3, dtype=torch.float64)["grid"]
    before = torch.get_rng_state()
    outs = [
        conv(data.x, data.edge_index, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])
    noise = gumbel_noise(12, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert torch.equal(outs[0], conv(data.x, data.edge_index, noise=noise))
    with pytest.raises(ValueError, match="generator or noise, not both"):
        conv(data.x, data.edge_index, noise=noise, generator=torch.Generator())
    with pytest.raises(ValueError, match=r"noise: got shape \(11, 4\)"):
        conv(data.x, data.edge_index, noise=noise[1:])


def test_compiles_in_training_with_given_noise():
    conv = CooperativeConv(3, 4, "sum").train()
    data = graph_zoo(names=["grid"], num_features=3)["grid"]
    noise = gumbel_noise(12, generator=torch.Generator().manual_seed(1))
    compiled = torch.compile(conv, fullgraph=True, dynamic=True, backend="aot_eager")
    out = compiled(data.x, data.edge_index, noise=noise)
    assert_close(out, conv(data.x, data.edge_index, noise=noise))
    out.sum().backward()
    torch._dynamo.reset()


def test_gates_in_hooks_stay_where_a_graph_is_compiled():
    conv = CooperativeConv(3, 4, "gin").eval()
    data = graph_zoo(names=["grid"], num_features=3)["grid"]
    compiled = torch.compile(conv, dynamic=True, backend="eager")
    assert_close(compiled(data.x, data.edge_index), conv(data.x, data.edge_index))
    torch._dynamo.reset()


@pytest.mark.parametrize("base", ["sum", "kept_mean", "gcn", "gin", "gat"])
@pytest.mark.parametrize("learn", [False, True])
def test_gradients_reach_the_action_network_and_stay_finite(base, learn):
    conv = made(base, temperature=0.01, learn_temperature=learn, tau0=0.1).train()
    reached = {name: 0 for name, _ in conv.named_parameters()}
    for seed in range(20):
        data = graph_zoo(seed, names=["erdos_renyi"], num_features=3, dtype=torch.float64)
        data = data["erdos_renyi"]
        conv.zero_grad()
        conv(data.x, data.edge_index).square().sum().backward()
        for name, parameter in conv.named_parameters():
            assert parameter.grad.isfinite().all(), name
            reached[name] += int((parameter.grad != 0).any())
    assert all(reached.values()), reached


def test_temperature_is_learned_for_each_node():
    conv = made(learn_temperature=True, tau0=0.25)
    x = torch.randn(5, 3, dtype=torch.float64)
    inverse = torch.nn.functional.softplus(x @ conv.action_net.lin_temperature.weight.T) + 0.25
    assert_close(conv.action_net.temperatures(x).flatten(), 1 / inverse.flatten())


def test_samples_tell_two_triangles_from_a_hexagon():
    """Equal under colour refinement, and so whenever all do the same; not in distribution."""
    ring = torch.stack([torch.arange(6), (torch.arange(6) + 1) % 6])
    triangles = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 0, 4, 5, 3]])
    torch.manual_seed(0)
    layers = [CooperativeConv(i, 8, "sum") for i in (1, 8, 8, 8, 8)]
    generator = torch.Generator().manual_seed(0)

    def run(edges, copies, train):
        edges = torch.cat([edges, edges.flip(0)], 1)
        edges = (edges.unsqueeze(1) + 6 * torch.arange(copies).view(1, -1, 1)).flatten(1)
        x = torch.ones(6 * copies, 1)
        with torch.no_grad():
            for layer in layers:
                x = layer.train(train)(x, edges, generator=generator).tanh()
        return x.view(copies, 6, 8)

    assert_close(run(ring, 1, False), run(triangles, 1, False))
    spreads = [run(edges, 4000, True).var(1).numpy() for edges in (ring, triangles)]
    tests = [ks_2samp(spreads[0][:, c], spreads[1][:, c]).pvalue for c in range(8)]
    assert 8 * min(tests) < 1e-6


@pytest.mark.parametrize("base", ["sum", "mean", "gin", "gat"])
def test_bipartite_graphs(base):
    conv = made(base).eval()
    source, target = torch.randn(4, 3).double(), torch.randn(2, 3).double()
    edges = torch.tensor([[0, 1, 1, 3], [0, 0, 1, 1]])
    actions = conv.actions((source, target), edges)
    assert (actions.listen.shape, actions.broadcast.shape) == ((2,), (4,))
    free = conv.action_net(source, torch.empty(2, 0).long())
    assert_close(actions.broadcast, free.broadcast)
    force(conv, "S")
    assert torch.equal(conv((source, target), edges), conv.conv((source, target), edges))


def test_bipartite_graphs_are_refused_where_the_base_refuses_them():
    conv = made("gcn")
    with pytest.raises(ValueError, match=r"GCNConv.*bipartite"):
        conv((torch.randn(4, 3).double(), torch.randn(2, 3).double()), torch.tensor([[0], [1]]))
    with pytest.raises(TypeError, match=r"in_channels: got \(3, 2\)"):
        CooperativeConv((3, 2), 4)


@pytest.mark.parametrize(
    ("make", "exclude"),
    [
        (lambda: CooperativeConv(4, 3, "sum", actions="joint", action_layers=2), []),
        (lambda: CooperativeConv(4, 3, "kept_mean", action_base="sum"), []),
        (lambda: CooperativeConv(4, 3, partial(FavardConv, K=2)), []),
        # PyG's layers select edges by a mask, or gates are in hooks; and the gradient of GCNConv is
        # not finite where a self-loop of weight 0 is all that a node has
        (lambda: CooperativeConv(4, 3, GCNConv), ["compile", "degenerate_graphs"]),
        (lambda: Unweighted(4, 3, "gat"), ["compile"]),
        (lambda: Unweighted(4, 3, "gin"), ["compile"]),
    ],
    ids=["joint", "kept_mean", "favard", "gcn", "gat", "gin"],
)
@pytest.mark.parametrize("compiled", STAGES)
def test_other_bases_keep_the_promises_too(make, exclude, compiled):
    only = [
        *("repr", "node_permutation", "edge_order", "batch", "num_hops", "adjacency_forms"),
        *("gradcheck", "degenerate_graphs", "eval_determinism", "train_seed", "copies"),
        *("state_dict", "stateless_forward", "explainer", "lazy_init", "compile"),
    ]
    try:
        check_layer(make, only=stage(compiled, [name for name in only if name not in exclude]))
    finally:
        torch._dynamo.reset()


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="unknown base 'men'; did you mean 'mean'"):
        CooperativeConv(2, 2, "men")
    with pytest.raises(TypeError, match=r"base: got the layer GINConv\(...\)"):
        CooperativeConv(2, 2, GINConv(torch.nn.Linear(2, 2)))
    with pytest.raises(ValueError, match="unknown eval_mode 'mean'"):
        CooperativeConv(2, 2, eval_mode="mean")
    with pytest.raises(ValueError, match="temperature: got 0"):
        CooperativeConv(2, 2, temperature=0)
    with pytest.raises(ValueError, match="edge_weight: the base layer GATConv takes none"):
        CooperativeConv(2, 2, GATConv)(torch.ones(2, 2), torch.tensor([[0], [1]]), torch.ones(1))
    text = "CooperativeConv(2, 3, 'sum', action_base='gcn', actions='joint', eval_mode='sample')"
    assert repr(eval(text)) == text
