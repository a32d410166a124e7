"""The page of reproduced figures, made from the result files.

    python -m benchmarks.results_page            # writes docs/results.md
    python -m benchmarks.results_page --collect runs/optbasis/chameleon ...

``--collect`` first copies the results of finished runs into ``benchmarks/results/recipes``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from graphpoly import registry
from graphpoly.files import plain
from graphpoly.recipes import judge

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "recipes"
PAGE = HERE.parent / "docs" / "results.md"

HEAD = """\
# Published figures and ours

Made by `python -m benchmarks.results_page` from the files in `benchmarks/results/recipes`; nothing
here is typed in. Each row is one command, `graphpoly train RECIPE --seeds RUNS`. Ours is mean ±
standard deviation of the test score over the runs, each with its own split where the protocol has
several; the interval is that of our mean (95 %, bootstrap). The published ± is what the paper
prints. Two figures agree where both intervals have a point in common; a single run has none, and
counts as a point. † was quoted second-hand, not read in the paper. *Older settings* were those of
the recipe when it was run, and are not today's: such a row is no verdict.
"""

# keys that change no figure: how many runs, and what is scored beside it
_ASIDE = ("num_splits", "watch_train")
_WHOLE = ("dataset", "metric", "rewire", "privacy")

SPLITS = """\
## Splits

- **dense**: the 60/20/20 that nearly all papers of this family use. It draws equally many training
  nodes from every class, so that small classes have few or no test nodes (two of Cora's seven
  classes and one of Citeseer's six have none). It is kept for comparison only.
- **sparse**: 2.5/2.5/95, drawn alike.
- **stratified**: 60/20/20 within every class; to draw conclusions from.
- **five-fold**: 64/16/20, whose test parts are five disjoint folds.
- **public**, **geom-gcn**: the masks that come with the data.

The index and a hash of the masks of every run stand in its result file.
"""

WRONG = """\
## Where published code is wrong, and what the right one gives

Each line is held by a test that needs nobody's code.

- **Jacobi polynomials**: the recurrence of the official JacobiConv has the wrong sign of a² − b²,
  so it evaluates no Jacobi polynomials unless a = ±b (`tests/bases/test_jacobi.py` compares with
  scipy). The published settings were found with it, so that the recipes keep it by
  `legacy_sign=true`. {jacobi}
- **GPR-GNN**: since 2022 the program reads Chameleon and Squirrel with the directions of their
  links, with which its own settings are far from its figures of 2021. With edges that go both ways
  they are near, and the recipes read them so. {directions}
- **BernNet, re-implemented** (pyg_spectral): not linear in its input, and θ = 1 does not pass
  everything. Here θ = 1 is all-pass (`tests/layers/spectral/test_bern_conv.py`). The official code
  is right, but takes K(K+3)/2 products where K suffice. {bernstein}
- **ChebNetII, re-implemented** (pyg_spectral): the interpolation overwrites instead of adding;
  γ = 1 gives a response between −0.43 and 1.06 instead of 1. Here it is 1
  (`tests/layers/spectral/test_cheb_ii_conv.py`).
- **OptBasis**: the published two-term recurrence in single precision loses orthogonality, up to 0.5
  in VᵀV at the published K = 20; noise is added even in evaluation; norms run over a whole batch.
  Here VᵀV = I to 1e-5 at K = 20, breakdown gives zeros, and every graph of a batch has its own
  basis (`tests/layers/spectral/test_opt_basis_conv.py`).
- **TFGNN**: the official Taylor series of sin and cos is off by 3.9 at its own setting for Cora.
  Here the waves are expanded in Chebyshev polynomials with Bessel coefficients, which is exact to
  rounding once K exceeds the frequency (`tests/bases/test_trigonometric.py`).
- **UniFilter**: the official code takes the angle to a mixed, unnormalised vector: cosines of 0.02
  instead of 0.309. Here all pairwise cosines equal cos θ (`tests/bases/test_universal.py`).
- **FE-GNN**: the official `--poly cheb` subtracts T_(k−1) instead of T_(k−2); the dense n x n
  decomposition is a sparse subspace iteration here (`tests/ops/test_column_space.py`).
"""


def load(directory: Path = RESULTS) -> list[dict[str, Any]]:
    """Return the results that were collected, in the order of their recipes."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in directory.glob("*.json")]
    return sorted(found, key=lambda result: (result["recipe"], str(result.get("overridden"))))


def collect(runs: Iterable[Path], directory: Path = RESULTS) -> None:
    """Copy the results of finished runs, under a name made of the recipe and what differs."""
    directory.mkdir(parents=True, exist_ok=True)
    for run in runs:
        content = json.loads((run / "results.json").read_text(encoding="utf-8"))
        content = _without_folders(content)
        name = "-".join([content["recipe"].replace("/", "-"), *_changes(content)])
        text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
        (directory / f"{name}.json").write_text(text, encoding="utf-8")
        for figure in run.glob("*.svg"):
            shutil.copy(figure, directory / f"{name}.svg")


def _without_folders(value: Any) -> Any:
    """Leave out the folder of the data, and the commands, which may name folders of a machine."""
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {k: _without_folders(v) for k, v in value.items() if k not in ("root", "command")}


def outdated(result: dict[str, Any]) -> list[str]:
    """Return the keys whose values were others when the result was made than its recipe has today.

    A key that is younger than the result had its default; what the user replaced is no difference,
    and nothing is known of a batch size that was left to the task. The data and the metric count as
    keys, and so do a rewiring and privacy, each as a whole.
    """
    recipe = registry.get("recipe", result["recipe"]).obj
    today = _plain(plain(recipe.to_dict()))
    stored = {**result["protocol"], **result["settings"], **result.get("reading", {})}
    asked = {word for key in result["overridden"] for word in key.split(".")}
    changed = [name for name in _WHOLE if result.get(name) != today.get(name)]
    found = [name for name in changed if not asked & {name, *_keys(result.get(name))}]
    for part in (recipe.protocol, recipe.settings, recipe.reading):
        for field in dataclasses.fields(part):
            if field.name not in stored and field.default is dataclasses.MISSING:
                continue
            was, now = stored.get(field.name, field.default), getattr(part, field.name)
            known = field.name != "batch_size" or None not in (was, now)
            known = known and field.name not in (*_ASIDE, *result["overridden"])
            if known and _plain(was) != _plain(now):
                found.append(field.name)
    return found


def render(results: list[dict[str, Any]]) -> str:
    """Return the page."""
    rows = [_rows(result) for result in results]
    table = [
        "| recipe | split | published | ours | runs | interval | difference | |",
        "|---|---|---:|---:|---:|---:|---:|---|",
        *(row for several in rows for row in several),
    ]
    wrong = WRONG.format(
        jacobi=_jacobi(results), directions=_directions(results), bernstein=_bernstein()
    )
    parts = [HEAD, "\n".join(table) + "\n", SPLITS, wrong, _sweep(results), _not_run(results)]
    return "\n".join(part for part in parts if part)


def _keys(part: Any) -> Iterable[str]:
    return part if isinstance(part, dict) else ()


def _plain(value: Any) -> Any:
    return None if value == "none" else json.loads(json.dumps(value))


def _changes(result: dict[str, Any]) -> list[str]:
    values = {**result["settings"], **result["protocol"], **result.get("reading", {})}
    return [f"{key}={values[key]}" for key in result["overridden"]]


def _rows(result: dict[str, Any]) -> list[str]:
    rows = []
    for name, model in result.get("models", {}).items():
        published, compared = result["published"], model["compared"]
        share = model["maximize"] if published is None else published["unit"] == "%"
        scale, digits = (100, 2) if share else (1, 4)
        test = {key: model["test"][key] for key in ("mean", "std", "ci95")}
        ours = f"{scale * test['mean']:.{digits}f}"
        interval = ""
        if test["std"] is not None:
            ours += f" ± {scale * test['std']:.{digits}f}"
            interval = " to ".join(f"{scale * bound:.{digits}f}" for bound in test["ci95"])
        said, difference, verdict = "", "", _verdict(result, model)
        if published is not None:
            mark = " †" if "second-hand" in published["source"] else ""
            spread = published["interval"]
            plus = "" if spread is None else f" ± {spread:.{digits}f}"
            said = f"{published['mean']:.{digits}f}{plus}{mark}"
            difference = f"{compared['difference']:+.{digits}f}"
        label = " ".join([f"`{result['recipe']}", *_changes(result)]) + "`"
        if len(result["models"]) > 1:
            label += f" {name}"
        cells = [label, result["protocol"]["split"], said, ours, str(model["num_seeds"])]
        rows.append("| " + " | ".join([*cells, interval, difference, verdict]) + " |")
    return rows


def _verdict(result: dict[str, Any], model: dict[str, Any]) -> str:
    compared, published, test = model["compared"], result["published"], model["test"]
    if compared is not None and not compared["comparable"]:
        return "other settings"
    if outdated(result):
        return "older settings"
    if compared is None:
        return ""
    scale = 100 if published["unit"] == "%" else 1
    mean, ci95 = test["mean"], test["ci95"]
    half = math.nan if ci95 is None else max(mean - ci95[0], ci95[1] - mean)
    agrees = judge(scale * mean, scale * half, published["mean"], published["interval"])
    if agrees is None:
        return ""
    if agrees:
        return "agrees"
    return "above" if compared["difference"] > 0 else "below"


def _jacobi(results: list[dict[str, Any]]) -> str:
    by = {(r["recipe"], r["settings"].get("legacy_sign")): r for r in results}
    said = []
    for recipe, legacy in by:
        if legacy is not True or (recipe, False) not in by:
            continue
        scores = [by[recipe, sign]["models"]["JacobiGNN"]["test"]["mean"] for sign in (True, False)]
        settings = by[recipe, True]["settings"]
        said.append(
            f"{recipe.partition('/')[2]} (a = {settings['a']:g}, b = {settings['b']:g}): "
            f"{100 * scores[0]:.2f} with the published recurrence, {100 * scores[1]:.2f} with the "
            "right one"
        )
    return "Measured: " + "; ".join(said) + "." if said else ""


def _directions(results: list[dict[str, Any]]) -> str:
    read = [r for r in results if "directed" in r.get("reading", ())]
    by = {(r["recipe"], r["reading"]["directed"]): r for r in read}
    said = []
    for recipe, directed in by:
        if not recipe.startswith("gprgnn/") or not directed or (recipe, False) not in by:
            continue
        scores = [by[recipe, each]["models"]["GPRGNN"]["test"]["mean"] for each in (True, False)]
        said.append(
            f"{recipe.partition('/')[2]}: {100 * scores[0]:.2f} with directions, "
            f"{100 * scores[1]:.2f} both ways"
        )
    return "Measured: " + "; ".join(said) + "." if said else ""


def _bernstein() -> str:
    path = HERE / "results" / "bernstein.json"
    if not path.exists():
        return ""
    forward = json.loads(path.read_text(encoding="utf-8"))["cases"][0]["contestants"]
    times = {row["name"]: row["ms"] for row in forward}
    ours = times.pop("graphpoly")
    factors = " and ".join(f"{ms / ours:.1f} ({name})" for name, ms in times.items())
    return f"Measured, forward: {factors} times as long as ours (`bernstein.md`)."


def _sweep(results: list[dict[str, Any]]) -> str:
    sweeps = [result for result in results if "parts" in result]
    if not sweeps:
        return ""
    (sweep,) = sweeps
    parts = sweep["parts"]
    phis = [part["phi"] for part in parts]
    lines = [
        "## From heterophily to homophily",
        "",
        "`graphpoly train csbm-sweep`: contextual stochastic block models from heterophilous edges",
        "(φ = −1) over no information in the edges (0) to homophilous ones (1). Mean test accuracy",
        f"in per cent over {len(sweep['seeds'])} graphs, one training setting for all models, "
        f"split {sweep['protocol']['split']}.",
        "",
        "![All filters along the sweep](../benchmarks/results/recipes/csbm-sweep.svg)",
        "",
        "| | " + " | ".join(f"{phi:+g}" for phi in phis) + " |",
        "|---|" + "---:|" * len(phis),
    ]
    for name in parts[0]["models"]:
        means = [100 * part["models"][name]["test"]["mean"] for part in parts]
        lines.append(f"| {name} | " + " | ".join(f"{mean:.1f}" for mean in means) + " |")
    return "\n".join(lines) + "\n"


def _not_run(results: list[dict[str, Any]]) -> str:
    done = {result["recipe"] for result in results}
    left = [entry.name for entry in registry.entries("recipe") if entry.name not in done]
    if not left:
        return ""
    names = ", ".join(f"`{name}`" for name in left)
    return f"## Not run\n\nThese recipes stand ready, and no result of them is claimed: {names}.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--collect", nargs="*", type=Path, default=[], metavar="RUN")
    arguments = parser.parse_args()
    collect(arguments.collect)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(render(load()), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
