"""``graphpoly rewire``: what a method of rewiring does to a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphpoly.cli.failures import FAILED, RESUME, USAGE, Debug, failing_with
from graphpoly.cli.options import Json, Root, print_table
from graphpoly.cli.progress import progress_for

if TYPE_CHECKING:
    from graphpoly.exams.rewiring import RewiringReport

__all__ = ["rewire"]


def rewire(
    dataset: Annotated[
        str,
        typer.Argument(help="See `graphpoly list datasets`; or a .pt or .npz file of yours."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Of the method, such as edges=10; see `graphpoly show METHOD`.",
        ),
    ] = None,
    method: Annotated[
        str, typer.Option(help="fosr, sdrf, borf, gtr, laser, digl or expander.")
    ] = "fosr",
    report: Annotated[
        Path | None,
        typer.Option(help="HTML file; default report.html in --out.", show_default=False),
    ] = None,
    root: Root = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results; default runs/rewire-DATASET-METHOD.", show_default=False
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what is in --out.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Rewire every graph of a dataset; print bottlenecks before and after, and draw a report.

    To train on rewired graphs: `graphpoly train MODEL DATASET rewire=METHOD [KEY=VALUE]...`.
    """
    with failing_with(USAGE, debug=debug):
        from graphpoly.data import any_dataset
        from graphpoly.rewiring import method_of
        from graphpoly.settings import parse_assignments, replace_settings

        kind = method_of(method)
        chosen = replace_settings(kind(), parse_assignments(settings or []))
        entry = any_dataset(dataset)
    with failing_with(FAILED, debug=debug, again=RESUME):
        from graphpoly import __version__
        from graphpoly.exams import rewiring_page, run_rewiring
        from graphpoly.files import to_json, write_atomically

        name = f"rewire-{entry.name}-{kind.method}".lower()
        folder = Path("runs") / name if out is None else out
        found = run_rewiring(
            entry, chosen, out=folder, root=root, resume=resume, progress=progress_for("graph")
        )
        page = folder / "report.html" if report is None else report
        write_atomically(page, rewiring_page(found, version=__version__))
        if as_json:
            typer.echo(to_json(found.to_dict()), nl=False)
            return
        _print(found)
        typer.echo(f"report: {page}")


def _print(found: RewiringReport) -> None:
    from graphpoly.exams.rewiring import MEASURES
    from graphpoly.pages import plural

    added = f"{plural(found.added, 'edge')} added to {plural(found.num_graphs, 'graph')}"
    typer.echo(
        f"{found.dataset}, {found.method}: {added}, {found.removed} removed, "
        f"in {found.seconds:.3g} s"
    )
    rows = [["mean over graphs", "before", "after", "rose", "fell"]]
    for title, shift in zip(MEASURES.values(), found.shifts, strict=True):
        values = ["-" if value is None else f"{value:.4g}" for value in (shift.before, shift.after)]
        shares = [f"{100 * share:.0f} %" for share in (shift.rose, shift.fell)]
        rows.append([title, *values, *shares])
    print_table(rows)
    typer.echo(found.describe())
