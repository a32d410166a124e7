"""``graphpoly report``: finished runs as one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphpoly.cli.failures import FAILED, Debug, failing_with
from graphpoly.cli.options import Json

__all__ = ["report"]


def report(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders that `graphpoly train` wrote.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="File to write; default run.html in RUN, of several runs.html beside the first.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Draw finished runs side by side: scores and published figures with their intervals, curves,
    divisions and settings, as one HTML file.
    """
    with failing_with(FAILED, debug=debug):
        from graphpoly import __version__
        from graphpoly.files import to_json, write_atomically
        from graphpoly.studies import read_runs, run_sentence, runs_page, runs_record

        found = read_runs(runs)
        single = runs[0] / "run.html"
        page = out or (single if len(runs) == 1 else runs[0].absolute().parent / "runs.html")
        write_atomically(page, runs_page(found, version=__version__))
        if as_json:
            typer.echo(to_json(runs_record(found)), nl=False)
            return
        for run in found:
            typer.echo(run_sentence(run))
        typer.echo(f"report: {page}")
