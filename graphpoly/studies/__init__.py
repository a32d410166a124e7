"""What is made of several runs: a card of them, a search for settings, a comparison of models."""

from __future__ import annotations

from graphpoly.studies.card import make_card, render_card, write_card
from graphpoly.studies.comparison import Compared, Contest, judge_scores
from graphpoly.studies.search import Search, Tuned
from graphpoly.studies.spaces import SPACES, space_of

__all__ = [
    "SPACES",
    "Compared",
    "Contest",
    "Search",
    "Tuned",
    "judge_scores",
    "make_card",
    "render_card",
    "space_of",
    "write_card",
]
