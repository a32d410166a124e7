from __future__ import annotations

import pytest
from torch import nn

from graphpoly.models import FavardGNN
from graphpoly.recipes.model_factory import PYG_MODELS, model_factory


def test_names_stand_for_models() -> None:
    factory, declared = model_factory("FavardGNN")
    assert isinstance(factory(), FavardGNN)
    assert factory() is not factory()
    assert declared == "1-WL"
    factory, declared = model_factory("tests.expressivity.models:Gin")
    assert factory().in_channels == 2
    assert declared == ""


@pytest.mark.parametrize("name", PYG_MODELS)
def test_models_of_pyg_are_made(name) -> None:
    factory, _ = model_factory(name)
    assert isinstance(factory(), nn.Module)
    assert factory().num_layers == 5


@pytest.mark.parametrize("name", ["FavardGNN", "GCN"])
def test_sizes_of_the_user_come_before_those_of_the_example(name) -> None:
    factory, _ = model_factory(name, in_channels=1, out_channels=3)
    assert (factory().in_channels, factory().out_channels) == (1, 3)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="unknown model 'FavrdGNN'; did you mean 'FavardGNN'"):
        model_factory("FavrdGNN")
    with pytest.raises(ValueError, match="did you mean 'Gin'"):
        model_factory("tests.expressivity.models:Gni")
    with pytest.raises(ValueError, match=r"expected package\.module:factory"):
        model_factory("no.such.module:Gin")
    with pytest.raises(ValueError, match="is a tuple, expected a factory"):
        model_factory("graphpoly.recipes.model_factory:PYG_MODELS")
