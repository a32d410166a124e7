from __future__ import annotations

import builtins
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from graphpoly.recipes import run_recipe
from graphpoly.training import CheckpointError

TINY = {
    "num_nodes": 60,
    "avg_degree": 6.0,
    "num_features": 12,
    "epsilon": 1.0,
    "epochs": 2,
    "K": 2,
    "hidden_channels": 4,
}
MODELS = ["OptBasisGNN", "FavardGNN", "GCN"]


def embedded(page: str) -> Any:
    """Return the results that the page carries."""
    found = re.search(r'<script type="application/json" id="report">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found.group(1))


def test_three_models_one_result_file_one_page(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    outcome = run_recipe("demo", out=tmp_path, seeds=2, device="cpu", overrides=TINY)
    assert torch.get_num_threads() == threads
    assert list(outcome.experiments) == MODELS
    results = json.loads(outcome.results.read_text())
    assert list(results["models"]) == MODELS
    for name, found in results["models"].items():
        tests = [run["test"] for run in found["seeds"]]
        assert outcome.experiments[name].mean == pytest.approx(sum(tests) / 2)
    pytest.importorskip(
        "matplotlib", reason="matplotlib, the extra graphpoly[viz], is not installed"
    )
    assert outcome.report == tmp_path / "report.html"
    page = outcome.report.read_text()
    assert embedded(page) == results
    for name in MODELS:
        assert f"{100 * outcome.experiments[name].mean:.1f}" in page
    # one file that stands alone
    assert page.count("<svg") == 4  # what the filters pass is drawn for narrow screens, too
    assert not re.search(r"(src|href)=['\"]?(https?:)?//", page)
    assert "<link" not in page


def test_a_second_demo_is_refused_and_resume_gives_the_same(tmp_path: Path) -> None:
    first = run_recipe("demo", out=tmp_path, seeds=1, overrides=TINY)
    before = first.results.read_bytes()
    with pytest.raises(CheckpointError, match="holds a run already"):
        run_recipe("demo", out=tmp_path, seeds=1, overrides=TINY)
    with pytest.raises(CheckpointError, match="K"):
        run_recipe("demo", out=tmp_path, seeds=1, resume=True, overrides={**TINY, "K": 3})
    assert first.results.read_bytes() == before
    resumed = run_recipe("demo", out=tmp_path, seeds=1, resume=True, overrides=TINY)
    for name in MODELS:
        scores = [
            (run.experiments[name].mean, run.experiments[name].runs[0].val_loss)
            for run in (first, resumed)
        ]
        assert scores[0] == scores[1]


def test_what_is_no_demo_is_never_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "optbasisgnn"
    folder.mkdir()
    for content in ("settings: {name: mine}\n", "settings: [", "- 1\n"):
        (folder / "config.yaml").write_text(content)
        with pytest.raises(CheckpointError, match=r"config\.yaml"):
            run_recipe("demo", out=tmp_path, seeds=1, overrides=TINY)
        assert (folder / "config.yaml").read_text() == content


def test_without_the_extra_it_says_which_one_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    missing, module = "matplotlib", "graphpoly.pages.figures"
    for name in [name for name in sys.modules if name.split(".")[0] == missing]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr(module, raising=False)
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == missing:
            raise ImportError(f"No module named {name!r}", name=missing)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    outcome = run_recipe("demo", out=tmp_path, seeds=1, overrides=TINY)
    assert outcome.report is None
    assert outcome.messages == (f"the report needs {missing}: pip install 'graphpoly[viz]'",)
    assert outcome.results.exists()
    assert not (tmp_path / "report.html").exists()
