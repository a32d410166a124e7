"""Datasets of many graphs by name: TU, BREC, CSL, EXP and CEXP, SR families, OGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from graphpoly.data.brec import load_brec
from graphpoly.data.expressivity import EXP_NAMES, SR_FAMILIES, load_csl, load_exp, load_sr
from graphpoly.data.files import default_root
from graphpoly.data.ogb import load_ogb_graph
from graphpoly.data.tu import read_tu
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["graph_dataset_names", "load_graph_data"]

_TU = (
    "AIDS",
    "COLLAB",
    "DD",
    "ENZYMES",
    "IMDB-BINARY",
    "IMDB-MULTI",
    "Mutagenicity",
    "MUTAG",
    "NCI1",
    "NCI109",
    "PROTEINS",
    "PTC_MR",
    "REDDIT-BINARY",
    "REDDIT-MULTI-5K",
)


def graph_dataset_names() -> list[str]:
    """Return the names that :func:`load_graph_data` knows, besides those of OGB (``ogbg-...``).

    >>> "MUTAG" in graph_dataset_names()
    True
    """
    return [*_TU, "BREC", "CSL", *EXP_NAMES, *SR_FAMILIES]


@on_cpu()
def load_graph_data(name: str, root: str | Path | None = None) -> Any:
    """Load a dataset of many graphs, as its files have it.

    Args:
        name: One of :func:`graph_dataset_names` in any case, or a name of OGB such as
            ``"ogbg-molhiv"``.
        root: Folder that holds all datasets; by default :func:`~graphpoly.data.default_root`. TU
            datasets are in ``tu/``, with the node labels that PyG gives them
            (:func:`~graphpoly.data.load_tu` gives networks more to read); for the others see
            :func:`~graphpoly.data.load_brec`, :func:`~graphpoly.data.load_csl`,
            :func:`~graphpoly.data.load_exp`, :func:`~graphpoly.data.load_sr` and
            :func:`~graphpoly.data.load_ogb_graph`.

    Returns:
        A PyG dataset, or a list of ``Data``.

    Raises:
        ValueError: If the name is unknown.
        DatasetError: If files are absent and cannot be downloaded, or are cut short or altered.
    """
    base = Path(default_root() if root is None else root).expanduser()
    if name.lower().startswith("ogbg-"):
        return load_ogb_graph(name.lower(), base)[0]
    known = {each.lower(): each for each in graph_dataset_names()}
    if name.lower() not in known:
        raise unknown("dataset", name, [*known.values(), "ogbg-molhiv"])
    key = known[name.lower()]
    if key == "BREC":
        return load_brec(base).graphs()
    if key in EXP_NAMES:
        return load_exp(key, base)
    if key in SR_FAMILIES or key == "CSL":
        graphs = load_csl(base) if key == "CSL" else load_sr(key, base)
        for graph in graphs:
            del graph.x  # ones for networks to read; the files hold no features
        return graphs
    return read_tu(key, base / "tu", attributes=False)
