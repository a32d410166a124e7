"""``graphpoly expressivity``: what can be told apart in graphs, in datasets and by models."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphpoly.cli.brec import brec
from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with
from graphpoly.cli.model import model
from graphpoly.cli.options import Json, Root

if TYPE_CHECKING:
    from graphpoly.expressivity import GraphSet

__all__ = ["ENDINGS", "expressivity"]

# those of expressivity.files.FORMATS, known without torch
ENDINGS = (
    *(".g6", ".graph6", ".s6", ".sparse6", ".d6", ".digraph6"),
    *(".edgelist", ".edges", ".txt", ".csv", ".tsv", ".mtx", ".graphml", ".gml", ".json", ".pt"),
)

expressivity = typer.Typer(
    help="What refinement tests and models tell apart: two graphs, the graphs of a dataset.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
expressivity.command("model")(model)
expressivity.command("brec")(brec)


@expressivity.command("pair")
def pair(
    a: Annotated[str, typer.Argument(help="File of a graph; FILE#3 for its fourth graph.")],
    b: Annotated[str, typer.Argument(help="File of the other graph.")],
    label: Annotated[
        str | None,
        typer.Option(help="Attribute of nodes and edges to see; not for .pt, whose x is seen."),
    ] = None,
    directed: Annotated[
        bool, typer.Option("--directed", help="Lines of lists of edges go one way.")
    ] = False,
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

    Files: .g6, .s6, .d6; .edgelist, .edges, .txt, .csv, .tsv (two names and perhaps a weight a
    line); .mtx, .graphml, .gml, .json (node-link), .pt (PyG); each also with .gz behind it.
    """
    with failing_with(USAGE, debug=debug):
        for place in (a, b):  # before torch is loaded
            if not Path(place).exists() and not Path(place.rpartition("#")[0]).is_file():
                name = Path(place.rpartition("#")[0] or place)
                if (name.with_suffix("") if name.suffix == ".gz" else name).suffix in ENDINGS:
                    raise FileNotFoundError(2, "no such file or directory", str(name))
        from graphpoly.expressivity import compare, read_graph
        from graphpoly.expressivity.files import attributes_of

        one, other = (read_graph(each, label=label, directed=directed) for each in (a, b))
        unread = [] if label else attributes_of(a, b)
        if unread:
            typer.echo(f"not seen: {', '.join(unread)}; --label NAME sees one of them", err=True)
    with failing_with(FAILED, debug=debug):
        found = compare(one, other, features=features, edge_features=features, largest=largest)
        if as_json:
            typer.echo(json.dumps(asdict(found), indent=2, ensure_ascii=False))
            return
        for test, apart in found.tests.items():
            typer.echo(f"{test:<8}  {'tells them apart' if apart else 'finds them equal'}")
        for test, apart in found.beside.items():
            says = "tells them apart" if apart else "finds them equal"
            typer.echo(f"{test:<8}  {says}, by neighbourhoods and beside the ladder")
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
    name: Annotated[
        str,
        typer.Argument(
            help="Such as MUTAG, ogbg-molhiv or cora, or your own: .pt, .npz, module:factory."
        ),
    ],
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
    """Measure what 1-WL and 2-FWL identify in a dataset, and bound what can be fitted.

    A line is a test: 1-WL after so many rounds (layers of a network), stable, and 2-FWL. Labels:
    whether it sees them. Colours: how many kinds of graphs and of nodes it finds; alone: the share
    of those whose colour nobody else has. Bound: the largest accuracy (or R^2) on this data of
    whatever sees no more than the test: the accuracy where y is of integers, which are classes, R^2
    where it is of floats.
    """
    with failing_with(USAGE, debug=debug):
        from graphpoly import __version__
        from graphpoly.data import doubt_about, is_own
        from graphpoly.expressivity import identify, levels_page, levels_record
        from graphpoly.files import write_atomically
        from graphpoly.pages import plural

        graphs, _ = _load(name, root)
        doubt = doubt_about(graphs.y) if is_own(name) and graphs.y is not None else None
        if doubt is not None:
            typer.echo(f"y of {name}: {doubt}", err=True)
    with failing_with(FAILED, debug=debug):
        levels = identify(graphs, rounds=rounds, pairs=pairs)
        for seen in sorted({level.features for level in levels}) if pairs else ():
            if graphs.num_graphs > 1 and not any(
                level.test == "2-FWL" and level.features == seen for level in levels
            ):
                what = "with labels" if seen else "without labels"
                typer.echo(f"2-FWL {what}: not run, the graphs are too large", err=True)
        counts = {"num_graphs": graphs.num_graphs, "num_nodes": graphs.num_nodes}
        found = levels_record(name, levels, **counts)
        if out is not None:
            write_atomically(out, levels_page(name, levels, **counts, version=__version__))
        if as_json:
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return
        sizes = plural(graphs.num_graphs, "graph"), plural(graphs.num_nodes, "node")
        typer.echo(f"{name}: {', '.join(sizes)}")
        typer.echo(
            "labels: whether the test sees them; colours: how many it finds; alone: the share "
            "whose colour nobody else has; bound: the largest accuracy or R^2 that fits"
        )
        head = ["test", "labels", "graph colours", "alone", "node colours", "alone", "bound"]
        rows = [head, *([_text(cell) for cell in _cells(level)] for level in levels)]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            typer.echo("  ".join(cells))
        typer.echo(found["verdict"])
        if out is not None:
            typer.echo(f"page: {out}", err=True)


@expressivity.command("duplicates")
def duplicates(
    name: Annotated[
        str,
        typer.Argument(
            help="Such as MUTAG or ogbg-molhiv; data of your own as .pt or module:factory."
        ),
    ],
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
    with failing_with(USAGE, debug=debug):
        if test not in ("1-WL", "2-FWL", "isomorphism"):  # before torch is loaded
            raise ValueError(f"test: got {test!r}; '1-WL', '2-FWL' and 'isomorphism' are accepted")
        from graphpoly.expressivity import find_duplicates
        from graphpoly.pages import plural

        graphs, own = _load(name, root)
        if splits is not None:
            own = _read_splits(splits, graphs.num_graphs)
    with failing_with(FAILED, debug=debug):
        found = find_duplicates(
            graphs, test=test, splits=own, features=features, edge_features=features
        )
        if as_json:
            typer.echo(json.dumps({"dataset": name, **asdict(found)}, ensure_ascii=False))
            return
        typer.echo(
            f"{name}: {plural(len(found.groups), 'group')} of equal graphs ({found.test}); "
            f"{found.redundant} of {plural(found.num_graphs, 'graph')} repeat others"
        )
        if found.conflicts is not None:
            typer.echo(f"groups with different targets: {len(found.conflicts)}")
        for split, count in found.leaks.items():
            typer.echo(f"graphs of {split} that are also in {next(iter(own))}: {count}")
        for number, group in enumerate(found.groups[:show]):
            mark = " different targets" if number in (found.conflicts or ()) else ""
            typer.echo("  " + " ".join(map(str, group[:20])) + (" ..." * (len(group) > 20)) + mark)


def _load(name: str, root: Path | None) -> tuple[GraphSet, dict[str, Any]]:
    from graphpoly.data import (
        graph_dataset_names,
        graphs_from,
        is_own,
        load_graph_data,
        load_node_data,
        load_ogb_graph,
        node_dataset_names,
    )
    from graphpoly.errors import unknown
    from graphpoly.expressivity import GraphSet

    if is_own(name):
        return GraphSet.of(graphs_from(name, root)), {}
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
        splits[name] = torch.tensor(index, dtype=torch.int64, device="cpu")
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
