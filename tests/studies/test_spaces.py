from __future__ import annotations

import dataclasses

import pytest

from graphpoly.models.settings import model_names, settings_of
from graphpoly.settings import bounded, replace_settings
from graphpoly.studies.spaces import SPACES, Choice, Range, space_of


@pytest.mark.parametrize("name", model_names())
def test_every_end_of_every_space_is_a_value_of_the_setting(name: str) -> None:
    settings = settings_of(name)[1]()
    space = space_of(settings)
    assert {"lr", "weight_decay"} <= space.keys() <= SPACES.keys()
    for key, each in space.items():
        ends = each.values if isinstance(each, Choice) else (each.low, each.high)
        for value in ends:
            assert getattr(replace_settings(settings, {key: value}), key) == value


def test_bounds_types_and_what_is_fixed() -> None:
    _, gcn = settings_of("GCN")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Other(gcn):  # type: ignore[misc, valid-type]
        """Of a test."""

        K: str = "many"
        dropout: float = bounded(0.1, low=0.05, high=0.2)
        num_layers: int = bounded(3, low=3)

    space = space_of(Other(), ["lr"])
    assert "K" not in space
    assert "lr" not in space
    assert space["dropout"] == Range(0.05, 0.2)
    assert space["num_layers"] == Range(3, 6)
    with pytest.raises(ValueError, match="nothing to search among lr, weight_decay"):
        space_of(Other(), SPACES)
