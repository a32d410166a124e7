"""``graphpoly filters``: draw what a trained run's filters look like."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphpoly.cli.failures import FAILED, Debug, failing_with

__all__ = ["filters"]


def filters(
    run: Annotated[Path, typer.Argument(help="Folder that `graphpoly train` wrote.")],
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds the datasets; default the one that RUN was trained on.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Which run; default the first.")] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; default filters.html in RUN.", show_default=False),
    ] = None,
    debug: Debug = False,
) -> None:
    """Draw a trained run's filters against the spectrum of its graph, as one HTML file."""
    with failing_with(FAILED, debug=debug):
        from graphpoly.studies import draw_filters

        typer.echo(f"filters: {draw_filters(run, root=root, seed=seed, out=out)}")
