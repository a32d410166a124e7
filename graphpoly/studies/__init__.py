"""What is made of several runs: a card of them, a search for settings, a comparison of models."""

from __future__ import annotations

from graphpoly.studies.card import make_card, render_card, write_card

__all__ = ["make_card", "render_card", "write_card"]
