"""What is stored as bfloat16: types and values of the kernels are those of the definitions."""

import pytest
import torch

from graphpoly.ops.attention_operator import attention_backward_reference, attention_reference
from graphpoly.ops.multi_aggregate import _grad_reference, multi_aggregate_reference
from graphpoly.ops.polynomial import polynomial_moments_reference, polynomial_reference
from graphpoly.ops.spmm import _max_grad_reference, spmm_max_reference, spmm_reference
from graphpoly.ops.triton import KERNELS, kernel
from tests.ops.test_library import STORED, samples

DEFINITIONS = {
    "spmm_sum": spmm_reference,
    "spmm_max": spmm_max_reference,
    "spmm_max_backward": _max_grad_reference,
    "polynomial": polynomial_reference,
    "polynomial_moments": polynomial_moments_reference,
    "attention": attention_reference,
    "attention_backward": attention_backward_reference,
    "multi_aggregate": multi_aggregate_reference,
    "multi_aggregate_backward": _grad_reference,
}
CASES = [(name, stored) for name, stored in STORED if name in KERNELS]


def calls(name, stored):
    for arguments in samples(torch.float32)[name]:
        call = [
            argument.detach().bfloat16().requires_grad_()
            if place in stored and argument is not None
            else argument
            for place, argument in enumerate(arguments)
        ]
        if name == "attention_backward":  # the result of what was rounded
            call[15:17] = (t.detach() for t in attention_reference(*call[:15]))
        yield tuple(call)


def tensors(found):
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize(("name", "stored"), CASES)
def test_values_are_those_of_the_definition(name, stored, limit):
    for call in calls(name, stored):
        given = [t.detach() if isinstance(t, torch.Tensor) else t for t in call]
        ours, theirs = tensors(kernel(name)(*given)), tensors(DEFINITIONS[name](*given))
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            close = 2e-5 * float(other.abs().max()) if other.numel() else 0.0
            rounding = 2**-7 if one.dtype == torch.bfloat16 else 2e-5
            torch.testing.assert_close(one, other, rtol=rounding, atol=close)


@pytest.mark.slow
@pytest.mark.cpu  # tests/ops/test_library.py asks the same of a device
@pytest.mark.parametrize(("name", "stored"), CASES)
def test_shapes_and_types_are_known_beforehand(name, stored):
    operator = getattr(torch.ops.graphpoly, name).default
    for call in calls(name, stored):
        torch.library.opcheck(operator, call, test_utils="test_faketensor")
