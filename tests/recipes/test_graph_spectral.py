from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from graphpoly import registry
from graphpoly.recipes import run_recipe, tu

SMALL = {"epochs": 2, "hidden_channels": 8, "num_layers": 1}


@pytest.fixture(autouse=True)
def graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    def ring(size: int, label: int) -> Data:
        ahead = torch.stack([torch.arange(size), (torch.arange(size) + 1) % size])
        edges = torch.cat([ahead, ahead.flip(0)], 1)
        return Data(x=torch.randn(size, 3), edge_index=edges, y=torch.tensor([label]))

    rings = [ring(3 + i % 5, i % 2) for i in range(60)]
    monkeypatch.setattr(tu, "load_tu", lambda *a, **k: rings)


@pytest.mark.parametrize("name", ["pdf/mutag", "pdf/proteins", "mfn/mutag", "mfn/proteins"])
def test_runs_the_model_that_it_names(name: str, tmp_path: Path) -> None:
    overrides = {**SMALL, "split": "stratified"}
    outcome = run_recipe(name, out=tmp_path, seeds=1, device="cpu", overrides=overrides)
    (experiment,) = outcome.experiments.values()
    assert 0 <= experiment.mean <= 1


def test_exponents_are_read_and_refused_by_name() -> None:
    settings = registry.get("recipe", "pdf/enzymes").obj.settings
    model, _ = settings.build(3, 6)
    assert model.convs[0].exponents == (-0.5, -0.4, -0.3, -0.2)
    assert model.convs[0].hops is None
    wrong = registry.get("recipe", "pdf/enzymes").obj.override({"exponents": "a,b"}).settings
    with pytest.raises(ValueError, match="exponents: got 'a,b'"):
        wrong.build(3, 6)
