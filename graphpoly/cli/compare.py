"""``graphpoly compare``: which of several models is better on a dataset."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with
from graphpoly.cli.names import check_names
from graphpoly.cli.ogb_data import check_ogb_data
from graphpoly.cli.options import Json, Root
from graphpoly.cli.progress import progress_for
from graphpoly.cli.tune import AGAIN, Device, SearchSeed, Trials

__all__ = ["compare"]


def compare(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... DATASET [KEY=VALUE]...",
            help="Two models or more, and a dataset, as of `graphpoly train`; a setting that is "
            "given is not searched.",
        ),
    ],
    trials: Trials = 20,
    seeds: Annotated[int, typer.Option(help="Runs of the best settings of each model.")] = 10,
    search_seed: SearchSeed = 0,
    root: Root = None,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of all searches, which the same command goes on with, in several "
            "processes if wanted; default runs/compare/DATASET.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Search each model's settings equally long, run the best, and say whether they differ.

    Ends in one sentence; the table and the drawing of mean ranks are in --out. Needs optuna, the
    extra graphpoly[tune].
    """
    with failing_with(USAGE, debug=debug):
        *models, dataset = [word for word in words if "=" not in word] or [""]
        for model in models:
            check_names([model, dataset])
            check_ogb_data([model, dataset], root)
        from graphpoly.recipes import parse_assignments, resolve_device
        from graphpoly.studies import Contest

        contest = Contest(
            models,
            dataset,
            trials=trials,
            seeds=seeds,
            fixed=parse_assignments(word for word in words if "=" in word),
            out=out,
            search_seed=search_seed,
        )
        resolve_device(device)
    with failing_with(FAILED, debug=debug, again=AGAIN):
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        compared = contest.run(root=root, device=device, progress=progress_for())
        if compared is None:
            typer.echo("other processes are still at work; the last one compares", err=True)
        elif as_json:
            typer.echo(compared.record.read_text(encoding="utf-8"), nl=False)
        else:
            typer.echo(compared.page.read_text(encoding="utf-8"))
            typer.echo(f"table: {compared.page}")
            drawn = compared.figure or "not drawn: pip install 'graphpoly[viz]'"
            typer.echo(f"ranks: {drawn}")
            typer.echo(compared.content["sentence"])
