"""``graphpoly predict``: what a trained network says, row by row."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from graphpoly.cli.failures import FAILED, Debug, failing_with
from graphpoly.cli.options import Root
from graphpoly.cli.tune import Device

__all__ = ["predict"]

_NUMBER = re.compile(r"[+-]?\.?\d")  # what a number begins with


def predict(
    run: Annotated[Path, typer.Argument(help="Folder that `graphpoly train` wrote.")],
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="CSV file of two columns of nodes, for a run that learned links.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="CSV file to write; default standard output.", show_default=False),
    ] = None,
    root: Root = None,
    model: Annotated[
        str | None, typer.Option(help="Which of several; default the first.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Which run; default the first.")] = None,
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Write what a trained network gives for each node, graph or pair of nodes, as CSV.

    Columns are the node, the graph or both ends of the pair, and the raw outputs: logits, or
    numbers in the unit of the labels.
    """
    with failing_with(FAILED, debug=debug):
        import numpy as np

        from graphpoly.files import write_atomically
        from graphpoly.studies import predict as answers

        asked = None if pairs is None else _read(pairs)
        found = answers(run, pairs=asked, root=root, model=model, seed=seed, device=device)
        rows = (found if found.dim() > 1 else found.unsqueeze(1)).double().numpy()
        if asked is None:
            head, keys = ["row"], np.arange(len(rows))[:, None]
            names = [f"output_{i}" for i in range(rows.shape[1])]
        else:
            head, keys, names = ["source", "target"], asked.T.numpy(), ["score"]
        lines = [",".join([*head, *names])]
        for key, row in zip(keys.tolist(), rows.tolist(), strict=True):
            lines.append(",".join([*map(str, key), *(f"{value:.9g}" for value in row)]))
        text = "\n".join(lines) + "\n"
        if out is None:
            sys.stdout.write(text)
            return
        write_atomically(out, text)
        typer.echo(f"{len(rows):,} rows: {out}")


def _read(path: Path) -> Any:
    """Return the pairs of a file, ``[2, P]``; a first line without a number is a head."""
    import torch

    if not path.is_file():
        raise ValueError(f"{path}: is no file")
    try:
        text = path.read_text(encoding="utf-8-sig")  # as spreadsheets write it
        lines = [line.split(",") for line in text.splitlines() if line]
        if lines and not any(_NUMBER.match(word.strip()) for word in lines[0]):
            lines = lines[1:]
        rows = [[int(word) for word in line] for line in lines]
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if any(len(row) != 2 for row in rows):
        raise ValueError(f"{path}: expected two columns of nodes")
    return torch.tensor(rows, dtype=torch.int64).view(-1, 2).T
