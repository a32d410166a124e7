"""``graphpoly tune``: search the settings of a model on a dataset."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with
from graphpoly.cli.names import check_names
from graphpoly.cli.ogb_data import check_ogb_data
from graphpoly.cli.options import Json, Root
from graphpoly.cli.progress import progress_for
from graphpoly.cli.train import print_outcome

if TYPE_CHECKING:
    from graphpoly.studies import Tuned

__all__ = ["AGAIN", "Device", "SearchSeed", "Trials", "tune"]

AGAIN = "the same command"
Trials = Annotated[int, typer.Option(help="How many settings are tried for a model.")]
SearchSeed = Annotated[int, typer.Option(min=0, help="Seed of what is tried.")]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or auto.")]


def tune(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL DATASET [KEY=VALUE]...",
            help="As of `graphpoly train`; a setting that is given is not searched.",
        ),
    ],
    trials: Trials = 20,
    seeds: Annotated[
        int | None,
        typer.Option(help="Runs of the best settings; default as many as the dataset has."),
    ] = None,
    search_seed: SearchSeed = 0,
    root: Root = None,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of all trials, which the same command goes on with, in several processes "
            "if wanted; default runs/tune/NAME.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Search a model's settings by validation, and run the best ones over the dataset's splits.

    What is searched: lr, weight_decay, dropout, hidden_channels, K and num_layers, where the model
    has them. Needs optuna, the extra graphpoly[tune].
    """
    with failing_with(USAGE, debug=debug):
        names = [word for word in words if "=" not in word]
        if len(names) != 2:
            raise ValueError(
                f"expected a model and a dataset, and KEY=VALUE; got {' '.join(words)}"
            )
        check_names(names)
        check_ogb_data(names, root)
        from graphpoly.recipes import parse_assignments, recipe_for, resolve_device
        from graphpoly.studies import Search

        search = Search(
            recipe_for(*names),
            trials=trials,
            fixed=parse_assignments(word for word in words if "=" in word),
            seeds=seeds,
            out=out,
            search_seed=search_seed,
        )
        resolve_device(device)
    with failing_with(FAILED, debug=debug, again=AGAIN):
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        tuned = search.run(root=root, device=device, progress=progress_for())
        if tuned.outcome is None:
            typer.echo("other processes are still at work; the last one runs the best", err=True)
        elif as_json:
            typer.echo(tuned.outcome.results.read_text(encoding="utf-8"), nl=False)
        else:
            print_outcome(tuned.outcome)
            typer.echo(f"search: {tuned.record}")
            typer.echo(_chosen(tuned))


def _chosen(tuned: Tuned) -> str:
    assert tuned.chosen is not None
    early = sum(row["value"] is None for row in tuned.rows)
    held = ", ".join(
        f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in tuned.chosen["settings"].items()
    )
    return (
        f"chosen: {held}; validation {tuned.recipe.metric} {tuned.chosen['value']:.4f}, the best "
        f"of {len(tuned.rows)} trials, {early} of which ended early"
    )
