"""Finished runs side by side, as one HTML file that needs nothing else."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from graphpoly.pages import (
    cards,
    details,
    figure,
    html_page,
    plural,
    section,
    settings_list,
    table,
    table_of,
)
from graphpoly.studies.runs import Run, run_sentence, runs_record, runs_sentence
from graphpoly.studies.runs_figures import color_of, draw_curves, draw_scores

__all__ = ["runs_page"]

_WIDE, _NARROW = 940, 340
_LEAST = 330  # pixels that curves need for their letters
_WATCHED = (("train", "var(--soft)"), ("val", "var(--accent)"), ("test", "var(--warm)"))
_LOSSES = (("training", "loss", "var(--soft)"), ("validation", "val_loss", "var(--accent)"))


def runs_page(runs: Sequence[Run], *, version: str = "") -> str:
    """Return the page: scores beside the published figures, curves, divisions and settings.

    Args:
        runs: See :func:`read_runs`.
        version: Of what made it, for the head of the page.

    Runs of different datasets, metrics or units have sections of their own; of a single run the
    curves of all parts are drawn, of several those of validation.
    """
    alone = len(runs) == 1
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault((run.dataset, run.metric, run.scale), []).append(run)
    sections = []
    for (dataset, metric, _), held in groups.items():
        of = "" if len(groups) == 1 else f" on {dataset}"
        sections += [
            section(f"Test {metric}{of}", _SCORES, _scores(held)),
            section(f"On the way{of}", _words(held), cards(_curves(held), width=380)),
            section(f"Divisions{of}", _shared(held), _divisions(held)),
        ]
    sections.append(section("Settings", "", _settings(runs)))
    titles = {run.title for run in runs}
    return html_page(
        titles.pop() if len(titles) == 1 else f"{plural(len(runs), 'run')} side by side",
        summary=" ".join(
            run_sentence(held[0]) if len(held) == 1 else runs_sentence(held)
            for held in groups.values()
        ),
        lead=" ".join(dict.fromkeys(note[:1].upper() + note[1:] + "." for note in _notes(runs))),
        facts=_facts(runs[0]) if alone else [],
        sections=sections,
        footer="Intervals of ours are bootstrap intervals of the mean over the seeds, 95 %.",
        report=runs_record(runs),
        version=version,
    )


_SCORES = (
    "Dots are seeds, strokes are means, bars their 95 % intervals; a published figure is a diamond "
    "with the interval that was published."
)


def _notes(runs: Sequence[Run]) -> list[str]:
    return [note.rstrip(".") for run in runs for note in run.notes]


def _facts(run: Run) -> list[tuple[str, str]]:
    return [
        ("dataset", run.dataset),
        ("split", run.split),
        ("seeds", str(len(run.seeds))),
        ("parameters", f"{run.parameters:,}"),
        ("a run took", f"{_seconds(run):.1f} s"),
    ]


def _seconds(run: Run) -> float:
    return sum(float(seed["seconds"]) for seed in run.seeds) / len(run.seeds)


def _scores(runs: Sequence[Run]) -> str:
    """Every mean and both intervals, drawn and as a table."""
    unit = runs[0].unit.strip()
    score = f"test {runs[0].metric}{unit and f', {unit}'}"
    head = ["run", html.escape(score), "95 % interval", "std"]
    known = any(run.published is not None for run in runs)
    head += ["published", "its interval", "difference"] if known else []
    head += ["seeds", "parameters", "seconds a run"]
    rows = []
    for number, run in enumerate(runs):
        dot = f'<span class="dot" style="background:{color_of(number)}"></span>'
        std = run.test["std"]
        row = [f"<b>{run.show(run.mean)}</b>", _range(run, run.interval)]
        row.append("–" if std is None else run.show(std * run.scale))
        row += _against(run) if known else []
        row += [str(len(run.seeds)), f"{run.parameters:,}", f"{_seconds(run):.1f}"]
        rows.append(("", [dot + html.escape(run.label), *row]))
    drawn = figure(draw_scores(runs, _WIDE), narrow=draw_scores(runs, _NARROW))
    sources = dict.fromkeys(run.published["source"] for run in runs if run.published is not None)
    said = f'<p class="note">Published: {html.escape("; ".join(sources))}.</p>' if sources else ""
    return drawn + table_of(head, rows, f"Test {runs[0].metric} of each run") + said


def _range(run: Run, interval: tuple[float, float] | None) -> str:
    return "–" if interval is None else " to ".join(map(run.show, interval))


def _against(run: Run) -> list[str]:
    if run.published is None:
        return ["–", "–", "–"]
    mean = run.published["mean"]
    gap = run.mean - mean
    if math.isnan(gap):
        return [run.show(mean), _range(run, run.published_interval), "–"]
    sign = "−" if gap < 0 else "+"
    mark = "" if run.compared is None or run.compared["comparable"] else " (other settings)"
    return [run.show(mean), _range(run, run.published_interval), sign + run.show(abs(gap)) + mark]


def _words(runs: Sequence[Run]) -> str:
    empty = [run.label for run in runs if not any(run.curves)]
    words = "Each seed faintly, their mean strongly, as far as the shortest run went."
    return words + (f" No history is left of {', '.join(empty)}." if empty else "")


def _curves(runs: Sequence[Run]) -> list[str]:
    """Scores and losses over the epochs: of a single run those of each part, of several theirs."""
    one, unit = runs[0], runs[0].unit.strip()
    score = f"{one.metric}{unit and f', {unit}'}"
    drawn: dict[str, dict[str, Any]] = {}
    if len(runs) == 1:
        drawn[score] = {part: (color, _values(one, part, one.scale)) for part, color in _WATCHED}
        drawn["loss"] = {word: (color, _values(one, key)) for word, key, color in _LOSSES}
    else:
        for key, title, scale in (
            ("val", f"validation {score}", one.scale),
            ("val_loss", "validation loss", 1),
        ):
            drawn[title] = {
                run.label: (color_of(number), _values(run, key, scale))
                for number, run in enumerate(runs)
            }
    shown = {
        title: {name: held for name, held in lines.items() if any(held[1])}
        for title, lines in drawn.items()
    }
    return [
        figure(draw_curves(lines, title), least=_LEAST) for title, lines in shown.items() if lines
    ]


def _values(run: Run, key: str, scale: int = 1) -> list[list[tuple[float, float]]]:
    return [[(row["epoch"], scale * row[key]) for row in rows if key in row] for rows in run.curves]


def _shared(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return ""
    first, *others = [
        {
            seed["seed"]: held.get("hash")
            for seed, held in zip(run.seeds, run.divisions, strict=True)
        }
        for run in runs
    ]
    if None in first.values():
        return "Of these divisions no hash was recorded."
    if all(each == first for each in others):
        return "All runs were measured on the same divisions, seed by seed."
    return "The runs were not measured on the same divisions: their scores cannot be paired."


def _hash(division: Mapping[str, Any]) -> str | None:
    return division.get("hash")


def _divisions(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return _seeds(runs[0])
    return "".join(details(run.label, _seeds(run)) for run in runs)


def _seeds(run: Run) -> str:
    head = ["seed", "division", "train", "val", "test", "best epoch", "epochs"]
    rows: list[Sequence[Any]] = [[*head, f"validation {run.metric}", f"test {run.metric}"]]
    for seed, held in zip(run.seeds, run.divisions, strict=True):
        sizes = (seed.get("task") or {}).get("sizes") or {}
        named = " ".join(str(held[key]) for key in ("name", "index", "hash") if key in held)
        row = [seed["seed"], named or "–"]
        row += [sizes.get(part, "–") for part in ("train", "val", "test")]
        row += [seed["best_epoch"], seed["epochs"]]
        row += [run.show(seed[part] * run.scale) for part in ("val", "test")]
        rows.append(row)
    return table(rows, f"Division and scores of each seed of {run.label}")


def _settings(runs: Sequence[Run]) -> str:
    if len(runs) == 1:
        return settings_list(runs[0].settings)
    differing = [
        key
        for key in dict.fromkeys(key for run in runs for key in run.settings)
        if any(run.settings.get(key, _NONE) != runs[0].settings.get(key, _NONE) for run in runs)
    ]
    rows = [["setting", *(run.label for run in runs)]]
    rows += [[key, *(_shown(run.settings, key) for run in runs)] for key in differing]
    common = {key: value for key, value in runs[0].settings.items() if key not in differing}
    drawn = table(rows, "Settings in which the runs differ") if differing else ""
    return drawn + details("What all have in common", settings_list(common))


_NONE = object()


def _shown(settings: Mapping[str, Any], key: str) -> str:
    value = settings.get(key, "–")
    return "none" if value is None else str(value)
