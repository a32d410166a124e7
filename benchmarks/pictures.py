"""The two pictures of the README: a learned filter, and what a model tells apart.

python -m benchmarks.pictures     # writes docs/pictures; the second one needs Chromium
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from torch_geometric.nn import GIN

from graphpoly.expressivity import analyze_model, model_page
from graphpoly.pages.figures import filters
from graphpoly.recipes import run_recipe
from graphpoly.studies import filter_spectra

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
_ALONE = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def learned_filter(folder: Path) -> str:
    """Return the filter that FavardGNN learns in the demo, as SVG."""
    run_recipe("demo", out=folder)
    (spectrum,) = (each for each in filter_spectra(folder) if each.model == "FavardGNN")
    return filters(spectrum).replace("<svg", f"<svg {_ALONE}", 1)  # a page needs no names


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """Save the top of a page as a browser shows it."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"{picture.name}: none of {', '.join(_BROWSERS)} is installed")
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = [f"--window-size={width},{height}", "--force-device-scale-factor=1.5"]
    command = [browser, *options, *size, f"--screenshot={picture}", page.as_uri()]
    subprocess.run(command, check=True, capture_output=True)


def main() -> None:
    """Write both."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (FOLDER / "filter.svg").write_text(learned_filter(folder / "demo"), encoding="utf-8")
        page = folder / "model.html"
        report = analyze_model(lambda: GIN(1, 32, num_layers=5))
        page.write_text(model_page(report), encoding="utf-8")
        photograph(page, FOLDER / "model.png", 860, 590)


if __name__ == "__main__":
    main()
