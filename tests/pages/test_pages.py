"""Every page as its readers have it: wide and narrow, light and dark, and without eyes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from graphpoly.pages import two_digits
from tests.pages.browser import Browser, axe_source

NAMES = ["run", "runs", "filters", "demo", "dataset", "model", "rewiring", "robustness"]
SCHEMES = ["light", "dark"]
WIDTHS = [1280, 768, 400]
EMBEDDED = "JSON.parse(document.getElementById('report').textContent)"
# what hangs out of the window, or of its own box, and cannot be scrolled to
OUTSIDE = """[...document.querySelectorAll('body *')].filter(each =>
  !each.closest('.scroll, caption, script, svg') && each.getClientRects().length &&
  each.getBoundingClientRect().right > innerWidth + 0.5).map(each => each.outerHTML.slice(0, 80))"""
# an SVG counts by its name alone: axe would look at every point of it
PREPARED = """document.querySelectorAll('svg').forEach(each => each.replaceChildren());
  document.querySelectorAll('details').forEach(each => each.open = true)"""
FAULTS = """axe.run(document, {resultTypes: ['violations'], ...%s}).then(found => found.violations
  .filter(each => ['serious', 'critical'].includes(each.impact))
  .map(each => each.id + ': ' + each.nodes[0].html.slice(0, 120)))"""
# the smallest letters of the drawings that are seen, in pixels of the screen
LETTERS = """Math.min(...[...document.querySelectorAll('svg text')]
  .filter(each => each.getClientRects().length)
  .map(each => [parseFloat(getComputedStyle(each).fontSize), each.getScreenCTM()])
  .map(([size, to]) => size * Math.hypot(to.a, to.b)))"""


@pytest.fixture(params=NAMES)
def page(request: pytest.FixtureRequest, pages: dict[str, tuple[Path, object]]) -> Path:
    """The file of one page after the other."""
    return pages[request.param][0]


def test_a_page_is_small_and_loads_nothing(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text.encode()) < 1_000_000
    plain = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    assert "<script" not in plain
    assert not re.search(r"<(link|img|iframe|object|embed)\b|\bsrc=|@import", plain)
    places = re.findall(r"""(?:href=["']|url\(["']?)([^"')]*)""", plain)
    assert all(place.startswith("#") for place in places)  # it refers to itself alone
    assert not re.search(r"""["'(]\s*(https?:)?//(?!www\.w3\.org/)""", plain)


def test_its_parts_have_names(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for part in ("header", "main", "footer", "h1"):
        assert text.count(f"<{part}>") == 1
    assert text.count("<svg") == len(re.findall(r'<svg [^>]*role="img" aria-label="[^"]+', text))
    assert "<th>" not in text
    assert text.count("<table>") == len(re.findall(r"<table><caption>[^<]+</caption>", text))
    rows = re.findall(r"<tr[ >].*?</tr>", text, re.DOTALL)
    assert all(re.search(r'<th scope="(row|col)"', row) for row in rows)


def test_two_digits_are_those_of_the_number() -> None:
    values = (0.0, 1.0, 12.0, 0.5, 0.05, 123.0, 99.96, 0.0099999)
    assert [two_digits(value) for value in values] == [
        "0",
        "1",
        "12",
        "0.5",
        "0.05",
        "120",
        "100",
        "0.01",
    ]
    for power in range(-300, 300):
        for value in (1.04, 4.4501, 9.949, 9.951, 9.9999, -7.25):
            shown = two_digits(value * 10.0**power)
            number, _, raised = shown.partition("·10")
            assert re.fullmatch(r"-?\d+(\.\d+)?", number)
            raised = raised.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")) or "0"
            read = float(f"{number}e{raised}")
            assert read == pytest.approx(value * 10.0**power, rel=0.051)
            assert read == pytest.approx(float(f"{value * 10.0**power:.1e}"), rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_well_at_every_width_in_both_schemes(
    browser: Browser, pages: dict[str, tuple[Path, object]], name: str
) -> None:
    browser.open(pages[name][0])
    ground = {}
    for width in [*WIDTHS, 320]:
        for scheme in SCHEMES:
            browser.show(width, scheme)
            assert browser.run("document.documentElement.scrollWidth") == width
            assert browser.run(OUTSIDE) == []
            if width not in WIDTHS:
                continue
            assert browser.run(LETTERS) > 5.9  # of exponents; others are a third larger
            pixels = browser.screenshot()
            assert pixels.shape[1] == width
            ground[scheme] = float(pixels[:, 0].mean())  # the margin
            # words and figures stand out from what is behind them
            assert np.ptp(pixels.mean(2)) > 0.6
            assert 0.01 < (np.abs(pixels - pixels[0, 0]).max(2) > 0.3).mean() < 0.5
    assert ground["dark"] < 0.2 < 0.9 < ground["light"]
    assert browser.errors() == []


@pytest.mark.parametrize("name", NAMES)
def test_it_carries_the_numbers_that_it_shows(
    browser: Browser, pages: dict[str, tuple[Path, object]], name: str
) -> None:
    path, carried = pages[name]
    browser.open(path)
    found = browser.run(EMBEDDED)
    if isinstance(carried, Path):
        carried = json.loads(carried.read_text(encoding="utf-8"))
    if carried is not None:
        assert found == json.loads(json.dumps(carried))
    assert found
    assert browser.run("document.querySelector('.summary').textContent").endswith((".", "families"))


@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_no_serious_fault(
    browser: Browser, pages: dict[str, tuple[Path, object]], name: str
) -> None:
    source = axe_source()
    if source is None:
        pytest.skip("no axe-core: pip install 'graphpoly[pages]', or $GRAPHPOLY_AXE")
    browser.open(pages[name][0])
    browser.run(f"{source};{PREPARED}")
    for scheme, rules in (("light", "{}"), ("dark", "{runOnly: ['color-contrast']}")):
        browser.show(400, scheme)
        assert browser.run(FAULTS % rules) == []
