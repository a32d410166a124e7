"""``graphpoly export``: a trained network for a script of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphpoly.cli.failures import FAILED, Debug, failing_with

__all__ = ["export"]


def export(
    run: Annotated[Path, typer.Argument(help="Folder that `graphpoly train` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Where config.json and model.safetensors go.")],
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds the datasets; default the one that RUN was trained on.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Which of several; default the first.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Which run; default the first.")] = None,
    debug: Debug = False,
) -> None:
    """Write a trained network as two files, for graphpoly.from_pretrained(FOLDER) in a script."""
    with failing_with(FAILED, debug=debug):
        from graphpoly.pretrained import Pretrained, needs
        from graphpoly.recipes import trained_network

        net, _ = trained_network(run, root=root, model=model, seed=seed)
        if not isinstance(net, Pretrained):
            raise ValueError(
                f"{type(net).__name__}: is not one of graphpoly's networks, which "
                "`graphpoly list models` names, and has no save_pretrained"
            )
        net.save_pretrained(folder)
        typer.echo(f"{type(net).__name__}: {folder}")
        for name in needs(net):
            held = type(getattr(net, name, None)).__name__
            typer.echo(
                f"note: the {held} within is not one of graphpoly's networks; build it in the "
                f"script, from_pretrained({str(folder)!r}, {name}=...) fills in its weights",
                err=True,
            )
