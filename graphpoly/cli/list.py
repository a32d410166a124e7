"""``graphpoly list``: what there is."""

from __future__ import annotations

import fnmatch
import json
import shutil
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
    "aggregations": "aggregation",
    "models": "model",
    "baselines": "baseline",
    "kernels": "kernel",
    "bases": "basis",
    "transforms": "transform",
    "datasets": "dataset",
    "recipes": "recipe",
}


def list_entries(
    kind: Annotated[
        str | None, typer.Argument(help=f"One of {', '.join(_KINDS)}; all without it.")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Argument(help="Only names like it, such as '*GNN' or 'sheaf*'; case is ignored."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array.")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print a table with an example of each.")
    ] = False,
    cite: Annotated[bool, typer.Option("--cite", help="Print where each comes from.")] = False,
    debug: Debug = False,
) -> None:
    """List layers, aggregations, models, kernels, bases, transforms, datasets, recipes."""
    with failing_with(USAGE, debug=debug):
        chosen = None if kind is None else _singular(kind)
        if as_json and as_markdown:
            raise ValueError("give --json or --markdown, not both")
    with failing_with(FAILED, debug=debug):
        from graphpoly.registry import entries

        listed = [entry for entry in entries(chosen) if _matches(entry.name, pattern)]
        if as_markdown:
            typer.echo(_markdown(listed))
            return
        rows = [
            {
                "name": entry.name,
                "kind": entry.kind,
                "paper": entry.paper,
                "arxiv": entry.arxiv,
                "tags": entry.tags,
            }
            for entry in listed
        ]
        if as_json:
            typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
            return
        if cite:
            width = max((len(entry.name) for entry in listed), default=0)
            for entry in listed:
                number = "" if entry.arxiv is None else f", {entry.arxiv}"
                typer.echo(f"{entry.name:<{width}}  {entry.paper}{number}")
        else:
            _in_columns(listed)
        if not listed:
            like = "" if pattern is None else f" like {pattern}"
            typer.echo(f"no {kind or 'entries'}{like} registered", err=True)


def _matches(name: str, pattern: str | None) -> bool:
    return pattern is None or fnmatch.fnmatchcase(name.lower(), pattern.lower())


def _in_columns(listed: Sequence[Entry]) -> None:
    """Print the names of each kind in as many columns as the terminal has room for."""
    plural = {kind: words for words, kind in _KINDS.items()}
    width = min(shutil.get_terminal_size((80, 24)).columns, 120)
    for kind in dict.fromkeys(entry.kind for entry in listed):
        names = [entry.name for entry in listed if entry.kind == kind]
        typer.echo(f"{plural[kind]} ({len(names)})")
        cell = max(map(len, names)) + 2
        columns = max(1, (width - 2) // cell)
        rows = -(-len(names) // columns)
        for row in range(rows):
            line = "".join(name.ljust(cell) for name in names[row::rows])
            typer.echo(f"  {line.rstrip()}")
        typer.echo("")
    typer.echo("graphpoly show NAME says what it takes, list --cite where it comes from")


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
