from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import networkx as nx
import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import global_add_pool

from graphpoly import registry
from graphpoly.data import BREC_CATEGORIES
from graphpoly.data.brec import _FILES
from graphpoly.exams.brec import (
    BrecSettings,
    brec_candidate,
    chosen_pairs,
    compare_pair,
    run_brec,
)
from graphpoly.training import CheckpointError

QUICK = BrecSettings(epochs=1, out_channels=4)
G6 = [
    nx.to_graph6_bytes(graph, header=False).strip()
    for graph in (
        nx.cycle_graph(8),
        nx.disjoint_union(nx.cycle_graph(4), nx.cycle_graph(4)),
        nx.path_graph(8),
        nx.full_rary_tree(2, 8),
    )
]


class Degrees(nn.Module):
    """Tells degrees apart, with noise of rounding."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 4)

    def forward(self, x, edge_index, batch):
        degree = x.new_zeros(x.size(0)).index_add(0, edge_index[1], x[edge_index[0], 0])
        rows = torch.stack([degree.sin(), degree.exp(), (1 + degree).log()], 1)
        return global_add_pool(self.mix(rows), batch)


def degrees() -> nn.Module:
    return Degrees()


def blind() -> nn.Module:
    class Blind(nn.Module):
        def forward(self, data):
            return torch.ones(data.num_graphs, 4)

    return Blind()


def noisy() -> nn.Module:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(4))
            self.calls = 0

        def forward(self, x, batch):
            """Different outputs by turns, whatever the graphs: the check must catch it."""
            count = int(batch.max()) + 1
            turn = torch.arange(count).view(-1, 1) % 2
            return self.scale * (turn + 0.01 * torch.randn(count, 4))

    return Noisy()


degrees.expressivity = "1-WL"  # type: ignore[attr-defined]
HERE = "tests.exams.test_brec"


@pytest.fixture
def root(tmp_path):
    """Files of the right shape: Basic has a cycle and two, all others a path and another tree."""
    folder = tmp_path / "data" / "brec" / "raw"
    folder.mkdir(parents=True)
    for name, members in zip(_FILES, BREC_CATEGORIES.values(), strict=True):
        pair = G6[:2] if name == "basic" else G6[2:]
        np.save(folder / f"{name}.npy", np.array([pair] * len(members)))
    return tmp_path / "data"


def test_choices_of_pairs() -> None:
    assert chosen_pairs(None) == list(range(400))
    assert chosen_pairs("0-60") == chosen_pairs("basic") == list(range(60))
    assert chosen_pairs("98, 3-5,4") == [98, 3, 4]
    assert chosen_pairs("Regular") == chosen_pairs("SimpleRegular,StronglyRegular")
    for words in ("390-401", "5-5", "", "400"):
        with pytest.raises(ValueError, match="pairs: got"):
            chosen_pairs(words)
    with pytest.raises(ValueError, match="did you mean 'Extension'"):
        chosen_pairs("Extensoin")


def test_candidates() -> None:
    assert brec_candidate("GIN").ceiling == "1-WL"
    assert brec_candidate("PathNN").ceiling is None
    assert brec_candidate("PathNN", ceiling="2-FWL").ceiling == "2-FWL"
    assert brec_candidate("FavardGNN").ceiling == "1-WL"
    assert brec_candidate(f"{HERE}:degrees").ceiling == "1-WL"
    assert brec_candidate(f"{HERE}:blind").ceiling is None
    for name, what in (
        ("PathNM", "did you mean 'PathNN'"),
        ("nowhere.at.all:factory", "No module named 'nowhere'"),
        (f"{HERE}:nothing", "unknown factory of .* 'nothing'"),
        (f"{HERE}:QUICK", "QUICK' is a BrecSettings, expected a factory"),
    ):
        with pytest.raises(ValueError, match=what):
            brec_candidate(name)
    with pytest.raises(ValueError, match="did you mean '2-FWL'"):
        brec_candidate("GIN", ceiling="2-FLW")


@pytest.mark.parametrize("entry", registry.entries("model"), ids=lambda entry: entry.name)
def test_registered_models_take_part_or_say_why_not(entry) -> None:
    try:
        brec_candidate(entry.name, out_channels=4).build()
    except ValueError as error:
        assert "pass package.module:factory" in str(error)  # noqa: PT017
        return
    record = compare_pair(entry.name, 0, (G6[2], G6[3]), 100, QUICK)
    assert record["epochs"] == 1
    assert set(record["reference"]) == {"distinguished", "reliable"}


def test_what_can_be_seen_is_and_what_cannot_is_not(root, tmp_path) -> None:
    report = run_brec(
        f"{HERE}:degrees",
        out=tmp_path / "out",
        root=root,
        pairs=[0, 1, 60, 61, 62],
        seeds=[100, 200],
        settings=BrecSettings(epochs=2, out_channels=4),
    )
    rows = {row.category: row for row in report.rows}
    assert list(rows) == ["Basic", "SimpleRegular", "all"]
    assert (rows["Basic"].pairs, rows["Basic"].ceiling) == (2, 0)
    assert rows["Basic"].realised["reference"] == rows["Basic"].beyond == 0
    assert (rows["SimpleRegular"].pairs, rows["SimpleRegular"].ceiling) == (3, 3)
    assert rows["SimpleRegular"].realised == {"reference": 3.0, "hotelling": 3.0}
    assert rows["all"].realised["reference"] == rows["all"].ceiling == 3
    lines = (tmp_path / "out" / "pairs.jsonl").read_text().splitlines()
    assert len(lines) == 11
    held = json.loads((tmp_path / "out" / "results.json").read_text())
    assert held["rows"][-1]["realised"]["reference"] == 3
    assert held["seeds"] == [100, 200]


def test_blind_and_noisy_models(root, tmp_path) -> None:
    for name, failures in (("blind", 0), ("noisy", 3)):
        settings = BrecSettings(epochs=0, out_channels=4)
        report = run_brec(
            f"{HERE}:{name}",
            out=tmp_path / name,
            root=root,
            pairs=[0, 100, 399],
            seeds=[1],
            settings=settings,
        )
        assert report.rows[-1].realised["reference"] == 0
        assert report.rows[-1].failures["reference"] == failures
        assert report.rows[-1].ceiling is None


@pytest.mark.slow
def test_a_pair_is_the_same_in_any_company_and_process(root, tmp_path) -> None:
    given = {"root": root, "settings": QUICK, "seeds": [7]}
    run_brec(f"{HERE}:degrees", out=tmp_path / "a", pairs=[60, 61, 5], **given)
    run_brec(f"{HERE}:degrees", out=tmp_path / "b", pairs=[5], **given)
    run_brec(
        f"{HERE}:degrees", out=tmp_path / "b", pairs=[60, 61, 5], workers=2, resume=True, **given
    )

    def held(out) -> dict:
        lines = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]
        assert len(lines) == 4
        return {
            line["pair"]: {k: v for k, v in line.items() if k not in ("seconds", "check")}
            for line in lines[1:]
        }

    assert held(tmp_path / "a") == held(tmp_path / "b")


def test_other_settings_are_not_mixed(root, tmp_path) -> None:
    given = {"root": root, "pairs": [60], "seeds": [7], "out": tmp_path / "a"}
    run_brec(f"{HERE}:degrees", settings=QUICK, **given)
    with pytest.raises(CheckpointError, match="holds a run already"):
        run_brec(f"{HERE}:degrees", settings=QUICK, **given)
    with pytest.raises(CheckpointError, match="made with settings"):
        run_brec(f"{HERE}:degrees", resume=True, **given)
    with pytest.raises(CheckpointError, match="made with model"):
        run_brec(f"{HERE}:blind", settings=QUICK, resume=True, **given)
    with pytest.raises(CheckpointError, match="made with network"):
        run_brec(f"{HERE}:degrees", settings=QUICK, network={"steps": 1}, resume=True, **given)
    with pytest.raises(ValueError, match="expected at least one"):
        run_brec("GIN", root=root, seeds=[], out=tmp_path / "b")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="kills with a signal")
def test_a_killed_run_goes_on(root, tmp_path) -> None:
    out = tmp_path / "out"
    code = (
        "from graphpoly.exams.brec import *\n"
        f"run_brec({HERE + ':degrees'!r}, out={str(out)!r}, root={str(root)!r}, "
        "pairs=range(60), seeds=[1], settings=BrecSettings(epochs=2, out_channels=4))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    path, deadline = out / "pairs.jsonl", time.monotonic() + 100
    while time.monotonic() < deadline and not (path.is_file() and path.stat().st_size > 1500):
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = path.read_text().splitlines()
    assert len(before) >= 3
    settings = BrecSettings(epochs=2, out_channels=4)
    report = run_brec(
        f"{HERE}:degrees",
        out=out,
        root=root,
        pairs=range(8),
        seeds=[1],
        settings=settings,
        resume=True,
    )
    assert report.rows[-1].pairs == 8
    assert path.read_text().splitlines()[: len(before) - 1] == before[:-1]
