"""Numbers that are taken, against PyTorch's indexing."""

import pytest
import torch

from graphpoly.ops import take_numbers
from graphpoly.ops.take_numbers import take_numbers_reference
from tests.conftest import DEVICE

VALUE = torch.randint(
    -(2**63), 2**63 - 1, (70_000,), generator=torch.Generator(DEVICE).manual_seed(0)
)


@pytest.mark.parametrize("count", [0, 1, 7, 50_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_it_is_indexing(count, threads):
    place = torch.randint(70_000, (2 * count,), generator=torch.Generator(DEVICE).manual_seed(1))[
        ::2
    ]
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        assert torch.equal(take_numbers(VALUE, place), VALUE[place])
        assert torch.equal(take_numbers(VALUE[1::2], place // 2), VALUE[1::2][place // 2])
    finally:
        torch.set_num_threads(before)


def test_what_does_not_fit_is_named():
    place = torch.arange(3)
    for wrong in (-1, 3, 2**62, -(2**63)):
        for take in (take_numbers, take_numbers_reference):
            with pytest.raises((ValueError, RuntimeError), match=r"place: .* outside \[0, 3\)"):
                take(place, torch.tensor([0, wrong]))
    with pytest.raises(ValueError, match=r"place: got a number outside \[0, 0\)"):
        take_numbers(place[:0], torch.tensor([0]))
    assert take_numbers(place[:0], place[:0]).tolist() == []
    with pytest.raises(TypeError, match=r"value: got torch\.int32"):
        take_numbers(place.int(), place)
    with pytest.raises(ValueError, match="place: got 2 dimensions"):
        take_numbers(place, place.view(1, 3))
