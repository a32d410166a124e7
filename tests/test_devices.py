from __future__ import annotations

import pytest
import torch

from graphpoly.devices import on_cpu, steps_on_cpu

pytestmark = pytest.mark.cpu  # about other defaults than the one of the tests


@on_cpu()
def made() -> torch.Tensor:
    return torch.empty(1)


def test_new_tensors_are_on_the_cpu_and_given_ones_stay_where_they_are() -> None:
    with torch.device("meta"):
        before = torch.empty(1)
        with on_cpu():
            assert torch.empty(1).device.type == "cpu"
            assert (before + 1).device.type == "meta"
        assert made().device.type == "cpu"
        assert torch.empty(1).device.type == "meta"
    assert torch.empty(1).device.type == "cpu"


def test_an_error_leaves_the_default_as_it_was() -> None:
    with torch.device("meta"):
        with pytest.raises(KeyError), on_cpu():
            raise KeyError
        assert torch.empty(1).device.type == "meta"


def test_steps_are_made_on_the_cpu_and_what_is_between_them_is_not() -> None:
    begun = []

    def begin():
        begun.append(torch.empty(1).device.type)
        return (torch.empty(n) for n in (1, 2))

    with torch.device("meta"):
        steps = steps_on_cpu(begin)
        assert begun == ["cpu"]  # at once, as draws of a loader are
        for step in steps:
            assert step.device.type == "cpu"
            assert torch.empty(1).device.type == "meta"


def test_where_the_default_is_the_cpu_the_iterator_is_the_one_that_was_begun() -> None:
    one = iter([1, 2])
    assert steps_on_cpu(lambda: one) is one
