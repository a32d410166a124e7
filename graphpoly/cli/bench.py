"""``graphpoly bench``: every operator beside its peers, on this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with

__all__ = ["bench"]

SIZES = ("cora", "arxiv", "products")


def bench(
    size: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Graph to measure on, {', '.join(SIZES)}; may be repeated; default cora and "
            "arxiv.",
            show_default=False,
        ),
    ] = None,
    op: Annotated[
        list[str] | None,
        typer.Option(
            help="What to measure, such as spmm_sum or attention; may be repeated; default all.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for ops.json, ops.md and ops.svg; default benchmarks/results of the "
            "checkout. What is there of other operators stays.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of everybody.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """Measure every operator against what is installed to compute the same (10 minutes in all)."""
    for name in size or ():
        if name not in SIZES:
            typer.echo(f"error: size: got {name!r}; accepted are {', '.join(SIZES)}", err=True)
            raise typer.Exit(USAGE)
    root = _checkout()
    if root is None:
        typer.echo(
            "error: the benchmarks are not part of the installed package: run `graphpoly bench` in "
            "a checkout of the source, the folder that holds benchmarks/ops.py",
            err=True,
        )
        raise typer.Exit(FAILED)
    arguments = ["--threads", str(threads)]
    for flag, values in (("--size", size), ("--op", op), ("--out", [str(out)] if out else None)):
        arguments += [flag, *values] if values else []
    with failing_with(FAILED, debug=debug):
        sys.path.insert(0, str(root))
        from benchmarks.ops import main

        raise typer.Exit(main([*arguments, "--json"] if as_json else arguments))


def _checkout() -> Path | None:
    """The folder above ``benchmarks``: where the user stands, or beside the package."""
    candidates = (Path.cwd(), Path(__file__).resolve().parents[2])
    return next((root for root in candidates if (root / "benchmarks/ops.py").is_file()), None)
