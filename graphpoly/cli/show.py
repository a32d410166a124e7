"""``graphpoly show``: what a recipe, model, dataset or layer takes."""

from __future__ import annotations

import contextlib
import inspect
import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphpoly.cli.failures import FAILED, USAGE, Debug, failing_with
from graphpoly.cli.options import Json

if TYPE_CHECKING:
    from graphpoly.recipes import Recipe
    from graphpoly.registry import Entry

__all__ = ["show"]


def show(
    name: Annotated[
        str,
        typer.Argument(
            help="Of a recipe, model, dataset, layer or basis, or of your own: see "
            "`graphpoly train`."
        ),
    ],
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Print what NAME takes: every key with its default, its bounds and what it means."""
    with failing_with(USAGE, debug=debug):
        entry = _find(name)
    with failing_with(FAILED, debug=debug):
        facts, tables = _facts(entry), _tables(entry)
        if as_json:
            typer.echo(json.dumps({**facts, **tables}, indent=2, ensure_ascii=False, default=str))
            return
        width = max(map(len, facts)) + 2
        for key, value in facts.items():
            if value not in (None, "", [], {}):
                text = "; ".join(map(str, value)) if isinstance(value, list) else value
                typer.echo(f"{key:<{width}}{text}")
        for title, rows in tables.items():
            if not rows:
                continue
            typer.echo(f"\n{title}")
            widths = [max((len(str(row[key])) for row in rows), default=0) for key in _SHOWN]
            for row in rows:
                cells = [str(row[k]).ljust(w) for k, w in zip(_SHOWN, widths, strict=True)]
                typer.echo(f"  {'  '.join(cells)}  {_words(row['meaning'])}".rstrip())


_SHOWN = ("key", "default", "accepts")


def _words(meaning: str) -> str:
    """Return a line of a docstring as it reads in a terminal, references by their last name."""
    plain = re.sub(r":\w+:`~?(?:[\w.]+\.)?([^`]+)`", r"\1", meaning)
    return plain.replace("``", "")


def _find(name: str) -> Entry:
    """Return the entry of that name: a recipe before a model, a model before the rest."""
    from graphpoly import registry
    from graphpoly.data import is_own
    from graphpoly.errors import unknown
    from graphpoly.models.settings import settings_of

    if is_own(name):
        return _own(name)

    def named(kinds: Sequence[str]) -> Entry | None:
        """Return the entry of exactly that name, or of that name in another case."""
        listed = [entry for entry in registry.entries() if entry.kind in kinds]
        for given in (str, str.lower):
            for kind in kinds:
                for entry in listed:
                    if entry.kind == kind and given(entry.name) == given(name):
                        return entry
        return None

    found = named(("recipe", "model", "baseline", "dataset"))
    if found is None:
        with contextlib.suppress(ValueError):
            alias = settings_of(name)[0]
            if alias.lower() != name.lower():
                return _find(alias)
        found = named(registry.KINDS)
    if found is None:
        raise unknown("name", name, {entry.name for entry in registry.entries()})
    return found


def _own(name: str) -> Entry:
    """Return an entry for a file of data, or a factory of a model or of data."""
    from torch import nn

    from graphpoly.data import dataset_from
    from graphpoly.models.model_factory import imported
    from graphpoly.registry import Entry

    factory: Any = None
    with contextlib.suppress(ValueError):  # data itself; what is nowhere is told of below
        factory = imported(name)
    if factory is not None:
        is_module = inspect.isclass(factory) and issubclass(factory, nn.Module)
        if is_module or "out_channels" in inspect.signature(factory).parameters:
            return Entry(name, "model", factory, "", None, None, {})
    return Entry(name, "dataset", dataset_from(name), "", None, None, {})


def _facts(entry: Entry) -> dict[str, Any]:
    from graphpoly.data import is_own

    facts: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind,
        "paper": entry.paper,
        "arxiv": entry.arxiv,
        **entry.tags,
    }
    if entry.kind == "recipe":
        recipe = entry.obj
        facts |= {"models": list(recipe.models), "metric": recipe.metric}
        if recipe.published is not None:
            spread = recipe.published.interval
            plus = "" if spread is None else f" ± {spread} ({recipe.published.interval_kind})"
            facts["published"] = f"{recipe.published.mean}{plus}, {recipe.published.source}"
        facts["notes"] = list(recipe.notes)
    if entry.kind == "dataset":
        data = entry.obj
        facts |= {
            "title": data.title,
            "task": data.task,
            "metric": data.metric,
            "loss": data.loss,
            "splits": ", ".join(data.splits),
        }
        if is_own(entry.name):
            loaded = data.load(None, data.reading, 0)
            facts |= {"features": loaded.num_features, "outputs": loaded.num_outputs}
            facts |= loaded.facts
            if loaded.known is not None:
                facts["unlabelled"] = int((~loaded.known).sum())
    elif entry.obj.__doc__ and entry.kind != "recipe":
        facts["about"] = _in_words((inspect.getdoc(entry.obj) or "").partition("\n\n")[0])
    return facts


def _in_words(text: str) -> str:
    """Return reStructuredText as one line of words, without roles, links and marks."""
    text = re.sub(r":[\w:]+:`~[\w.]*?(\w+)`", r"\1", " ".join(text.split()))
    text = re.sub(r":[\w:]+:`([^`<]+?)\s*(<[^`]*>)?`", r"\1", text)
    text = re.sub(r'`"?([^`"<]+?)"?\s*<[^`>]*>`_+', r"\1", text)
    return text.replace("``", "").replace("`", "")


def _tables(entry: Entry) -> dict[str, list[dict[str, Any]]]:
    from graphpoly.models.settings import model_names, settings_of
    from graphpoly.models.settings.own import own_settings
    from graphpoly.rewiring import method_names, method_of

    if entry.kind == "recipe":
        parts = ("settings", "protocol", "reading")
        tables = {part: _described(getattr(entry.obj, part)) for part in parts}
        return {**tables, "rewiring": _rewiring(entry.obj), **_privacy(entry.obj)}
    if entry.kind == "dataset":
        return {"reading": _described(entry.obj.reading)}
    tables = {}
    if entry.name in model_names():
        tables["settings"] = _described(settings_of(entry.name)[1])
    elif ":" in entry.name:
        tables["settings"] = _described(own_settings(entry.name))
    if entry.name in method_names():
        method = method_of(entry.name)
        tables[f"settings of rewire={entry.name.lower()}"] = _described(method)
    if callable(entry.obj):
        tables["arguments"] = _arguments(entry.obj)
    return tables


def _rewiring(recipe: Recipe) -> list[dict[str, Any]]:
    """Say what ``rewire`` takes, and the settings of the method, if there is one."""
    from graphpoly.rewiring import method_names

    held = recipe.rewire
    row = {
        "key": "rewire",
        "default": "none" if held is None else held.method.lower(),
        "accepts": " | ".join(name.lower() for name in method_names()) + " or none",
        "meaning": "How the graphs are rewired; graphpoly show METHOD says what it takes.",
    }
    return [row, *([] if held is None else _described(held))]


def _privacy(recipe: Recipe) -> dict[str, list[dict[str, Any]]]:
    """Say what makes a training private, where that can be asked for."""
    from graphpoly.privacy import PrivacySettings

    if recipe.data.task != "nodes":
        return {}
    held = recipe.privacy
    first, *rest = _described(PrivacySettings if held is None else held)
    if held is None:
        first["default"], first["accepts"] = "none", f"{first['accepts']} or none"
    return {"privacy": [first, *rest]}


def _described(settings: Any) -> list[dict[str, Any]]:
    from graphpoly.settings import describe

    return [
        {
            "key": each.name,
            "default": "(required)" if each.required else _plain(each.default),
            "accepts": each.accepts,
            "meaning": each.meaning,
        }
        for each in describe(settings)
    ]


def _arguments(function: Any) -> list[dict[str, Any]]:
    """Read a signature, and the meanings from the docstring's "Args:"."""
    from graphpoly.settings import meanings

    told = meanings(inspect.getdoc(function) or "", "Args:")
    rows = []
    for each in inspect.signature(function).parameters.values():
        default = "(required)" if each.default is each.empty else repr(each.default)
        if each.kind in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
            default = ""
        annotation = "" if each.annotation is each.empty else _annotation(each.annotation)
        rows.append(
            {
                "key": each.name,
                "default": default,
                "accepts": annotation,
                "meaning": told.get(each.name, ""),
            }
        )
    return rows


def _annotation(held: Any) -> str:
    """Return a type as it is written; modules with postponed annotations have the words."""
    return held if isinstance(held, str) else inspect.formatannotation(held).replace("typing.", "")


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return "none" if value is None else str(value)
