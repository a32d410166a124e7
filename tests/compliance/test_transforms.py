"""Every registered transform keeps every promise; rewiring in each of its forms."""

from __future__ import annotations

import pytest

from graphpoly import rewiring
from graphpoly.registry import entries
from graphpoly.rewiring import BORF, DIGL, GTR, LASER, SDRF, ExpanderPropagation, FoSR, Rewiring
from graphpoly.testing import check_transform, transform_properties

FORMS = [
    FoSR(3),
    FoSR(2, power_steps=5, seed=3, typed=True, fill={"edge_attr": [0.25, 0.5]}),
    FoSR(100),
    SDRF(5),
    SDRF(6, tau=2.0, removal_bound=0.4, seed=1, fill=2.0),
    SDRF(4, removal_bound=-5.0, typed=True),
    GTR(3),
    GTR(100, typed=True),
    LASER(2, 0.5),
    LASER(3, 1.0, minimum=0, typed=False, seed=2),
    BORF(2, 2, 1),
    BORF(1, 3, 0, typed=True, fill={"edge_weight": 0.5}),
    DIGL(k=4),
    DIGL(0.3, eps=0.05, typed=True),
    ExpanderPropagation(),
    ExpanderPropagation(separate=False, shuffle=True, seed=4, typed=True),
]


def _name(form):
    return f"{type(form).__name__}-{FORMS.index(form)}" if form in FORMS else form.name


@pytest.mark.parametrize("entry", entries("transform"), ids=lambda entry: entry.name)
@pytest.mark.parametrize("name", transform_properties(rewiring=False))
def test_transform(entry, name):
    check_transform(entry, only=[name])


@pytest.mark.parametrize("form", FORMS, ids=_name)
@pytest.mark.parametrize("name", transform_properties())
def test_rewiring(form, name):
    check_transform(form, only=[name])


def test_every_form_of_rewiring_is_here():
    classes = {getattr(rewiring, name) for name in rewiring.__all__}
    transforms = {c for c in classes if isinstance(c, type) and issubclass(c, Rewiring)}
    assert transforms - {Rewiring} == {type(form) for form in FORMS}


def test_every_transform_has_an_example():
    assert [entry.name for entry in entries("transform") if entry.example is None] == []
