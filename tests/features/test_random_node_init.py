import networkx as nx
import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.nn import GINConv

from graphpoly.features import RandomNodeInit
from graphpoly.layers import RandomNodeFeatures
from graphpoly.ops.random_features import DISTRIBUTIONS
from tests.rewiring.graphs import edges

SPREAD = {"normal": 1.0, "uniform": 1 / 3, "xavier": 2 / (4000 + 5)}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("seed", [None, 3])
def test_moments(distribution, seed):
    data = RandomNodeInit(5, distribution=distribution, seed=seed)(Data(num_nodes=4000))
    spread = SPREAD[distribution]
    assert data.x.shape == (4000, 5)
    assert abs(float(data.x.mean())) < 4 * (spread / 20000) ** 0.5
    assert float(data.x.var()) == pytest.approx(spread, rel=0.05)
    assert abs(float(torch.corrcoef(data.x.T)[0, 1])) < 0.08
    layer = RandomNodeFeatures(5, distribution=distribution)
    noise = layer(torch.empty(4000, 0))
    assert float(noise.var()) == pytest.approx(spread, rel=0.05)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_half_precisions_are_the_same_numbers(distribution, dtype):
    layer = RandomNodeFeatures(4, distribution=distribution, fixed=True, seed=3).eval()
    wide = layer(torch.zeros(50, 1))
    assert torch.equal(layer(torch.zeros(50, 1, dtype=dtype)), wide.to(dtype))


def test_new_draws_and_old_ones():
    data = Data(x=torch.ones(6, 2))
    fresh = RandomNodeInit(3)
    assert not torch.equal(fresh(data).x, fresh(data).x)
    assert torch.equal(RandomNodeInit(3, seed=1)(data).x, RandomNodeInit(3, seed=1)(data).x)
    assert not torch.equal(RandomNodeInit(3, seed=1)(data).x, RandomNodeInit(3, seed=2)(data).x)
    torch.manual_seed(4)
    one = fresh(data).x
    torch.manual_seed(4)
    assert torch.equal(one, fresh(data).x)
    assert torch.equal(one[:, :2], data.x)


def test_in_a_network():
    x = torch.ones(6, 2)
    layer = RandomNodeFeatures(3)
    assert not torch.equal(layer(x), layer(x))
    assert not torch.equal(layer.eval()(x), layer(x))
    fixed = RandomNodeFeatures(3, fixed=True, seed=2)
    assert not torch.equal(fixed(x), fixed(x))
    fixed.eval()
    before = torch.get_rng_state()
    assert torch.equal(fixed(x), fixed(x))
    assert torch.equal(before, torch.get_rng_state())
    assert fixed(x.double()).dtype == torch.float64


def test_noise_tells_apart_what_messages_do_not():
    """A cycle of six and two triangles: equal for GIN, and with noise different in the mean."""
    torch.manual_seed(0)
    one, other = nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))

    def read(graph, noise):
        x = torch.ones(6, 1, dtype=torch.float64)
        x = noise(x) if noise is not None else x.expand(6, 4)
        conv = GINConv(torch.nn.Identity())
        for _ in range(3):
            x = conv(x, edges(graph))
        return float(x[:, 1:].square().sum())

    assert read(one, None) == read(other, None)
    noise = RandomNodeFeatures(3)
    means = [sum(read(graph, noise) for _ in range(400)) / 400 for graph in (one, other)]
    assert abs(means[0] - means[1]) > 0.1 * means[0]


def test_refusals():
    with pytest.raises(ValueError, match="dim: got 0"):
        RandomNodeInit(0)
    with pytest.raises(ValueError, match="unknown distribution 'normall'"):
        RandomNodeInit(1, distribution="normall")
    with pytest.raises(TypeError, match="RandomNodeInit: got HeteroData"):
        RandomNodeInit(1)(HeteroData())
    with pytest.raises(TypeError, match=r"x: got dtype torch.int64"):
        RandomNodeInit(1)(Data(x=torch.ones(3, 1, dtype=torch.long)))
