"""Parts of a tensor side by side, against a loop over the parts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpoly.ops import gather_parts
from graphpoly.ops.gather_parts import (
    Columns,
    gather_columns,
    gather_columns_reference,
    gather_parts_reference,
)

KINDS = [torch.int64, torch.float64, torch.float32, torch.bfloat16, torch.bool, torch.uint8]


def looped(value, bounds, chosen, dim, step):
    """The definition: a list of slices."""
    parts, raised, before = [], [], 0
    for g in chosen.tolist():
        begin, end = bounds[g : g + 2].tolist()
        parts.append(
            value.narrow(dim, begin, end - begin) + before
            if step is not None
            else value.narrow(dim, begin, end - begin)
        )
        raised.append(before)
        before += 0 if step is None else int(step[g])
    offsets = torch.tensor([0, *(part.size(dim) for part in parts)]).cumsum(0)
    joined = torch.cat(parts, dim) if parts else value.narrow(dim, 0, 0)
    return joined, offsets, torch.tensor(raised, dtype=torch.int64)


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    picks=st.lists(st.integers(0, 100), max_size=9),
    dim=st.integers(-3, 2),
    kind=st.sampled_from(KINDS),
    with_step=st.booleans(),
    strided=st.booleans(),
)
def test_parts_are_those_of_a_loop(sizes, picks, dim, kind, with_step, strided):
    bounds = torch.tensor([0, *sizes]).cumsum(0)
    shape = [2, 3, 4]
    shape[dim] = int(bounds[-1])
    value = (
        torch.randint(0, 2, shape).to(kind)
        if kind is torch.bool
        else (torch.randint(0, 99, shape).to(kind))
    )
    if strided:
        value = value.transpose(0, 2).contiguous().transpose(0, 2)
    chosen = torch.tensor([pick % len(sizes) for pick in picks], dtype=torch.int64)
    step = torch.randint(0, 9, (len(sizes),)) if with_step and kind is torch.int64 else None
    found = gather_parts(value, bounds, chosen, dim=dim, step=step)
    wanted = looped(value, bounds, chosen, dim, step)
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
    defined = gather_parts_reference(value, bounds, step, chosen, dim % 3)
    assert all(torch.equal(one, other) for one, other in zip(found, defined, strict=True))


def test_large_parts_by_several_threads():
    sizes = torch.randint(0, 4000, (50,))
    bounds = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.cumsum(0)])
    value, chosen = torch.randint(0, 9, (2, int(bounds[-1]))), torch.randint(0, 50, (70,))
    found = gather_parts(value, bounds, chosen, dim=1, step=sizes)
    wanted = looped(value, bounds, chosen, 1, sizes)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"bounds": torch.tensor([0, 3, 2])}, ValueError, "bounds: expected ascending"),
        ({"bounds": torch.tensor([0, 2, 5])}, ValueError, r"bounds: expected ascending .* \[0, 4"),
        ({"bounds": torch.tensor([-1, 2, 4])}, ValueError, "bounds: expected ascending"),
        ({"bounds": torch.tensor([0.0, 2.0, 4.0])}, TypeError, "bounds: got torch.float32"),
        ({"bounds": torch.tensor([], dtype=torch.int64)}, ValueError, "bounds: got none"),
        ({"bounds": torch.tensor([[0, 2, 4]])}, ValueError, "bounds: got 2 dimensions"),
        ({"chosen": torch.tensor([0, 2])}, ValueError, r"chosen: .* outside \[0, 2\)"),
        ({"chosen": torch.tensor([-1, 0])}, ValueError, "chosen: .* outside"),
        ({"chosen": torch.tensor([0, 1], dtype=torch.int32)}, TypeError, "chosen: got torch.int32"),
        ({"dim": 0.5}, TypeError, "dim: got 0.5"),
        ({"value": torch.tensor(3)}, ValueError, "value: got a number"),
        ({"dim": 2}, ValueError, "dim: got 2, expected"),
        ({"step": torch.tensor([1])}, ValueError, "step: got 1 numbers, there are 2"),
        ({"value": torch.zeros(4, 3)}, TypeError, "step: value is of torch.float32"),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    given = {
        "value": torch.zeros(4, 3, dtype=torch.int64),
        "bounds": torch.tensor([0, 2, 4]),
        "chosen": torch.tensor([1, 0]),
        "step": torch.tensor([2, 2]),
    }
    with pytest.raises(error, match=message):
        gather_parts(**{**given, **change})


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 5), min_size=1, max_size=6),
    picks=st.lists(st.integers(0, 100), max_size=9),
    dims=st.lists(st.integers(0, 1), max_size=3),
    with_nodes=st.booleans(),
)
def test_columns_are_gathered_as_each_alone(sizes, picks, dims, with_nodes):
    nodes = torch.tensor(sizes)
    chosen = torch.tensor([pick % len(sizes) for pick in picks], dtype=torch.int64)
    columns, wanted = Columns([], [], [], []), []
    for place, dim in enumerate(dims):
        bounds = torch.tensor([0, *sizes[place:], *sizes[:place]][: len(sizes) + 1]).cumsum(0)
        bounds = torch.cat([bounds, bounds[-1:].expand(len(sizes) + 1 - bounds.numel())])
        value = torch.randint(99, (3, int(bounds[-1])) if dim else (int(bounds[-1]), 3))
        step = nodes if place else None
        for held, part in zip(columns, (value, bounds, step, dim), strict=True):
            held.append(part)
        wanted += looped(value, bounds, chosen, dim, step)
    if with_nodes:
        counts = nodes[chosen].tolist()
        of_graph = [place for place, count in enumerate(counts) for _ in range(count)]
        wanted.append(torch.tensor(of_graph, dtype=torch.int64))
        wanted.append(torch.tensor([0, *counts]).cumsum(0))
    for run in (gather_columns, lambda c, n, g: gather_columns_reference(g, *c, n)):
        found = run(columns, nodes if with_nodes else None, chosen)
        assert len(found) == len(wanted)
        assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("chosen", [-1, 2, 1 << 40])
def test_columns_refuse_parts_that_are_not_there(chosen):
    nodes = torch.tensor([1, 2])
    with pytest.raises(RuntimeError, match="chosen"):
        gather_columns(Columns([], [], [], []), nodes, torch.tensor([0, chosen]))
    with pytest.raises(RuntimeError, match="nodes"):
        gather_columns(Columns([], [], [], []), -nodes, torch.tensor([0]))
