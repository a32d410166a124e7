"""What a protocol says of a step is done, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from graphpoly.models.heads import Standardized
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.recipes.trained import trained_network
from graphpoly.training import LinkTask
from tests.data.test_own import ring, saved

QUICK = {"epochs": 2, "dropout": 0.0}


def losses(model: str, dataset: str, out: Path, **changes: object) -> list[str]:
    recipe = recipe_for(model, dataset)
    recipe = recipe.override({k: v for k, v in QUICK.items() if k in recipe.keys} | changes)
    run_recipe(recipe, seeds=1, out=out, device="cpu")
    rows = (out / "seed-0" / "history.csv").read_text().splitlines()[1:]
    return [row.split(",")[1] for row in rows]


def source(task: str, path: Path) -> str:
    if task == "graphs":
        return saved(path, [ring(4 + i % 3, y=torch.tensor([i % 2])) for i in range(40)])
    return saved(path, ring(60) if task == "links" else ring(60, y=torch.arange(60) % 3))


@pytest.mark.parametrize(
    ("model", "task", "further"),
    [
        ("GIN", "graphs", {}),
        ("GCN", "links", {}),
        ("PrecomputedOptBasisGNN", "nodes", {}),
        ("GCN", "nodes", {"epsilon": 8, "num_layers": 1}),
    ],
)
def test_a_batch_size_has_an_effect(
    model: str, task: str, further: dict[str, object], tmp_path: Path
) -> None:
    mine = source(task, tmp_path / "mine.pt")
    before = losses(model, mine, tmp_path / "plain", **further)
    assert losses(model, mine, tmp_path / "again", **further) == before
    assert losses(model, mine, tmp_path / "batches", batch_size=7, **further) != before


@pytest.mark.parametrize("model", ["GCN", "ForwardGNN", "FavardGNN", "Polynormer"])
def test_steps_on_a_whole_graph_take_no_batch_size(model: str, tmp_path: Path) -> None:
    mine = source("nodes", tmp_path / "mine.pt")
    with pytest.raises(ValueError, match=r"batch_size: got 7, .* on the whole graph of mine"):
        losses(model, mine, tmp_path / "batches", batch_size=7)


@pytest.mark.parametrize("change", [{"remove_targets": False}, {"negatives": "targets"}])
def test_how_links_are_learned_is_said_of_links_alone(
    change: dict[str, object], tmp_path: Path
) -> None:
    links = source("links", tmp_path / "links.pt")
    before = losses("GCN", links, tmp_path / "plain")
    assert losses("GCN", links, tmp_path / "changed", **change) != before
    for task in ("nodes", "graphs"):
        mine = source(task, tmp_path / f"{task}.pt")
        (name,) = change
        with pytest.raises(ValueError, match=rf"{name}: got .*, but {task} asks for {task}"):
            losses("GCN", mine, tmp_path / f"of_{task}", **change)


@pytest.mark.parametrize("model", ["GCN", "NCN"])
def test_few_links_are_learned_from_most_of_the_others(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step that takes all links out of the graph learns from a graph without edges."""
    seen: list[int] = []

    def noted(task: LinkTask, chosen: Any) -> Any:
        graph = kept(task, chosen)
        seen.append(graph[0].size(1))
        return graph

    kept = LinkTask._without
    monkeypatch.setattr(LinkTask, "_without", noted)
    losses(model, source("links", tmp_path / "mine.pt"), tmp_path / "run")
    links = 51  # 85 % of 60
    assert len(seen) == 2 * (3 if model == "NCN" else 4)  # which leaves out what fills no batch
    assert all(2 * links * 3 / 4 - 2 <= edges < 2 * links for edges in seen)


@pytest.mark.parametrize(
    ("model", "task"),
    [("GIN", "graphs"), ("GCN", "links"), ("PrecomputedOptBasisGNN", "nodes"), ("GCN", "nodes"),
     ("Polynormer", "nodes")],
)  # fmt: skip
def test_a_schedule_and_a_clip_have_an_effect(model: str, task: str, tmp_path: Path) -> None:
    mine = source(task, tmp_path / "mine.pt")
    before = losses(model, mine, tmp_path / "plain", epochs=4)
    assert len(before) == 4
    changed: list[tuple[dict[str, Any], bool]] = [
        ({"grad_clip": 1e-3}, True),
        ({"schedule": "cosine", "warm_up_epochs": 2}, True),
        ({"schedule": "cosine"}, False),
        ({"decay": 0.1, "decay_epochs": 1}, False),
    ]
    for number, (changes, in_the_first) in enumerate(changed):
        after = losses(model, mine, tmp_path / f"changed {number}", epochs=4, **changes)
        assert len(after) == 4
        assert before[2:] != after[2:], changes
        assert in_the_first or before[0] == after[0], changes


def test_a_plateau_ends_a_run_whose_validation_rests(tmp_path: Path) -> None:
    recipe = recipe_for("GCN", source("nodes", tmp_path / "mine.pt"))
    recipe = recipe.override(
        {"lr": 0.0, "weight_decay": 0.0, "epochs": 40, "patience": "none", "schedule": "plateau",
         "decay": 0.5, "decay_epochs": 2, "least_lr": 0.0}
    )  # fmt: skip
    outcome = run_recipe(recipe, seeds=1, out=tmp_path / "run", device="cpu")
    assert next(iter(outcome.experiments.values())).runs[0].epochs == 1
    recipe = recipe.override({"lr": 1e-6, "least_lr": 3e-7})
    outcome = run_recipe(recipe, seeds=1, out=tmp_path / "rested", device="cpu")
    assert next(iter(outcome.experiments.values())).runs[0].epochs == 7  # 4, and 3 once more


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("columns", [1, 2])
def test_numbers_of_any_size_are_learned_in_their_unit(
    columns: int, exact: bool, tmp_path: Path
) -> None:
    """Labels far from zero, of which some are missing, as a chemist's file has them."""
    sizes = [4 + i % 5 for i in range(60)]
    scale = torch.tensor([-400.0, 1e-3])[:columns]
    graphs = [ring(n, y=(scale * n + torch.arange(columns)).view(1, -1)) for n in sizes]
    for size, graph in zip(sizes, graphs, strict=True):
        graph.x[:, 0] = size
        graph.x = graph.x.double() if exact else graph.x
    for graph in graphs[::7]:
        graph.y[0, 0] = torch.nan
    mine = saved(tmp_path / "mine.pt", graphs)
    recipe = recipe_for("GIN", mine).override({"epochs": 100, "dropout": 0.0})
    outcome = run_recipe(recipe, seeds=1, out=tmp_path / "run", device="cpu")
    (found,) = outcome.experiments.values()
    assert found.mean < 80 / columns  # a guess of the mean is off by some 460, or half of that
    net, _ = trained_network(tmp_path / "run")
    assert isinstance(net, Standardized)
    assert net.mean.dtype == (torch.float64 if exact else torch.float32)
    assert float(net.mean[0]) == pytest.approx(-400 * 6, abs=120)
    if columns == 2:
        assert float(net.deviation[1]) == pytest.approx(1.2e-3, rel=0.2)


@pytest.mark.parametrize("watched", ["loss", "metric"])
def test_a_plateau_is_of_the_value_that_was_asked_for(
    watched: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def step(schedule: ReduceLROnPlateau, value: float) -> None:
        seen.append(value)
        assert schedule.mode == ("max" if watched == "metric" else "min")

    monkeypatch.setattr(ReduceLROnPlateau, "step", step)
    plateau = {"schedule": "plateau", "decay": 0.5, "plateau": watched}
    losses("GCN", source("nodes", tmp_path / "mine.pt"), tmp_path / "run", **plateau)
    rows = (tmp_path / "run" / "seed-0" / "history.csv").read_text().splitlines()
    column = rows[0].split(",").index("val_loss" if watched == "loss" else "val")
    assert [float(row.split(",")[column]) for row in rows[1:]] == pytest.approx(seen)


@pytest.mark.parametrize(
    ("model", "changes", "moved"),
    [
        ("GIN", {}, True),
        ("GCN", {}, True),
        ("PrecomputedOptBasisGNN", {}, False),
        ("GCN", {"epsilon": 8.0, "num_layers": 1}, False),  # a mean would tell of the labels
    ],
)
def test_numbers_of_nodes_are_learned_in_their_unit_where_none_is_private(
    model: str, changes: dict[str, Any], moved: bool, tmp_path: Path
) -> None:
    y = -400.0 * torch.arange(60).view(60, 1) + torch.tensor([0.0, 7.0])
    known = y.clone()
    if "epsilon" not in changes:
        known[::7, 0] = torch.nan
    graph = ring(60, y=known)
    graph.x = torch.nn.functional.one_hot(torch.arange(60) // 6, 10).float()
    recipe = recipe_for(model, saved(tmp_path / "mine.pt", graph))
    recipe = recipe.override({"epochs": 60 if moved else 2, "dropout": 0.0, **changes})
    outcome = run_recipe(recipe, seeds=1, out=tmp_path / "run", device="cpu")
    (found,) = outcome.experiments.values()
    net, loaded = trained_network(tmp_path / "run")
    assert isinstance(net, Standardized) is moved
    if not moved:
        return
    train = loaded.split("random", 0).train_mask
    torch.testing.assert_close(net.mean, known[train].nanmean(0))
    test = loaded.split("random", 0).test_mask
    with torch.no_grad():
        said = net.eval()(loaded.data.x, loaded.data.edge_index)[test]
    error = float((said - known[test]).abs().nanmean())
    assert error == pytest.approx(found.mean, rel=1e-4)
    assert error < 0.5 * float((y[train].mean(0) - y[test]).abs().mean())
