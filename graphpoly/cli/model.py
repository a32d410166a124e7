"""``graphpoly expressivity model``: what an untrained network tells apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with
from graphpoly.cli.options import Json, Root, literal, print_table

if TYPE_CHECKING:
    from graphpoly.expressivity import Family, ModelReport

__all__ = ["model"]


def model(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A registered model or baseline, one of PyG's, or package.module:factory.",
        ),
    ],
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Of the model, such as num_layers=3."),
    ] = None,
    weights: Annotated[int, typer.Option(min=1, help="How many random weights.")] = 5,
    graphs: Annotated[
        int, typer.Option(min=20, help="How many graphs patterns are counted on.")
    ] = 240,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    in_channels: Annotated[
        int | None,
        typer.Option(min=1, help="Size of the features; default the model's.", show_default=False),
    ] = None,
    root: Root = None,
    brec: Annotated[
        Path | None,
        typer.Option(
            help="Folder that `graphpoly expressivity brec` wrote, to show its results, too.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="HTML file to write the report to.", show_default=False)
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure what an untrained model tells apart and counts, how far it hears, if it is sound.

    SR25 and EXP are among the graphs where their files are below --root.
    """
    with failing_with(USAGE, debug=debug):
        from graphpoly.models.model_factory import model_factory
        from graphpoly.recipes import parse_assignments

        given = parse_assignments(arguments or [])
        network = {key: literal(value) for key, value in given.items()}
        factory, declared = model_factory(name, **network)
        factory()
    with failing_with(FAILED, debug=debug):
        from graphpoly import __version__
        from graphpoly.expressivity import analyze_model, model_page
        from graphpoly.files import write_atomically

        report = analyze_model(
            factory,
            name=name.rpartition(":")[2],
            declared=declared,
            in_channels=in_channels,
            weights=weights,
            graphs=graphs,
            seed=seed,
            families=_families(root),
            further={} if brec is None else {"Trained on BREC": _read_brec(brec)},
            progress=lambda words: typer.echo(words, err=True),
        )
        if out is not None:
            write_atomically(out, model_page(report, version=__version__))
            typer.echo(f"page: {out}", err=True)
        if as_json:
            typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
            return
        _print_model(report)


def _families(root: Path | None) -> list[Family]:
    """Those that are made on the spot, and those whose files are there."""
    from graphpoly.data import DatasetError, load_exp, load_sr
    from graphpoly.expressivity import exp_family, ladder_families, sr_family

    families = ladder_families()
    for name, made in (("sr251256", sr_family), ("EXP", exp_family)):
        load = load_exp if name == "EXP" else load_sr
        try:
            families.append(made(load(name, root)))
        except DatasetError:
            typer.echo(f"without {name}: its files are not there", err=True)
    return sorted(families, key=lambda family: family.needs)


def _read_brec(folder: Path) -> list[list[Any]]:
    """The table of a run of BREC: told apart reliably, and what its class can."""
    path = folder / "results.json"
    held = json.loads(path.read_text(encoding="utf-8"))
    try:
        scales = list(held["rows"][0]["realised"])
        rows: list[list[Any]] = [["family", "pairs", *scales, f"ceiling ({held['ceiling']})"]]
        for row in held["rows"]:
            realised = [f"{row['realised'][scale]:g}" for scale in scales]
            ceiling = "–" if row["ceiling"] is None else row["ceiling"]
            rows.append([row["category"], row["pairs"], *realised, ceiling])
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"{path}: not what `graphpoly expressivity brec` writes") from error
    return rows


def _print_model(report: ModelReport) -> None:
    from graphpoly.expressivity import RUNGS, exact_degree

    typer.echo(f"{report.model}: {report.describe()}")
    dtypes = list(report.separations[0].gap)
    rows = [["family", "first test", "pairs", *dtypes, "weights"]]
    for family, each in zip(report.families, report.separations, strict=True):
        done = [str(int(each.separated(dtype).sum())) for dtype in dtypes]
        share = f"{100 * float(each.apart().double().mean()):.0f} %"
        rows.append([family.title, RUNGS[family.needs], str(len(family.pairs)), *done, share])
    print_table(rows)
    typer.echo("")
    rows = [["error of counting", "graphs", "nodes", "degrees alone", "1-WL at best"]]
    for count in report.counts:
        node = "-" if count.node is None else f"{count.node:.3f}"
        plain, least = f"{count.graph_degrees:.3f}", f"{count.graph_wl:.3f}"
        rows.append([count.pattern, f"{count.graph:.3f}", node, plain, least])
    print_table(rows)
    typer.echo("")
    for place in ("graph", "node"):
        degree = exact_degree(report.polynomials, place)
        if degree is not None:
            typer.echo(f"determines all polynomials of {place}s up to degree {degree}")
    if report.hops is not None:
        more = " or more" if report.hops >= report.hops_tried else ""
        typer.echo(f"hears {report.hops}{more} hops")
    for violation in report.violations:
        if violation.by:
            numbers = ", ".join(f"{value:.1e} in {name}" for name, value in violation.by.items())
            verdict = "VIOLATED" if violation.violated else "holds"
            typer.echo(f"same under another {violation.what}: {verdict} ({numbers})")
    # a ReLU that is off on all these graphs stops the gradient of its weights, in sound models, too
    silent = ", ".join(report.dead_names[:8]) + (" ..." if len(report.dead_names) > 8 else "")
    typer.echo(
        f"parameters without gradient on random graphs: {100 * report.dead:.1f} %, mostly behind "
        "ReLUs that are off there, as is usual without training; "
        + (f"wholly without, in every draw: {silent}" if silent else "none is wholly without")
    )
