"""Any model on any data: every pair is trained, or refused in one line that says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import Dataset, Loaded, Reading, csbm
from graphpoly.data.entries.graphs import graph_problem
from graphpoly.data.entries.links import link_problem
from graphpoly.data.entries.nodes import node_problem
from graphpoly.models.settings import model_names
from graphpoly.recipes import recipe_for, run_recipe, tasks
from graphpoly.training import LinkTask

ATOMS = ("MoleculeGNN", "PathMolecule")
OF_GRAPHS = ("AssociationGNN",)
IN_SPACE = ("EGNN",)
OF_LINKS = ("NCN", "NCNC")
OF_SEQUENCES = ("PointerNetwork",)
OF_TRACES = ("AlgorithmNet",)
NOT_OF_LINKS = ("ForwardGNN", "LINKX")
NOT_HERE = (*ATOMS, *OF_GRAPHS, *IN_SPACE, *OF_LINKS, *OF_SEQUENCES, *OF_TRACES)
SMALL = {"hidden_channels": 8, "num_layers": 2, "K": 2, "heads": 2, "num_splits": 1}


def ring(size: int, label: int) -> Data:
    ahead = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
    edges = torch.cat([ahead, ahead.flip(0)], 1)
    x = torch.eye(3)[torch.full((size,), label)]
    bonds = torch.ones(edges.size(1), 2)  # which these networks do not read
    return Data(x=x, edge_index=edges, edge_attr=bonds, y=torch.tensor([label]))


def entry(task: str) -> Dataset:
    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        data = csbm(60, 6.0, 7, phi=0.5, epsilon=1.0, seed=0)
        if task == "nodes":
            return node_problem(data)
        if task == "graphs":
            return graph_problem([ring(4 + i % 3, i % 2) for i in range(20)])
        if task == "featureless":
            data = Data(edge_index=data.edge_index, num_nodes=60)
        return link_problem(data)

    kind = "links" if task == "featureless" else task
    return Dataset(
        name=f"tiny-{task}",
        title="a test",
        task=kind,
        metric="hits@10" if kind == "links" else "accuracy",
        loss="bce" if kind == "links" else "ce",
        splits=("random",) if kind == "links" else ("stratified",),
        load=load,
        source="a test",
    )


@pytest.mark.parametrize("task", ["nodes", "graphs", "links", "featureless"])
@pytest.mark.parametrize(
    "name",
    [n for n in model_names() if n not in NOT_HERE],
)
def test_every_model_is_trained_on_every_task(name: str, task: str, tmp_path: Path) -> None:
    recipe = recipe_for(name, entry(task))
    changes = {key: value for key, value in SMALL.items() if key in recipe.keys}
    recipe = recipe.override({**changes, "epochs": 1})
    # a filter of as many channels as it is given, which the embedding of a node is free to be
    narrow = name == "OptBasisConv" and task != "featureless"
    if narrow or (name in NOT_OF_LINKS and task != "nodes"):
        with pytest.raises(ValueError, match="model: "):
            run_recipe(recipe, out=tmp_path, seeds=1)
        return
    outcome = run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    (experiment,) = outcome.experiments.values()
    assert 0 <= experiment.mean <= 1


@pytest.mark.parametrize("task", ["nodes", "graphs", "links", "featureless"])
@pytest.mark.parametrize("name", OF_LINKS)
def test_networks_of_links_are_trained_on_links_alone(name: str, task: str, tmp_path: Path) -> None:
    recipe = recipe_for(name, entry(task)).override({"hidden_channels": 8, "epochs": 1})
    if task in ("nodes", "graphs"):
        with pytest.raises(ValueError, match=f"asks for {task}, the model answers for links alone"):
            run_recipe(recipe, out=tmp_path, seeds=1)
        return
    outcome = run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    assert 0 <= outcome.experiments[name].mean <= 1


@pytest.mark.parametrize(("name", "whole"), [("NCN", True), ("NCNC", True), ("GPRGNN", False)])
def test_only_networks_that_are_published_so_drop_a_batch_that_is_not_full(
    name: str, whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def noted(*arguments: Any, **named: Any) -> LinkTask:
        task = LinkTask(*arguments, **named)
        asked.append(task.drop_last)
        return task

    monkeypatch.setattr(tasks, "LinkTask", noted)
    recipe = recipe_for(name, entry("links")).override({"hidden_channels": 8, "epochs": 1})
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    assert asked == [whole]


@pytest.mark.parametrize("name", sorted({*model_names()} - {*NOT_HERE, *NOT_OF_LINKS}))
def test_links_are_learned_from_what_a_model_makes_of_a_graph(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def noted(*arguments: Any, **named: Any) -> LinkTask:
        made.append(LinkTask(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(tasks, "LinkTask", noted)
    recipe, data = recipe_for(name, entry("links")), entry("links")
    loaded, settings = data.load(None, data.reading, 0), recipe.settings_of(name)
    split = loaded.split("random", 0)
    tasks.task_for(
        settings, data, loaded, split, torch.nn.Identity(), protocol=recipe.protocol,
        metric="auc", device=torch.device("cpu"), seed=0,
    )  # fmt: skip
    pairs = torch.cat([split.train, split.train.flip(0)], 1)
    seen = settings.prepare(Data(x=loaded.data.x, edge_index=pairs, num_nodes=60)).edge_index
    assert torch.equal(made[0].edge_index, seen)
    assert settings.prepares or torch.equal(seen, pairs)
    assert seen.size(1) - pairs.size(1) == (60 if name in ("Polynormer", "ResidualGNN") else 0)


@pytest.mark.parametrize("task", ["nodes", "graphs", "links"])
@pytest.mark.parametrize("name", OF_GRAPHS)
def test_networks_of_graphs_are_trained_on_graphs_alone(
    name: str, task: str, tmp_path: Path
) -> None:
    recipe = recipe_for(name, entry(task)).override({"hidden_channels": 8, "epochs": 1})
    if task != "graphs":
        with pytest.raises(
            ValueError, match=f"asks for {task}, the model answers for graphs alone"
        ):
            run_recipe(recipe, out=tmp_path, seeds=1)
        return
    outcome = run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    assert 0 <= outcome.experiments[name].mean <= 1


@pytest.mark.parametrize("name", ATOMS)
def test_networks_of_molecules_need_molecules(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no atoms and bonds, which this model reads"):
        run_recipe(recipe_for(name, entry("graphs")), out=tmp_path, seeds=1)


@pytest.mark.parametrize("task", ["nodes", "graphs", "links"])
@pytest.mark.parametrize("name", IN_SPACE)
def test_networks_in_space_need_positions(name: str, task: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"tiny-{task} has no positions, which this model reads"):
        run_recipe(recipe_for(name, entry(task)), out=tmp_path, seeds=1)


@pytest.mark.parametrize("task", ["nodes", "graphs", "links"])
@pytest.mark.parametrize(
    ("name", "missed"),
    [
        *((name, "sequences of nodes, which this model finds") for name in OF_SEQUENCES),
        *((name, "steps of an algorithm, which this model follows") for name in OF_TRACES),
    ],
)
def test_networks_of_sequences_need_sequences(
    name: str, missed: str, task: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"tiny-{task} has no {missed}"):
        run_recipe(recipe_for(name, entry(task)), out=tmp_path, seeds=1)


@pytest.mark.parametrize("name", ["GCN", *OF_SEQUENCES])
def test_steps_are_followed_by_networks_of_traces_alone(name: str, tmp_path: Path) -> None:
    recipe = recipe_for(name, "minimum").override({"train": 5, "val": 2, "test": 2})
    with pytest.raises(ValueError, match="asks for the steps of an algorithm, which this model"):
        run_recipe(recipe, out=tmp_path, seeds=1)


@pytest.mark.parametrize(
    ("name", "visits"), [("convex-hull", "once"), ("delaunay", "any"), ("tour", "all")]
)
def test_sequences_are_learned_by_what_finds_them_alone(
    name: str, visits: str, tmp_path: Path
) -> None:
    small = {"smallest": 4, "largest": 5, "train": 20, "val": 6, "test": 6, "epochs": 2}
    recipe = recipe_for("PointerNetwork", name).override(
        {**small, "hidden_channels": 8, "visits": visits}
    )
    outcome = run_recipe(recipe, out=tmp_path / "out", seeds=1, device="cpu")
    assert 0 <= outcome.experiments["PointerNetwork"].mean <= 1
    with pytest.raises(ValueError, match="asks for sequences of nodes, which this model does not"):
        run_recipe(recipe_for("GCN", name).override(small), out=tmp_path / "other", seeds=1)


def test_links_that_stand_in_blocks_are_learned(tmp_path: Path) -> None:
    """Ten cliques: two nodes are joined if they are of one, which messages tell."""

    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        inside = torch.combinations(torch.arange(8)).t()
        edges = torch.cat([inside + 8 * block for block in range(10)], 1)
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(80, 16, generator=generator)
        return link_problem(Data(x=x, edge_index=edges, num_nodes=80))

    cliques = Dataset(
        name="cliques",
        title="a test",
        task="links",
        metric="auc",
        loss="bce",
        splits=("random",),
        load=load,
        source="a test",
    )
    recipe = recipe_for("GCN", cliques).override({"epochs": 60, "dropout": 0, "batch_size": 64})
    outcome = run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    assert outcome.experiments["GCN"].mean > 0.95


def test_published_settings_are_pointed_at() -> None:
    notes = recipe_for("favard", "chameleon").notes
    assert any("graphpoly train favard/chameleon" in note for note in notes)
    assert recipe_for("GCN", "cora").notes[0].startswith("the settings are this model's defaults")
