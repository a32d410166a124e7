"""Which of several models is better on a dataset, each after the same search for settings."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphpoly.files import plain, to_json, write_atomically
from graphpoly.recipes import recipe_for
from graphpoly.recipes.run import read_results
from graphpoly.studies.search import Search
from graphpoly.studies.statistics import (
    corrected_t,
    critical_difference,
    friedman_p,
    holm,
    mean_ranks,
    wilcoxon_p,
)
from graphpoly.studies.verdict import render_comparison, sentence
from graphpoly.training import Progress

__all__ = ["Compared", "Contest", "judge_scores"]

_LEVEL = 0.05


@dataclass(frozen=True)
class Compared:
    """What a comparison found.

    Attributes:
        content: All of it, as plain values: ``rows`` a model, ``pairs``, ``ranks``, ``sentence``.
        record: The file that holds it.
        page: The same as Markdown.
        figure: Mean ranks as SVG, and as PNG beside it; None where matplotlib is not installed.
    """

    content: dict[str, Any]
    record: Path
    page: Path
    figure: Path | None


class Contest:
    """A comparison of models on one dataset.

    Each model is searched with the same number of trials and the same seed, and its best settings
    run with the same seeds on the same divisions. Differences are judged in pairs of runs by the
    corrected resampled t-test, raised by Holm's method over all pairs of models; Wilcoxon's test,
    which takes the runs for independent, stands beside it. On one fixed division runs differ by
    their seed alone, and nothing is said about other data; there, and where every seed draws data
    of its own, no training sets overlap by chance, and the t-test is the plain one.

    Args:
        models: Names, at least two.
        dataset: Name.
        trials: Of the search of each model.
        seeds: Runs of each model, at least 2.
        fixed: Values that are not searched; every model has to have them.
        out: Folder; default ``runs/compare/`` and the dataset's name.
        search_seed: Of all searches.

    Raises:
        ValueError: If a name, key or number is not accepted, or a model is named twice.
    """

    def __init__(
        self,
        models: Sequence[str],
        dataset: str,
        *,
        trials: int,
        seeds: int = 10,
        fixed: Mapping[str, Any] | None = None,
        out: str | Path | None = None,
        search_seed: int = 0,
    ) -> None:
        if seeds < 2:
            raise ValueError(f"seeds: got {seeds}, expected at least 2")
        recipes = [recipe_for(model, dataset) for model in models]
        names = [recipe.models[0] for recipe in recipes]
        if len(names) < 2:
            raise ValueError(f"models: got {' '.join(names) or 'none'}, expected at least 2")
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"models: {name} is named twice")
        self.dataset = recipes[0].data
        name = self.dataset.name.lower()
        self.out = Path("runs", "compare", name) if out is None else Path(out).expanduser()
        self.record = self.out / "comparison.json"
        self.searches = {
            name: Search(
                recipe,
                trials=trials,
                fixed=fixed,
                seeds=seeds,
                out=self.out / name.lower().replace(":", "."),
                search_seed=search_seed,
            )
            for name, recipe in zip(names, recipes, strict=True)
        }
        self.facts = {"trials": trials, "seeds": seeds, "search_seed": search_seed}

    def run(
        self,
        *,
        root: str | Path | None = None,
        device: str | torch.device = "auto",
        progress: Progress | None = None,
    ) -> Compared | None:
        """Search, run and compare; None while another process is at work on a part of it.

        Raises:
            ValueError: If no trial of a model could be trained, or a run has no finite score.
            DatasetError: If the dataset cannot be had.
            CheckpointError: If the folder holds something else.
            ImportError: If optuna is not installed.
        """
        found = {
            name: search.run(root=root, device=device, progress=progress)
            for name, search in self.searches.items()
        }
        finished = {name: each.outcome for name, each in found.items() if each.outcome is not None}
        if len(finished) < len(found):
            return None
        results = {name: read_results(outcome.results) for name, outcome in finished.items()}
        seeds = range(self.facts["seeds"])  # a folder may hold further ones
        runs = {
            name: [run for run in held["models"][name]["seeds"] if run["seed"] in seeds]
            for name, held in results.items()
        }
        search = next(iter(self.searches.values()))
        splits = next(iter(results.values()))["splits"]
        of_runs = [splits[str(seed)] for seed in seeds]
        divisions = len({str(split.get("hash", split.get("index"))) for split in of_runs})
        overlap = divisions > 1 and not self.dataset.drawn
        chosen = {name: each.chosen["settings"] for name, each in found.items() if each.chosen}
        content = {
            "dataset": self.dataset.name,
            "title": self.dataset.title,
            "metric": search.recipe.metric,
            "maximize": search.maximize,
            "split": search.recipe.protocol.split,
            "over": self._over(divisions),
            **self.facts,
            "settings": chosen,
            "results": {
                name: str(each.results.relative_to(self.out)) for name, each in finished.items()
            },
            "parameters": {name: rows[0]["num_parameters"] for name, rows in runs.items()},
        }
        notes = [
            note
            for each in finished.values()
            for note in each.messages
            if note not in each.recipe.notes  # how the settings were chosen is said of all
        ]
        content["notes"] = list(dict.fromkeys(notes))
        scores = {name: [run["test"] for run in rows] for name, rows in runs.items()}
        share = _share(next(iter(runs.values()))) if overlap else 0.0
        content |= judge_scores(scores, share=share, maximize=search.maximize)
        content["sentence"] = sentence(content)
        page = self.record.with_suffix(".md")
        write_atomically(self.record, to_json(plain(content)))
        write_atomically(page, render_comparison(content))
        return Compared(content, self.record, page, self._drawn(content))

    def _over(self, divisions: int) -> str:
        """Say what the pairs are."""
        seeds = self.facts["seeds"]
        if self.dataset.drawn:
            return f"{seeds} draws of the data"
        if divisions == 1:
            return f"{seeds} seeds on one division"
        runs = "" if divisions == seeds else f"{seeds} runs on "
        return f"{runs}{divisions} divisions"

    def _drawn(self, content: Mapping[str, Any]) -> Path | None:
        try:
            from graphpoly.studies.ranks_figure import draw_ranks
        except ImportError:  # matplotlib; what took hours is told without it
            return None
        path = self.out / "ranks.svg"
        title = f"Mean rank of test {content['metric']} on {content['title']}, {content['over']}"
        ranks, distance = content["ranks"], content["critical_difference"]
        draw_ranks(ranks, distance, title, path, path.with_suffix(".png"))
        return path


def judge_scores(
    scores: Mapping[str, Sequence[float]], *, share: float, maximize: bool
) -> dict[str, Any]:
    """Compare every two rows of scores, and rank all of them.

    Args:
        scores: By model, of the same runs in the same order.
        share: Test rows for each training row; 0 where training sets do not overlap by chance.
        maximize: Whether larger is better.

    Returns:
        ``rows`` with mean and unbiased std of each model, the best first; ``pairs`` of them in that
        order, with the mean difference, half its 95 % interval, ``p_t``, ``p_holm`` and
        ``p_wilcoxon``; ``ranks``, their ``critical_difference`` and ``friedman_p``.

    Raises:
        ValueError: If a score is not finite.
    """
    for name, row in scores.items():
        failed = int((~np.isfinite(row)).sum())
        if failed:
            raise ValueError(
                f"scores: {name} has no finite one in {failed} of {len(row)} runs, and is not "
                "compared"
            )
    sign = -1 if maximize else 1
    names = sorted(scores, key=lambda name: (sign * float(np.mean(scores[name])), name))
    table = [scores[name] for name in names]
    pairs: list[dict[str, Any]] = []
    for one, other in itertools.combinations(names, 2):
        differences = [a - b for a, b in zip(scores[one], scores[other], strict=True)]
        half, p = corrected_t(differences, share)
        pairs.append(
            {
                "models": [one, other],
                "difference": float(np.mean(differences)),
                "half": half,
                "p_t": p,
                "p_wilcoxon": wilcoxon_p(differences),
            }
        )
    for pair, p in zip(pairs, holm([pair["p_t"] for pair in pairs]), strict=True):
        pair |= {"p_holm": p, "apart": p < _LEVEL}
    rows = [
        {
            "model": name,
            "mean": float(np.mean(scores[name])),
            "std": float(np.std(scores[name], ddof=1)),
            "scores": list(scores[name]),
        }
        for name in names
    ]
    return {
        "share": share,
        "rows": rows,
        "pairs": pairs,
        "ranks": dict(zip(names, mean_ranks(table, maximize=maximize), strict=True)),
        "critical_difference": critical_difference(len(names), len(table[0]), _LEVEL),
        "friedman_p": friedman_p(table),
    }


def _share(runs: Sequence[Mapping[str, Any]]) -> float:
    """Return the test rows for each training row, the mean over the runs."""
    sizes = [run["task"]["sizes"] for run in runs]
    return float(np.mean([size["test"] / size["train"] for size in sizes]))
