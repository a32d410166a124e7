"""Every registered aggregation keeps every promise in each of its forms; so do simple PyG ones."""

from __future__ import annotations

import pytest
from torch_geometric.nn import MaxAggregation, MeanAggregation, SumAggregation

from graphpoly.layers import GNPAggregation, RecurrentAggregation
from graphpoly.registry import entries
from graphpoly.testing import aggregation_properties, check_aggregation

FORMS = {
    "per_channel": lambda: GNPAggregation(8, shared=False, p=2.0, q=0.5),
    "positive": lambda: GNPAggregation(sign="positive", p=3.0, q=1.0),
    "negative": lambda: GNPAggregation(8, sign="negative", shared=False, p=0.75),
    "two_layers": lambda: RecurrentAggregation(8, 3, num_layers=2),
}
OF_PYG = (SumAggregation, MeanAggregation, MaxAggregation)
NAMES_OF_PYG = [  # which indexes outside there, and a GPU answers nothing more after that
    pytest.param(name, marks=pytest.mark.cpu) if name == "dim_size" else name
    for name in aggregation_properties()
]


@pytest.mark.parametrize("entry", entries("aggregation"), ids=lambda entry: entry.name)
@pytest.mark.parametrize("name", aggregation_properties())
def test_registered(entry, name):
    check_aggregation(entry, only=[name])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [name for name in aggregation_properties() if name != "compile"])
def test_form(form, name):
    check_aggregation(FORMS[form], only=[name])


@pytest.mark.parametrize("cls", OF_PYG)
@pytest.mark.parametrize("name", NAMES_OF_PYG)
def test_of_pyg(cls, name):
    check_aggregation(cls, only=[name])


def test_every_aggregation_has_an_example():
    assert [entry.name for entry in entries("aggregation") if entry.example is None] == []
