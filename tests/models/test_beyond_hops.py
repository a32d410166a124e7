from __future__ import annotations

import pytest

from graphpoly.layers import FEConv, GPRConv, OptBasisConv
from graphpoly.models import (
    FEGNN,
    GPRGNN,
    BernNet,
    OptBasisGNN,
    PrecomputedOptBasisGNN,
    UniFilterGNN,
)
from graphpoly.models.beyond_hops import beyond_hops


@pytest.mark.parametrize("cls", [FEGNN, OptBasisGNN, PrecomputedOptBasisGNN, UniFilterGNN])
def test_networks_say_that_a_layer_reads_the_whole_graph(cls):
    assert list(cls(4, 4, 2).compliance_exceptions) == ["num_hops"]


@pytest.mark.parametrize("cls", [BernNet, GPRGNN])
def test_others_have_nothing_to_say(cls):
    assert cls(4, 4, 2).compliance_exceptions == {}


def test_what_else_a_layer_declares_is_left_out():
    layers = [FEConv(4, 4), GPRConv(4, 4, 2), OptBasisConv(4, 4, 2)]
    assert [list(beyond_hops(layer)) for layer in layers] == [["num_hops"], [], ["num_hops"]]
