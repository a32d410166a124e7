"""The ``graphpoly`` command.

Nothing here imports torch: a verb does so when it runs, so that ``graphpoly --help`` answers at
once. Results go to standard output, progress and messages to standard error. Exit codes: 0 for
success, 1 for a run that failed, 2 for a command that could not be understood or that asks for data
which cannot be had.
"""

from __future__ import annotations

from typing import Annotated

import typer

from graphpoly import __version__
from graphpoly.cli.bench import bench
from graphpoly.cli.compare import compare
from graphpoly.cli.export import export
from graphpoly.cli.expressivity import expressivity
from graphpoly.cli.filters import filters
from graphpoly.cli.info import info
from graphpoly.cli.list import list_entries
from graphpoly.cli.options import OptionalCard
from graphpoly.cli.predict import predict
from graphpoly.cli.report import report
from graphpoly.cli.rewire import rewire
from graphpoly.cli.robustness import robustness
from graphpoly.cli.show import show
from graphpoly.cli.train import train
from graphpoly.cli.tune import tune

__all__ = ["app", "main"]

app = typer.Typer(
    help="Learnable polynomial filters for PyTorch Geometric: train, look, list, inspect.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("train", cls=OptionalCard)(train)
app.command("tune")(tune)
app.command("compare")(compare)
app.command("report")(report)
app.command("filters")(filters)
app.command("export")(export)
app.command("predict")(predict)
app.add_typer(expressivity, name="expressivity")
app.command("rewire")(rewire)
app.command("robustness")(robustness)
app.command("bench")(bench)
app.command("list")(list_entries)
app.command("show")(show)
app.command("info")(info)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"graphpoly {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it, exit."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; the entry point of the ``graphpoly`` script."""
    app(prog_name="graphpoly")


if __name__ == "__main__":
    main()
