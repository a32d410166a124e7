"""Every page that the package writes, made once of small data, and a browser to read them with."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import networkx as nx
import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import csbm, cycle_pairs, dataset_from
from graphpoly.exams import rewiring_page, run_rewiring
from graphpoly.expressivity import (
    analyze_model,
    identify,
    ladder_families,
    levels_page,
    levels_record,
    model_page,
)
from graphpoly.recipes import run_recipe
from graphpoly.rewiring import method_of
from graphpoly.robustness import Attack, BudgetRow, RobustnessReport, robustness_page
from graphpoly.studies import draw_filters, read_runs, runs_page, runs_record
from tests.expressivity.models import Walks
from tests.pages.browser import Browser, chromium, open_browser
from tests.stand_in import on_nodes, replaced

TINY = {"epochs": 4, "K": 3, "hidden_channels": 4}


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, object]]:
    """Each page by name: its file, and what it has to carry as JSON, or None where that is new."""
    pytest.importorskip("matplotlib", reason="two pages are drawn with it: graphpoly[viz]")
    folder = tmp_path_factory.mktemp("pages")
    made: dict[str, tuple[str, object]] = {}
    data = csbm(80, 6.0, 12, phi=-0.9, epsilon=4.0, seed=3)
    data.x = data.x.abs()
    with pytest.MonkeyPatch.context() as patch:
        replaced(patch, "texas", on_nodes(data))
        for name in ("gprgnn", "bernnet"):  # whose figures are published
            out = folder / name
            run_recipe(f"{name}/texas", root=folder, out=out, device="cpu", seeds=3, overrides=TINY)
        drawn = draw_filters(folder / "gprgnn", root=folder)
    made["filters"] = drawn.read_text(encoding="utf-8"), None
    for name, of in (("run", ["gprgnn"]), ("runs", ["gprgnn", "bernnet"])):
        found = read_runs([folder / each for each in of])
        made[name] = runs_page(found), runs_record(found)
    small = {**TINY, "num_nodes": 60, "num_features": 12}
    demo = run_recipe("demo", out=folder / "demo", device="cpu", seeds=2, overrides=small)
    assert demo.report is not None
    made["demo"] = demo.report.read_text(encoding="utf-8"), demo.results
    levels, counts = identify(cycle_pairs()), {"num_graphs": 2, "num_nodes": 12}
    made["dataset"] = (
        levels_page("cycles", levels, **counts),
        levels_record("cycles", levels, **counts),
    )
    families = ladder_families()[::3]
    model = analyze_model(Walks, name="walks", weights=1, graphs=20, families=families)
    made["model"] = model_page(model), model.to_dict()
    graphs = [_graph(nx.barbell_graph(4, i), i % 2) for i in range(4)]
    torch.save(graphs, folder / "mine.pt")
    rewired = run_rewiring(
        dataset_from(str(folder / "mine.pt")), method_of("fosr")(edges=2), out=folder / "rewired"
    )
    made["rewiring"] = rewiring_page(rewired), rewired.to_dict()
    rows = [BudgetRow(i / 10, 0.8 - i / 5, 0.02, i / 2, 0.1, 0.7 - i / 5) for i in range(3)]
    attack = Attack(kind="pgd")
    attacked = RobustnessReport("gcorn/cora", "GCORN", "cora", attack, [0, 1], rows, 2.0, 1.0)
    made["robustness"] = robustness_page(attacked), attacked.to_dict()
    for name, (page, _) in made.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: (folder / f"{name}.html", carried) for name, (_, carried) in made.items()}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with an empty page."""
    command = chromium()
    if command is None:
        pytest.skip("no Chromium: apt-get install chromium")
    with contextlib.ExitStack() as stack:
        profile = tmp_path_factory.mktemp("profile")
        yield stack.enter_context(open_browser(command, profile))


def _graph(made: nx.Graph, label: int) -> Data:
    pairs = torch.tensor(list(made.edges)).T
    pairs = torch.cat([pairs, pairs.flip(0)], 1)
    return Data(x=torch.ones(len(made), 1), edge_index=pairs, y=torch.tensor([label]))
