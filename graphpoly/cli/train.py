"""``graphpoly train``: run a recipe."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with
from graphpoly.cli.progress import progress_for

if TYPE_CHECKING:
    from graphpoly.recipes import Outcome, Published

__all__ = ["train"]


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="[RECIPE]", help="See `graphpoly list recipes`.")
    ] = "demo",
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings to replace, such as K=4."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds the datasets; default $GRAPHPOLY_DATA or ~/.cache/graphpoly.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of runs; default the protocol's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or auto.")] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results; default runs/RECIPE.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what is in --out.")] = False,
    debug: Debug = False,
) -> None:
    """Train a recipe and print its result beside the published one."""
    words = list(overrides or [])
    if "=" in recipe:  # settings of the default recipe
        words.insert(0, recipe)
        recipe = "demo"
    with failing_with(USAGE, debug=debug):
        from graphpoly import registry
        from graphpoly.recipes import parse_assignments, resolve_device, run_recipe

        changes = parse_assignments(words)
        chosen = registry.get("recipe", recipe).obj.override(changes)
        resolve_device(device)
    with failing_with(FAILED, debug=debug):
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        outcome = run_recipe(
            chosen,
            root=root,
            seeds=seeds,
            device=device,
            out=out,
            resume=resume,
            progress=progress_for(),
        )
        _print(outcome)


def _print(outcome: Outcome) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    recipe, published = outcome.recipe, outcome.recipe.published
    per_cent = published.unit == "%" if published else recipe.metric == "accuracy"
    scale, digits, unit = (100, 2, " %") if per_cent else (1, 4, "")
    runs = len(next(iter(outcome.experiments.values())).runs)
    table = Table(box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    counted = "1 run" if runs == 1 else f"{runs} runs"
    table.title = (
        f"{recipe.name}: test {recipe.metric} on {recipe.dataset}, "
        f"split {recipe.protocol.split}, {counted}"
    )
    table.add_column("model")
    table.add_column(f"{recipe.metric}{unit} ± std", justify="right")
    if published is not None:
        table.add_column("published", justify="right")
    table.add_column("seconds/run", justify="right")
    table.add_column("parameters", justify="right")
    for name, experiment in outcome.experiments.items():
        mean = f"{experiment.mean * scale:.{digits}f}"
        if len(experiment.runs) > 1:
            mean += f" ± {experiment.std * scale:.{digits}f}"
        row = [name, mean]
        if published is not None:
            row.append(_figure(published, digits))
        seconds = experiment.seconds / len(experiment.runs)
        row += [f"{seconds:.1f}", f"{experiment.num_parameters:,}"]
        table.add_row(*row)
    Console().print(table)
    for line in _verdicts(outcome, digits):
        typer.echo(line)
    for message in outcome.messages:
        typer.echo(f"note: {message}")
    typer.echo(f"results: {outcome.results}")
    if outcome.report is not None:
        typer.echo(f"report: {outcome.report}")


def _figure(published: Published, digits: int) -> str:
    interval = "" if published.interval is None else f" ± {published.interval:.{digits}f}"
    return f"{published.mean:.{digits}f}{interval}"


def _verdicts(outcome: Outcome, digits: int) -> list[str]:
    from graphpoly.recipes import compare

    published, lines = outcome.recipe.published, []
    for name, experiment in outcome.experiments.items():
        compared = compare(outcome.recipe, experiment)
        if published is None or compared is None:
            continue
        if not compared["comparable"]:
            changed = ", ".join(outcome.recipe.overridden)
            lines.append(f"{name}: not comparable with the published figure, for {changed} differ")
            continue
        line = f"{name}: {compared['difference']:+.{digits}f} against the published mean"
        if published.interval is None:
            line += ", which has no interval"
        else:
            place = "inside" if compared["within_interval"] else "outside"
            line += (
                f", {place} its ± {published.interval:.{digits}f} ({published.interval_kind}, "
                f"{published.runs} runs)"
            )
        if len(experiment.runs) > 1:
            ours = experiment.ci95 * (100 if published.unit == "%" else 1)
            line += (
                f"; the 95 % interval of these {len(experiment.runs)} runs is ± {ours:.{digits}f}"
            )
        lines.append(line)
    return lines
