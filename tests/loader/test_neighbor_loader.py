"""Batches of sampled neighbourhoods hold what PyG's hold."""

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import NodeLoader
from torch_geometric.nn import SAGEConv
from torch_geometric.sampler import NegativeSampling
from torch_geometric.utils import trim_to_layer

from graphpoly.loader import HGTLoader, LinkNeighborLoader, NeighborLoader, NeighborSampler


def graph(nodes=30, edges=120):
    torch.manual_seed(0)
    return Data(
        x=torch.arange(nodes).float().unsqueeze(1),
        edge_index=torch.randint(nodes, (2, edges)),
        edge_attr=torch.arange(edges),
        y=torch.arange(nodes),
        time=torch.arange(nodes),
        train_mask=torch.arange(nodes) % 3 == 0,
    )


def test_every_field_belongs_to_its_nodes_and_edges():
    data = graph()
    loader = NeighborLoader(data, [3, 2], input_nodes=data.train_mask, batch_size=4, shuffle=True)
    seen = []
    for batch in loader:
        size = batch.batch_size
        assert torch.equal(batch.n_id[:size], batch.input_id)
        seen += batch.input_id.tolist()
        assert torch.equal(batch.x[:, 0].long(), batch.n_id)
        assert torch.equal(batch.y, batch.n_id)
        assert torch.equal(batch.edge_attr, batch.e_id)
        assert torch.equal(data.edge_index[:, batch.e_id], batch.n_id[batch.edge_index])
        assert sum(batch.num_sampled_nodes) == batch.num_nodes
        assert sum(batch.num_sampled_edges) == batch.num_edges
        assert int(torch.bincount(batch.edge_index[1]).max()) <= 3
    assert sorted(seen) == list(range(0, 30, 3))


def test_layers_see_no_less_after_trimming():
    data = graph()
    torch.manual_seed(1)
    convs = [SAGEConv(1, 4), SAGEConv(4, 2)]
    for batch in NeighborLoader(data, [-1, -1], batch_size=7):
        x, edge_index = batch.x, batch.edge_index
        for layer, conv in enumerate(convs):
            x, edge_index, _ = trim_to_layer(
                layer, batch.num_sampled_nodes, batch.num_sampled_edges, x, edge_index
            )
            x = conv(x, edge_index).relu()
        whole = data.x
        for conv in convs:
            whole = conv(whole, data.edge_index).relu()
        torch.testing.assert_close(x[: batch.batch_size], whole[batch.input_id])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_seed_decides_the_epoch(workers):
    epochs = []
    for _ in range(2):
        torch.manual_seed(4)
        loader = NeighborLoader(graph(), [2, 2], batch_size=8, shuffle=True, num_workers=workers)
        epochs.append([batch.e_id.tolist() for batch in loader])
    assert epochs[0] == epochs[1]


def test_types_disjoint_weighted_and_timed():
    torch.manual_seed(0)
    data = HeteroData()
    data["user"].x = torch.arange(6.0).unsqueeze(1)
    data["user"].time = torch.arange(6)
    data["item"].x = torch.arange(8.0).unsqueeze(1)
    data["item"].time = torch.arange(8)
    edges = torch.stack([torch.randint(6, (30,)), torch.randint(8, (30,))])
    data["user", "buys", "item"].edge_index = edges
    data["item", "rev_buys", "user"].edge_index = edges.flip(0)
    for kind in data.edge_types:
        data[kind].share = torch.rand(30)
    loader = NeighborLoader(
        *(data, {kind: [2, 2] for kind in data.edge_types}, "item"),
        batch_size=4,
        time_attr="time",
        weight_attr="share",
    )
    for batch in loader:
        size = batch["item"].batch_size
        assert batch["item"].batch[:size].tolist() == list(range(size))
        until = batch["item"].time[:size]
        for kind in ("user", "item"):
            store = batch[kind]
            assert torch.equal(store.x[:, 0].long(), store.n_id)
            assert (store.time <= until[store.batch]).all()
            assert sum(store.num_sampled_nodes) == store.num_nodes
        for kind in data.edge_types:
            ends = [batch[kind[i]].n_id[batch[kind].edge_index[i // 2]] for i in (0, 2)]
            assert torch.equal(torch.stack(ends), data[kind].edge_index[:, batch[kind].e_id])


def held_as(form, argument, kind):
    """A graph whose weights or times are in another form, and where they are."""
    data = graph()
    if kind == "typed":
        data = data.to_heterogeneous()
    name = "share" if argument == "weight_attr" else "time"
    edges = data["0", "0", "0"] if kind == "typed" else data
    store = data["0"] if kind == "typed" and name == "time" else edges
    store[name] = form(torch.rand(120) if name == "share" else torch.arange(30))
    return data, name


@pytest.mark.parametrize("kind", ["alone", "typed"])
@pytest.mark.parametrize("argument", ["weight_attr", "time_attr"])
def test_weights_and_times_may_be_arrays(argument, kind):
    found = []
    for form in (torch.Tensor.clone, torch.Tensor.numpy):
        data, name = held_as(form, argument, kind)
        torch.manual_seed(1)
        seeds = "0" if kind == "typed" else None
        loader = NeighborLoader(data, [2, 2], seeds, batch_size=9, **{argument: name})
        found.append(
            [batch.to_homogeneous().edge_index if seeds else batch.e_id for batch in loader]
        )
        held = [store[name] for store in data.stores if name in store]
        assert all(isinstance(value, type(form(torch.ones(1)))) for value in held)  # as it was
        assert len(held) == 1
    for one, array in zip(*found, strict=True):
        assert torch.equal(one, array)


@pytest.mark.parametrize("kind", ["alone", "typed"])
@pytest.mark.parametrize("argument", ["weight_attr", "time_attr"])
@pytest.mark.parametrize("form", [torch.Tensor.tolist, lambda x: np.array([str(i) for i in x])])
def test_weights_and_times_that_are_no_numbers_are_named(form, argument, kind):
    data, name = held_as(form, argument, kind)
    with pytest.raises((TypeError, ValueError), match=f"{argument}: {name} is (list|ndarray)"):
        NeighborLoader(data, [2], "0" if kind == "typed" else None, **{argument: name})


@pytest.mark.parametrize("form", [torch.Tensor.numpy, torch.Tensor.tolist])
def test_arguments_that_are_no_tensors_are_named(form):
    data, pairs = graph(), torch.tensor([[0, 1], [2, 3]])
    for name, value in {
        "edge_label_index": pairs,
        "edge_label": torch.ones(2),
        "edge_label_time": torch.ones(2),
    }.items():
        given = {"edge_label_index": pairs, name: form(value)}
        with pytest.raises(TypeError, match=f"{name}: got .*, expected a tensor"):
            LinkNeighborLoader(data, [2], **given)
    with pytest.raises(TypeError, match=r"input_time: got .*, expected a tensor"):
        NeighborLoader(data, [2], input_time=form(data.time), time_attr="time")
    data.edge_index = form(data.edge_index)
    with pytest.raises(TypeError, match=r"edge_index: got .*, expected a tensor"):
        NeighborLoader(data, [2])


def test_links_of_a_type_are_named_by_it_alone():
    data = graph().to_heterogeneous()
    kind = ("0", "0", "0")
    pairs = data[kind].edge_index
    found = []
    for named in (kind, (kind, None), (kind, pairs)):
        torch.manual_seed(1)
        loader = LinkNeighborLoader(data, [2], edge_label_index=named, batch_size=50)
        found.append(torch.cat([batch[kind].input_id for batch in loader]))
    assert all(torch.equal(each, torch.arange(pairs.size(1))) for each in found)


def test_links():
    data = graph()
    loader = LinkNeighborLoader(
        *(data, [2]), batch_size=16, neg_sampling=NegativeSampling("triplet", 2), shuffle=True
    )
    count = 0
    for batch in loader:
        source, target = batch.n_id[batch.src_index], batch.n_id[batch.dst_pos_index]
        assert torch.equal(data.edge_index[:, batch.input_id], torch.stack([source, target]))
        assert batch.dst_neg_index.shape == (source.numel(), 2)
        count += source.numel()
    assert count == data.num_edges
    binary = LinkNeighborLoader(data, [2], batch_size=16, neg_sampling="binary")
    batch = next(iter(binary))
    assert batch.edge_label.tolist() == [1.0] * 16 + [0.0] * 16


@pytest.mark.parametrize("size", [2, 12])
def test_what_is_said_of_seeds_is_as_long_as_they_are(size):
    data = graph()
    seeds = torch.arange(30) % 8 == 0
    with pytest.raises(ValueError, match=f"input_time: got {size}, there are 4 in input_nodes"):
        NeighborLoader(
            data, [2], input_nodes=seeds, input_time=torch.arange(size), time_attr="time"
        )
    for name in ("edge_label", "edge_label_time"):
        given = {"time_attr": "time"} if name == "edge_label_time" else {}
        with pytest.raises(ValueError, match=f"{name}: got {size}, there are 4 in edge_label"):
            LinkNeighborLoader(
                *(data, [2]),
                edge_label_index=data.edge_index[:, :4],
                **{name: torch.arange(size), **given},
            )


@pytest.mark.parametrize("size", [3, 5, 9])
def test_a_mask_of_seeds_is_that_of_all_nodes(size):
    data, typed = graph(), HeteroData()
    for kind, count in (("a", 5), ("b", 9), ("c", 3)):
        typed[kind].num_nodes = count
    typed["b", "to", "a"].edge_index = torch.tensor([[8, 1, 2], [0, 1, 4]])
    mask = torch.ones(size, dtype=torch.bool)
    with pytest.raises(ValueError, match=f"input_nodes: got a mask of {size}, there are 30"):
        NeighborLoader(data, [2], input_nodes=mask)
    assert (
        next(iter(NeighborLoader(typed, [2], input_nodes="a", batch_size=5)))["a"].batch_size == 5
    )
    for make in (
        lambda: NeighborLoader(typed, [2], input_nodes=("a", mask)),
        lambda: HGTLoader(typed, [2], ("a", mask)),
    ):
        if size == 5:
            assert next(iter(make()))["a"].batch_size == 1
            continue
        with pytest.raises(ValueError, match=f"input_nodes: got a mask of {size}, there are 5"):
            make()


def typed_graph():
    data = HeteroData()
    for kind, count in (("a", 5), ("b", 9)):
        data[kind].num_nodes = count
    data["b", "to", "a"].edge_index = torch.tensor([[8, 1, 2], [0, 1, 4]])
    return data


@pytest.mark.parametrize("hops", [[], [2]])
@pytest.mark.parametrize(
    ("seeds", "error", "said"),
    [
        (torch.tensor([0.7]), TypeError, "got torch.float32, expected integers"),
        (torch.ones(5), TypeError, "got torch.float32, expected integers"),
        ([True] * 5, TypeError, "got a mask that is a list"),
        (np.ones(5, bool), TypeError, "got a mask that is a ndarray"),
        (torch.tensor([1, 30]), ValueError, "got nodes 1 to 30, there are"),
        ([-1], ValueError, "got nodes -1 to -1, there are"),
    ],
)
def test_seeds_are_numbers_of_nodes(hops, seeds, error, said):
    for make in (
        lambda: NeighborLoader(graph(), hops, input_nodes=seeds, disjoint=True),
        lambda: NeighborLoader(typed_graph(), hops, input_nodes=("a", seeds)),
        lambda: HGTLoader(typed_graph(), hops, ("a", seeds)),
    ):
        with pytest.raises(error, match=f"input_nodes: {said}"):
            make()


def test_ends_of_links_are_numbers_of_nodes():
    kind = ("b", "to", "a")
    inside = LinkNeighborLoader(
        typed_graph(), [1], edge_label_index=(kind, torch.tensor([[8], [4]]))
    )
    assert next(iter(inside))["b"].n_id[0] == 8
    for ends in ([[4], [8]], [[-1], [0]]):
        with pytest.raises(ValueError, match="edge_label_index: got nodes"):
            LinkNeighborLoader(typed_graph(), [1], edge_label_index=(kind, torch.tensor(ends)))
    with pytest.raises(TypeError, match=r"edge_label_index: got torch\.float32"):
        LinkNeighborLoader(graph(), [1], edge_label_index=torch.ones(2, 3))


@pytest.mark.parametrize("seeds", [None, "c", ("c", torch.tensor([0])), torch.tensor([0])])
def test_seeds_have_a_type_where_nodes_have(seeds):
    for make in (
        lambda: NeighborLoader(typed_graph(), [2], input_nodes=seeds),
        lambda: HGTLoader(typed_graph(), [2], seeds),
    ):
        with pytest.raises(ValueError, match=r"input_nodes: got .*, expected a type among a, b"):
            make()


def test_a_time_that_is_none_is_no_time_of_a_seed():
    data = graph()
    loader = NeighborLoader(
        data, [2], input_nodes=torch.tensor([1]), input_time=torch.tensor([torch.nan]),
        time_attr="time",
    )  # fmt: skip
    with pytest.raises(ValueError, match="input_time: got NaN"):
        next(iter(loader))


def test_a_sampler_of_ones_own_stays():
    data = graph()
    sampler = NeighborSampler(data, [1])
    assert NeighborLoader(data, [5], neighbor_sampler=sampler).node_sampler is sampler
    assert next(iter(NodeLoader(data, sampler, batch_size=3))).num_sampled_nodes[0] == 3


def test_deprecated_and_unknown_arguments_are_as_in_pyg():
    data = graph()
    with pytest.warns(UserWarning, match="directed"):
        loader = NeighborLoader(data, [2], directed=False, batch_size=5)
    batch = next(iter(loader))
    inside = torch.isin(data.edge_index, batch.n_id).all(0)
    assert batch.num_edges == int(inside.sum())
    with pytest.raises(TypeError, match="no_such"):
        NeighborLoader(data, [2], no_such=1)
