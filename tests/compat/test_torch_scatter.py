"""Parity with the real package: value, gradient, winners, shapes, in-place results."""

import inspect
import itertools

import pytest
import torch

from graphpoly.compat import torch_scatter as ours
from graphpoly.testing import assert_close

theirs = pytest.importorskip("torch_scatter", reason="torch-scatter is not installed")

# shape of src, shape of index, dim
LAYOUTS = {
    "vector": ((30,), (30,), -1),
    "rows": ((30, 4), (30,), 0),
    "last of three": ((2, 3, 30), (30,), -1),
    "middle of three": ((2, 30, 3), (30,), 1),
    "broadcast": ((30, 4), (30, 1), 0),
    "of its own": ((6, 20), (6, 20), 1),
    "of its own, first": ((20, 6), (20, 6), 0),
    "of its own, middle": ((2, 20, 3), (2, 20, 3), 1),
    "nothing": ((0, 4), (0,), 0),
}
GROUPS = 9  # of which the last two are empty


def case(layout, dtype=torch.float64, ties=False):
    shape, index_shape, dim = LAYOUTS[layout]
    src = torch.randint(-3, 3, shape).to(dtype) if ties else torch.randn(shape, dtype=dtype)
    return src, torch.randint(0, GROUPS - 2, index_shape), dim


def same(mine, other, kind="accumulated"):
    mine = mine if isinstance(mine, tuple) else (mine,)
    other = other if isinstance(other, tuple) else (other,)
    for one, two in zip(mine, other, strict=True):
        assert one.dtype == two.dtype
        assert_close(one, two, kind=kind)


def values_and_gradients(module, name, src, *args, **kwargs):
    src = src.clone().requires_grad_()
    out = getattr(module, name)(src, *args, **kwargs)
    first = out[0] if isinstance(out, tuple) else out
    weights = torch.linspace(1, 2, first.numel(), dtype=first.dtype).reshape(first.shape)
    (grad,) = torch.autograd.grad((first * weights).sum(), src)
    return out, grad


def test_every_public_function_has_the_same_signature():
    names = [name for name in theirs.__all__ if callable(getattr(theirs, name, None))]
    assert set(names) <= set(ours.__all__)
    for name in names:
        mine, other = (
            [
                (p.name, p.default)
                for p in inspect.signature(getattr(module, name)).parameters.values()
            ]
            for module in (ours, theirs)
        )
        assert mine == other, name


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["sum", "add", "mul", "mean", "min", "max"])
@pytest.mark.parametrize("dim_size", [None, GROUPS])
def test_scatter(layout, name, dim_size):
    for ties in (False, True):
        src, index, dim = case(layout, ties=ties)
        if name == "mul":
            if not src.numel():
                continue  # an empty group is 1, but 0 there if all are empty
            src = src.abs() + 1
        for function in (f"scatter_{name}", "scatter"):
            keys = {"dim_size": dim_size, **({"reduce": name} if function == "scatter" else {})}
            mine, my_grad = values_and_gradients(ours, function, src, index, dim, **keys)
            other, other_grad = values_and_gradients(theirs, function, src, index, dim, **keys)
            same(mine, other)
            assert_close(my_grad, other_grad, kind="accumulated")


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "nothing"])
@pytest.mark.parametrize("name", ["sum", "mul", "mean", "min", "max"])
def test_scatter_into_given_memory(layout, name):
    src, index, dim = case(layout, ties=True)
    shape = list(src.shape)
    shape[dim] = GROUPS
    out = torch.randint(-3, 3, shape).to(src.dtype)
    mine, other = out.clone(), out.clone()
    function = f"scatter_{name}"
    same(
        getattr(ours, function)(src, index, dim, out=mine),
        getattr(theirs, function)(src, index, dim, out=other),
    )
    assert_close(mine, other)


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.float32, torch.float16])
@pytest.mark.parametrize("name", ["sum", "mul", "mean", "min", "max"])
def test_scatter_of_every_dtype(dtype, name):
    for layout in ("rows", "of its own"):
        src, index, dim = case(layout, dtype=dtype, ties=True)
        function = f"scatter_{name}"
        mine = getattr(ours, function)(src, index, dim, dim_size=GROUPS)
        same(mine, getattr(theirs, function)(src, index, dim, dim_size=GROUPS))


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "nothing"])
@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("scatter_std", {"unbiased": True}),
        ("scatter_std", {"unbiased": False}),
        ("scatter_softmax", {}),
        ("scatter_log_softmax", {}),
        ("scatter_logsumexp", {}),
    ],
)
def test_composites(layout, name, keys):
    src, index, dim = case(layout)
    if name == "scatter_std":  # the derivative of sqrt at 0 is infinite in both
        index = torch.arange(index.numel()).reshape(index.shape) % 3
    mine, my_grad = values_and_gradients(ours, name, src, index, dim, dim_size=GROUPS, **keys)
    other, other_grad = values_and_gradients(theirs, name, src, index, dim, dim_size=GROUPS, **keys)
    same(mine, other)
    if name == "scatter_std":
        used = my_grad.isfinite()
        assert torch.equal(used, other_grad.isfinite())
        my_grad, other_grad = my_grad[used], other_grad[used]
    assert_close(my_grad, other_grad, kind="accumulated")


@pytest.mark.parametrize("name", ["scatter_std", "scatter_logsumexp"])
def test_composites_into_given_memory(name):
    src, index, dim = case("rows")
    index = torch.arange(30) % GROUPS
    out = torch.rand(GROUPS, 4, dtype=src.dtype)
    mine = getattr(ours, name)(src, index, dim, out=out.clone())
    assert_close(mine, getattr(theirs, name)(src, index, dim, out=out.clone()))


SEGMENTS = {  # shape of src, leading shape of the index
    "vector": ((30,), ()),
    "rows": ((30, 4), ()),
    "middle": ((2, 30, 3), (2,)),
    "middle, broadcast": ((2, 30, 3), (1,)),
}


def sorted_index(lead, size):
    return torch.randint(0, GROUPS - 2, (*lead, size)).sort(-1).values


def pointers(lead, size):
    inner = torch.randint(0, size + 1, (*lead, GROUPS - 1)).sort(-1).values
    ends = torch.zeros(*lead, 1, dtype=torch.long), torch.full((*lead, 1), size)
    return torch.cat([ends[0], inner, ends[1]], -1)


@pytest.mark.parametrize("layout", SEGMENTS)
@pytest.mark.parametrize("form", ["coo", "csr"])
@pytest.mark.parametrize("name", ["sum", "add", "mean", "min", "max"])
def test_segments(layout, form, name):
    shape, lead = SEGMENTS[layout]
    for ties in (False, True):
        src = torch.randint(-3, 3, shape).double() if ties else torch.randn(shape).double()
        index = sorted_index(lead, 30) if form == "coo" else pointers(lead, 30)
        for function in (f"segment_{name}_{form}", f"segment_{form}"):
            keys = {"reduce": name} if function == f"segment_{form}" else {}
            mine, my_grad = values_and_gradients(ours, function, src, index, **keys)
            same(mine, getattr(theirs, function)(src, index, **keys))
            if "broadcast" in layout and form == "coo":
                continue  # theirs has no gradient
            _, other_grad = values_and_gradients(theirs, function, src, index, **keys)
            assert_close(my_grad, other_grad, kind="accumulated")


@pytest.mark.parametrize("form", ["coo", "csr"])
@pytest.mark.parametrize("name", ["sum", "mean", "min", "max"])
def test_segments_into_given_memory(form, name):
    src = torch.randint(-3, 3, (30, 4)).double()
    index = sorted_index((), 30) if form == "coo" else pointers((), 30)
    out = torch.randint(-3, 3, (GROUPS, 4)).double()
    mine, other = out.clone(), out.clone()
    function = f"segment_{name}_{form}"
    found = getattr(ours, function)(src, index, out=mine)
    expected = getattr(theirs, function)(src, index, out=other)
    if name in ("sum", "mean") or form == "csr":
        same(found, expected)
    else:  # theirs reports some value's place even where the given one won
        assert_close(found[0], expected[0])
    assert_close(mine, other)


def test_ranges_need_not_cover_the_values():
    src, indptr = torch.randn(10, 3).double(), torch.tensor([2, 2, 5, 9])
    for name in ("segment_sum_csr", "segment_mean_csr", "segment_max_csr"):
        same(getattr(ours, name)(src, indptr), getattr(theirs, name)(src, indptr))


@pytest.mark.parametrize("lead", [(), (2,)])
def test_gathering(lead):
    src = torch.randn(*lead, GROUPS, 3, dtype=torch.float64)
    for name, index in (
        ("gather_coo", sorted_index(lead, 30)),
        ("gather_csr", pointers(lead, 30)),
    ):
        mine, my_grad = values_and_gradients(ours, name, src, index)
        other, other_grad = values_and_gradients(theirs, name, src, index)
        same(mine, other)
        assert_close(my_grad, other_grad)
        out = torch.empty_like(mine)
        assert getattr(ours, name)(src, index, out) is out
        assert_close(out, other)


@pytest.mark.parametrize("name", ["sum", "mean", "min", "max"])
def test_thread_count_does_not_change_a_bit(name):
    src, index = torch.randn(5000, 8), torch.randint(0, 50, (5000,))
    threads = torch.get_num_threads()
    found = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(ours.scatter(src, index, 0, reduce=name))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in itertools.pairwise(found))


def test_bad_input_is_named():
    src, index = torch.ones(3), torch.tensor([0, 1, 5])
    with pytest.raises(ValueError, match="did you mean 'mean'"):
        ours.scatter(src, index, reduce="meen")
    with pytest.raises(ValueError, match=r"outside \[0, 3\)"):
        ours.scatter(src, index, dim_size=3)
    with pytest.raises(ValueError, match="floating-point"):
        ours.scatter_softmax(src.long(), index)
