"""Formulas as MathML, converted by docutils: no script and no font is loaded."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def convert(source: str, *, block: bool) -> str:
    """Return MathML of a formula in LaTeX."""
    source = source.strip()
    # a pair of backslashes outside every environment is a row of an alignment
    source = re.sub(r"\\\\\[[^]]*\]", r"\\\\", source)
    source = source.replace(r"\dots", r"\ldots")
    source = re.sub(r"\\([bB]igg?)(?![a-zA-Z])\s*([)\]]|\\[}|])?", _sized, source)
    source = source.replace(r"\tfrac", r"\frac").replace(r"\dfrac", r"\frac")
    return tex2mathml(source, as_block=block)


def _sized(match: re.Match[str]) -> str:
    side = "l" if match[2] is None else "r"
    return f"\\{match[1]}{side} {match[2] or ''}"


def _visit(self: Any, node: nodes.Element, *, block: bool) -> None:
    source = node.astext()
    try:
        self.body.append(convert(source, block=block))
    except Exception as error:  # whatever the converter meets, the page and the line are named
        logger.warning("formula not understood: %s: %s", source, error, location=node)
        self.body.append(self.starttag(node, "code", "") + self.encode(source) + "</code>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer(
        "mathml",
        (lambda self, node: _visit(self, node, block=False), None),
        (lambda self, node: _visit(self, node, block=True), None),
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
