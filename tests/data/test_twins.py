from __future__ import annotations

import dataclasses

import pytest
import torch
from torch_geometric.data import Data
from typer.testing import CliRunner

from graphpoly import registry
from graphpoly.cli.app import app
from graphpoly.data import TWINS, Reading, find_dataset, twins
from graphpoly.data.entries import nodes
from graphpoly.recipes import recipe_for

SMALL = 0.002


def shrunk(shape):
    """The same shape at a five-hundredth of its counts."""
    changes = {
        field.name: tuple(max(int(part * SMALL), 20) for part in value)
        if isinstance(value := getattr(shape, field.name), tuple)
        else value
        for field in dataclasses.fields(shape)
    }
    if isinstance(shape, twins._Nodes):
        changes |= {"nodes": sum(changes["split"]), "edges": int(shape.edges * SMALL)}
        changes["edges"] = min(changes["edges"], changes["nodes"] ** 2 // 4)
    elif isinstance(shape, twins._Links):
        changes["nodes"] = max(int(2 * sum(changes["split"]) ** 0.5) + 2, int(shape.nodes * SMALL))
    return dataclasses.replace(shape, **changes)


@pytest.fixture
def small(monkeypatch):
    for table in (twins._NODES, twins._LINKS, twins._GRAPHS):
        for name, shape in table.items():
            monkeypatch.setitem(table, name, shrunk(shape))


def keys(pairs, nodes):
    low, high = pairs.sort(0).values
    assert bool((low != high).all())
    return low * nodes + high


@pytest.mark.parametrize("name", [name for name in TWINS if name.startswith("ogbn-")])
def test_nodes_have_the_counts(small, name):
    shape = twins._NODES[name]
    (data,), index = twins.node_twin(name)
    assert [len(rows) for rows in index.values()] == list(shape.split)
    assert torch.equal(torch.cat(list(index.values())).sort().values, torch.arange(shape.nodes))
    found = keys(data.edge_index, shape.nodes)
    assert len(found) == shape.edges * (1 if shape.directed else 2)
    assert len(found.unique()) == shape.edges
    assert data.num_node_features == shape.features
    assert data.y.shape == (shape.nodes, shape.tasks or 1)
    assert len(data.y.unique()) == shape.classes
    if shape.directed:
        cited, citing = data.node_year[data.edge_index[1]], data.node_year[data.edge_index[0]]
        assert bool((citing >= cited).all())
        assert bool((citing > cited).any())
    again = twins.node_twin(name)[0][0]
    assert torch.equal(again.edge_index, data.edge_index)
    assert torch.equal(again.y, data.y)


def test_a_part_of_a_twin(small):
    whole = twins._NODES["ogbn-products"]
    (data,), index = twins.node_twin("ogbn-products", part=3, features=False)
    assert data.num_nodes == whole.nodes // 3
    assert len(keys(data.edge_index, data.num_nodes).unique()) == whole.edges // 3
    assert [len(rows) for rows in index.values()][:2] == [n // 3 for n in whole.split[:2]]
    assert sum(len(rows) for rows in index.values()) == data.num_nodes
    assert data.x is None
    assert len(data.y.unique()) == whole.classes


@pytest.mark.parametrize("name", [name for name in TWINS if name.startswith("ogbl-")])
def test_links_have_the_counts(small, name):
    shape = twins._LINKS[name]
    (data,), held = twins.link_twin(name)
    links = {}
    for part, count in zip(("train", "valid", "test"), shape.split, strict=True):
        mine = held[part]
        pairs = (
            torch.stack([mine["source_node"], mine["target_node"]])
            if shape.ranked
            else mine["edge"].t()
        )
        links[part] = keys(pairs, shape.nodes)
        assert len(links[part]) == count
    known = torch.cat(list(links.values()))
    assert len(known.unique()) == len(known)
    for part, count in zip(("valid", "test"), shape.negatives, strict=True):
        if shape.ranked:
            assert held[part]["target_node_neg"].shape == (len(links[part]), count)
        else:
            others = keys(held[part]["edge_neg"].t(), shape.nodes)
            assert len(others) == count
            assert not bool(torch.isin(others, known).any())
    messages = keys(data.edge_index, shape.nodes)
    assert torch.equal(messages.unique(), links["train"].unique())
    assert len(messages) == shape.split[0] * (1 if shape.ranked else 2)


@pytest.mark.parametrize("name", [name for name in TWINS if name.startswith("ogbg-")])
def test_graphs_have_the_means(name):
    shape = twins._GRAPHS[name]
    graphs, index = twins.graph_twin(name)
    assert [len(rows) for rows in index.values()] == list(shape.split)
    some = graphs[:200]
    nodes = torch.tensor([float(graph.num_nodes) for graph in some])
    edges = torch.tensor([graph.num_edges / 2 for graph in some])
    for found, mean in ((nodes, shape.nodes), (edges, shape.edges)):
        assert abs(found.mean() - mean) < 4 * found.std() / len(some) ** 0.5
    for graph in some[:20]:
        pairs = keys(graph.edge_index, graph.num_nodes)
        assert len(pairs) == 2 * len(pairs.unique())
    assert torch.equal(graphs[7].edge_index, some[7].edge_index)
    with pytest.raises(IndexError):
        graphs[len(graphs)]


def test_arxiv_at_its_size():
    (data,), index = twins.node_twin("ogbn-arxiv")
    assert (data.num_nodes, data.num_edges) == (169_343, 1_166_243)
    assert [len(rows) for rows in index.values()] == [90_941, 29_799, 48_603]
    same = data.y[data.edge_index[0]] == data.y[data.edge_index[1]]
    assert 0.65 < float(same.float().mean()) < 0.75


@pytest.mark.parametrize("name", TWINS)
def test_every_entry_is_read_and_scored_as_its_original(small, name):
    entry, base = find_dataset(f"{name}-twin"), find_dataset(name)
    assert (entry.task, entry.metric, entry.loss, entry.splits) == (
        base.task,
        base.metric,
        base.loss,
        base.splits,
    )
    assert base.stored
    assert not entry.stored
    loaded = entry.load(None, entry.reading, 0)
    assert loaded.num_features > 0
    split = loaded.split(entry.splits[0], 0)
    for part in ("train", "val", "test"):
        held = getattr(split, part if entry.task != "nodes" else f"{part}_mask")
        assert int(held.sum() if held.dtype == torch.bool else held.numel()) > 0


def test_proteins_have_the_means_of_their_edges(small):
    data = find_dataset("ogbn-proteins-twin").load(None, Reading(), 0).data
    node = int(data.edge_index[1][0])
    mine = data.edge_attr[data.edge_index[1] == node]
    torch.testing.assert_close(data.x[node], mine.mean(0))


@pytest.mark.parametrize("name", [name for name in TWINS if name.startswith("ogbg-")])
def test_some_graphs_are_those_of_all(small, name):
    entry = find_dataset(f"{name}-twin")
    every, some = (
        entry.load(None, dataclasses.replace(entry.reading, every=step), 0) for step in (1, 3)
    )
    whole, fold = (loaded.split(entry.splits[0], 0) for loaded in (every, some))
    for part in ("train", "val", "test"):
        chosen, held = getattr(whole, part)[::3], getattr(fold, part)
        assert len(held) == len(chosen) > 0
        for one, other in zip(held.tolist(), chosen.tolist(), strict=True):
            assert torch.equal(some.graphs[one].edge_attr, every.graphs[other].edge_attr)
    assert (
        some.facts["graphs"] == len(some.graphs) == sum(map(len, (fold.train, fold.val, fold.test)))
    )
    assert (some.facts["valid"], some.num_outputs) == (len(fold.val), every.num_outputs)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("GCN", "ogbn-proteins"),
        ("SAGE", "ogbl-collab"),
        ("GCN", "ogbl-ddi"),
        ("GCN", "ogbl-citation2"),
        ("MoleculeGNN", "ogbg-molpcba"),
        ("GIN", "ogbg-ppa"),
        ("AssociationGNN", "ogbg-ppa"),
    ],
)
def test_a_run_on_a_twin_claims_nothing(small, monkeypatch, tmp_path, model, name):
    twin = recipe_for(model, name).twin()
    assert twin.published is None
    assert twin.data.name == f"{name}-twin"
    arguments = [model, name, "--twin", "epochs=1", "hidden_channels=8", "--seeds", "1"]
    done = CliRunner().invoke(app, ["train", *arguments, "--out", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert f"{name}-twin" in done.output
    assert "nothing about the model" in done.output


def test_no_published_figure_stands_beside_a_twin():
    recipe = registry.get("recipe", "gcn/ogbn-arxiv").obj
    twin = recipe.twin()
    assert recipe.published is not None
    assert twin.published is None
    assert (twin.settings, twin.protocol) == (recipe.settings, recipe.protocol)
    assert set(recipe.notes) < set(twin.notes)


def test_of_mag_the_papers_are_read(monkeypatch):
    data = Data()
    data.x_dict = {"paper": torch.eye(4)}
    data.y_dict = {"paper": torch.tensor([[0], [1], [2], [1]])}
    data.edge_index_dict = {
        ("author", "writes", "paper"): torch.tensor([[9], [0]]),
        ("paper", "cites", "paper"): torch.tensor([[0, 2], [1, 3]]),
    }
    index = {"train": {"paper": [0, 3]}, "valid": {"paper": [1]}, "test": {"paper": [2]}}
    held = ([data], {part: {"paper": torch.tensor(r["paper"])} for part, r in index.items()})
    monkeypatch.setattr(nodes, "load_ogb_node", lambda name, root: held)
    loaded = find_dataset("ogbn-mag").load(None, Reading(directed=True), 0)
    assert loaded.data.edge_index.tolist() == [[0, 2], [1, 3]]
    assert loaded.data.y.tolist() == [0, 1, 2, 1]
    assert loaded.num_outputs == 3
    assert loaded.split("ogb", 0).train_mask.tolist() == [True, False, False, True]


def test_a_dataset_without_a_twin_is_refused():
    done = CliRunner().invoke(app, ["train", "GCN", "cora", "--twin"])
    assert done.exit_code == 2
    assert "twin: cora has none; ogbn-arxiv" in " ".join(done.output.split())
    with pytest.raises(ValueError, match="unknown dataset"):
        find_dataset("ogbl-nothing-twin")
