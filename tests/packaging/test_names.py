"""Names are listed by the room that has them, and found wherever they are promised."""

import ast
import pkgutil
from pathlib import Path

import pytest

import graphpoly
from graphpoly import acceleration, layers, models, rewiring
from graphpoly.registry import entries
from tests.children import run, run_warm

ROOMS = [m.name for m in pkgutil.iter_modules(graphpoly.__path__) if m.ispkg and m.name != "cli"]
NAMES = sorted({*acceleration.__all__, *layers.__all__, *models.__all__, *rewiring.__all__, *ROOMS})


def test_everything_is_found_and_nothing_else_is_shown():
    assert dir(graphpoly) == sorted([*NAMES, "__version__"])
    assert graphpoly.__all__ == NAMES
    for room in (acceleration, layers, models, rewiring):
        assert all(getattr(graphpoly, n) is getattr(room, n) for n in room.__all__)
    assert {"PPGN", "PPGNPlusPlus", "CooperativeConv", "expressivity"} <= set(NAMES)


@pytest.mark.parametrize("kind", ["layer", "aggregation", "model"])
def test_everything_that_is_registered_is_exported(kind):
    assert [entry.name for entry in entries(kind) if entry.name not in NAMES] == []


def test_type_checkers_read_the_same_rooms():
    tree = ast.parse(Path(graphpoly.__file__).read_text())
    guarded = next(node for node in tree.body if isinstance(node, ast.If)).body
    shown = [n.names[0].name for n in guarded if n.module == "graphpoly"]
    assert shown == sorted(ROOMS)
    starred = [n.module for n in guarded if n.module != "graphpoly"]
    assert starred == [f"graphpoly.{room}" for room in graphpoly._EXPORTED]


def test_a_star_import_brings_what_is_exported():
    code = "from graphpoly import *; print(sorted(n for n in dir() if not n.startswith('_')))"
    assert ast.literal_eval(run_warm(code)) == NAMES


def test_importing_is_quick_and_lazy():
    code = (
        "import sys, time\nstart = time.process_time()\nimport graphpoly\n"
        "print(time.process_time() - start)\n"
        "print('torch' in sys.modules, 'graphpoly.layers' in sys.modules)"
    )
    seconds, *loaded = run(code).split()
    assert loaded == ["False", "False"]
    assert float(seconds) < 0.2
