"""A card for a leaderboard: what OGB's submissions ask for, read from a finished run.

OGB wants the mean and the unbiased standard deviation (``torch.std``, n - 1) of what its evaluator
says of the test part over ten seeds, the same of the validation part, the number of parameters, the
hardware, the command and the versions (https://ogb.stanford.edu/docs/leader_overview). Nothing of a
card is filled in by hand: it holds what ``results.json`` recorded, and says where that is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphpoly.data import find_dataset, is_own
from graphpoly.files import to_json, write_atomically
from graphpoly.recipes.run import read_results

__all__ = ["make_card", "render_card", "write_card"]

_SEEDS, _SEEDS_OF_LARGE = 10, {"ogbn-papers100M": 3}  # what OGB asks for
_SHOWN = ("graphpoly", "torch", "torch-geometric", "ogb", "python")
_UNKNOWN = "not recorded"


def make_card(results: Path) -> dict[str, Any]:
    """Return the card of a ``results.json``, as plain values.

    Args:
        results: The file that :func:`graphpoly.recipes.run_recipe` wrote.

    Raises:
        CheckpointError: If it cannot be read.
        ValueError: If it is another file.
    """
    content = read_results(results)
    try:
        parts = content.get("parts", [content])
        rows = [
            {"method": _labelled(name, part, content), **_row(held)}
            for part in parts
            for name, held in part["models"].items()
        ]
        processes = [
            each
            for part in parts
            for held in part["models"].values()
            for run in held["seeds"]
            for each in run.get("processes") or ()
        ]
        divisions = [split.get("hash") for split in parts[0]["splits"].values()]
        return {
            "recipe": content["recipe"],
            "title": content["title"],
            "dataset": content["dataset"],
            "metric": content["metric"],
            "scored_by": _scored_by(content, processes),
            "seeds": content["seeds"],
            "split": {"name": content["protocol"]["split"], "different": len({*divisions})},
            "rows": rows,
            "hardware": _distinct(_hardware(each) for each in processes),
            "commands": _distinct(each["command"] for each in processes),
            "commits": _distinct(each["commit"] for each in processes),
            "versions": _distinct(each["versions"] for each in processes),
            "settings": {
                **content["settings"],
                **{name: content.get(name) for name in ("rewire", "privacy")},
            },
            "reading": content["reading"],
            "protocol": content["protocol"],
            "notes": [*content["notes"], *_shortcomings(content)],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{results}: not the results of a recipe") from error


def render_card(card: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    rows = card["rows"]
    several = "mean ± unbiased standard deviation, n − 1" if len(card["seeds"]) > 1 else "one run"
    lines = [
        f"# {card['title']}",
        "",
        _cells("", *(row["method"].replace("|", r"\|") for row in rows)),
        _cells("---", *("---:" for _ in rows)),
    ]
    lines += [
        _cells(f"test {card['metric']}", *(_spread(row["test"]) for row in rows)),
        _cells(f"validation {card['metric']}", *(_spread(row["validation"]) for row in rows)),
        _cells("parameters", *(_number(row["parameters"]) for row in rows)),
        _cells("time of all runs", *(f"{row['seconds']:.1f} s" for row in rows)),
        _cells("time of a run", *(f"{row['seconds_per_run']:.1f} s" for row in rows)),
        _cells("peak memory of the process", *(_bytes(row["peak_bytes"]) for row in rows)),
    ]
    if any(row["peak_device_bytes"] is not None for row in rows):
        on_device = (_bytes(row["peak_device_bytes"]) for row in rows)
        lines.append(_cells("peak memory of the GPU", *on_device))
    split, seeds = card["split"], ", ".join(map(str, card["seeds"]))
    divisions = f"{split['different']} divisions"
    counted = "one division" if split["different"] == 1 else divisions
    versions = [
        ", ".join(f"{name} {each[name]}" for name in _SHOWN if name in each)
        for each in card["versions"]
    ]
    facts: dict[str, Sequence[str]] = {
        "Figures": [f"{several}; scored by {card['scored_by']}"],
        "Data": [f"{card['dataset']}, split {split['name']}, {counted}"],
        "Seeds": [seeds],
        "Hardware": card["hardware"],
        "Command": [f"`{command}`" for command in card["commands"]],
        "Versions": versions,
        "Commit": [commit or "no checkout" for commit in card["commits"]],
        **{
            part.capitalize(): [_pairs(card[part])]
            for part in ("settings", "reading", "protocol")
            if card[part]
        },
    }
    lines += ["", *(f"- {name}: {'; '.join(held) or _UNKNOWN}" for name, held in facts.items())]
    lines += [f"- Note: {note}" for note in card["notes"]]
    return "\n".join(lines) + "\n"


def write_card(results: Path, path: Path | None = None) -> Path:
    """Write the card of a ``results.json`` as Markdown, and as JSON beside it.

    Args:
        results: The file that :func:`graphpoly.recipes.run_recipe` wrote.
        path: Of the Markdown; default ``card.md`` beside the results.

    Raises:
        ValueError: If the path does not end in ``.md``, or as :func:`make_card` does.
    """
    path = results.with_name("card.md") if path is None else path
    if path.suffix != ".md":
        raise ValueError(f"card: got {path}, expected a file that ends in .md")
    card = make_card(results)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path.with_suffix(".json"), to_json(card))
    write_atomically(path, render_card(card))
    return path


def _row(held: Mapping[str, Any]) -> dict[str, Any]:
    runs = held["seeds"]
    processes = [each for run in runs for each in run.get("processes") or ()]
    seconds = sum(run["seconds"] for run in runs)
    counted = runs[0].get("all_parameters")  # frozen ones, too
    return {
        "test": _mean_and_std([run["test"] for run in runs]),
        "validation": _mean_and_std([run["val"] for run in runs]),
        "parameters": held["num_parameters"] if counted is None else counted,
        "seconds": seconds,
        "seconds_per_run": seconds / len(runs),
        "peak_bytes": _most(each["peak_bytes"] for each in processes),
        "peak_device_bytes": _most(each["peak_device_bytes"] for each in processes),
    }


def _labelled(model: str, part: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    """Return a model's name, with what is this part's alone where there are several."""
    own = {} if part is content else {k: v for k, v in part.items() if not isinstance(v, dict)}
    return " ".join([model, *(f"at {key}={value:g}" for key, value in own.items())])


def _mean_and_std(scores: Sequence[float]) -> dict[str, float | None]:
    std = float(np.std(scores, ddof=1)) if len(scores) > 1 else None
    return {"mean": float(np.mean(scores)), "std": std}


def _scored_by(content: Mapping[str, Any], processes: Sequence[Mapping[str, Any]]) -> str:
    try:
        scorer = find_dataset(content["dataset"]).scorer(content["metric"])
    except ValueError:  # an entry of the user's own
        scorer = None
    # results that are older than the record of processes were scored by functions of ours
    theirs = scorer is not None and processes and not _is_own(content)
    return "OGB's Evaluator" if theirs else "graphpoly"


def _is_own(content: Mapping[str, Any]) -> bool:
    """Whether the data is the user's own, which may be called what a registered dataset is."""
    return is_own(str(content.get("given", content["dataset"])))


def _shortcomings(content: Mapping[str, Any]) -> list[str]:
    wanted = _SEEDS_OF_LARGE.get(content["dataset"], _SEEDS)
    held = len(content["seeds"])
    of_ogb = content["dataset"].startswith(("ogbn-", "ogbg-", "ogbl-")) and not _is_own(content)
    if not of_ogb or held >= wanted:
        return []
    return [f"OGB asks for {wanted} seeds, these are {held}"]


def _hardware(process: Mapping[str, Any]) -> str:
    threads = "1 thread" if process["threads"] == 1 else f"{process['threads']} threads"
    processor = f"{process['cpu']}, {threads}"
    found = processor if process["gpu"] is None else f"{process['gpu']}; {processor}"
    together = process.get("world_size", 1)  # absent until 0.1
    return found if together == 1 else f"{together} processes, each on {found}"


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return each value once, in the order of first appearance."""
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _cells(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(scores: Mapping[str, float | None]) -> str:
    spread = "" if scores["std"] is None else f" ± {scores['std']:.4f}"
    return f"{scores['mean']:.4f}{spread}"


def _number(value: int | None) -> str:
    return _UNKNOWN if value is None else f"{value:,}"


def _bytes(value: int | None) -> str:
    return _UNKNOWN if value is None else f"{value / 2**30:.2f} GiB"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items() if value is not None)
