"""The HTML pages of this room, filled in; imported where one is drawn, since it needs jinja2."""

from __future__ import annotations

from typing import Any

import jinja2

__all__ = ["fill"]


def fill(template: str, **values: Any) -> str:
    """Fill in a page.

    Args:
        template: File name of a page in this folder.
        **values: What it shows; a name that the page asks for and that is not here is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("graphpoly.recipes", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(**values)
