"""``graphpoly list``: what there is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with
from graphpoly.errors import unknown

if TYPE_CHECKING:
    from graphpoly.registry import Entry

__all__ = ["list_entries"]

_KINDS = {
    "layers": "layer",
    "models": "model",
    "bases": "basis",
    "transforms": "transform",
    "recipes": "recipe",
}


def list_entries(
    kind: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(_KINDS)}; all without it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a table with an example of each.")
    ] = False,
    debug: Debug = False,
) -> None:
    """List layers, models, bases, transforms and recipes."""
    with failing_with(USAGE, debug=debug):
        chosen = None if kind is None else _singular(kind)
        if as_json and as_markdown:
            raise ValueError("give --json or --markdown, not both")
    with failing_with(FAILED, debug=debug):
        from graphpoly.registry import entries

        if as_markdown:
            typer.echo(_markdown(entries(chosen)))
            return
        rows = [
            {
                "name": entry.name,
                "kind": entry.kind,
                "paper": entry.paper,
                "arxiv": entry.arxiv,
                "tags": entry.tags,
            }
            for entry in entries(chosen)
        ]
        if as_json:
            typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        width = max((len(str(row["name"])) for row in rows), default=0)
        for row in rows:
            source = row["paper"] if row["arxiv"] is None else f"{row['paper']}, {row['arxiv']}"
            typer.echo(f"{row['kind']:<9}  {row['name']:<{width}}  {source}")
        if not rows:
            typer.echo(f"no {kind or 'entries'} registered", err=True)


def _markdown(listed: Sequence[Entry]) -> str:
    lines = ["| name | kind | example | expressivity | cost | paper |", "|---|---|---|---|---|---|"]
    for entry in listed:
        example = "" if entry.example is None else f"`{str(entry.example()).splitlines()[0]}`"
        paper = entry.paper
        if entry.arxiv is not None:
            paper = f"[{paper}](https://arxiv.org/abs/{entry.arxiv})"
        tags = [entry.tags.get(tag, "") for tag in ("expressivity", "complexity")]
        cells = [f"`{entry.name}`", entry.kind, example, *tags, paper]
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines)


def _singular(kind: str) -> str:
    word = kind.lower()
    if word in _KINDS.values():
        return word
    if word not in _KINDS:
        raise unknown("kind", kind, _KINDS)
    return _KINDS[word]
