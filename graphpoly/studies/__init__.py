"""What is made of runs: a card, the filters in them, a search for settings, a comparison."""

from __future__ import annotations

from graphpoly.studies.card import make_card, render_card, write_card
from graphpoly.studies.comparison import Compared, Contest, judge_scores
from graphpoly.studies.predict import predict
from graphpoly.studies.runs import Run, read_runs, run_sentence, runs_record, runs_sentence
from graphpoly.studies.runs_page import runs_page
from graphpoly.studies.search import Search, Tuned
from graphpoly.studies.spaces import SPACES, space_of
from graphpoly.studies.spectra import draw_filters, filter_spectra

__all__ = [
    "SPACES",
    "Compared",
    "Contest",
    "Run",
    "Search",
    "Tuned",
    "draw_filters",
    "filter_spectra",
    "judge_scores",
    "make_card",
    "predict",
    "read_runs",
    "render_card",
    "run_sentence",
    "runs_page",
    "runs_record",
    "runs_sentence",
    "space_of",
    "write_card",
]
