"""The site as its readers have it: every page, wide and narrow, light and dark, without a network.

The site is built for it, which takes minutes; $GRAPHPOLY_SITE names one that is built already.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.browser import Browser, axe_source, chromium, open_browser

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WIDTHS = (1280, 768, 400)
SCHEMES = ("light", "dark")
# read in the browser: those that are written, and the first of each kind that is made
WRITTEN = ("index", "start", "howto", "results", "operators", "taxonomy", "design", "rewiring")
GROUND = "getComputedStyle(document.body).backgroundColor.match(/[0-9.]+/g).slice(0, 3).map(Number)"
OUTSIDE = """[...document.querySelectorAll('article *')].filter(each =>
  !each.closest('pre, .table-wrapper, math, svg, [hidden]') && each.getClientRects().length &&
  each.getBoundingClientRect().right > innerWidth + 0.5).map(each => each.outerHTML.slice(0, 80))"""
# drawings are dark, and need a ground of their own in the dark
BARE = """[...document.querySelectorAll('article img')].map(each =>
  getComputedStyle(each).backgroundColor).filter(color => color !== 'rgb(255, 255, 255)')"""
FAULTS = """axe.run(document, {resultTypes: ['violations']}).then(found => found.violations
  .filter(each => ['serious', 'critical'].includes(each.impact))
  .map(each => each.id + ': ' + each.nodes[0].html.slice(0, 160)))"""
FOUND = "document.querySelectorAll('#search-results li').length"
LOADED = re.compile(r"""<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=["']([^"']*)""")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site."""
    if os.environ.get("GRAPHPOLY_SITE"):
        return Path(os.environ["GRAPHPOLY_SITE"]).absolute()
    pytest.importorskip("furo", reason="the extra [docs] builds the site")
    folder = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "sphinx", "-q", "docs", folder], cwd=ROOT, check=True)
    return folder


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, where there is one."""
    command = chromium()
    if command is None:
        pytest.skip("no Chromium on the path")
    with open_browser(command, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def read(site: Path) -> list[Path]:
    pages = [site / f"{name}.html" for name in WRITTEN]
    for folder in sorted({page.parent for page in site.rglob("*.html")} - {site}):
        made = sorted(page for page in folder.glob("*.html") if page.name != "index.html")
        pages += made[:1] if "_modules" not in folder.parts else []
    return pages


def test_every_page_is_small_and_loads_from_the_site_alone(site: Path) -> None:
    pages = [page for page in site.rglob("*.html") if "_modules" not in page.parts]
    assert len(pages) > 100
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert len(text.encode()) < 1_000_000, page
        outside = [place for place in LOADED.findall(text) if re.match(r"(https?:)?//", place)]
        assert outside == [], page


def test_pages_read_well_at_every_width_in_both_schemes(site: Path, browser: Browser) -> None:
    pages = read(site)
    assert len(pages) > 12
    for page in pages:
        browser.open(page)
        grounds = {}
        for width in WIDTHS:
            for scheme in SCHEMES:
                browser.show(width, scheme)
                where = f"{page.name} at {width}, {scheme}"
                assert browser.run("document.documentElement.scrollWidth") <= width, where
                assert browser.run(OUTSIDE) == [], where
                assert browser.run(BARE) == [], where
                grounds[scheme] = sum(browser.run(GROUND)) / 3
        assert grounds["dark"] < 60 < 240 < grounds["light"], page
        errors = [each for each in browser.errors() if not each.startswith(("file:", "data:"))]
        assert errors == [], page


def test_axe_finds_no_serious_fault(site: Path, browser: Browser) -> None:
    source = axe_source()
    if source is None:
        pytest.skip("no axe-core: pip install 'graphpoly[pages]', or $GRAPHPOLY_AXE")
    faults = {}
    for page in read(site):
        browser.open(page)
        browser.run(source)
        for scheme in SCHEMES:
            browser.show(1280, scheme)
            found = browser.run(FAULTS)
            if found:
                faults[f"{page.relative_to(site)}, {scheme}"] = found
    assert faults == {}


def test_the_search_finds_without_a_network(site: Path, browser: Browser) -> None:
    browser.open(site / "search.html", query="q=favard")
    for _ in range(100):  # tenths of a second
        browser.run("new Promise(done => setTimeout(done, 100))")
        if browser.run(FOUND) > 10:
            return
    pytest.fail("a word of many pages was not found")
