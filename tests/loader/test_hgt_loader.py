"""The heterogeneous graph transformer's samples beside a plain loop, and in batches of PyG's."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare
from torch_geometric.data import Data, HeteroData
from torch_geometric.nn import HGTConv
from torch_geometric.sampler import NodeSamplerInput

from graphpoly.loader import HGTLoader, HGTSampler

SIZES = {"author": 40, "paper": 30, "venue": 4}
EDGES = {
    ("author", "writes", "paper"): 120,
    ("paper", "rev_writes", "author"): 120,
    ("paper", "cites", "paper"): 70,
    ("paper", "is_in", "venue"): 30,
    ("venue", "holds", "paper"): 30,
    ("author", "unread", "venue"): 0,
}


def graph():
    generator = torch.Generator().manual_seed(0)
    data = HeteroData()
    for kind, size in SIZES.items():
        data[kind].x = torch.arange(size).float().unsqueeze(1)
    for kind, count in EDGES.items():
        ends = [torch.randint(SIZES[kind[i]], (count,), generator=generator) for i in (0, 2)]
        data[kind].edge_index = torch.stack(ends)
        data[kind].edge_attr = torch.arange(count)
    data["paper"].y = torch.arange(SIZES["paper"]) % 3
    data["paper"].train_mask = torch.arange(SIZES["paper"]) % 2 == 0
    return data


def sample(sampler, kind, seeds):
    return sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor(seeds), None, kind))


def by_hand(data, order, num_samples, kind, seeds):
    """The same sample, node by node: its nodes, and the edges between them by target.

    Edges are read in a given order, for PyG's sort by target is not a stable one.
    """
    into = {}
    for relation in data.edge_types:
        for edge in order[relation].tolist():
            u, v = data[relation].edge_index[:, edge].tolist()
            into.setdefault((relation, v), []).append((u, edge))
    node = {each: [] for each in data.node_types}
    node[kind] += seeds
    budget = {each: {} for each in data.node_types}
    fresh = node
    for hop in range(len(num_samples["paper"])):
        for relation in data.edge_types:
            source, _, target = relation
            for v in fresh[target]:
                near = into.get((relation, v), [])
                for u, _ in near:
                    if u not in node[source]:
                        budget[source][u] = budget[source].get(u, 0) + 1 / len(near)
        fresh = {}
        for each in data.node_types:
            held = list(budget[each].items())
            clock = torch.empty(len(held), dtype=torch.float64).exponential_().tolist()
            rings = sorted((c / share**2, u) for c, (u, share) in zip(clock, held, strict=True))
            fresh[each] = [u for _, u in rings[: num_samples[each][hop]]]
            for u in fresh[each]:
                del budget[each][u]
            node[each] = node[each] + fresh[each]
    edges = {}
    for relation in data.edge_types:
        source, _, target = relation
        edges[relation] = [
            (node[source].index(u), place, edge)
            for place, v in enumerate(node[target])
            for u, edge in into.get((relation, v), [])
            if u in node[source]
        ]
    return node, edges


@pytest.mark.parametrize("seeds", [[3, 17], [5, 5, 0], []])
@pytest.mark.parametrize("counts", [{"author": [3, 2, 4], "paper": [2, 0, 3], "venue": [1, 1, 1]}])
def test_a_plain_loop_samples_the_same(seeds, counts):
    data = graph()
    sampler = HGTSampler(data, counts)
    order = sampler.edge_permutation
    for seed in range(5):
        torch.manual_seed(seed)
        node, edges = by_hand(data, order, counts, "paper", seeds)
        torch.manual_seed(seed)
        out = sample(sampler, "paper", seeds)
        assert {kind: each.tolist() for kind, each in out.node.items()} == node
        for kind, expected in edges.items():
            triples = out.row[kind], out.col[kind], order[kind][out.edge[kind]]
            assert torch.stack(triples, 1).tolist() == [list(each) for each in expected]


def test_chances_are_those_of_squared_shares():
    # Seeds 0 and 1 read nodes 0 to 3: shares 1/2, 1/2 + 1/4, 1/4 and 2/4.
    data = HeteroData()
    data["u"].num_nodes, data["v"].num_nodes = 4, 2
    edges = torch.tensor([[0, 1, 1, 2, 3, 3], [0, 0, 1, 1, 1, 1]])
    data["u", "to", "v"].edge_index = edges
    weight = [0.25, 0.5625, 0.0625, 0.25]
    sampler, counts, number = HGTSampler(data, {"u": [2], "v": [0]}), {}, 3000
    torch.manual_seed(0)
    for _ in range(number):
        drawn = tuple(sample(sampler, "v", [0, 1]).node["u"].tolist())
        counts[drawn] = counts.get(drawn, 0) + 1
    pairs = list(itertools.permutations(range(4), 2))
    chance = [weight[i] / sum(weight) * weight[j] / (sum(weight) - weight[i]) for i, j in pairs]
    expected = [number * each for each in chance]
    assert chisquare([counts.get(pair, 0) for pair in pairs], expected).pvalue > 1e-3


def test_a_large_budget_takes_the_whole_neighbourhood():
    data = graph()
    out = sample(HGTSampler(data, [1000] * 2), "paper", [3, 17])
    reached = {kind: set() for kind in data.node_types}
    reached["paper"] = {3, 17}
    for _ in range(2):
        before = {kind: set(nodes) for kind, nodes in reached.items()}
        for source, name, target in data.edge_types:
            for u, v in data[source, name, target].edge_index.t().tolist():
                if v in before[target]:
                    reached[source].add(u)
    for kind, nodes in reached.items():
        assert sorted(out.node[kind].tolist()) == sorted(nodes)


def test_every_field_belongs_to_its_nodes_and_edges():
    data = graph()
    loader = HGTLoader(
        *(data, [4, 4], ("paper", data["paper"].train_mask)), batch_size=4, shuffle=True
    )
    seen = []
    for batch in loader:
        size = batch["paper"].batch_size
        assert torch.equal(batch["paper"].n_id[:size], batch["paper"].input_id)
        seen += batch["paper"].n_id[:size].tolist()
        for kind in data.node_types:
            assert torch.equal(batch[kind].x[:, 0].long(), batch[kind].n_id)
        for kind in data.edge_types:
            source, target = (batch[kind[i]].n_id for i in (0, 2))
            row, col = batch[kind].edge_index
            ends = torch.stack([source[row], target[col]])
            assert torch.equal(ends, data[kind].edge_index[:, batch[kind].e_id])
            assert torch.equal(batch[kind].edge_attr, batch[kind].e_id)
            whole = data[kind].edge_index
            inside = torch.isin(whole[0], source) & torch.isin(whole[1], target)
            assert sorted(batch[kind].e_id.tolist()) == inside.nonzero().flatten().tolist()
    assert sorted(seen) == list(range(0, 30, 2))


def test_hubs_keep_all_their_edges_under_their_own_numbers():
    data = HeteroData()
    data["u"].num_nodes, data["v"].num_nodes = 200, 1
    source = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    data["u", "to", "v"].edge_index = torch.stack([source, torch.zeros(200).long()])
    batch = next(iter(HGTLoader(data, [200], "v")))
    assert sorted(batch["u", "v"].e_id.tolist()) == list(range(200))
    assert torch.equal(batch["u"].n_id[batch["u", "v"].edge_index[0]], source[batch["u", "v"].e_id])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_seed_decides_the_epoch(workers):
    epochs = []
    for seed in (4, 4, 5):
        torch.manual_seed(seed)
        loader = HGTLoader(graph(), [3, 3], "paper", batch_size=8, num_workers=workers)
        epochs.append([batch["author"].n_id.tolist() for batch in loader])
    assert epochs[0] == epochs[1] != epochs[2]


def test_a_script_of_the_transformer_trains():
    torch.manual_seed(0)
    data = graph()
    for kind in data.node_types:
        data[kind].x = torch.randn(SIZES[kind], 4)
    data["paper"].x[:, :3] += 2 * F.one_hot(data["paper"].y)
    conv, head = HGTConv(4, 16, data.metadata(), heads=2), torch.nn.Linear(16, 3)
    optimizer = torch.optim.Adam([*conv.parameters(), *head.parameters()], lr=0.01)
    loader = HGTLoader(
        data,
        num_samples={kind: [8, 8] for kind in data.node_types},
        input_nodes=("paper", data["paper"].train_mask),
        batch_size=5,
        shuffle=True,
    )
    losses = []
    for _ in range(10):
        for batch in loader:
            size = batch["paper"].batch_size
            out = head(conv(batch.x_dict, batch.edge_index_dict)["paper"][:size])
            loss = F.cross_entropy(out, batch["paper"].y[:size])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert sum(losses[-3:]) < 0.5 * sum(losses[:3])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"author": [1], "paper": [1]}, "num_samples: got types .*'author', 'paper'.*'venue'"),
        ({"author": [1], "paper": [1], "venue": [1, 1]}, r"lists of \[1, 2\] iterations"),
        ([2, -1], "num_samples: got -1, expected at least 0"),
    ],
)
def test_what_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        HGTSampler(graph(), given)


def test_other_graphs_and_edges_are_refused():
    with pytest.raises(TypeError, match="data: got Data, expected HeteroData"):
        HGTLoader(Data(num_nodes=2), [1], None)
    with pytest.raises(NotImplementedError, match="around nodes"):
        HGTSampler(graph(), [1]).sample_from_edges(None)
