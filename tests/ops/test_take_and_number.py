"""Keys that are taken and numbered at once, against one after the other."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpoly.ops import number_keys, take_and_number
from graphpoly.ops.take_and_number import take_and_number_reference
from tests.conftest import DEVICE


def same(known, value, place, num_keys):
    found = value[place]
    number, first = number_keys(known, found)
    for taken in (take_and_number, take_and_number_reference):
        result = taken(known, value, place, num_keys)
        assert torch.equal(result[0], number)
        assert torch.equal(result[1], torch.cat([known, found[first]]))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_it_is_numbers_of_what_is_taken(data):
    num_keys = data.draw(st.sampled_from([1, 5, 2**40]))
    keys = st.integers(0, min(num_keys, 6) - 1)
    known, value = (data.draw(st.lists(keys, max_size=9)) for _ in range(2))
    place = data.draw(st.lists(st.integers(0, len(value) - 1), max_size=12)) if value else []
    same(*(torch.tensor(x, dtype=torch.int64) for x in (known, value, place)), num_keys)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("sparse", [1, 2**30])
def test_any_number_of_threads_gives_the_same(threads, sparse):
    generator = torch.Generator(DEVICE).manual_seed(threads)
    value = torch.randint(30_000, (200_000,), generator=generator) * sparse
    known = torch.randint(30_000, (9_000,), generator=generator) * sparse
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for count in (4_096, 4_097, 100_000):
            place = torch.randint(len(value), (2 * count,), generator=generator)
            same(known, value, place[:count], 30_000 * sparse)
            same(known[::3], value, place[::2], 30_000 * sparse)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("at", [0, 20_000, 39_999])
def test_what_does_not_fit_is_named(at):
    known, value = torch.arange(4), torch.arange(50_000)
    for taken in (take_and_number, take_and_number_reference):
        for wrong in (-1, 50_000, 2**62, -(2**63)):
            place = torch.arange(40_000)
            place[at] = wrong
            with pytest.raises((ValueError, RuntimeError), match=r"place: .* \[0, 50000\)"):
                taken(known, value, place, 50_000)
            place[at], value[at] = at, wrong
            with pytest.raises((ValueError, RuntimeError), match=r"value: .* \[0, 50000\)"):
                taken(known, value, place, 50_000)
            assert len(taken(known, value, place[:at], 50_000)[1] if at else known) == max(at, 4)
            value[at] = at
        with pytest.raises((ValueError, RuntimeError), match=r"known: .* outside \[0, 3\)"):
            taken(known, value, place[:2], 3)
    with pytest.raises(TypeError, match=r"value: got torch\.int32"):
        take_and_number(known, value.int(), known, 9)
    with pytest.raises(ValueError, match="place: got 2 dimensions"):
        take_and_number(known, value, known.view(2, 2), 9)
    with pytest.raises(ValueError, match="num_keys: got -1"):
        take_and_number(known, value, known, -1)
