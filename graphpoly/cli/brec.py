"""``graphpoly expressivity brec``: a network on the pairs of BREC beside its ceiling."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphpoly.cli.failures import FAILED, RESUME, USAGE, Debug, failing_with
from graphpoly.cli.options import Json, Root, literal, print_table
from graphpoly.cli.progress import progress_for

if TYPE_CHECKING:
    from graphpoly.exams.brec import BrecReport

__all__ = ["brec"]


def brec(
    model: Annotated[
        str,
        typer.Argument(
            help="A registered model or baseline, one of PyG's, or package.module:factory."
        ),
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Of the protocol, such as epochs=5, or of the model, such as num_layers=3.",
        ),
    ] = None,
    root: Root = None,
    pairs: Annotated[
        str | None,
        typer.Option(
            help="Such as 0-3,98 (0 to 2 and 98: the last is not counted) or Basic,CFI.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        str, typer.Option(help="Seeds with commas between them.")
    ] = "100,200,300,400,500,600,700,800,900,1000",
    ceiling: Annotated[
        str | None,
        typer.Option(help="Test that bounds the model; default its tag's.", show_default=False),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results; default runs/brec-MODEL.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what is in --out.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a model on the pairs of BREC, and compare with what its WL class separates."""
    with failing_with(USAGE, debug=debug):
        numbers = [word.strip() for word in seeds.split(",")]  # before torch is loaded
        if not all(word.isdigit() for word in numbers):
            raise ValueError(f"seeds: got {seeds!r}, expected numbers with commas between them")
        from graphpoly.exams.brec import BrecSettings, brec_candidate, chosen_pairs, run_brec
        from graphpoly.recipes import parse_assignments
        from graphpoly.settings import replace_settings

        given = parse_assignments(overrides or [])
        protocol = [field.name for field in fields(BrecSettings)]
        ours = [key for key in given if get_close_matches(key, protocol, cutoff=0.85)]
        settings = replace_settings(BrecSettings(), {key: given[key] for key in ours})
        network = {key: literal(value) for key, value in given.items() if key not in ours}
        chosen = chosen_pairs(pairs)
        brec_candidate(model, network, ceiling=ceiling).build()
    with failing_with(FAILED, debug=debug, again=RESUME):
        report = run_brec(
            model,
            out=Path("runs") / f"brec-{model.replace(':', '.')}" if out is None else out,
            root=root,
            pairs=chosen,
            seeds=[int(word) for word in numbers],
            settings=settings,
            network=network,
            ceiling=ceiling,
            workers=workers,
            resume=resume,
            progress=progress_for("pair"),
        )
        if as_json:
            typer.echo(json.dumps(asdict(report), indent=2, ensure_ascii=False))
            return
        _print_brec(report)


def _print_brec(report: BrecReport) -> None:
    many = f"means over {len(report.seeds)} seeds" if len(report.seeds) > 1 else "one seed"
    settings = {**report.network, **report.settings}
    changed = ", ".join(f"{key}={value}" for key, value in settings.items())
    typer.echo(f"{report.model}: pairs of BREC that are told apart reliably, {many}; {changed}")
    test = report.ceiling or "none known"
    head = ["family", "pairs", "reference", "hotelling", "unreliable", "(hotelling)"]
    rows = [[*head, f"ceiling ({test})", "beyond"]]
    for row in report.rows:
        numbers = [row.realised["reference"], row.realised["hotelling"]]
        numbers += [row.failures["reference"], row.failures["hotelling"]]
        cells = [f"{number:g}" for number in numbers]
        cells += ["-" if value is None else f"{value:g}" for value in (row.ceiling, row.beyond)]
        rows.append([row.category, str(row.pairs), *cells])
    print_table(rows)
