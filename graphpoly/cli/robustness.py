"""``graphpoly robustness``: a trained network under attack."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from graphpoly.cli.failures import FAILED, RESUME, USAGE, Debug, failing_with
from graphpoly.cli.names import check_names
from graphpoly.cli.ogb_data import check_ogb_data
from graphpoly.cli.options import Json, Root, print_table
from graphpoly.cli.progress import progress_for
from graphpoly.cli.tune import Device

__all__ = ["robustness"]


def robustness(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[RUN | MODEL DATASET] [KEY=VALUE]...",
            help="Folder that `graphpoly train` wrote; or a model and a dataset, which are trained "
            "first as `graphpoly train` does.",
        ),
    ],
    attack: Annotated[
        str, typer.Option(help="random or pgd on features, flips or greedy on edges.")
    ] = "pgd",
    budgets: Annotated[
        str | None,
        typer.Option(
            help="Numbers separated by commas: how far features may move, or shares of the number "
            "of edges; default a few.",
            show_default=False,
        ),
    ] = None,
    ball: Annotated[
        str | None,
        typer.Option(
            help="What a radius is of: nodes (the features of each, the default), entries or "
            "whole; of random and pgd.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(help="Draws of random and flips; default 10.", show_default=False),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Gradients of pgd; default 20.", show_default=False)
    ] = None,
    candidates: Annotated[
        int | None,
        typer.Option(
            help="Pairs without an edge that greedy looks at in a step, 0 for all; default 200000.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of networks; default the protocol's.")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="HTML file; default report.html in the results.", show_default=False),
    ] = None,
    root: Root = None,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the results, which get one of their own in it for each attack; default "
            "RUN/robustness or runs/robustness-MODEL-DATASET.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what is in --out.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Attack a trained network with growing budgets; print accuracies and bounds, draw a page."""
    with failing_with(USAGE, debug=debug):
        names = [word for word in words if "=" not in word]
        run = Path(names[0]) if len(names) == 1 else None
        if run is None:
            check_names(names)
            check_ogb_data(names, root)
        from graphpoly.recipes import parse_assignments, recipe_for, recipe_of, resolve_device
        from graphpoly.robustness import READS, Attack
        from graphpoly.settings import replace_settings

        changes = parse_assignments(word for word in words if "=" in word)
        if run is None and len(names) != 2:
            raise ValueError(f"expected RUN, or MODEL DATASET; got {' '.join(names)}")
        if run is not None and (changes or seeds is not None):
            raise ValueError("a finished run is attacked as it is, without KEY=VALUE and --seeds")
        if run is not None:
            recipe_of(run)
        every = {"ball": ball, "samples": samples, "steps": steps, "candidates": candidates}
        given: dict[str, Any] = {name: value for name, value in every.items() if value is not None}
        if candidates == 0:
            given["candidates"] = None
        chosen = replace_settings(Attack(), {"budgets": budgets or (), "kind": attack, **given})
        for name in given:
            if name not in READS[chosen.kind]:
                raise ValueError(f"--{name} is not read by --attack {chosen.kind}")
        recipe = None if run is not None else recipe_for(*names).override(changes)
        where = resolve_device(device)
    with failing_with(FAILED, debug=debug, again=RESUME):
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        from graphpoly import __version__
        from graphpoly.files import to_json, write_atomically
        from graphpoly.recipes import run_recipe
        from graphpoly.robustness import attack_run, robustness_page, robustness_table

        options: dict[str, Any] = {"root": root, "device": where, "resume": resume}
        if recipe is not None:
            default = Path("runs", f"robustness-{recipe.name.replace('/', '-')}")
            folder = default if out is None else out
            run = folder / "train"
            run_recipe(recipe, seeds=seeds, out=run, progress=progress_for(), **options)
        else:
            assert run is not None
            folder = run / "robustness" if out is None else out
        folder = folder / chosen.kind
        found = attack_run(run, chosen, out=folder, progress=progress_for("step"), **options)
        page = folder / "report.html" if report is None else report
        write_atomically(page, robustness_page(found, version=__version__))
        if as_json:
            typer.echo(to_json(found.to_dict()), nl=False)
            return
        print_table(robustness_table(found))
        typer.echo(found.describe())
        typer.echo(f"report: {page}")
