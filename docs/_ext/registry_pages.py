"""Pages made from the registry, the rooms and the result files, into ``docs/_generated``.

One page for each layer, aggregation, model, kernel, transform and basis; one for each room with
every name of its ``__all__``; one for each page of measurements.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import torch

import graphpoly
from benchmarks import results_page
from graphpoly.bases import evaluate
from graphpoly.registry import Entry, entries

if TYPE_CHECKING:
    from sphinx.application import Sphinx

mpl.use("Agg")
from matplotlib import pyplot

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "_generated"
PAGED = ("layer", "aggregation", "model", "kernel", "transform", "basis")
TITLES = {
    "layer": "Layers",
    "aggregation": "Aggregations",
    "model": "Models",
    "kernel": "Kernels",
    "transform": "Transforms",
    "basis": "Bases",
}


def paged() -> list[Entry]:
    """Return the entries that have a page."""
    return [entry for kind in PAGED for entry in entries(kind)]


def rooms() -> list[str]:
    """Return the modules whose names are public: the rooms, and those within rooms."""
    found = [m.name for m in pkgutil.iter_modules(graphpoly.__path__) if m.name != "cli"]
    found = [name for name in found if not name.startswith("_")]
    return sorted({*found, "compat.torch_scatter", "rewiring.curvature", "rewiring.measures"})


def public(room: str) -> tuple[ModuleType, list[str]]:
    """Return a module and the names it offers."""
    module = importlib.import_module(f"graphpoly.{room}")
    return module, list(getattr(module, "__all__", ()))


def undocumented() -> list[str]:
    """Return the public classes and functions without a docstring of their own."""
    found = []
    for room in rooms():
        module, names = public(room)
        if not inspect.getdoc(module):
            found.append(module.__name__)
        for name in names:
            value = getattr(module, name)
            # a class would show the docstring of the one above it
            documented = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
            if (inspect.isclass(value) or inspect.isroutine(value)) and not documented:
                found.append(f"{module.__name__}.{name}")
    return found


def address(value: Any) -> str:
    """Return where a registered object is exported."""
    room = value.__module__.split(".")[1]
    module = importlib.import_module(f"graphpoly.{room}")
    if getattr(module, value.__name__, None) is not value:
        raise LookupError(
            f"{value.__name__} is registered, but graphpoly.{room} does not export it"
        )
    return f"graphpoly.{room}.{value.__name__}"


def heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n"


def directive(path: str, value: Any) -> str:
    if inspect.isclass(value):
        return f".. autoclass:: {path}\n   :members:\n   :show-inheritance:\n"
    return f".. autofunction:: {path}\n"


def curves(entry: Entry) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return eigenvalues and what the entry's example makes of them, None where it has no curve."""
    points = torch.linspace(-1, 1, 201, dtype=torch.float64)
    torch.manual_seed(0)
    if entry.kind == "basis":
        assert entry.example is not None
        made = entry.example()
        if entry.name == "favard":
            made, constant = made
            return points, evaluate(made.double(), points, initial=constant.double())[..., 0].T
        if entry.name == "optimal":
            return None  # depends on the signal
        if made.dim() == 3:
            return points, evaluate(made.double(), points)[..., 0].T
        if made.dim() == 2:
            chebyshev = torch.cos(torch.arange(made.size(0)) * points.acos().unsqueeze(-1))
            return points, chebyshev @ made.double()
        return None
    if entry.kind != "layer" or not hasattr(entry.obj, "response") or entry.example is None:
        return None
    layer = entry.example()
    try:
        with torch.no_grad():
            response = layer.response(points.float())
    except (TypeError, ValueError, RuntimeError):
        return None  # the basis depends on the data
    return points, response.reshape(points.numel(), -1)


def draw(entry: Entry, path: Path) -> bool:
    """Draw the curves of an entry; False where it has none."""
    found = curves(entry)
    if found is None:
        return False
    points, values = found
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "graphpoly"}):
        figure, axes = pyplot.subplots(figsize=(5.6, 2.8), layout="constrained")
        axes.plot(points.numpy(), values.detach().numpy(), linewidth=1.3)
        axes.set_xlabel("eigenvalue of the operator")
        axes.set_ylabel("value" if entry.kind == "basis" else "response")
        axes.grid(alpha=0.3)
        figure.savefig(path, metadata={"Date": None})
        pyplot.close(figure)
    return True


def figures(entry: Entry, results: Iterable[dict[str, Any]]) -> list[list[str]]:
    """Return published and own figures of a model as rows of cells."""
    rows = []
    for result in results:
        if entry.name not in result.get("models", {}):
            continue
        only = {**result, "models": {entry.name: result["models"][entry.name]}}
        found = results_page._rows(only)
        rows += [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in found]
    return rows


def operator_page(entry: Entry, results: list[dict[str, Any]]) -> str:
    """Return the page of one entry."""
    where = address(entry.obj)
    source = entry.paper
    if entry.arxiv:
        source += f" (`arXiv:{entry.arxiv} <https://arxiv.org/abs/{entry.arxiv}>`__)"
    facts = [
        ("kind", entry.kind),
        ("import", f"``from {where.rpartition('.')[0]} import {entry.obj.__name__}``"),
    ]
    facts += [(key, value.replace("|", r"\|")) for key, value in entry.tags.items()]
    facts.append(("source", source))
    parts = [heading(entry.name), "\n".join(f":{key}: {value}" for key, value in facts) + "\n"]
    parts.append(directive(where, entry.obj))
    if draw(entry, OUT / "responses" / f"{entry.name}.svg"):
        if entry.kind == "basis":
            title, caption = "Curves", "The functions of the registered example over [-1, 1]."
        else:
            title = "Response"
            caption = "The filters of the registered example before training, over [-1, 1]."
        parts.append(
            f"{heading(title, '-')}\n.. image:: /_generated/responses/{entry.name}.svg\n"
            f"   :alt: {entry.name}: {caption}\n   :class: response\n\n{caption}\n"
        )
    rows = figures(entry, results)
    if rows:
        head = ["recipe", "split", "published", "ours", "runs", "interval", "difference", "verdict"]
        table = ".. list-table::\n   :header-rows: 1\n\n"
        for row in [head, *rows]:
            cells = [re.sub(r"`([^`]+)`", r"``\1``", cell) for cell in row]
            cells += [""] * (len(head) - len(cells))
            table += "".join(f"   {'*' if not i else ' '} - {c}\n" for i, c in enumerate(cells))
        parts.append(
            f"{heading('Published figures and ours', '-')}\nHow to read them: "
            f":doc:`/results`.\n\n{table}"
        )
    return "\n".join(parts)


def room_page(room: str, seen: dict[int, str]) -> str:
    """Return the page of a room: each name once, where it was met first."""
    module, names = public(room)
    parts = [heading(f"graphpoly.{room}"), f".. automodule:: graphpoly.{room}\n   :no-members:\n"]
    elsewhere, constants, described = [], [], []
    for name in sorted(names, key=str.lower):
        value = getattr(module, name)
        if isinstance(value, ModuleType):
            elsewhere.append(f"- ``{name}``: {(inspect.getdoc(value) or '').splitlines()[0]}")
        elif not (inspect.isclass(value) or inspect.isroutine(value)):
            text = re.sub(r"\s+", " ", repr(value))
            text = text if len(text) <= 200 else f"{text[:200]} ..."
            constants.append(f"- ``{name}`` ({type(value).__name__}): ``{text}``")
        elif id(value) in seen:
            elsewhere.append(f"- ``{name}``: :doc:`{seen[id(value)]}`")
        else:
            seen[id(value)] = f"/_generated/api/{room}"
            described.append(directive(f"graphpoly.{room}.{name}", value))
    for title, lines in (("Described elsewhere", elsewhere), ("Constants", constants)):
        if lines:
            parts.append(heading(title, "-") + "\n" + "\n".join(lines) + "\n")
    if described:
        parts += [heading("Names", "-"), *described]
    return "\n".join(parts)


def plain_links(text: str, origin: Path) -> str:
    """Bring pictures of a page along; a link into the checkout becomes the name of its file."""

    def picture(match: re.Match[str]) -> str:
        source = (origin / match[2]).resolve()
        target = OUT / "pictures" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        return f"![{match[1]}](/_generated/pictures/{source.name})"

    text = re.sub(r"!\[([^]]*)\]\((?!https?:)([^)\s]+)\)", picture, text)
    return re.sub(r"(?<!!)\[([^]]*)\]\((?!https?:|#)([^)\s]+)\)", r"\1 (`\2`)", text)


def write_all() -> None:
    """Write every page that is made."""
    import jupytext  # here alone, so that the tests of names do without it

    results = results_page.load()
    pages: dict[str, str] = {}
    seen: dict[int, str] = {}
    listing = heading("One page each")
    for kind in PAGED:
        listing += f"\n.. toctree::\n   :caption: {TITLES[kind]}\n   :maxdepth: 1\n\n"
        for entry in entries(kind):
            pages[f"operators/{entry.name}.rst"] = operator_page(entry, results)
            seen[id(entry.obj)] = f"/_generated/operators/{entry.name}"
            listing += f"   {entry.name}\n"
    pages["operators/index.rst"] = listing
    listing = heading("API") + "\n.. toctree::\n   :maxdepth: 1\n\n"
    for room in rooms():
        pages[f"api/{room}.rst"] = room_page(room, seen)
        listing += f"   {room}\n"
    pages["api/index.rst"] = listing
    folder = ROOT / "benchmarks" / "results"
    listing = heading("Measurements") + "\n.. toctree::\n   :maxdepth: 1\n\n"
    for path in sorted(folder.glob("*.md")):
        pages[f"benchmarks/{path.name}"] = plain_links(path.read_text(encoding="utf-8"), folder)
        listing += f"   {path.stem}\n"
    pages["benchmarks/index.rst"] = listing
    for name in ("CHANGELOG", "CONTRIBUTING"):
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
        pages[f"{name.lower()}.md"] = plain_links(text, ROOT)
    for path in sorted((ROOT / "docs" / "tutorials").glob("*.md")):
        notebook = jupytext.writes(jupytext.read(path), fmt="ipynb")
        for number, made in enumerate(re.findall(r'"id": "(\w+)"', notebook)):
            notebook = notebook.replace(f'"id": "{made}"', f'"id": "cell-{number}"')
        pages[f"notebooks/{path.stem}.ipynb"] = notebook
    for name, text in pages.items():
        path = OUT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")  # what stays as it was is not read again
    for path in [*OUT.rglob("*.rst"), *OUT.rglob("*.md")]:
        if path.relative_to(OUT).as_posix() not in pages:
            path.unlink()


def on_read(app: Sphinx, docname: str, content: list[str]) -> None:
    """Link the table of the registry to its pages, and pages of docs/ to what is made here."""
    if docname.startswith("tutorials/"):
        name = docname.rpartition("/")[2]
        link = f"{{download}}`{name}.ipynb </_generated/notebooks/{name}.ipynb>`"
        content[0] += f"\nThis page as a notebook: {link}.\n"
    if docname in ("operators", "results", "rewiring", "peer_suites"):
        text = content[0]
        if docname == "operators":
            kinds = "|".join(PAGED)
            text = re.sub(
                rf"^\| `(\w+)` \| ({kinds}) \|",
                r"| [`\1`](/_generated/operators/\1.rst) | \2 |",
                text,
                flags=re.MULTILINE,
            )
            content[0] = text
        else:
            content[0] = plain_links(text, ROOT / "docs")


def on_signature(
    app: Sphinx,
    what: str,
    name: str,
    value: Any,
    options: Any,
    signature: str | None,
    returned: str | None,
) -> tuple[str, str | None] | None:
    """Show the constructor of a class whose ``__new__`` looks at the arguments first."""
    from sphinx.util.inspect import stringify_signature  # tests of names do without it

    if what != "class" or not (signature or "").startswith("(*args"):
        return None
    told = inspect.signature(value).replace(return_annotation=inspect.Signature.empty)
    return stringify_signature(told, unqualified_typehints=True), returned


def on_page(app: Sphinx, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Give the captions of Sphinx, which are headings for who cannot see them, their level."""
    for part in ("body", "furo_navigation_tree"):
        if part in context:
            level = '<p class="caption" role="heading" aria-level="2">'
            context[part] = context[part].replace('<p class="caption" role="heading">', level)


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the pages before Sphinx looks for them."""
    app.connect("config-inited", lambda app, config: write_all())
    app.connect("source-read", on_read)
    app.connect("autodoc-process-signature", on_signature)
    app.connect("html-page-context", on_page, priority=900)  # after the theme
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
