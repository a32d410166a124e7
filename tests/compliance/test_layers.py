"""Every registered layer keeps every promise."""

from __future__ import annotations

import pytest

from graphpoly.registry import entries
from graphpoly.testing import check_layer, parametrize_with_checks
from graphpoly.testing.subject import Subject


@parametrize_with_checks(entries("layer"))
def test_layer(check):
    check()


def test_every_layer_has_an_example():
    assert [entry.name for entry in entries("layer") if entry.example is None] == []


LAYERS = {entry.name: (entry.obj, Subject(entry).construction()) for entry in entries("layer")}
SIZED = [name for name, (_, held) in LAYERS.items() if {"in_channels", "out_channels"} <= {*held}]


@pytest.mark.parametrize("name", SIZED)
def test_lazy_layers_of_equal_sizes(name):
    """What needs no map where sizes are equal has none where they turn out to be."""
    cls, arguments = LAYERS[name]
    arguments = {**arguments, "in_channels": 24, "out_channels": 24}
    check_layer(lambda: cls(**arguments), only=["lazy_init"])
