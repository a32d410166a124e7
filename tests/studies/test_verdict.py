from __future__ import annotations

from typing import Any

import pytest

from graphpoly.studies import judge_scores
from graphpoly.studies.verdict import render_comparison, sentence

LOW = [0.70, 0.71, 0.69, 0.70, 0.72, 0.68]
NEAR = [0.71, 0.70, 0.70, 0.70, 0.71, 0.69]
HIGH = [0.80, 0.82, 0.79, 0.81, 0.82, 0.78]


def content(share: float = 0.1, metric: str = "accuracy", **scores: list[float]) -> dict[str, Any]:
    held = {
        "dataset": "MUTAG",
        "title": "MUTAG",
        "metric": metric,
        "over": "6 divisions",
        "trials": 4,
        "seeds": 6,
        "settings": {name: {"lr": 0.01234, "K": 2} for name in scores},
        "notes": ["edge_attr is not read"],
        "parameters": dict.fromkeys(scores, 1234),
        **judge_scores(scores, share=share, maximize=metric == "accuracy"),
    }
    return {**held, "sentence": sentence(held)}


def test_two_that_cannot_be_told_apart() -> None:
    assert sentence(content(GIN=NEAR, GCN=LOW)) == (
        "On MUTAG GIN and GCN cannot be told apart: accuracy 70.17 % against 70.00 %, a difference "
        "of 0.17 ± 1.31 points over 6 divisions (corrected t-test p 0.756, Wilcoxon p 1.000)."
    )


def test_two_that_differ() -> None:
    assert sentence(content(GCN=LOW, GIN=HIGH)) == (
        "On MUTAG GIN is better than GCN: accuracy 80.33 % against 70.00 %, a difference of "
        "10.33 ± 0.69 points over 6 divisions (corrected t-test p < 0.001, Wilcoxon p 0.031)."
    )
    # an error that is small is good, and is no share
    assert sentence(content(0.0, "mae", GCN=LOW, GIN=HIGH)) == (
        "On MUTAG GCN is better than GIN: mae 0.7000 against 0.8033, a difference of -0.1033 ± "
        "0.0054 over 6 divisions (paired t-test p < 0.001, Wilcoxon p 0.031)."
    )


@pytest.mark.parametrize(
    ("a", "b", "c", "words"),
    [
        (HIGH, LOW, NEAR, "accuracy, 80.33 % over 6 divisions, and is better than C and B ("),
        (NEAR, LOW, NEAR, "and cannot be told apart from C and B ("),
        (HIGH, LOW, HIGH, "and is better than B and cannot be told apart from C ("),
    ],
)
def test_several(a: list[float], b: list[float], c: list[float], words: str) -> None:
    said = sentence(content(A=a, B=b, C=c))
    assert words in said
    assert said.count("On MUTAG") == 1
    assert said.endswith(").")


def test_equal_means_are_nobodys_alone() -> None:
    words = sentence(content(C=LOW, A=HIGH, B=HIGH[::-1]))
    assert words.startswith(
        "On MUTAG A, like B, has the best mean accuracy, 80.33 % over 6 divisions, and is better "
        "than C and cannot be told apart from B ("
    )


def test_the_page_has_every_model_and_pair() -> None:
    held = content(A=HIGH, B=LOW, C=NEAR)
    page = render_comparison(held)
    assert page.startswith(f"# A, C, B on MUTAG\n\n{held['sentence']}\n")
    for row in held["rows"]:
        assert f"| {row['model']} | {100 * row['mean']:.2f} % ± {100 * row['std']:.2f} % | " in page
    for pair in held["pairs"]:
        gap = f"{100 * pair['difference']:.2f} ± {100 * pair['half']:.2f} points"
        assert f"| {' − '.join(pair['models'])} | {gap} |" in page
    assert f"{held['critical_difference']:.2f} apart (Nemenyi, 5 %)" in page
    assert "- A: lr=0.0123, K=2\n" in page
    assert page.endswith("- note: edge_attr is not read\n")
