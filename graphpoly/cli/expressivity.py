"""``graphpoly expressivity``: what can be told apart in graphs, in datasets and by models."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with

if TYPE_CHECKING:
    from graphpoly.expressivity import Family, GraphSet, ModelReport

__all__ = ["expressivity"]

expressivity = typer.Typer(
    help="What refinement tests and models tell apart: two graphs, the graphs of a dataset.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder that holds the datasets; default $GRAPHPOLY_DATA or ~/.cache/graphpoly.",
        show_default=False,
    ),
]


@expressivity.command("pair")
def pair(
    a: Annotated[str, typer.Argument(help="File of a graph; FILE#3 for its fourth graph.")],
    b: Annotated[str, typer.Argument(help="File of the other graph.")],
    label: Annotated[
        str | None,
        typer.Option(help="Attribute of nodes and edges to see; not for .pt, whose x is seen."),
    ] = None,
    features: Annotated[
        bool, typer.Option("--features/--structure-only", help="Whether tests see labels.")
    ] = True,
    largest: Annotated[
        int | None, typer.Option(min=1, help="Run all tests on graphs of up to so many nodes.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Find the first test that tells two graphs apart, and what it sees.

    Files: .g6, .s6, .edgelist, .edges, .txt, .graphml, .json (node-link), .pt (PyG).
    """
    with failing_with(FAILED, debug=debug):
        from graphpoly.expressivity import compare, read_graph

        one, other = read_graph(a, label=label), read_graph(b, label=label)
        found = compare(one, other, features=features, edge_features=features, largest=largest)
        if as_json:
            typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
            return
        for test, apart in found.tests.items():
            typer.echo(f"{test:<8}  {'tells them apart' if apart else 'finds them equal'}")
        for test, reason in found.skipped.items():
            typer.echo(f"{test:<8}  not run: {reason}")
        if found.separated_by is not None:
            typer.echo(f"first: {found.separated_by}; {found.witness}")
        elif found.isomorphic is not None:
            typer.echo(f"the graphs are {'' if found.isomorphic else 'not '}isomorphic")
        else:
            typer.echo("no test tells them apart; whether they are isomorphic was not searched")


@expressivity.command("dataset")
def dataset(
    name: Annotated[str, typer.Argument(help="Such as MUTAG, CSL, EXP, ogbg-molhiv or cora.")],
    root: Root = None,
    rounds: Annotated[int, typer.Option(min=0, help="Most rounds that get a line.")] = 8,
    pairs: Annotated[
        bool, typer.Option("--pairs/--no-pairs", help="Whether to run 2-FWL where 1-WL fails.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option(help="HTML file to draw the levels in.", show_default=False)
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure what 1-WL and 2-FWL identify in a dataset, and bound what can be fitted."""
    with failing_with(FAILED, debug=debug):
        from graphpoly.expressivity import identify, levels_page
        from graphpoly.training.files import write_atomically

        graphs, _ = _load(name, root)
        levels = identify(graphs, rounds=rounds, pairs=pairs)
        for seen in sorted({level.features for level in levels}) if pairs else ():
            if graphs.num_graphs > 1 and not any(
                level.test == "2-FWL" and level.features == seen for level in levels
            ):
                what = "with labels" if seen else "without labels"
                typer.echo(f"2-FWL {what}: not run, the graphs are too large", err=True)
        if out is not None:
            counts = {"num_graphs": graphs.num_graphs, "num_nodes": graphs.num_nodes}
            write_atomically(out, levels_page(name, levels, **counts))
        if as_json:
            found = {
                "dataset": name,
                "graphs": graphs.num_graphs,
                "nodes": graphs.num_nodes,
                "levels": [asdict(level) for level in levels],
            }
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return
        typer.echo(f"{name}: {graphs.num_graphs} graphs, {graphs.num_nodes} nodes")
        head = ["test", "labels", "graph colours", "alone", "node colours", "alone", "bound"]
        rows = [head, *([_text(cell) for cell in _cells(level)] for level in levels)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            typer.echo("  ".join(cells))
        if out is not None:
            typer.echo(f"page: {out}", err=True)


@expressivity.command("duplicates")
def duplicates(
    name: Annotated[str, typer.Argument(help="Such as MUTAG, ENZYMES or ogbg-molhiv.")],
    root: Root = None,
    test: Annotated[
        str, typer.Option(help="1-WL, 2-FWL or isomorphism: what counts as equal.")
    ] = "isomorphism",
    splits: Annotated[
        Path | None,
        typer.Option(
            help="JSON object of index lists, training split first; OGB has its own.",
            show_default=False,
        ),
    ] = None,
    features: Annotated[
        bool, typer.Option("--features/--structure-only", help="Whether labels must be equal.")
    ] = True,
    show: Annotated[int, typer.Option(min=0, help="Groups to print.")] = 10,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """List graphs that occur more than once: conflicting labels, leaks between splits."""
    with failing_with(FAILED, debug=debug):
        from graphpoly.expressivity import find_duplicates

        graphs, own = _load(name, root)
        if splits is not None:
            own = _read_splits(splits, graphs.num_graphs)
        found = find_duplicates(
            graphs, test=test, splits=own, features=features, edge_features=features
        )
        if as_json:
            typer.echo(json.dumps({"dataset": name, **asdict(found)}, ensure_ascii=False))
            return
        typer.echo(
            f"{name}: {len(found.groups)} groups of equal graphs ({found.test}); "
            f"{found.redundant} of {found.num_graphs} graphs are repetitions"
        )
        if found.conflicts is not None:
            typer.echo(f"groups with different targets: {len(found.conflicts)}")
        for split, count in found.leaks.items():
            typer.echo(f"graphs of {split} that are also in {next(iter(own))}: {count}")
        for number, group in enumerate(found.groups[:show]):
            mark = " different targets" if number in (found.conflicts or ()) else ""
            typer.echo("  " + " ".join(map(str, group[:20])) + (" ..." * (len(group) > 20)) + mark)


@expressivity.command("model")
def model(
    name: Annotated[
        str,
        typer.Argument(
            metavar="MODEL", help="A registered model, one of PyG's, or package.module:factory."
        ),
    ],
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
        from graphpoly.recipes.model_factory import model_factory

        factory, declared = model_factory(name)
    with failing_with(FAILED, debug=debug):
        from graphpoly import __version__
        from graphpoly.expressivity import analyze_model, model_page
        from graphpoly.training.files import write_atomically

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
    _print_table(rows)
    typer.echo("")
    rows = [["error of counting", "graphs", "nodes", "degrees alone", "1-WL at best"]]
    for count in report.counts:
        node = "-" if count.node is None else f"{count.node:.3f}"
        plain, least = f"{count.graph_degrees:.3f}", f"{count.graph_wl:.3f}"
        rows.append([count.pattern, f"{count.graph:.3f}", node, plain, least])
    _print_table(rows)
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
    typer.echo(f"parameters without gradient: {100 * report.dead:.1f} %")


def _print_table(rows: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for line in rows:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        typer.echo("  ".join(cells))


def _load(name: str, root: Path | None) -> tuple[GraphSet, dict[str, Any]]:
    from graphpoly.data import (
        graph_dataset_names,
        load_graph_data,
        load_node_data,
        load_ogb_graph,
        node_dataset_names,
    )
    from graphpoly.errors import unknown
    from graphpoly.expressivity import GraphSet

    key = name.lower()
    if key.startswith("ogbg-"):
        graphs, splits = load_ogb_graph(key, root)
        return GraphSet.of(graphs), dict(splits)
    if key in node_dataset_names():
        return GraphSet.of(load_node_data(key, root)), {}
    if key not in {each.lower() for each in graph_dataset_names()}:
        raise unknown("dataset", name, [*graph_dataset_names(), *node_dataset_names()])
    return GraphSet.of(load_graph_data(name, root)), {}


def _read_splits(path: Path, num_graphs: int) -> dict[str, Any]:
    import torch

    held = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(held, dict):
        raise ValueError(f"{path}: expected an object of index lists, got {type(held).__name__}")
    splits = {}
    for name, index in held.items():
        if not isinstance(index, list) or not all(
            isinstance(i, int) and 0 <= i < num_graphs for i in index
        ):
            raise ValueError(f"{path}: {name}: expected a list of indices below {num_graphs}")
        splits[name] = torch.tensor(index, dtype=torch.int64)
    return splits


def _cells(level: Any) -> list[Any]:
    test = level.test
    if test == "1-WL":
        test += " stable" if level.rounds is None else f" {level.rounds}"
    bound = level.accuracy_bound if level.accuracy_bound is not None else level.r2_bound
    return [
        test,
        "yes" if level.features else "no",
        level.graph_classes,
        level.graph_unique,
        level.node_classes,
        level.node_unique,
        bound,
    ]


def _text(cell: Any) -> str:
    if cell is None:
        return "-"
    return f"{100 * cell:.2f} %" if isinstance(cell, float) else str(cell)
