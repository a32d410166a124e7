"""Options that several verbs take, and the table that they print."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

__all__ = ["Json", "OptionalCard", "Root", "literal", "print_table"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder that holds the datasets; default $GRAPHPOLY_DATA or ~/.cache/graphpoly.",
        show_default=False,
    ),
]


def literal(text: str) -> Any:
    """Return the Python value that a text stands for, or the text itself.

    >>> [literal(text) for text in ("3", "None", "simple")]
    [3, None, 'simple']
    """
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def print_table(rows: list[list[str]]) -> None:
    """Print rows in columns, the first one to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for line in rows:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        typer.echo("  ".join(cells))


class OptionalCard(TyperCommand):
    """A verb whose ``--card`` may stand alone; a Markdown file behind it is its value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """See click: ``--card`` without a file is given an empty one."""
        following = [*args, ""][1:]
        args = [
            "--card=" if word == "--card" and not after.endswith(".md") else word
            for word, after in zip(args, following, strict=True)
        ]
        return super().parse_args(ctx, args)
