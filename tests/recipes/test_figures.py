from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
import torch

from graphpoly.pages.spectrum import Spectrum

figures = pytest.importorskip("graphpoly.pages.figures")


def draw() -> dict[str, str]:
    lambdas = torch.linspace(-1, 1, 41, dtype=torch.float64)
    eigenvalues = torch.tensor([-0.8, -0.1, 0.0, 0.2, 1.0], dtype=torch.float64)
    energy = torch.tensor([0.6, 0.1, 0.1, 0.2, 0.0], dtype=torch.float64)
    return {
        "responses": figures.responses(
            lambdas, {"OptBasisGNN": lambdas**2, "other": 1 + lambdas}, eigenvalues, energy
        ),
        "accuracies": figures.accuracies({"GCN": [50.0, 60.0], "other": [70.0]}),
        "curves": figures.curves({"GCN": [[50.0, 60.0, 70.0], [40.0, 50.0]], "other": []}),
    }


@pytest.mark.parametrize("name", ["responses", "accuracies", "curves"])
def test_a_figure_is_whole_svg_that_can_stand_in_a_page(name: str) -> None:
    text = draw()[name]
    assert text.startswith("<svg ")
    # xlink is declared by matplotlib's own root element, which the page's root replaces
    root = ElementTree.fromstring(
        text.replace("<svg ", '<svg xmlns:xlink="http://www.w3.org/1999/xlink" ', 1)
    )
    assert root.get("aria-label")
    assert "<text" in text


def test_the_same_numbers_give_the_same_text() -> None:
    assert draw() == draw()


def test_ids_do_not_collide_in_one_page() -> None:
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in draw().values()]
    used = [set(re.findall(r"(?:url\(#|href=\"#)([^\")]+)", text)) for text in draw().values()]
    assert all(used)
    for i, own in enumerate(used):
        assert own <= ids[i]
        for j, other in enumerate(ids):
            assert i == j or not own & other


def test_what_a_filter_does_where_nothing_is_leaves_the_scale_alone() -> None:
    def strong(outside: float) -> list[tuple[float, float]]:
        points = torch.linspace(-1, 1, 41, dtype=torch.float64)
        response = 1 + 0.5 * (20 * points).sin()
        response[points < -0.6] = outside
        share = torch.tensor([0.0, 0.0, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.0, 0.0])
        edges = torch.linspace(-1, 1, 11, dtype=torch.float64)
        text = figures.filters(
            Spectrum(
                "m", "l", points, response[:, None], torch.ones(1).double(), edges, share, share
            )
        )
        (path,) = re.findall(r'<path d="([^"]+)"[^>]*stroke-width: 2.6', text)
        found = [tuple(map(float, each)) for each in re.findall(r"[ML] ([\d.-]+) ([\d.-]+)", path)]
        right = 0.7 * max(x for x, _ in found)
        return [(x, y) for x, y in found if x > right]

    assert len(strong(1.0)) > 8
    assert strong(1.0) == strong(1e4)


def test_the_curves_take_the_height_of_their_axis() -> None:
    points = torch.linspace(-1, 1, 41, dtype=torch.float64)
    edges = torch.linspace(-1, 1, 11, dtype=torch.float64)
    share = torch.full((10,), 0.1).double()
    response = torch.linspace(0, 3, 41, dtype=torch.float64)[:, None]
    for low in (0.0, -3.0):  # of the smallest channel
        both = torch.cat([response, low / 3 * response], 1)
        held = Spectrum(
            "m", "l", points, both, torch.tensor([1.0, 0.0]).double(), edges, *[share] * 2
        )
        text = figures.filters(held)
        (path,) = re.findall(r'<path d="([^"]+)"[^>]*stroke-width: 2.6', text)
        ys = [float(y) for y in re.findall(r"[ML] [\d.-]+ ([\d.-]+)", path)]
        tall = float(re.findall(r'<rect [^>]*height="([\d.]+)"', text)[0])
        span = 1 - low / 3 if low else 1.0
        assert (max(ys) - min(ys)) / tall == pytest.approx(1 / (1.1 * span), abs=0.002)


def test_a_name_is_no_markup() -> None:
    points = torch.linspace(-1, 1, 41, dtype=torch.float64)
    edges = torch.linspace(-1, 1, 11, dtype=torch.float64)
    share = torch.full((10,), 0.1).double()
    name = """a"<b onload='c'>&"""
    held = Spectrum(name, "l", points, points[:, None], torch.ones(1).double(), edges, share, share)
    drawn = ElementTree.fromstring(figures.filters(held).replace("xlink:", ""))
    assert drawn.get("aria-label") == f"Response of {name} over the spectrum of the graph"


def test_in_a_page_every_colour_is_the_page_s() -> None:
    for text in draw().values():
        themed = figures.in_page(text)
        assert set(re.findall(r"#[0-9a-f]{6}\b", themed)) <= {"#000000"}
        assert "var(--ink)" in themed
