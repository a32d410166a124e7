"""Subgraphs of GraphSAINT: what they hold, how often, and that their norms remove the bias."""

import itertools

import pytest
import torch
from scipy import stats
from torch_geometric.data import Data, HeteroData
from torch_geometric.utils import subgraph

from graphpoly.loader import (
    GraphSAINTEdgeSampler,
    GraphSAINTNodeSampler,
    GraphSAINTRandomWalkSampler,
)

# directed, with a loop at 3, an edge that stands there twice, one with its reverse, a sink (5)
# and a node without edges (6)
EDGES = torch.tensor([[2, 0, 1, 0, 3, 4, 1, 1, 2], [3, 1, 0, 2, 3, 1, 2, 2, 5]])
SAMPLERS = {
    "node": (GraphSAINTNodeSampler, {}),
    "edge": (GraphSAINTEdgeSampler, {}),
    "walk": (GraphSAINTRandomWalkSampler, {"walk_length": 2}),
}
CLOSED = ["node", "edge"]


def graph():
    return Data(
        x=torch.arange(7.0).unsqueeze(1),
        edge_index=EDGES,
        edge_attr=torch.arange(9).unsqueeze(1),
        y=torch.arange(7),
        train_mask=torch.arange(7) % 2 == 0,
        name="small",
    )


def make(name, batch_size, **options):
    cls, own = SAMPLERS[name]
    return cls(graph(), batch_size, **own, **options)


def draws(name):
    """Nodes that one draw brings, and how likely it is, by the definition."""
    source, target = EDGES.tolist()
    if name == "node":
        return [({s}, 1 / 9) for s in source]
    if name == "walk":
        after = {
            v: [t for s, t in zip(source, target, strict=True) if s == v] or [v] for v in range(7)
        }
        return [
            ({a, b, c}, 1 / 7 / len(after[a]) / len(after[b]))
            for a in range(7)
            for b in after[a]
            for c in after[b]
        ]
    weight = [
        1 / source.count(s) + 1 / target.count(t) for s, t in zip(source, target, strict=True)
    ]
    return [({s, t}, w / sum(weight)) for s, t, w in zip(source, target, weight, strict=True)]


def inclusion(name, count):
    """Probabilities of nodes and edges, by going through all sequences of draws."""
    nodes, edges = torch.zeros(7, dtype=torch.float64), torch.zeros(9, dtype=torch.float64)
    for sequence in itertools.product(draws(name), repeat=count):
        held = torch.zeros(7, dtype=torch.bool)
        held[list(set().union(*(each for each, _ in sequence)))] = True
        chance = torch.tensor([chance for _, chance in sequence], dtype=torch.float64).prod()
        nodes += chance * held
        edges += chance * held[EDGES].all(0)
    return nodes, edges


@pytest.fixture
def double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_batch_is_the_induced_subgraph_with_the_fields_of_pyg(name):
    torch.manual_seed(0)
    data = graph()
    for batch in make(name, 3, num_steps=10, sample_coverage=5):
        assert set(batch.keys()) == {
            *("num_nodes", "edge_index", "x", "edge_attr", "y", "train_mask", "name"),
            *("node_norm", "edge_norm", "n_id", "e_id"),
        }
        assert batch.name == "small"
        assert torch.equal(batch.n_id, batch.n_id.unique())
        assert torch.equal(batch.y, batch.n_id)
        assert torch.equal(batch.x[:, 0].long(), batch.n_id)
        assert torch.equal(batch.train_mask, data.train_mask[batch.n_id])
        assert torch.equal(batch.edge_attr[:, 0], batch.e_id)
        assert torch.equal(batch.n_id[batch.edge_index], EDGES[:, batch.e_id])
        _, kept = subgraph(batch.n_id, EDGES, torch.arange(9), num_nodes=7)
        assert batch.e_id.sort().values.tolist() == kept.tolist()
        key = batch.edge_index[0] * 7 + batch.edge_index[1]
        assert torch.equal(key, key.sort().values)


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_norms_are_those_of_all_sequences_of_draws(name, count, double):
    sampler = make(name, count)
    nodes, edges = inclusion(name, count)
    ends = nodes[EDGES[1]]
    torch.testing.assert_close(sampler.node_norm, torch.where(nodes > 0, 1 / nodes / 7, 0))
    held = edges > 0
    torch.testing.assert_close(sampler.edge_norm[held], (ends / edges)[held])


@pytest.mark.parametrize("name", SAMPLERS)
def test_estimated_norms_are_within_their_errors(name):
    torch.manual_seed(6)
    sampler = make(name, 2, sample_coverage=400)
    nodes, edges = inclusion(name, 2)
    held = nodes > 0
    estimate = 1 / (7 * sampler.node_norm[held].double())
    batches = 400 * 7 / nodes.sum()
    error = (nodes[held] * (1 - nodes[held]) / batches).sqrt()
    assert ((estimate - nodes[held]).abs() < 4 * error).all()
    held = edges > 0
    share = (edges / nodes[EDGES[1]])[held]  # of the batches with the target
    error = (share * (1 - share) / (batches * nodes[EDGES[1]][held])).sqrt()
    assert ((1 / sampler.edge_norm[held].double() - share).abs() <= 4 * error + 1e-6).all()


@pytest.mark.parametrize("name", SAMPLERS)
def test_frequencies(name):
    torch.manual_seed(1)
    sampler, rounds = make(name, 1), 2000
    seen = torch.zeros(2**7)
    for _ in range(rounds):
        node = sampler._sample_nodes().unique()
        seen[(2**node).sum()] += 1
    expected = torch.zeros(2**7, dtype=torch.float64)
    for held, chance in draws(name):
        expected[sum(2**node for node in held)] += chance * rounds
    possible = expected > 0
    assert not seen[~possible].any()
    assert stats.chisquare(seen[possible].double(), expected[possible]).pvalue > 1e-3


@pytest.mark.parametrize("name", CLOSED)
def test_weighted_losses_and_messages_are_unbiased(name):
    torch.manual_seed(2)
    sampler, rounds = make(name, 2), 1000
    loss, value = torch.rand(7), torch.rand(7)
    losses, sums, held = [], torch.zeros(2, 7), torch.zeros(7)
    for _ in range(rounds):
        batch = next(iter(sampler))
        losses.append((batch.node_norm * loss[batch.n_id]).sum())
        message = batch.edge_norm * value[batch.n_id[batch.edge_index[0]]]
        total = torch.zeros(batch.num_nodes).index_add_(0, batch.edge_index[1], message)
        sums[:, batch.n_id] += torch.stack([total, total**2])
        held[batch.n_id] += 1
    losses = torch.stack(losses)
    reached = sampler.node_norm > 0
    assert (losses.mean() - loss[reached].sum() / 7).abs() < 4 * losses.std() / rounds**0.5
    whole = torch.zeros(7).index_add_(0, EDGES[1], value[EDGES[0]])
    often = held > 50
    mean, square = sums[:, often] / held[often]
    error = ((square - mean**2).clamp(min=0) / held[often]).sqrt()
    assert ((mean - whole[often]).abs() <= 4 * error + 1e-5).all()


def test_a_walk_follows_edges_and_stays_where_none_leads_on():
    torch.manual_seed(3)
    sampler = make("walk", 500)
    walks = sampler._sample_nodes().view(3, 500)
    steps = set(map(tuple, EDGES.T.tolist())) | {(5, 5), (6, 6)}
    for begin, end in itertools.pairwise(walks):
        assert set(zip(begin.tolist(), end.tolist(), strict=True)) <= steps
    after = walks[1][walks[0] == 1].bincount(minlength=3)  # two edges to 2, one to 0
    assert stats.binomtest(int(after[2]), int(after.sum()), 2 / 3).pvalue > 1e-3


@pytest.mark.parametrize("workers", [0, 2])
def test_a_seed_decides_the_epoch(workers):
    epochs = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        loader = make("edge", 2, num_steps=6, num_workers=workers)
        epochs.append([batch.n_id.tolist() for batch in loader])
    assert epochs[0] == epochs[1] != epochs[2]
    assert len(loader) == 6


def test_estimated_norms_are_kept(tmp_path):
    first = make("node", 3, sample_coverage=50, save_dir=str(tmp_path))
    again = make("node", 3, sample_coverage=50, save_dir=str(tmp_path))
    assert torch.equal(first.node_norm, again.node_norm)
    assert torch.equal(first.edge_norm, again.edge_norm)
    for edge_index, nodes in ((EDGES[:, :5], 7), (EDGES, 8), (EDGES.flip(0), 7), (EDGES % 5, 7)):
        other = Data(edge_index=edge_index, num_nodes=nodes)
        with pytest.raises(ValueError, match=r"save_dir: .* another graph"):
            GraphSAINTNodeSampler(other, 3, sample_coverage=50, save_dir=str(tmp_path))


def test_a_file_that_is_cut_short_is_named(tmp_path):
    make("node", 3, sample_coverage=5, save_dir=str(tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=f"save_dir: {path} holds no norms"):
        make("node", 3, sample_coverage=5, save_dir=str(tmp_path))


def test_a_hub_of_every_edge_is_in_every_batch(double):
    star = Data(edge_index=torch.tensor([[0, 0, 0], [1, 2, 3]]), num_nodes=4)
    sampler = GraphSAINTEdgeSampler(star, 5)
    leaf = 1 - (2 / 3) ** 5
    expected = torch.tensor([1, 1 / leaf, 1 / leaf, 1 / leaf]) / 4
    torch.testing.assert_close(sampler.node_norm, expected)
    torch.testing.assert_close(sampler.edge_norm, torch.ones(3))


def test_errors():
    for name, wrong in {"num_steps": 0, "sample_coverage": -1, "batch_size": 0}.items():
        with pytest.raises(ValueError, match=f"{name}: got {wrong}"):
            GraphSAINTNodeSampler(graph(), **{"batch_size": 2, name: wrong})
    with pytest.raises(ValueError, match="walk_length: got -1"):
        GraphSAINTRandomWalkSampler(graph(), 2, -1)
    with pytest.raises(TypeError, match="data: got HeteroData"):
        GraphSAINTNodeSampler(HeteroData(), 2)
    with pytest.raises(ValueError, match="data: has no edges"):
        GraphSAINTNodeSampler(Data(num_nodes=3), 2)
    with pytest.raises(ValueError, match="data: edge_index leaves the graph of 3 nodes"):
        GraphSAINTNodeSampler(Data(edge_index=EDGES, num_nodes=3), 2)
    with pytest.raises(ValueError, match="data: has node_norm already"):
        GraphSAINTNodeSampler(graph().update({"node_norm": torch.ones(7)}), 2)
