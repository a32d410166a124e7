"""What a network passes on to its layers stands in its own signature and docstring."""

from __future__ import annotations

import inspect

import pytest

from graphpoly import models
from graphpoly.layers import ConnectionSheafConv, GPRConv, SheafConv
from graphpoly.models.passed_on import passes_on
from graphpoly.registry import entries
from graphpoly.settings import meanings

MODELS = {entry.name: entry.obj for entry in entries("model")}


@pytest.mark.parametrize("name", MODELS)
def test_every_argument_stands_in_the_signature_and_in_the_docstring(name: str) -> None:
    parameters = inspect.signature(MODELS[name]).parameters.values()
    assert [p.name for p in parameters if p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL)] == []
    told = [meanings(inspect.getdoc(each) or "", "Args:") for each in MODELS[name].__mro__]
    assert [p.name for p in parameters if not any(p.name in each for each in told)] == []


@pytest.mark.parametrize("name", [name for name in MODELS if name in models.__all__])
def test_a_misspelled_argument_is_answered_with_the_nearest_one(name: str) -> None:
    last = list(inspect.signature(MODELS[name]).parameters)[-1]
    with pytest.raises(TypeError, match=f"unknown argument '{last}s'; did you mean '{last}'"):
        MODELS[name](8, 12, 4, **{f"{last}s": 1})


def test_the_defaults_are_the_layers_unless_the_network_has_its_own() -> None:
    parameters = inspect.signature(models.GPRGNN).parameters
    layer = inspect.signature(GPRConv).parameters
    for name in ("alpha", "init", "add_self_loops", "normalization", "cached"):
        assert parameters[name].default == layer[name].default
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY
    assert parameters["shared"].default is True
    assert not {"linear", "bias"} & set(parameters)
    assert models.GPRGNN(4, 4, 2, alpha=0.7).filter.alpha == 0.7


def test_several_layers_and_subclasses() -> None:
    taken = set(inspect.signature(models.SheafNN).parameters)
    for layer in (SheafConv, ConnectionSheafConv):
        assert set(inspect.signature(layer).parameters) - {"map_dropout", "linear"} <= taken

    class Own(models.GPRGNN):
        def __init__(self, width: int) -> None:
            super().__init__(width, width, width)

    assert list(inspect.signature(Own).parameters) == ["width"]
    assert passes_on(GPRConv)(Own) is Own
