from __future__ import annotations

import dataclasses

import pytest

from graphpoly.settings import Settings, bounded, parse_assignments, replace_settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample(Settings):
    K: int = bounded(10, low=0)
    lr: float = bounded(0.01, low=0)
    dropout: float = bounded(0.5, low=0, high=1)
    patience: int | None = bounded(None, low=1)
    cached: bool = False
    monitor: str = bounded("metric", choices=("metric", "loss"))


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("K", "0", 0),
        ("lr", "1e-3", 0.001),
        ("lr", 1, 1.0),
        ("dropout", "1", 1.0),
        ("patience", "none", None),
        ("patience", "7", 7),
        ("cached", "true", True),
        ("cached", "off", False),
        ("monitor", "loss", "loss"),
    ],
)
def test_text_becomes_the_type_of_the_field(key: str, text: object, value: object) -> None:
    changed = getattr(replace_settings(Sample(), {key: text}), key)
    assert changed == value
    assert type(changed) is type(value)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("K", "1.5", "K: got '1.5', expected an integer of at least 0"),
        ("K", 1.0, "K: got 1.0, expected an integer of at least 0"),
        ("K", True, "K: got True, expected an integer of at least 0"),
        ("K", "none", "K: got 'none', expected an integer of at least 0"),
        ("lr", "fast", "lr: got 'fast', expected a number of at least 0"),
        ("lr", "nan", "lr: got 'nan', expected a number of at least 0"),
        ("lr", "inf", "lr: got 'inf', expected a number of at least 0"),
        ("dropout", "1.01", "dropout: got '1.01', expected a number from 0 to 1"),
        ("patience", "0", "patience: got '0', expected an integer of at least 1 or none"),
        ("cached", "perhaps", "cached: got 'perhaps', expected true or false"),
        ("monitor", 3, "monitor: got 3, expected a word"),
        ("monitor", "metrics", "unknown monitor 'metrics'; did you mean 'metric'?"),
        ("drop_out", "0.1", "unknown key 'drop_out'; did you mean 'dropout'?"),
    ],
)
def test_what_does_not_fit_is_refused(key: str, text: object, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        replace_settings(Sample(), {key: text})
    assert str(caught.value) == message


def test_the_original_stays_as_it_was() -> None:
    sample = Sample()
    assert replace_settings(sample, {"K": "3"}) == Sample(K=3)
    assert sample == Sample()


@pytest.mark.parametrize("word", ["K", "=3", "K=", " = "])
def test_an_assignment_needs_both_sides(word: str) -> None:
    with pytest.raises(ValueError, match="expected key=value, got"):
        parse_assignments([word])


def test_assignments() -> None:
    assert parse_assignments(["K=4", "name=a=b"]) == {"K": "4", "name": "a=b"}
    with pytest.raises(ValueError, match="key 'K' is given twice"):
        parse_assignments(["K=4", "K=5"])
