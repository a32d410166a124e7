"""Configuration of the documentation; ``make docs`` builds it."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]
os.environ.setdefault("OMP_NUM_THREADS", "1")

from graphpoly import __version__  # noqa: E402 - the checkout, found by the lines above

project = "graphpoly"
author = "The graphpoly authors"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.intersphinx",
    "myst_parser",
    "sphinx_copybutton",
    "mathml",
    "registry_pages",
]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = f"graphpoly {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_math_renderer = "mathml"  # read by the browser itself: no script, nothing from elsewhere
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Shapes", "Complexity", "Differences from the paper"]


def _reachable(**inventories: str) -> dict[str, tuple[str, None]]:
    """Return the sites whose inventory can be had now; without a network, none."""
    found: dict[str, tuple[str, None]] = {}
    for name, address in inventories.items():
        try:
            urllib.request.urlopen(f"{address}objects.inv", timeout=2).close()
        except (urllib.error.URLError, OSError):
            continue
        found[name] = (address, None)
    return found


intersphinx_timeout = 5
intersphinx_mapping = _reachable(
    torch="https://docs.pytorch.org/docs/stable/",
    torch_geometric="https://pytorch-geometric.readthedocs.io/en/latest/",
)
