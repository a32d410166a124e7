"""Every public name says what it is, and every registered one can have its page."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))

import registry_pages  # type: ignore[import-not-found]

from graphpoly import layers


def test_every_public_class_and_function_is_documented() -> None:
    assert registry_pages.undocumented() == []


def test_a_name_without_docstring_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers.FavardConv, "__doc__", None)
    assert "graphpoly.layers.FavardConv" in registry_pages.undocumented()


def test_every_paged_entry_is_exported_where_its_page_says() -> None:
    entries = registry_pages.paged()
    assert {entry.kind for entry in entries} == set(registry_pages.PAGED)
    assert all(registry_pages.address(entry.obj).startswith("graphpoly.") for entry in entries)
