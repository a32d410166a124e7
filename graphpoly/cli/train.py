"""``graphpoly train``: run a recipe."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphpoly.cli.failures import FAILED, RESUME, USAGE, Debug, failing_with
from graphpoly.cli.names import check_names
from graphpoly.cli.ogb_data import check_ogb_data
from graphpoly.cli.options import Json, Root
from graphpoly.cli.progress import progress_for

if TYPE_CHECKING:
    from graphpoly.recipes import Outcome, Published, Recipe

__all__ = ["print_outcome", "train"]


def train(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RECIPE | MODEL DATASET] [KEY=VALUE]...",
            help="A recipe, or a model and a dataset, and settings to replace, such as K=4. "
            "See `graphpoly list recipes`, `models`, `datasets` and `graphpoly show NAME`. A model "
            "of your own is module:factory, data of your own a .pt or .npz file or module:factory.",
        ),
    ] = None,
    root: Root = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Number of runs; default the protocol's.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, or auto.")] = "auto",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the results; default runs/NAME.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue what is in --out.")] = False,
    twin: Annotated[
        bool,
        typer.Option(
            "--twin",
            help="Take a generated graph of the same counts in place of OGB's dataset, to learn "
            "what memory and time it needs.",
        ),
    ] = False,
    track: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRACKER[:PROJECT]",
            help="Send curves and settings to wandb or mlflow, too; may be given once for each.",
            show_default=False,
        ),
    ] = None,
    card: Annotated[
        str | None,
        typer.Option(
            metavar="[FILE.md]",
            help="Write a card for a leaderboard, as Markdown and as JSON; default card.md in "
            "--out.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Train a recipe, or any model on any dataset, and print the result beside what is known.

    `torchrun --nproc-per-node N -m graphpoly train ...` divides every batch between N processes,
    so that batch_size stays that of the whole step, or the nodes of one graph.
    """
    with failing_with(USAGE, debug=debug):
        names = [word for word in words or [] if "=" not in word]
        check_names(names)
        if not twin:
            check_ogb_data(names, root)
        from graphpoly.distributed import is_first, launched
        from graphpoly.recipes import parse_assignments, resolve_device, run_recipe
        from graphpoly.training.trackers import check_trackers

        changes = parse_assignments(word for word in words or [] if "=" in word)
        chosen = _chosen(names).override(changes)
        if twin:
            chosen = chosen.twin()
        resolve_device(device)
        check_trackers(track or [])
        if card and not card.endswith(".md"):
            raise ValueError(f"card: got {card}, expected a file that ends in .md")
    with failing_with(FAILED, debug=debug, again=RESUME), launched():
        level = logging.WARNING if is_first() else logging.ERROR
        logging.basicConfig(stream=sys.stderr, format="%(message)s", level=level)
        outcome = run_recipe(
            chosen,
            root=root,
            seeds=seeds,
            device=device,
            out=out,
            resume=resume,
            progress=progress_for(),
            track=track or [],
        )
        if not is_first():
            return
        written = None
        if card is not None:
            from graphpoly.studies import write_card

            written = write_card(outcome.results, Path(card) if card else None)
        if as_json:
            typer.echo(outcome.results.read_text(encoding="utf-8"), nl=False)
            return
        print_outcome(outcome)
        if written is not None:
            typer.echo(f"card: {written}")


def _chosen(names: list[str]) -> Recipe:
    from graphpoly import registry
    from graphpoly.models.settings import settings_of
    from graphpoly.recipes import recipe_for

    if len(names) > 2:
        raise ValueError(
            f"expected a recipe, or a model and a dataset, and KEY=VALUE; got {' '.join(names)}"
        )
    if len(names) == 2:
        return recipe_for(*names)
    name = names[0] if names else "demo"
    try:
        recipe: Recipe = registry.get("recipe", name).obj
    except ValueError:
        try:
            model, _ = settings_of(name)
        except ValueError:
            model = name if ":" in name else ""
        if not model:
            raise
        raise ValueError(f"{name} is a model; name a dataset, too: train {name} cora") from None
    return recipe


def print_outcome(outcome: Outcome) -> None:
    """Print what a recipe found, a line a model, and where it lies."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from graphpoly.training.metrics import is_share

    recipe, published = outcome.recipe, outcome.recipe.published
    per_cent = published.unit == "%" if published else is_share(recipe.metric)
    scale, digits, unit = (100, 2, " %") if per_cent else (1, 4, "")
    runs = len(next(iter(outcome.experiments.values())).runs)
    counted = "1 run" if runs == 1 else f"{runs} runs"
    title = (
        f"{recipe.name}: test {recipe.metric} on {recipe.data.name}, "
        f"split {recipe.protocol.split}, {counted}"
    )
    table = Table(box=box.SIMPLE_HEAD)
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
    console = Console()
    console.print(title, style="bold", markup=False, highlight=False)
    console.print(table)
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
            line += (
                f" ± {published.interval:.{digits}f} ({published.interval_kind}, "
                f"{published.runs} runs)"
            )
        if len(experiment.runs) > 1:
            ours = experiment.ci95 * (100 if published.unit == "%" else 1)
            line += (
                f"; the 95 % interval of these {len(experiment.runs)} runs is ± {ours:.{digits}f}"
            )
        if compared["agrees"] is not None:
            line += ": they agree" if compared["agrees"] else ": they do not agree"
        lines.append(line)
    return lines
