"""Every method with models of every kind on every task: a network sees what the method gives."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from graphpoly import registry
from graphpoly.data import Dataset, Loaded, Reading, csbm, link_split
from graphpoly.data.entries.graphs import graph_problem
from graphpoly.data.entries.links import link_problem
from graphpoly.data.entries.nodes import node_problem
from graphpoly.models.network_for import network_for
from graphpoly.models.settings import settings_of
from graphpoly.recipes import recipe_for, run, run_recipe, trained_network
from graphpoly.recipes.ad_hoc import recipe_of
from graphpoly.rewiring import (
    BORF,
    DIGL,
    GTR,
    LASER,
    PRMPNN,
    SDRF,
    ExpanderPropagation,
    FoSR,
    NeuralSnowflake,
    method_names,
    method_of,
)
from graphpoly.training import CheckpointError, rewired
from graphpoly.training.rewired import message_graph, rewire_loaded
from tests.stand_in import alone

MODELS = ("GCN", "GIN", "LASERGNN", "GPRGNN", "Polynormer")
SMALL = {"hidden_channels": 8, "num_layers": 2, "K": 2, "heads": 2, "dropout": 0.0}
# what users type, and the transform that it stands for
METHODS: dict[str, tuple[dict[str, str], Any]] = {
    "FoSR": ({"edges": "3"}, FoSR(3, typed=True)),
    "GTR": ({"edges": "3"}, GTR(3, typed=True)),
    "SDRF": ({"iterations": "4", "tau": "2", "seed": "5"}, SDRF(4, tau=2.0, seed=5, typed=True)),
    "BORF": ({"batches": "2", "added": "2"}, BORF(2, 2, 1, typed=True)),
    "LASER": ({"snapshots": "2", "share": "0.2"}, LASER(2, 0.2)),
    "ExpanderPropagation": ({"seed": "1"}, ExpanderPropagation(separate=False, typed=True)),
    "DIGL": ({"rewire.alpha": "0.2", "k": "4"}, DIGL(0.2, k=4, typed=True)),
}


def ring(size: int, number: int) -> Data:
    ahead = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
    x = torch.cat([torch.full((size, 1), float(number)), torch.eye(2)[[number % 2] * size]], 1)
    edges = torch.cat([ahead, ahead.flip(0)], 1)
    return Data(x=x, edge_index=edges, y=torch.tensor([number % 2]))


# those that the network does itself, what it is then, and what it is told
LEARNED: dict[str, tuple[type[nn.Module], dict[str, Any]]] = {
    "PRMPNN": (
        PRMPNN,
        {
            "added": 2,
            "deleted": 1,
            "candidates": 9,
            "priors": 2,
            "upstream_channels": 6,
            "estimator": "gumbel",
            "temperature": 0.5,
            "with_original": True,
        },
    ),
    "NeuralSnowflake": (
        NeuralSnowflake,
        {"neighbors": 2, "latent_channels": 3, "encoder_channels": 6, "keep": False},
    ),
}
RINGS = [ring(7 + i % 4, i) for i in range(20)]
GRAPH = csbm(60, 6.0, 7, phi=0.5, epsilon=1.0, seed=0)


def entry(task: str) -> Dataset:
    def load(root: Path | None, reading: Reading, seed: int) -> Loaded:
        if task == "nodes":
            return node_problem(GRAPH.clone())
        return graph_problem(RINGS) if task == "graphs" else link_problem(GRAPH.clone())

    return Dataset(
        name=f"tiny-{task}",
        title="a test",
        task=task,
        metric="auc" if task == "links" else "accuracy",
        loss="bce" if task == "links" else "ce",
        splits=("random",) if task == "links" else ("stratified",),
        load=load,
        source="a test",
    )


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the network inside all wrappers is called with."""
    calls: list[dict[str, Any]] = []
    make = run.network_for

    def watched(*arguments: Any) -> nn.Module:
        net = inner = make(*arguments)
        while type(inner).__module__ == "graphpoly.models.heads":
            inner = inner.net

        def note(module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            held = dict(zip(("x", "edge_index"), given, strict=True), **named)
            calls.append({**held, "training": module.training})

        inner.register_forward_pre_hook(note, with_kwargs=True)
        return net

    monkeypatch.setattr(run, "network_for", watched)
    return calls


def launch(model: str, task: str, method: str, out: Path, **further: Any) -> Any:
    recipe = recipe_for(model, entry(task)).override({"rewire": method.lower()})
    changes = {key: value for key, value in SMALL.items() if key in recipe.keys}
    recipe = recipe.override({**changes, "epochs": 1, **METHODS[method][0], **further})
    return run_recipe(recipe, out=out, seeds=1, device="cpu")


def same(call: dict[str, Any], expected: Data, model: str) -> None:
    edges = call["edge_index"]
    if model == "Polynormer":  # which gives each node a self-loop
        edges = edges[:, edges[0] != edges[1]]
    assert torch.equal(edges, expected.edge_index)
    if model == "LASERGNN":
        assert torch.equal(call["edge_type"], expected.edge_type)
    else:
        assert "edge_type" not in call


def test_every_method_is_listed_here() -> None:
    assert {*METHODS, *LEARNED, "RandomNodeInit"} == set(method_names())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_of_one_graph(model: str, method: str, seen: list[dict[str, Any]], tmp_path: Path) -> None:
    outcome = launch(model, "nodes", method, tmp_path)
    expected = METHODS[method][1](GRAPH.clone())
    assert not torch.equal(expected.edge_index, GRAPH.edge_index)
    assert seen
    for call in seen:
        same(call, expected, model)
    (said,) = [note for note in (*outcome.messages, "") if "union" in note or not note][:1]
    assert (model == "LASERGNN") == (said == "")


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_of_many_graphs(
    model: str, method: str, seen: list[dict[str, Any]], tmp_path: Path
) -> None:
    launch(model, "graphs", method, tmp_path, batch_size=1)
    transform = METHODS[method][1]
    assert {int(call["x"][0, 0]) for call in seen} == set(range(len(RINGS)))
    for call in seen:
        same(call, transform(RINGS[int(call["x"][0, 0])].clone()), model)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("method", METHODS)
def test_of_links_only_those_that_are_trained_on(
    model: str, method: str, seen: list[dict[str, Any]], tmp_path: Path
) -> None:
    launch(model, "links", method, tmp_path, batch_size=1024)
    split = link_split(GRAPH, "random", 0)
    graph = message_graph(GRAPH, split)
    assert not keys(graph.edge_index) & keys(torch.cat([split.val, split.test], 1))
    expected = METHODS[method][1](graph)
    asked = [call for call in seen if not call["training"]]
    assert asked
    for call in asked:
        same(call, expected, model)
    # one step holds all training links: none of them is left
    low, high = expected.edge_index.min(0).values, expected.edge_index.max(0).values
    left = ~torch.isin(low * 60 + high, torch.tensor(sorted(keys(split.train))))
    expected.edge_index, expected.edge_type = expected.edge_index[:, left], expected.edge_type[left]
    (step,) = [call for call in seen if call["training"]]
    same(step, expected, model)


def keys(pairs: Tensor) -> set[int]:
    return set((pairs.min(0).values * 60 + pairs.max(0).values).tolist())


def test_types_of_the_graph_itself_are_kept() -> None:
    graphs = [each.clone() for each in RINGS[:3]]
    for graph in graphs:
        graph.edge_type = torch.arange(graph.num_edges) % 3
        graph.edge_attr = torch.ones(graph.num_edges, 2, dtype=torch.long)
    found = rewire_loaded(graph_problem(graphs), method_of("fosr")(edges=2))
    assert found.num_relations == 4
    assert found.facts["rewired"] == {"added": 6, "removed": 0}
    assert found.graphs is not None
    for graph, old in zip(found.graphs, graphs, strict=True):
        assert graph.edge_type.tolist() == [*old.edge_type.tolist(), 3, 3, 3, 3]
        assert graph.edge_attr[-4:].tolist() == [[0, 0]] * 4


@pytest.mark.parametrize("task", ["nodes", "graphs", "links"])
@pytest.mark.parametrize("model", ["GCN", "GPRGNN"])
@pytest.mark.parametrize("method", LEARNED)
def test_a_rewiring_that_is_learned_stands_around_the_network(
    method: str, model: str, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHPOLY_DATA", str(tmp_path))  # a folder that is there to be found again
    kind, told = LEARNED[method]
    dataset = entry(task)
    recipe = recipe_for(model, dataset).override({"rewire": method.lower(), **told})
    listed = dataclasses.replace(registry.get("dataset", "cora"), name=dataset.name, obj=dataset)
    monkeypatch.setitem(registry._ENTRIES, ("dataset", dataset.name), listed)
    recipe = recipe.override({"epochs": 3, "hidden_channels": 8})
    outcome = run_recipe(recipe, out=tmp_path, seeds=1)
    assert recipe_of(tmp_path)[0].rewire == recipe.rewire
    net: Any = trained_network(tmp_path)[0]
    assert "rewired" not in json.loads(outcome.results.read_text())["graph"]
    inner = net if isinstance(net, kind) else net.net
    assert isinstance(inner, kind)
    assert {key: getattr(inner, HELD.get(key, key)) for key in told} == told


HELD = {
    "added": "num_added",
    "deleted": "num_deleted",
    "candidates": "num_candidates",
    "priors": "num_priors",
    "upstream_channels": "hidden_channels",
    "encoder_channels": "hidden_channels",
    "neighbors": "k",
}


@pytest.mark.parametrize("task", ["nodes", "graphs"])
def test_a_learned_rewiring_that_changes_nothing(task: str) -> None:
    """The same network with the same weights; and with changes, the gradient of the choice."""
    dataset = entry(task)
    loaded = dataset.load(None, dataset.reading, 0)
    split = loaded.split("stratified", 0)
    given = GRAPH.clone() if task == "nodes" else next(iter(DataLoader(RINGS, 4)))
    batch = {} if task == "nodes" else {"batch": given.batch}
    settings = settings_of("GCN")[1](hidden_channels=8, dropout=0.0)
    plain = network_for(settings, dataset, loaded, split)
    for added in (0, 2):
        method = method_of("pr-mpnn")(added=added)
        net = network_for(settings, dataset, loaded, split, method)
        missing, unexpected = net.load_state_dict(
            {_inside(name, task): value for name, value in plain.state_dict().items()}, strict=False
        )
        assert not unexpected
        assert all("upstream" in name or "score" in name for name in missing)
        ones = torch.ones(given.num_edges)
        expected = plain(given.x, given.edge_index, ones, **batch)
        found = net(given.x, given.edge_index, **batch)
        assert torch.allclose(found, expected) == (added == 0)
    found.square().sum().backward()
    (score,) = [
        value for name, value in net.named_parameters() if name.endswith("added.lins.0.weight")
    ]
    assert score.grad.abs().sum() > 0


def _inside(name: str, task: str) -> str:
    """The name of a parameter of a network within the one that rewires."""
    if task == "nodes":
        return f"downstream.{name}"
    return f"net.downstream.{name.removeprefix('net.')}" if name.startswith("net.") else name


@pytest.mark.parametrize(
    ("model", "changes", "told"),
    [
        ("PathNN", {"rewire": "prmpnn"}, "PathNN.forward takes no edge_weight"),
        ("PrecomputedOptBasisGNN", {"rewire": "snowflake"}, "reads the graph once, the graph"),
        ("GCN", {"rewire": "prmpnn", "candidates": 2}, "candidates: got 2, .* added=10"),
    ],
)
def test_what_cannot_learn_a_graph_is_told_so(
    model: str, changes: dict[str, Any], told: str, tmp_path: Path
) -> None:
    with pytest.raises((TypeError, ValueError), match=told):
        run_recipe(
            recipe_for(model, entry("nodes")).override({"epochs": 1, **changes}),
            out=tmp_path,
            seeds=1,
            device="cpu",
        )


@pytest.mark.parametrize("task", ["nodes", "graphs", "links"])
def test_random_features_are_drawn_in_each_pass(
    task: str, seen: list[dict[str, Any]], tmp_path: Path
) -> None:
    recipe = recipe_for("GCN", entry(task)).override({"rewire": "rni", "dim": "5", "epochs": 2})
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    columns = (RINGS[0] if task == "graphs" else GRAPH).num_node_features
    drawn = [call["x"][:, columns:] for call in seen]
    assert {noise.size(1) for noise in drawn} == {5}
    # an evaluation leaves the random state as it was: its draws may come again in the next step
    steps = [noise for noise, call in zip(drawn, seen, strict=True) if call["training"]]
    assert len(steps) > 1
    assert len({tuple(noise[0].tolist()) for noise in steps}) == len(steps)
    asked = [noise for noise, call in zip(drawn, seen, strict=True) if not call["training"]]
    assert len({tuple(noise[0].tolist()) for noise in asked}) > 1


def test_random_features_may_be_drawn_once(seen: list[dict[str, Any]], tmp_path: Path) -> None:
    words = {"rewire": "rni", "redraw": "no", "dim": "2", "rewire.seed": "3", "epochs": 2}
    recipe = recipe_for("GCN", entry("nodes")).override(words)
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    expected = recipe.rewire.transform()(GRAPH.clone()).x  # type: ignore[union-attr]
    assert expected.size(1) == GRAPH.num_node_features + 2
    assert all(torch.equal(call["x"], expected) for call in seen)


def test_rows_that_are_made_once_cannot_have_new_features(tmp_path: Path) -> None:
    recipe = recipe_for("PrecomputedOptBasisGNN", entry("nodes")).override({"rewire": "rni"})
    with pytest.raises(ValueError, match=r"rewire: .* cannot be drawn anew"):
        run_recipe(recipe, out=tmp_path, seeds=1)


@pytest.mark.parametrize("method", ["fosr", "rni"])
@pytest.mark.parametrize("task", ["pairs", "signals"])
def test_what_is_about_the_graph_as_it_is_is_not_rewired(task: str, method: str) -> None:
    held = Dataset(
        name="as-it-is",
        title="a test",
        task=task,
        metric="separated",
        loss="ce",
        splits=("all",),
        load=alone(GRAPH) if task == "signals" else alone(graphs=RINGS),
        source="a test",
    )
    with pytest.raises(ValueError, match=f"rewire: as-it-is asks for {task}, which"):
        recipe_for("GCN", held).override({"rewire": method})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rewire": "fsor"}, "unknown rewiring 'fsor'; did you mean 'fosr'?"),
        ({"rewire": "fosr", "edges": "-1"}, "edges: got '-1', expected an integer of at least 0"),
        ({"edges": "3"}, "edges: a key of rewire=fosr, rewire=gtr; nothing is rewired here"),
        ({"rewire.edges": "3"}, "rewire.edges: nothing is rewired; give rewire=METHOD, too"),
        ({"rewire": "sdrf", "edges": "3"}, "unknown key of gcnii/tiny-nodes 'edges'"),
        ({"rewire": "fosr", "rewire.edgse": "3"}, "'rewire.edgse'; did you mean 'rewire.edges'?"),
        ({"rewire": "fosr", "edges": "3", "rewire.edges": "3"}, "edges: is given twice"),
        (
            {"rewire": "digl", "alpha": "0.2"},
            "alpha: is set in two places here; give settings.alpha or rewire.alpha",
        ),
        ({"rewire": "laser", "power": "2"}, "power: got 2, expected at least 4"),
        ({"rewire": "digl", "eps": "0.1"}, "k, eps: got 16 and 0.1, expected one of them"),
    ],
)
def test_what_cannot_be_meant(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        recipe_for("GCNII", entry("nodes")).override(changes)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_that_two_parts_have_are_told_apart() -> None:
    words = {"rewire": "digl", "rewire.alpha": "0.3", "settings.alpha": "0.7"}
    recipe = recipe_for("GCNII", entry("nodes")).override(words)
    assert recipe.rewire == method_of("digl")(alpha=0.3)
    assert recipe.settings.alpha == 0.7  # type: ignore[union-attr]
    assert recipe.overridden == ("alpha", "rewire")
    assert recipe.override({"rewire": "none"}).rewire is None


def test_a_run_is_one_of_its_rewiring(tmp_path: Path) -> None:
    words = {"rewire": "fosr", "edges": "2", "epochs": "1"}
    plain = recipe_for("GCN", entry("nodes")).override({"epochs": 1})
    recipe = plain.override(words)
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    results = json.loads((tmp_path / "results.json").read_text())
    assert results["rewire"] == {
        "method": "FoSR",
        "edges": 2,
        "power_steps": None,
        "seed": 0,
        "symmetrize": False,
    }
    assert results["graph"]["rewired"] == {"added": 2, "removed": 0}
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu", resume=True)
    for other in (plain, recipe.override({"edges": 3}), plain.override({"rewire": "gtr"})):
        with pytest.raises(CheckpointError):
            run_recipe(other, out=tmp_path, seeds=1, device="cpu", resume=True)


def test_a_finished_run_says_how_it_was_rewired(
    stand_in: Callable[..., None], tmp_path: Path
) -> None:
    from tests.stand_in import on_nodes

    stand_in("cora", on_nodes(GRAPH))
    words = {"rewire": "digl", "rewire.alpha": "0.3", "alpha": "0.2", "rewire.k": "5", "epochs": 1}
    words["settings.alpha"] = words.pop("alpha")
    recipe = recipe_for("GCNII", "cora").override({**words, "split": "stratified"})
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu")
    again, seeds = recipe_of(tmp_path)
    assert (again.rewire, again.settings, seeds) == (recipe.rewire, recipe.settings, [0])


def test_what_took_long_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, method, path = graph_problem(RINGS), method_of("laser")(), tmp_path / "rewired.pt"
    first = rewire_loaded(loaded, method, saved=path)
    assert not path.exists()  # it was cheap
    monkeypatch.setattr(rewired, "_CHEAP", -1.0)
    rewire_loaded(loaded, method, saved=path)
    assert path.exists()
    with monkeypatch.context() as patch:
        patch.setattr(rewired, "decide", None)  # nothing is decided again
        second = rewire_loaded(loaded, method, saved=path)
    assert first.graphs is not None
    assert second.graphs is not None
    for one, other in zip(first.graphs, second.graphs, strict=True):
        assert torch.equal(one.edge_index, other.edge_index)
        assert torch.equal(one.edge_type, other.edge_type)
    # another method, other graphs, a file cut short: all is decided anew
    for changed, data in (
        (method_of("laser")(share=0.1), loaded),
        (method, graph_problem(RINGS[:9])),
    ):
        before = path.read_bytes()
        rewire_loaded(data, changed, saved=path)
        assert path.read_bytes() != before
    path.write_bytes(path.read_bytes()[:100])
    third = rewire_loaded(loaded, method, saved=path)
    assert third.graphs is not None
    assert torch.equal(third.graphs[0].edge_index, first.graphs[0].edge_index)


def test_progress_counts_graphs() -> None:
    told: list[Any] = []

    class Told:
        def start(self, label: str, total: int, done: int, what: str = "") -> None:
            told.append((label, total, done, what))

        def update(self, done: int, scores: Any) -> None:
            told.append(done)

        def stop(self) -> None:
            told.append("stop")

    loaded = graph_problem(RINGS * 4)
    rewire_loaded(loaded, method_of("fosr")(), progress=Told(), label="rings")
    assert told == [("rings", 80, 0, "graph"), 64, 80, "stop"]
