"""Sampled subgraphs, against a loop with a dictionary, and against what every sample must be."""

import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.sampler import EdgeSamplerInput, NegativeSampling, NodeSamplerInput
from torch_geometric.utils import k_hop_subgraph

from graphpoly.loader import (
    ClusterData,
    GraphSAINTNodeSampler,
    HGTSampler,
    LinkNeighborLoader,
    NeighborLoader,
    NeighborSampler,
)

SEEDS = torch.tensor([3, 0, 7])


def graph(seed=0, nodes=12, edges=50):
    generator = torch.Generator().manual_seed(seed)
    return Data(
        edge_index=torch.randint(nodes, (2, edges), generator=generator),
        share=torch.rand(edges, generator=generator),
        moment=torch.randint(9, (nodes,), generator=generator),
        edge_moment=torch.randint(9, (edges,), generator=generator),
        num_nodes=nodes,
    )


def hetero(seed=0):
    generator = torch.Generator().manual_seed(seed)
    data = HeteroData()
    sizes = {"author": 7, "paper": 9, "venue": 3}
    for kind, size in sizes.items():
        data[kind].num_nodes = size
    for source, name, target in (
        ("author", "writes", "paper"),
        ("paper", "rev_writes", "author"),
        ("paper", "cites", "paper"),
        ("paper", "in", "venue"),
    ):
        row = torch.randint(sizes[source], (25,), generator=generator)
        col = torch.randint(sizes[target], (25,), generator=generator)
        data[source, name, target].edge_index = torch.stack([row, col])
    return data


def looped(sampler, seeds, hops, until=None):
    """The same in plain words: a dictionary of nodes, a frontier, all neighbours in turn."""
    types = {None} if None in seeds else set(sampler.num_nodes)
    nodes = {kind: [] for kind in types}
    number = {kind: {} for kind in types}
    count = 0

    def add(kind, node, batch):
        key = (node, batch) if sampler.disjoint else node
        if key not in number[kind]:
            number[kind][key] = len(nodes[kind])
            nodes[kind].append((node, batch))
        return number[kind][key]

    for kind, some in seeds.items():
        for node in some.tolist():
            add(kind, node, count)
            count += 1
    begin = dict.fromkeys(types, 0)
    edges = {relation.name: [] for relation in sampler._relations}
    per_hop = {relation.name: [] for relation in sampler._relations}
    for _ in range(hops):
        end = {kind: len(nodes[kind]) for kind in types}
        for relation in sampler._relations:
            colptr, row = relation.colptr.tolist(), relation.row.tolist()
            before = len(edges[relation.name])
            for i in range(begin[relation.target], end[relation.target]):
                node, batch = nodes[relation.target][i]
                for e in range(colptr[node], colptr[node + 1]):
                    if until is None or relation.time is None or relation.time[e] <= until[batch]:
                        edges[relation.name].append((add(relation.source, row[e], batch), i, e))
            per_hop[relation.name].append(len(edges[relation.name]) - before)
        begin = end
    return nodes, edges, per_hop


def same(out, nodes, edges, per_hop, disjoint):
    assert out.node.tolist() == [node for node, _ in nodes[None]]
    assert (
        list(zip(out.row.tolist(), out.col.tolist(), out.edge.tolist(), strict=True))
        == (edges[None])
    )
    assert out.num_sampled_edges == per_hop[None]
    assert sum(out.num_sampled_nodes) == out.node.numel()
    assert (out.batch is not None) == disjoint
    if disjoint:
        assert out.batch.tolist() == [batch for _, batch in nodes[None]]


@pytest.mark.parametrize("disjoint", [False, True])
@pytest.mark.parametrize("hops", [0, 1, 3])
def test_whole_neighbourhoods_are_those_of_a_loop(hops, disjoint):
    for seed in range(5):
        sampler = NeighborSampler(graph(seed), [-1] * hops, disjoint=disjoint)
        out = sampler.sample_from_nodes(NodeSamplerInput(None, SEEDS))
        same(out, *looped(sampler, {None: SEEDS}, hops), disjoint)


def test_the_nodes_are_those_within_the_hops():
    data = graph(1, nodes=60, edges=110)
    out = NeighborSampler(data, [-1, -1]).sample_from_nodes(NodeSamplerInput(None, SEEDS))
    within, *_ = k_hop_subgraph(SEEDS, 2, data.edge_index, num_nodes=60)
    assert sorted(out.node.tolist()) == within.tolist()


@pytest.mark.parametrize("disjoint", [False, True])
def test_types_of_nodes_and_edges(disjoint):
    data = hetero()
    sampler = NeighborSampler(data, [-1, -1], disjoint=disjoint)
    seeds = {"paper": torch.tensor([4, 1])}
    out = sampler.sample_from_nodes(NodeSamplerInput(None, seeds["paper"], None, "paper"))
    nodes, edges, per_hop = looped(sampler, seeds, 2)
    assert {k: v.tolist() for k, v in out.node.items()} == {
        k: [node for node, _ in held] for k, held in nodes.items()
    }
    for name in data.edge_types:
        found = zip(
            out.row[name].tolist(), out.col[name].tolist(), out.edge[name].tolist(), strict=True
        )
        assert list(found) == edges[name]
        place = sampler.perm[name][out.edge[name]]
        source, target = data[name].edge_index[:, place]
        assert torch.equal(out.node[name[0]][out.row[name]], source)
        assert torch.equal(out.node[name[2]][out.col[name]], target)
    assert out.num_sampled_edges == per_hop
    assert {k: sum(v) for k, v in out.num_sampled_nodes.items()} == {
        k: len(v) for k, v in nodes.items()
    }


@pytest.mark.parametrize("attribute", ["moment", "edge_moment"])
@pytest.mark.parametrize("given", [True, False])
def test_nothing_comes_from_the_future(attribute, given):
    data = graph(2)
    if attribute == "edge_moment" and not given:
        with pytest.raises(ValueError, match="input_time: got None"):
            NeighborSampler(data, [-1], time_attr=attribute).sample_from_nodes(
                NodeSamplerInput(None, SEEDS)
            )
        return
    time = torch.tensor([4, 6, 2]) if given else None
    sampler = NeighborSampler(data, [-1, -1], time_attr=attribute)
    out = sampler.sample_from_nodes(NodeSamplerInput(None, SEEDS, time))
    limit = data.moment[SEEDS] if time is None else time
    ranks = [int((sampler._moments <= t).sum()) - 1 for t in limit]
    same(out, *looped(sampler, {None: SEEDS}, 2, ranks), True)
    entry = sampler.perm[out.edge]
    of_edge = (
        data.edge_moment[entry]
        if attribute == "edge_moment"
        else (data.moment[data.edge_index[0, entry]])
    )
    assert (of_edge <= limit[out.batch[out.col]]).all()


@pytest.mark.parametrize(
    ("of_nodes", "of_seed"),
    [
        (torch.tensor([-9, -4, -3, -2, -1]), torch.tensor([-2.5])),
        (torch.tensor([-9.0, -4.0, -2.5, -2.25, 1.0]), torch.tensor([-3])),
        (torch.tensor([0, 7, 8, 9, 2], dtype=torch.int32), torch.tensor([2**40])),
        (torch.tensor([0, 7, 8, 9, 2]), torch.tensor([-torch.inf])),
        (torch.tensor([0, 7, 8, 9, 2]), torch.tensor([torch.inf])),
        (
            torch.tensor([0, 2**31, 2**31 + 256, 2**31 + 512, 1]).float(),
            torch.tensor([2**31 + 255]),
        ),
        (torch.tensor([0.0, 0.5, 1.5, 2.5, 0.5]).half(), torch.tensor([1.4999999])),
    ],
)
def test_times_of_other_types_are_compared_as_they_are(of_nodes, of_seed):
    star = Data(edge_index=torch.tensor([[1, 2, 3, 4], [0, 0, 0, 0]]), time=of_nodes, num_nodes=5)
    out = NeighborSampler(star, [-1], time_attr="time").sample_from_nodes(
        NodeSamplerInput(None, torch.tensor([0]), of_seed)
    )
    limit = of_seed.item()  # Python compares integers with floats exactly
    assert sorted(out.node[1:].tolist()) == [v for v in range(1, 5) if of_nodes[v].item() <= limit]


@pytest.mark.parametrize("replace", [False, True])
def test_weights_whose_sum_is_infinite_are_drawn_by_their_shares(replace):
    star = Data(edge_index=torch.tensor([[1, 2, 3, 4], [0, 0, 0, 0]]), num_nodes=5)
    drawn = []
    for scale in (1.0, 2.0**1023):
        star.share = scale * torch.tensor([0.5, 1.5, 1.0, 1.0], dtype=torch.float64)
        sampler = NeighborSampler(star, [1], weight_attr="share", replace=replace)
        torch.manual_seed(0)
        inputs = NodeSamplerInput(None, torch.zeros(200, dtype=torch.int64))
        drawn.append(sampler.sample_from_nodes(inputs).edge)
    assert torch.equal(*drawn)
    assert drawn[0].unique().numel() == 4


@pytest.mark.parametrize("edge", [(1, 5), (5, 1), (1, -1), (-1, 1)])
def test_edges_that_leave_the_graph_are_refused(edge):
    data = Data(edge_index=torch.tensor([(0, 1), edge]).T, num_nodes=5)
    typed = HeteroData()
    typed["a"].num_nodes = typed["b"].num_nodes = 5
    typed["a", "to", "b"].edge_index = data.edge_index
    features, stored = Data(x=torch.zeros(5, 1)), Data()
    stored.put_edge_index(data.edge_index, "coo", size=(5, 5))
    for make in (
        lambda: NeighborSampler((features, stored), [2]),
        lambda: NeighborSampler(data, [2]),
        lambda: NeighborLoader(data, [2]),
        lambda: NeighborLoader(typed, [2], input_nodes="b"),
        lambda: HGTSampler(typed, [2]),
    ):
        with pytest.raises(ValueError, match=r"edge_index: got nodes -?\d to \d, there are 5"):
            make()


def test_the_latest_neighbours():
    data = Data(
        edge_index=torch.tensor([[1, 2, 3, 4], [0, 0, 0, 0]]),
        moment=torch.tensor([9, 3, 1, 7, 2]),
        num_nodes=5,
    )
    sampler = NeighborSampler(data, [2], time_attr="moment", temporal_strategy="last")
    inputs = NodeSamplerInput(None, torch.tensor([0]), torch.tensor([5]))
    for _ in range(20):  # as many draws as it takes to tell the latest two from any two
        assert sorted(sampler.sample_from_nodes(inputs).node.tolist()) == [0, 1, 4]


@pytest.mark.parametrize("kind", ["directional", "bidirectional", "induced"])
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("disjoint", [False, True])
def test_every_sample_is_a_part_of_the_graph(kind, replace, disjoint):
    data = graph(3)
    sampler = NeighborSampler(
        data, [2, 2], subgraph_type=kind, replace=replace, disjoint=disjoint, weight_attr="share"
    )
    for _ in range(10):
        out = sampler.sample_from_nodes(NodeSamplerInput(None, SEEDS))
        assert torch.equal(out.node[:3], SEEDS)
        batch = out.batch if disjoint else torch.zeros_like(out.node)
        keys = list(zip(batch.tolist(), out.node.tolist(), strict=True))
        assert len(set(keys)) == len(keys)
        assert torch.equal(batch[out.row], batch[out.col])
        pairs = set(map(tuple, data.edge_index.T.tolist()))
        ends = set(zip(out.node[out.row].tolist(), out.node[out.col].tolist(), strict=True))
        if kind == "bidirectional":
            local = set(zip(out.row.tolist(), out.col.tolist(), strict=True))
            assert local == {(b, a) for a, b in local}
            assert all(p in pairs or p[::-1] in pairs for p in ends)
            continue
        assert ends <= pairs
        entry = sampler.perm[out.edge]
        assert torch.equal(data.edge_index[:, entry], out.node[torch.stack([out.row, out.col])])
        if kind == "induced":
            held = set(keys)
            wanted = sum(
                {(group, a), (group, b)} <= held
                for group in set(batch.tolist())
                for a, b in data.edge_index.T.tolist()
            )
            assert out.row.numel() == wanted
        else:
            each = torch.bincount(out.col, minlength=out.node.numel())
            assert int(each.max()) <= 2


def test_what_a_seed_decides():
    sampler = NeighborSampler(graph(4), [2, 2])

    def sample(seed):
        torch.manual_seed(seed)
        return sampler.sample_from_nodes(NodeSamplerInput(None, SEEDS)).edge.tolist()

    assert sample(0) == sample(0)
    assert len({tuple(sample(seed)) for seed in range(10)}) > 5


@pytest.mark.parametrize("kind", ["one type", "many types"])
def test_weights_decide_what_is_drawn(kind):
    data, name = (graph(8), None) if kind == "one type" else (hetero(8), "paper")
    stores = [data] if name is None else data.edge_stores
    for store in stores:
        store.share = (torch.arange(store.edge_index.size(1)) % 2).float()
    sampler = NeighborSampler(data, [3, 3], weight_attr="share")
    inputs = NodeSamplerInput(None, torch.arange(9), None, name)
    for _ in range(5):
        out = sampler.sample_from_nodes(inputs)
        found = {None: out.edge} if name is None else out.edge
        perm = {None: sampler.perm} if name is None else sampler.perm
        assert sum(edge.numel() for edge in found.values()) > 5
        assert all((perm[k][edge] % 2 == 1).all() for k, edge in found.items())


def test_hops_are_drawn_apart():
    """The places of what a walk takes among ten neighbours each time, not the same twice."""
    ring = torch.arange(40)
    source = (ring.unsqueeze(1) + torch.arange(1, 11)).flatten() % 40
    data = Data(edge_index=torch.stack([source, ring.repeat_interleave(10)]), num_nodes=40)
    sampler, equal = NeighborSampler(data, [1, 1]), 0
    for _ in range(60):
        out = sampler.sample_from_nodes(NodeSamplerInput(None, torch.tensor([0])))
        first, second = (out.edge % 10).tolist()
        equal += first == second
    assert equal < 30  # six of them by chance


def test_nothing_to_sample():
    empty = Data(edge_index=torch.zeros(2, 0, dtype=torch.int64), num_nodes=3)
    out = NeighborSampler(empty, [2]).sample_from_nodes(NodeSamplerInput(None, torch.tensor([1])))
    assert (out.node.tolist(), out.edge.tolist(), out.num_sampled_nodes) == ([1], [], [1, 0])
    out = NeighborSampler(graph(), [2]).sample_from_nodes(NodeSamplerInput(None, SEEDS[:0]))
    assert (out.node.tolist(), out.edge.tolist()) == ([], [])


def test_a_node_that_is_asked_for_twice_stands_there_twice():
    twice = torch.tensor([3, 3])
    out = NeighborSampler(graph(), [-1]).sample_from_nodes(NodeSamplerInput(None, twice))
    assert out.node[:2].tolist() == [3, 3]
    degree = int((graph().edge_index[1] == 3).sum())
    assert torch.bincount(out.col, minlength=2)[:2].tolist() == [degree, degree]


def test_the_other_way_round():
    data = graph(5)
    forth = NeighborSampler(data, [-1], sample_direction="backward")
    out = forth.sample_from_nodes(NodeSamplerInput(None, SEEDS))
    ends = torch.stack([out.node[out.row], out.node[out.col]])
    wanted = data.edge_index[:, torch.isin(data.edge_index[0], SEEDS)]
    assert sorted(map(tuple, ends.T.tolist())) == sorted(map(tuple, wanted.T.tolist()))


def test_links_and_their_negatives():
    data = graph(6)
    sampler = NeighborSampler(data, [-1])
    inputs = EdgeSamplerInput(None, data.edge_index[0, :4], data.edge_index[1, :4])
    out = sampler.sample_from_edges(inputs, NegativeSampling("binary", 2.0))
    pairs, label = out.metadata[1], out.metadata[2]
    assert torch.equal(out.node[pairs][:, :4], data.edge_index[:, :4])
    assert label.tolist() == [1.0] * 4 + [0.0] * 8


@pytest.mark.parametrize("amount", [0.1, 0.5, 1, 1.6, 2])
@pytest.mark.parametrize("kind", [None, ("paper", "cites", "paper"), ("author", "writes", "paper")])
def test_both_ends_of_a_pair_are_in_one_subgraph(kind, amount):
    data = graph(6) if kind is None else hetero(6)
    stored = (data if kind is None else data[kind]).edge_index[:, :5]
    sampler = NeighborSampler(data, [2], disjoint=True)
    out = sampler.sample_from_edges(
        EdgeSamplerInput(None, *stored, input_type=kind), NegativeSampling("binary", amount)
    )
    pairs = out.metadata[1]
    held = [out.batch if kind is None else out.batch[end] for end in (kind or (0, 0, 0))[::2]]
    source, target = (batch[end] for batch, end in zip(held, pairs, strict=True))
    assert torch.equal(source, torch.arange(pairs.size(1)) % 5)
    assert torch.equal(source, target)


def test_edges_that_are_not_sorted_as_is_claimed_are_refused():
    data = Data(edge_index=torch.tensor([[0, 1, 2, 0], [1, 0, 2, 2]]), num_nodes=3)
    other = Data(edge_index=data.edge_index.flip(0), num_nodes=3)  # sorted by neither end
    typed, stored = HeteroData(), Data()
    typed["a"].num_nodes = typed["b"].num_nodes = 3
    typed["a", "to", "b"].edge_index = data.edge_index
    stored.put_edge_index(data.edge_index, "coo", size=(3, 3), is_sorted=True)
    for make, end in (
        (lambda: NeighborSampler(data, [2], is_sorted=True), "targets"),
        (lambda: NeighborLoader(data, [2], is_sorted=True), "targets"),
        (lambda: NeighborLoader(typed, [2], input_nodes="b", is_sorted=True), "targets"),
        (lambda: NeighborSampler((Data(x=torch.eye(3)), stored), [2]), "targets"),
        (lambda: HGTSampler(typed, [2], is_sorted=True), "targets"),
        (
            lambda: NeighborSampler(other, [2], is_sorted=True, sample_direction="backward"),
            "sources",
        ),
    ):
        with pytest.raises(ValueError, match=f"is_sorted: the edges .* order of their {end}$"):
            make()
    data.edge_index = data.edge_index[:, data.edge_index[1].argsort()]
    NeighborSampler(data, [2], is_sorted=True)
    other.edge_index = data.edge_index.flip(0)
    NeighborSampler(other, [2], is_sorted=True, sample_direction="backward")


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"share": -torch.ones(50)}, {"weight_attr": "share"}, "weight_attr: got negative"),
        ({"share": torch.full((50,), float("nan"))}, {"weight_attr": "share"}, "not finite"),
        ({"moment": torch.full((12,), torch.nan)}, {"time_attr": "moment"}, "time_attr: got NaN"),
        ({"edge_moment": torch.full((50,), torch.nan)}, {"time_attr": "edge_moment"}, "got NaN"),
        ({}, {"time_attr": "moment", "is_sorted": True}, "is_sorted: the times"),
        ({}, {"time_attr": "moment", "temporal_strategy": "first"}, "temporal_strategy: got"),
    ],
)
def test_what_does_not_fit_is_named(change, options, message):
    data = graph()
    if options.get("is_sorted"):
        data.edge_index = data.edge_index[:, data.edge_index[1].argsort(stable=True)]
    for name, value in change.items():
        data[name] = value
    with pytest.raises(ValueError, match=message):
        NeighborSampler(data, [2], **options)


def typed(plain):
    """The same edges, once with all that they have and once with none of it."""
    data = HeteroData()
    data["a"].x = data["b"].x = torch.eye(12)
    data["a", "to", "b"].edge_index = data["b", "to", "a"].edge_index = plain.edge_index
    for name in ("share", "edge_moment"):
        data["a", "to", "b"][name] = plain[name]
    return data


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("absent", None, "got 'absent', the edges have edge_moment, share"),
        ("x", None, "got 'x', the edges have edge_moment, share"),
        ("share", torch.ones(49), r"share is \[49\], expected \[50\]"),
        ("share", torch.ones(50, 1), r"share is \[50, 1\], expected \[50\]"),
        ("share", [1.0] * 50, r"share is list, expected \[50\]"),
        ("edge_index", None, r"edge_index is \[2, 50\], expected \[50\]"),
    ],
)
@pytest.mark.parametrize("kinds", [1, 2])
def test_weights_that_edges_do_not_have_are_named(kinds, name, value, message):
    data = graph()
    if value is not None:
        data.share = value
    data, nodes, links = (typed(data), "b", ("a", "to", "b")) if kinds == 2 else (data, None, None)
    for make in (
        lambda: NeighborSampler(data, [2], weight_attr=name),
        lambda: NeighborSampler(data, [2], "directional", False, False, "last", None, name),
        lambda: NeighborLoader(data, [2], input_nodes=nodes, weight_attr=name),
        lambda: LinkNeighborLoader(data, [2], edge_label_index=links, weight_attr=name),
    ):
        with pytest.raises(ValueError, match=f"weight_attr: {message}$"):
            make()


def test_edges_without_attributes_say_so():
    data = Data(edge_index=graph().edge_index, x=torch.eye(12))
    with pytest.raises(ValueError, match=r"'absent', the edges have no attributes$"):
        NeighborSampler(data, [2], weight_attr="absent")


def test_adjacencies_that_pyg_cannot_take_apart_are_named():
    adj_t = torch.eye(3).to_sparse_csr()
    typed = HeteroData()
    typed["a"].num_nodes = 3
    typed["a", "to", "a"].adj_t = adj_t
    for data in (Data(adj_t=adj_t, num_nodes=3), typed):
        with pytest.raises(TypeError, match=r"adj_t: got a torch\.sparse tensor, edge_index"):
            NeighborSampler(data, [2])
        with pytest.raises(TypeError, match=r"adj_t: got a torch\.sparse tensor, edge_index"):
            NeighborLoader(data, [2], input_nodes="a" if data is typed else None)
    with pytest.raises(TypeError, match=r"adj_t: got a torch\.sparse tensor, edge_index"):
        HGTSampler(typed, [2])
    plain = Data(adj_t=adj_t, num_nodes=3)
    with pytest.raises(ValueError, match="data: has no edge_index"):
        ClusterData(plain, 2)
    with pytest.raises(ValueError, match="data: has no edges in edge_index"):
        GraphSAINTNodeSampler(plain, 2)


@pytest.mark.parametrize("kind", ["directional", "induced"])
def test_torch_sparse_samples_the_same(kind):
    pytest.importorskip("torch_sparse", reason="torch-sparse is not installed")
    from torch_geometric import sampler as pyg

    for data, name in ((graph(7), None), (hetero(7), "paper")):
        inputs = NodeSamplerInput(None, SEEDS, None, name)
        ours = NeighborSampler(data, [-1, -1], subgraph_type=kind).sample_from_nodes(inputs)
        theirs = pyg.NeighborSampler(data, [-1, -1], subgraph_type=kind).sample_from_nodes(inputs)
        for field in ("node", "row", "col", "edge"):
            one, other = getattr(ours, field), getattr(theirs, field)
            if name is None:
                assert torch.equal(one, other)
            else:
                assert {k: v.tolist() for k, v in one.items()} == {
                    k: v.tolist() for k, v in other.items()
                }
