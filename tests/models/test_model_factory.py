from __future__ import annotations

import inspect

import pytest
import torch
from torch import nn

from graphpoly import registry
from graphpoly.expressivity import Probe
from graphpoly.models import FavardGNN
from graphpoly.models.model_factory import PYG_MODELS, model_factory

EDGES = torch.tensor([[0, 1], [1, 0]])


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
def test_arguments_of_the_user_come_first(name) -> None:
    factory, _ = model_factory(name, in_channels=1, out_channels=3)
    assert (factory().in_channels, factory().out_channels) == (1, 3)


@pytest.mark.parametrize("entry", registry.entries("model"), ids=lambda entry: entry.name)
def test_registered_models_are_no_smaller_than_those_of_pyg(entry) -> None:
    factory, _ = model_factory(entry.name)
    if "downstream" in inspect.signature(entry.obj).parameters:  # it wraps a network of the user
        with pytest.raises(ValueError, match=r"needs 'downstream'.*package\.module:factory"):
            factory()
        return
    read = inspect.signature(entry.example().forward).parameters
    for name, what in (
        ("pos", "reads positions"),
        ("pairs", "scores pairs of nodes"),
        ("pointer", "points at nodes"),
        ("steps", "follows the steps of an algorithm"),
    ):
        if name in read:
            with pytest.raises(ValueError, match=rf"{what}.*package\.module:factory"):
                factory()
            return
    model = factory()
    assert getattr(model, "hidden_channels", 32) >= 32
    assert getattr(model, "num_layers", 5) == 5


@pytest.mark.parametrize("entry", registry.entries("baseline"), ids=lambda entry: entry.name)
def test_registered_baselines_are_made_or_say_what_they_lack(entry) -> None:
    factory, declared = model_factory(entry.name)
    assert declared == entry.tags["expressivity"]
    lacks = {"LINKX": "knows the nodes of one graph"}
    lacks |= dict.fromkeys(
        ("AssociationGNN", "MoleculeGNN", "PathMolecule"), "reads atoms and bonds"
    )
    if entry.name in lacks:
        with pytest.raises(ValueError, match=rf"{lacks[entry.name]}.*package\.module:factory"):
            factory()
        return
    assert Probe(factory).level == "node"
    assert model_factory(entry.name, out_channels=3)[0]()(torch.ones(2, 4), EDGES).shape == (2, 3)
    with pytest.raises(ValueError, match=rf"{entry.name} cannot be made with .*layers=2"):
        model_factory(entry.name, layers=2)[0]()


def test_arguments_reach_models_and_factories() -> None:
    ppgn = model_factory("PPGN", num_layers=2, mlp_layers=1)[0]()
    assert (ppgn.num_layers, ppgn.mlp_layers, ppgn.hidden_channels) == (2, 1, 32)
    assert model_factory("GCN", num_layers=2)[0]().num_layers == 2
    made = model_factory("tests.expressivity.models:Gin", num_layers=2, in_channels=7)[0]()
    assert (made.in_channels, len(made.convs)) == (2, 2)  # its own input
    sized = model_factory("torch_geometric.nn:GCNConv", out_channels=3)[0]()
    assert (sized.in_channels, sized.out_channels) == (4, 3)  # it has none of its own
    with pytest.raises(ValueError, match=r"unknown argument of PPGN 'layers'"):
        model_factory("PPGN", layers=2)[0]()
    with pytest.raises(ValueError, match=r"GCN cannot be made with .*layers=2"):
        model_factory("GCN", layers=2)[0]()


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="unknown model 'FavrdGNN'; did you mean 'FavardGNN'"):
        model_factory("FavrdGNN")
    with pytest.raises(ValueError, match="did you mean 'Gin'"):
        model_factory("tests.expressivity.models:Gni")
    with pytest.raises(ValueError, match=r"expected package\.module:factory"):
        model_factory("no.such.module:Gin")
    with pytest.raises(ValueError, match="is a tuple, expected a factory"):
        model_factory("graphpoly.models.model_factory:PYG_MODELS")
