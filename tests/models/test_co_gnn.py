import pytest
import torch
import torch.nn.functional as F
from torch_geometric.nn import global_mean_pool

from graphpoly.layers.cooperative import gumbel_noise
from graphpoly.models import CoGNN
from graphpoly.testing import assert_close, graph_zoo


def graph():
    return graph_zoo(names=["erdos_renyi"], num_features=5, weighted=True)["erdos_renyi"]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_is_the_published_composition(skip, layer_norm):
    net = CoGNN(5, 8, 3, 2, base="sum", skip=skip, layer_norm=layer_norm, activation="gelu").eval()
    data = graph()
    h = F.gelu(net.encoder(data.x))
    for conv in net.convs:
        h = net.norm(h)
        actions = net.action_net(h, data.edge_index, data.edge_weight)
        out = F.gelu(conv(h, data.edge_index, data.edge_weight, actions))
        h = h + out if skip else out
    expected = net.decoder(net.norm(h))
    assert_close(net(data.x, data.edge_index, data.edge_weight), expected)
    assert isinstance(net.norm, torch.nn.LayerNorm) == layer_norm


def test_without_actions_it_is_the_network_of_its_base_layers():
    net = CoGNN(5, 8, 3, 2, base="gcn", actions="standard").eval()
    data = graph()
    h = net.encoder(data.x).relu()
    for layer in net.convs:
        h = layer.conv(h, data.edge_index).relu()
    assert_close(net(data.x, data.edge_index), net.decoder(h))
    assert net.action_shares(data.x, data.edge_index).tolist() == [[1, 0, 0, 0]] * 2


def test_shares_are_those_of_the_actions_taken():
    net = CoGNN(5, 8, 3, 3).eval()
    data = graph()
    assert_close(net.action_shares(data.x, data.edge_index).sum(1), torch.ones(3))
    net.eval_mode = "sample"
    generator = torch.Generator().manual_seed(0)
    shares = net.action_shares(data.x, data.edge_index, generator=generator)
    assert_close(shares * 16, (shares * 16).round())
    h = net.encoder(data.x).relu()
    generator.manual_seed(0)
    first = net.action_net(h, data.edge_index, generator=generator).shares
    assert_close(shares[0], first.mean(0))
    pytest.importorskip("matplotlib").use("Agg")
    generator.manual_seed(0)
    ax = net.plot_actions(data.x, data.edge_index, generator=generator)
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    assert_close(torch.tensor(heights).T, shares)


def test_draws_come_from_the_generator_or_are_given():
    net = CoGNN(5, 8, 3, 2, dropout=0.0).train()
    data = graph()
    before = torch.get_rng_state()
    out = net(data.x, data.edge_index, generator=torch.Generator().manual_seed(4))
    generator = torch.Generator().manual_seed(4)
    noise = torch.stack([gumbel_noise(16, generator=generator) for _ in range(2)])
    assert torch.equal(out, net(data.x, data.edge_index, noise=noise))
    assert torch.equal(before, torch.get_rng_state())


def test_pooling_gives_an_output_for_each_graph():
    net = CoGNN(5, 8, 3, 2, pooling="mean").eval()
    data = graph()
    batch = (torch.arange(16) > 9).long()
    inside = batch[data.edge_index[0]] == batch[data.edge_index[1]]
    edges = data.edge_index[:, inside]
    nodes = net._run(data.x, edges, None, None, None)[0]
    assert_close(net(data.x, edges, batch=batch), net.decoder(global_mean_pool(nodes, batch)))


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="unknown activation 'elu'"):
        CoGNN(5, 8, 3, activation="elu")
    with pytest.raises(ValueError, match="unknown pooling 'man'; did you mean 'mean'"):
        CoGNN(5, 8, 3, pooling="man")
    with pytest.raises(ValueError, match="num_layers: got 0"):
        CoGNN(5, 8, 3, 0)
