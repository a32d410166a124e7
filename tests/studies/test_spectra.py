from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphpoly.data import csbm
from graphpoly.ops import normalize
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.studies import draw_filters, filter_spectra
from graphpoly.training import CheckpointError
from tests.stand_in import StandIn, on_nodes

TINY = {"epochs": 3, "patience": 2, "K": 3}


@pytest.fixture(autouse=True)
def graph(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("GRAPHPOLY_DATA", str(tmp_path))
    data = csbm(80, 6.0, 12, phi=-0.9, epsilon=4.0, seed=3)
    data.x = data.x.abs()
    stand_in("texas", on_nodes(data))
    return data


def test_response_is_that_of_the_best_weights(tmp_path: Path, graph) -> None:
    run_recipe("gprgnn/texas", out=tmp_path, seeds=2, device="cpu", overrides=TINY)
    (spectrum,) = filter_spectra(tmp_path, seed=1)
    from safetensors.torch import load_file

    weights = load_file(tmp_path / "seed-1" / "checkpoint" / "best.safetensors")
    theta = weights["filter.theta"].double()
    expected = spectrum.lambdas.unsqueeze(-1) ** torch.arange(4) @ theta
    torch.testing.assert_close(spectrum.response, expected.expand(-1, 2))
    assert spectrum.model == "GPRGNN"
    assert spectrum.layer.startswith("filter: GPRConv(")


def test_densities_are_those_of_the_filter_s_own_operator(tmp_path: Path, graph) -> None:
    run_recipe("gprgnn/texas", out=tmp_path, seeds=1, device="cpu", overrides=TINY)
    (spectrum,) = filter_spectra(tmp_path)
    adj = normalize(
        graph.edge_index, num_nodes=80, add_self_loops=True, dtype=torch.float64
    ).to_dense()
    values, vectors = torch.linalg.eigh(adj)
    label = torch.nn.functional.one_hot(graph.y).double()
    energy = (vectors.T @ (label - label.mean(0))).square().sum(1)
    assert spectrum.density.sum() == pytest.approx(1, abs=1e-9)
    assert spectrum.labels.sum() == pytest.approx(1, abs=1e-9)
    low = spectrum.edges[1:] <= 0
    # exact but for the smearing over the bound
    expected = energy[values <= 0].sum() / energy.sum()
    assert spectrum.labels[low].sum().item() == pytest.approx(expected.item(), abs=0.03)
    assert expected > 0.6  # the graph is heterophilous


def labelled(graph: Data, kind: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels, and as columns that are 0 on average what they say of each node."""
    wave = graph.y.double() + torch.linspace(0, 1, 80, dtype=torch.float64)
    y = {
        "classes": graph.y,
        "number": wave,
        "units": torch.stack([wave, 1e3 * wave.flip(0)], 1),
        "marks": torch.stack([graph.y, torch.arange(80) % 3 == 0], 1).float(),
    }[kind.removeprefix("unknown ")].clone()
    known = torch.arange(80) % 5 > 0 if "unknown" in kind else torch.ones(80, dtype=torch.bool)
    if "unknown" in kind:
        y[~known] = torch.nan if y.is_floating_point() else -1
    classes = torch.stack([graph.y == 0, graph.y == 1], 1).double()
    signal = y.double().view(80, -1) if y.is_floating_point() else classes
    signal = (signal - signal[known].mean(0)).masked_fill(~known.unsqueeze(1), 0)
    return y, signal / signal.norm(dim=0) if y.is_floating_point() else signal


@pytest.mark.parametrize(
    "kind",
    ["classes", "unknown classes", "number", "unknown number", "units", "unknown units", "marks"],
)
def test_labels_of_every_kind_have_their_energy(tmp_path: Path, graph, kind: str) -> None:
    """What is unknown says nothing, and the units of numbers are nobody's matter."""
    y, signal = labelled(graph, kind)
    torch.save(Data(graph.x, graph.edge_index, y=y), tmp_path / "mine.pt")
    recipe = recipe_for("GPRGNN", str(tmp_path / "mine.pt"))
    run_recipe(recipe, out=tmp_path / "run", seeds=1, device="cpu", overrides={"epochs": 2, "K": 3})
    (spectrum,) = filter_spectra(tmp_path / "run")
    adj = normalize(
        graph.edge_index, num_nodes=80, add_self_loops=True, dtype=torch.float64
    ).to_dense()
    values, vectors = torch.linalg.eigh(adj)
    energy = (vectors.T @ signal).square().sum(1) / signal.square().sum()
    assert spectrum.labels.sum() == pytest.approx(1, abs=1e-9)
    for bound in (-0.5, 0.0, 0.5):
        below = spectrum.labels[spectrum.edges[1:] <= bound + 1e-9].sum().item()
        assert below == pytest.approx(energy[values <= bound].sum().item(), abs=0.03)


def test_the_page_is_one_file_that_draws_every_filter(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run_recipe("demo", out=tmp_path, seeds=1, device="cpu", overrides={"num_nodes": 60, **TINY})
    page = draw_filters(tmp_path).read_text(encoding="utf-8")
    assert (tmp_path / "filters.html").is_file()
    # each for wide and narrow screens; the GCN has no polynomial filter
    assert page.count("<svg") == 4
    assert "OptBasisGNN" in page
    assert "FavardGNN" in page
    assert "src=" not in page


def test_what_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no results\.json"):
        filter_spectra(tmp_path)
    (tmp_path / "results.json").write_text('{"recipe": "gprgnn/texas"')
    with pytest.raises(ValueError, match=r"results\.json: cut short or altered"):
        filter_spectra(tmp_path)


def test_missing_weights_and_seeds_are_named(tmp_path: Path) -> None:
    run_recipe("bernnet/texas", out=tmp_path, seeds=1, device="cpu", overrides=TINY)
    with pytest.raises(ValueError, match=r"seed: got 4, the run has \[0\]"):
        filter_spectra(tmp_path, seed=4)
    weights = tmp_path / "seed-0" / "checkpoint" / "best.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match=r"best\.safetensors"):
        filter_spectra(tmp_path)


def test_the_root_of_the_training_is_remembered(
    tmp_path: Path, graph, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    roots: list[Path | None] = []
    read = on_nodes(graph)

    def load(root, reading, seed):
        roots.append(root)
        return read(root, reading, seed)

    stand_in("texas", load)
    monkeypatch.chdir(tmp_path)
    data, run = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    run_recipe("gprgnn/texas", root="data", out=run, seeds=1, device="cpu", overrides=TINY)
    monkeypatch.chdir("/")
    filter_spectra(run)
    filter_spectra(run, root=tmp_path)
    assert roots == [Path("data"), data, tmp_path]
    data.rename(tmp_path / "moved")
    match = rf"{run}: was trained on the datasets in {data}, which is no folder .*--root"
    with pytest.raises(ValueError, match=match):
        filter_spectra(run)
    assert not data.exists()
    filter_spectra(run, root=tmp_path / "moved")
    assert roots[-1] == tmp_path / "moved"


def test_the_default_root_is_remembered_too(
    tmp_path: Path, graph, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_recipe("gprgnn/texas", out=tmp_path / "run", seeds=1, device="cpu", overrides=TINY)
    roots: list[Path | None] = []
    monkeypatch.setenv("GRAPHPOLY_DATA", str(tmp_path / "elsewhere"))
    read = on_nodes(graph)
    stand_in("texas", lambda root, *given: roots.append(root) or read(root, *given))
    filter_spectra(tmp_path / "run")
    assert roots == [tmp_path]


def test_a_generated_graph_needs_no_root(tmp_path: Path) -> None:
    tiny = {"num_nodes": 60, **TINY}
    gone = tmp_path / "gone"
    run_recipe("demo", root=gone, out=tmp_path, seeds=1, device="cpu", overrides=tiny)
    assert len(filter_spectra(tmp_path)) == 2
    assert not gone.exists()


def test_a_run_of_any_model_on_any_dataset_is_found_again(tmp_path: Path, graph) -> None:
    recipe = recipe_for("GPRGNN", "texas")
    run_recipe(recipe, out=tmp_path, seeds=1, device="cpu", overrides={"epochs": 2, "K": 3})
    (spectrum,) = filter_spectra(tmp_path)
    assert spectrum.layer.startswith("filter: GPRConv(")
    assert spectrum.response.shape[0] == spectrum.lambdas.numel()
