"""Numbers of keys, against a dictionary."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpoly.ops import number_keys
from graphpoly.ops.number_keys import number_keys_reference
from tests.conftest import DEVICE

KEYS = st.lists(st.sampled_from([0, 1, 2, 3, -1, 2**63 - 1, -(2**63), 16, 32, 48]), max_size=12)


@settings(max_examples=100, deadline=None)
@given(known=KEYS, found=KEYS)
def test_numbers_are_those_of_a_dictionary(known, found):
    held: dict[int, int] = {}
    for i, key in enumerate(known):
        held.setdefault(key, i)
    first, fresh = [], len(known)
    for i, key in enumerate(found):
        if key not in held:
            held[key], fresh = fresh, fresh + 1
            first.append(i)
    given = (torch.tensor(known, dtype=torch.int64), torch.tensor(found, dtype=torch.int64))
    for result in (number_keys(*given), number_keys_reference(*given)):
        assert result[0].tolist() == [held[key] for key in found]
        assert result[1].tolist() == first


def test_many_keys():
    generator = torch.Generator(DEVICE).manual_seed(0)
    known = torch.randperm(100_000, generator=generator)[:40_000] * 2**20
    found = torch.randint(100_000, (150_000,), generator=generator) * 2**20
    same(known, found)


@pytest.mark.parametrize("largest", [7, 16 * 900 - 1, 16 * 900, 2**40])
def test_keys_that_are_about_as_many_as_places(largest):
    generator = torch.Generator(DEVICE).manual_seed(largest)
    known, found = (torch.randint(300, (n,), generator=generator) for n in (200, 700))
    found[13] = largest
    same(known, found)
    same(found, known)
    same(known[:0], found)
    same(found, known[:0])
    known[5] = -1
    same(known, found)


def same(known, found):
    one, other = number_keys(known, found), number_keys_reference(known, found)
    assert torch.equal(one.number, other[0])
    assert torch.equal(one.first, other[1])


def test_what_does_not_fit_is_named():
    keys = torch.arange(3)
    with pytest.raises(TypeError, match=r"known: got torch\.int32"):
        number_keys(keys.int(), keys)
    with pytest.raises(ValueError, match="known: got a tensor on the meta device"):
        number_keys(keys.to("meta"), keys)
    with pytest.raises(ValueError, match="found: got a tensor on the meta device"):
        number_keys(keys, keys.to("meta"))
    with pytest.raises(ValueError, match="found: got 2 dimensions"):
        number_keys(keys, keys.view(1, 3))
