from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from graphpoly.cli.app import app
from graphpoly.cli.expressivity import ENDINGS
from graphpoly.data import BREC_CATEGORIES, SR_FAMILIES, brec
from graphpoly.expressivity import hard_pair, of_networkx


def run(*arguments: str):
    return CliRunner().invoke(app, ["expressivity", *arguments])


def told(*arguments: str):
    """Return what `--json` prints of a command that must succeed."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, f"{result.exception!r}: {result.stderr}"
    return json.loads(result.stdout)


@pytest.fixture
def pair(tmp_path) -> tuple[str, str]:
    paths = []
    for name, data in zip("ab", hard_pair("sr16622"), strict=True):
        paths.append(str(tmp_path / f"{name}.pt"))
        torch.save(data, paths[-1])
    return paths[0], paths[1]


def test_help_imports_no_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from graphpoly.cli.app import app; "
        "r = CliRunner().invoke(app, ['expressivity', '--help']); "
        "assert r.exit_code == 0 and 'duplicates' in r.output; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def brec_root(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "brec" / "raw"
    folder.mkdir(parents=True)
    graphs = (nx.path_graph(8), nx.full_rary_tree(2, 8))
    pair = [nx.to_graph6_bytes(graph, header=False).strip() for graph in graphs]
    for name, members in zip(brec._FILES, BREC_CATEGORIES.values(), strict=True):
        np.save(folder / f"{name}.npy", np.array([pair] * len(members)))
    return tmp_path / "data"


def test_brec_prints_realised_beside_possible(brec_root, tmp_path) -> None:
    given = ["--root", str(brec_root), "--seeds", "1,2", "--out", str(tmp_path / "out")]
    result = run("brec", "GIN", "epochs=1", "--pairs", "0,60-62", *given)
    assert result.exit_code == 0, result.output
    head, columns, *rows = result.stdout.splitlines()
    assert "means over 2 seeds; epochs=1" in head
    assert columns.split()[:4] == ["family", "pairs", "reference", "hotelling"]
    assert "ceiling (1-WL)" in columns
    assert [row.split()[:2] for row in rows] == [
        ["Basic", "1"],
        ["SimpleRegular", "2"],
        ["all", "3"],
    ]
    assert [row.split()[6] for row in rows] == ["1", "2", "3"]
    # nothing is computed twice; further pairs may follow
    again = run("brec", "GIN", "epochs=1", "--pairs", "0,60-62,399", *given, "--resume", "--json")
    report = json.loads(again.stdout)
    assert (report["ceiling"], report["seeds"]) == ("1-WL", [1, 2])
    assert [row["pairs"] for row in report["rows"]] == [1, 2, 1, 4]
    assert "pair 8 of 8" in again.stderr
    assert len((tmp_path / "out" / "pairs.jsonl").read_text().splitlines()) == 9


def test_brec_passes_on_what_is_not_the_protocols(brec_root, tmp_path) -> None:
    given = ["--root", str(brec_root), "--pairs", "60", "--seeds", "1", "--json"]
    small = ["epochs=0", "num_layers=1", "hidden_channels=4", "pool=None"]
    result = run("brec", "PPGN", *small, *given, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["network"] == {"num_layers": 1, "hidden_channels": 4, "pool": None}
    assert report["settings"]["epochs"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["GINN"], 2, "did you mean 'GIN'"),
        (["GIN", "epoch=1"], 2, "did you mean 'epochs'"),
        (["PPGN", "mlp_layer=1"], 2, "did you mean 'mlp_layers'"),
        (["GIN", "layers=2"], 2, "GIN cannot be made with"),
        (["GIN", "--pairs", "Basics"], 2, "did you mean 'Basic'"),
        (["GIN", "--seeds", "one"], 2, "seeds: got 'one'"),
        (["GIN", "--ceiling", "2-FWX"], 2, "did you mean '2-FWL'"),
        (["GIN", "--root", "/nowhere"], 1, "absent from"),
    ],
)
def test_brec_names_mistakes(tmp_path, arguments, code, message) -> None:
    result = run("brec", *arguments, "--out", str(tmp_path / "out"))
    assert result.exit_code == code
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_pair_names_the_first_test(pair) -> None:
    result = run("pair", *pair)
    assert result.exit_code == 0
    assert "2-FWL     finds them equal" in result.stdout
    assert "first: 3-FWL; after round" in result.stdout
    assert "N1        tells them apart, by neighbourhoods" in result.stdout
    found = told("pair", *pair)
    assert found["separated_by"] == "3-FWL"
    assert found["tests"] == {"1-WL": False, "δ-2-LWL": False, "2-FWL": False, "3-FWL": True}
    assert found["isomorphic"] is False
    assert found["beside"] == {"N1": True, "N2": True}


def test_pair_shows_a_witness(tmp_path) -> None:
    nx.write_graph6(nx.path_graph(4), tmp_path / "a.g6")
    nx.write_graph6(nx.star_graph(3), tmp_path / "b.g6")
    result = run("pair", str(tmp_path / "a.g6"), str(tmp_path / "b.g6"))
    assert "first: 1-WL; after round 1 " in result.stdout
    assert "isomorphic" in run("pair", *[str(tmp_path / "a.g6")] * 2).stdout


def test_pair_says_what_it_does_not_see(tmp_path) -> None:
    for name, kinds in (("a", 2), ("b", 3)):
        graph = nx.cycle_graph(6)
        nx.set_node_attributes(graph, {node: node % kinds for node in graph}, "kind")
        nx.write_graphml(graph, tmp_path / f"{name}.graphml")
    files = [str(tmp_path / f"{name}.graphml") for name in "ab"]
    result = run("pair", *files)
    assert "the graphs are isomorphic" in result.stdout
    assert result.stderr == "not seen: kind; --label NAME sees one of them\n"
    assert json.loads(run("pair", *files, "--json").stdout)["isomorphic"] is True
    result = run("pair", *files, "--label", "kind")
    assert "first: 1-WL" in result.stdout
    assert not result.stderr


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three graphs in the place of a family."""
    monkeypatch.setitem(SR_FAMILIES, "sr16622", 3)
    raw = tmp_path / "sr" / "raw"
    raw.mkdir(parents=True)
    graphs = [nx.cycle_graph(6), nx.disjoint_union(*[nx.cycle_graph(3)] * 2), nx.cycle_graph(6)]
    text = b"".join(nx.to_graph6_bytes(graph, header=False) for graph in graphs)
    (raw / "sr16622.g6").write_bytes(text)
    return tmp_path


def test_dataset_prints_levels_and_draws_them(root, tmp_path) -> None:
    page = tmp_path / "page.html"
    result = run("dataset", "sr16622", "--root", str(root), "--out", str(page))
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["sr16622:", "3", "graphs,", "18", "nodes"]
    assert lines[1][0] == "labels:"
    assert lines[-2][:3] == ["2-FWL", "no", "2"]
    assert result.stdout.splitlines()[-1].startswith("Whether a more expressive model would help")
    assert "<svg" in page.read_text()
    found = told("dataset", "sr16622", "--root", str(root))
    assert [level["graph_classes"] for level in found["levels"]] == [1, 1, 2]


def test_a_level_that_was_not_run_is_said(root, monkeypatch) -> None:
    monkeypatch.setitem(SR_FAMILIES, "sr16622", 2)
    graphs = [nx.cycle_graph(450), nx.cycle_graph(450)]
    text = b"".join(nx.to_graph6_bytes(graph, header=False) for graph in graphs)
    (root / "sr" / "raw" / "sr16622.g6").write_bytes(text)
    result = run("dataset", "sr16622", "--root", str(root))
    assert "2-FWL" not in result.stdout
    assert result.stderr == "2-FWL without labels: not run, the graphs are too large\n"


def test_duplicates_across_splits(root, tmp_path) -> None:
    splits = tmp_path / "splits.json"
    splits.write_text(json.dumps({"train": [0, 1], "test": [2]}))
    arguments = ("duplicates", "sr16622", "--root", str(root), "--splits", str(splits))
    result = run(*arguments)
    assert "1 group of equal graphs (isomorphism); 1 of 3 graphs" in result.stdout
    assert "graphs of test that are also in train: 1" in result.stdout
    found = told(*arguments, "--test", "1-WL")
    assert found["groups"] == [[0, 1, 2]]


def test_endings_are_those_of_the_readers() -> None:
    from graphpoly.expressivity.files import FORMATS

    assert tuple(FORMATS) == ENDINGS


@pytest.mark.parametrize(
    "arguments",
    [
        ("pair", "a.csv.gz", "b.g6"),
        ("duplicates", "MUTAG", "--test", "3-FWL"),
        ("brec", "GIN", "--seeds", "one"),
    ],
)
def test_mistakes_are_named_before_torch_is_loaded(arguments) -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from graphpoly.cli.app import app; "
        f"r = CliRunner().invoke(app, ['expressivity', *{arguments!r}]); "
        "assert r.exit_code in (1, 2) and r.stderr.startswith('error: '); "
        "assert r.stderr.count(chr(10)) == 1; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_data_of_ones_own_is_asked_like_any_other(tmp_path) -> None:
    """Triangles in pairs against hexagons, which 1-WL does not tell apart and 2-FWL does."""
    rings = [nx.cycle_graph(6), nx.disjoint_union(nx.cycle_graph(3), nx.cycle_graph(3))]
    graphs = []
    for i in range(8):
        data = of_networkx(rings[i % 2])
        data.y = torch.tensor([i % 2])
        graphs.append(data)
    torch.save(graphs, tmp_path / "mine.pt")
    answer = told("dataset", str(tmp_path / "mine.pt"))
    assert (answer["graphs"], answer["nodes"]) == (8, 48)
    bounds = {level["test"]: level["accuracy_bound"] for level in answer["levels"]}
    assert bounds == {"1-WL": 0.5, "2-FWL": 1.0}
    found = told("duplicates", str(tmp_path / "mine.pt"))
    assert found["groups"] == [[0, 2, 4, 6], [1, 3, 5, 7]]
    missing = run("dataset", str(tmp_path / "none.pt"))
    assert missing.exit_code == 2
    assert missing.stderr == f"error: {tmp_path / 'none.pt'}: no such file\n"


def test_graphs_without_labels_are_asked_like_any_other(tmp_path) -> None:
    mine = [of_networkx(nx.cycle_graph(6)), of_networkx(nx.path_graph(6))] * 2
    torch.save(mine, tmp_path / "mine.pt")
    found = told("dataset", str(tmp_path / "mine.pt"))
    assert found["levels"][-1]["graph_classes"] == 2
    assert found["levels"][-1]["accuracy_bound"] is None
    assert told("duplicates", str(tmp_path / "mine.pt"))["groups"] == [[0, 2], [1, 3]]


@pytest.mark.parametrize("weighted", [False, True])
def test_a_graph_without_features_has_no_labels(weighted, tmp_path) -> None:
    ring = of_networkx(nx.cycle_graph(6))
    if weighted:
        ring.edge_weight = torch.ones(12)
    torch.save(ring, tmp_path / "mine.pt")
    levels = told("dataset", str(tmp_path / "mine.pt"))["levels"]
    assert [(level["features"], level["node_classes"]) for level in levels] == [(False, 1)] * 2


def test_different_lists_with_commas_are_not_isomorphic(tmp_path) -> None:
    one, other = tmp_path / "a.edges", tmp_path / "b.edges"
    for mark in (",", ";", "\t"):
        one.write_text("".join(f"{u}{mark}{u + 1}\n" for u in range(3)))
        other.write_text("".join(f"0{mark}{u}\n" for u in range(1, 4)))
        assert "first: 1-WL" in run("pair", str(one), str(other)).stdout
    one.write_text("0 1\n1 2\n")
    other.write_text("1 0\n1 2\n")
    assert "the graphs are isomorphic" in run("pair", str(one), str(other)).stdout
    assert "first: 1-WL" in run("pair", str(one), str(other), "--directed").stdout
    other.write_text("")
    assert (
        "b.edges: cannot be read as .edges: holds no edge"
        in run("pair", str(one), str(other)).stderr
    )


def test_the_form_of_a_models_name_is_said() -> None:
    for verb in ("model", "brec"):
        result = run(verb, "my_model.py")
        assert result.exit_code == 2
        assert "of a file of code name what is in it, too: my_model:NAME" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pair", "a.xyz", "b.xyz"), "unknown ending"),
        (("pair", "a.g6", "b.g6"), "a.g6: no such file or directory"),
        (("dataset", "mutga"), "did you mean 'MUTAG'"),
        (("duplicates", "sr16622", "--root", "nowhere"), "is absent"),
    ],
)
def test_failures_are_one_line(arguments, message) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.data
def test_node_and_ogb_datasets(data_root) -> None:
    found = told("dataset", "cora", "--root", str(data_root))
    assert found["graphs"] == 1
    assert found["nodes"] == 2708
    assert found["levels"][0]["node_classes"] == 1
    plain = [level for level in found["levels"] if not level["features"]]
    bound = [level["accuracy_bound"] for level in plain]
    assert bound == sorted(bound)
    assert bound[0] == pytest.approx(818 / 2708)  # the largest class


def test_model_is_measured_and_drawn(tmp_path) -> None:
    page = tmp_path / "report.html"
    common = ("--weights", "1", "--graphs", "20", "--root", str(tmp_path))
    result = run("model", "tests.expressivity.models:Gcn", *common, "--out", str(page))
    assert result.exit_code == 0
    assert result.stdout.startswith("Gcn: at least 4 rounds of 1-WL, at most 1-WL on these ")
    # averages do not see the degree of regular graphs
    assert "determines all polynomials of nodes up to degree 0" in result.stdout
    assert "hears 3 hops" in result.stdout
    assert "same under another numbering: holds" in result.stdout
    assert "ladder: float64, weights 1 of 1" in result.stderr
    assert "without EXP" in result.stderr
    assert "What Gcn tells apart" in page.read_text(encoding="utf-8")


def test_model_shows_a_run_of_brec(tmp_path) -> None:
    row = {"category": "Basic", "pairs": 60, "realised": {"reference": 56.5}, "ceiling": 60}
    written = tmp_path / "results.json"
    written.write_text(json.dumps({"ceiling": "2-FWL", "rows": [row]}))
    common = ("tests.expressivity.models:Constant", "--weights", "1", "--graphs", "20")
    found = told("model", *common, "--brec", str(tmp_path))
    assert found["further"]["Trained on BREC"] == [
        ["family", "pairs", "reference", "ceiling (2-FWL)"],
        ["Basic", 60, "56.5", 60],
    ]
    assert found["bracket"]["at_least"] == found["bracket"]["at_most"] == "nothing"
    assert found["polynomial_degree"] == {"graph": 0, "node": None}
    written.write_text("{}")
    result = run("model", *common, "--brec", str(tmp_path))
    assert result.exit_code == 1
    assert "not what `graphpoly expressivity brec` writes" in result.stderr


def test_unknown_models_are_mistakes_of_the_command() -> None:
    result = run("model", "FavardGN")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "error: unknown model 'FavardGN'; did you mean 'FavardGNN'?"
    ]
