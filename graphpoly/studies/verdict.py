"""A comparison in words and as a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["render_comparison", "sentence"]


def sentence(content: Mapping[str, Any]) -> str:
    """Return the answer of a comparison in one sentence.

    Args:
        content: As :class:`graphpoly.studies.Compared` holds it.
    """
    best, *others = content["rows"]
    name, held = best["model"], content["pairs"]
    pairs = {pair["models"][1]: pair for pair in held if pair["models"][0] == name}
    worse = [other for other, pair in pairs.items() if pair["apart"]]
    alike = [other for other, pair in pairs.items() if not pair["apart"]]
    mean = _score(content, best["mean"])
    if len(others) == 1:
        (pair,) = pairs.values()
        answer = f"is better than {worse[0]}" if worse else f"and {alike[0]} cannot be told apart"
        return (
            f"On {content['dataset']} {name} {answer}: {content['metric']} {mean} against "
            f"{_score(content, others[0]['mean'])}, a difference of {_gap(content, pair)} over "
            f"{content['over']} ({_test(content)} p {_p(pair['p_t'])}, Wilcoxon p "
            f"{_p(pair['p_wilcoxon'])})."
        )
    said = [f"is better than {_list(worse)}"] if worse else []
    said += [f"cannot be told apart from {_list(alike)}"] if alike else []
    values = sorted(pair["p_holm"] for pair in pairs.values())
    several = _p(values[0]) if values[0] == values[-1] else f"{_p(values[0])} to {_p(values[-1])}"
    tied = [row["model"] for row in others if math.isclose(row["mean"], best["mean"])]
    like = f", like {_list(tied)}," if tied else ""
    return (
        f"On {content['dataset']} {name}{like} has the best mean {content['metric']}, {mean} over "
        f"{content['over']}, and {' and '.join(said)} ({_test(content)}, p by Holm's method "
        f"{several})."
    )


def render_comparison(content: Mapping[str, Any]) -> str:
    """Return the comparison as Markdown: the sentence, scores, pairs, and how it was made."""
    lines = [
        f"# {', '.join(row['model'] for row in content['rows'])} on {content['title']}",
        "",
        content["sentence"],
        "",
        f"| model | test {content['metric']} | mean rank | parameters |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row['model']} | {_score(content, row['mean'])} ± {_score(content, row['std'])} | "
        f"{content['ranks'][row['model']]:.2f} | {content['parameters'][row['model']]:,} |"
        for row in content["rows"]
    ]
    lines += [
        "",
        f"| pair | difference | p, {_test(content)} | p by Holm | p, Wilcoxon |",
        "|---|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {' − '.join(pair['models'])} | {_gap(content, pair)} | {_p(pair['p_t'])} | "
        f"{_p(pair['p_holm'])} | {_p(pair['p_wilcoxon'])} |"
        for pair in content["pairs"]
    ]
    lines += [
        "",
        f"Each model had {content['trials']} trials, judged by validation on seed 0, and its best "
        f"settings {content['seeds']} runs. The ± of a model is the unbiased standard deviation, "
        "that of a pair half the 95 % interval of its t-test. Ranks are over "
        f"{content['over']} of this dataset alone, and differ where they are "
        f"{content['critical_difference']:.2f} apart (Nemenyi, 5 %).",
        "",
    ]
    lines += [
        f"- {name}: {', '.join(f'{key}={_value(value)}' for key, value in settings.items())}"
        for name, settings in content["settings"].items()
    ]
    lines += [f"- note: {note}" for note in content["notes"]]
    return "\n".join(lines) + "\n"


def _score(content: Mapping[str, Any], value: float) -> str:
    return f"{100 * value:.2f} %" if content["metric"] == "accuracy" else f"{value:.4f}"


def _gap(content: Mapping[str, Any], pair: Mapping[str, Any]) -> str:
    if content["metric"] == "accuracy":
        return f"{100 * pair['difference']:.2f} ± {100 * pair['half']:.2f} points"
    return f"{pair['difference']:.4f} ± {pair['half']:.4f}"


def _test(content: Mapping[str, Any]) -> str:
    return "corrected t-test" if content["share"] else "paired t-test"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _list(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
