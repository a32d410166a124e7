"""What reports are made of: the frame of a page, drawings in its colours, matplotlib's figures."""

from graphpoly.pages.html_page import (
    cards,
    details,
    figure,
    html_page,
    plural,
    section,
    settings_list,
    table,
    table_of,
    two_digits,
)
from graphpoly.pages.spectrum import Spectrum

__all__ = [
    "Spectrum",
    "cards",
    "details",
    "figure",
    "html_page",
    "plural",
    "section",
    "settings_list",
    "table",
    "table_of",
    "two_digits",
]
