"""Rows of a file equal direct indexing byte by byte, and are read as counted by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphpoly.loader import npy_rows, open_file
from graphpoly.loader.npy_rows import NpyRows, write_npy

DTYPES = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int8),
    *(torch.bool, torch.uint16, torch.complex64),
)
SHAPES = ((40, 3), (40,), (40, 2, 3), (40, 0), (40, 1100))


def drawn(shape, dtype):
    size = torch.Size(shape).numel() * dtype.itemsize
    raw = torch.randint(2 if dtype == torch.bool else 256, (size,)).to(torch.uint8)
    return raw.view(dtype).view(shape)


def raw(value):
    return value.contiguous().reshape(-1).view(torch.uint8).tolist()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_bytes_come_back(shape, dtype, tmp_path):
    value = drawn(shape, dtype)  # any bits, so that numbers that are not numbers are among them
    write_npy(tmp_path / "x.npy", value)
    file = NpyRows(tmp_path / "x.npy")
    assert (file.shape, file.dtype) == (shape, dtype)
    if dtype != torch.bfloat16:
        assert np.load(tmp_path / "x.npy").dtype == value.numpy().dtype
    for index in ([], [7], [3, 3, 0, 39, 3], list(range(40)), [39, 20, 1]):
        found, wanted = file.read(torch.tensor(index, dtype=torch.int64)), value[index]
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert raw(found) == raw(wanted)
    assert raw(file.range(5, 17)) == raw(value[5:17])


@settings(max_examples=60, deadline=None)
@given(index=st.lists(st.integers(0, 299), max_size=80), block=st.sampled_from([1, 900, 2**24]))
def test_blocks_and_runs_of_any_size(index, block, tmp_path_factory):
    value = torch.arange(300 * 75).view(300, 75)  # 600 bytes a row: seven fit into a gap
    path = tmp_path_factory.getbasetemp() / "blocks.npy"
    if not path.exists():
        write_npy(path, value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(npy_rows, "_BLOCK", block)
        found = NpyRows(path).read(torch.tensor(index, dtype=torch.int64))
    assert torch.equal(found, value[index])


@pytest.mark.parametrize("step", [1, 5, 50])
def test_memory_beside_the_rows_is_bounded(step, tmp_path, monkeypatch):
    value = torch.arange(300 * 75).view(300, 75)
    write_npy(tmp_path / "x.npy", value)
    file, sizes = NpyRows(tmp_path / "x.npy"), []
    real = file._empty
    monkeypatch.setattr(npy_rows, "_BLOCK", 6000)
    monkeypatch.setattr(file, "_empty", lambda count: sizes.append(count) or real(count))
    assert torch.equal(file.read(torch.arange(0, 300, step)), value[::step])
    assert sizes.pop(0) == 300 // step
    assert max(sizes) <= 20  # two blocks of ten rows


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        ([], 0),
        ([5], 1),
        ([5, 5, 5], 1),
        ([0, 4], 5),  # three rows of 1024 bytes between them are less than a page
        ([5, 0], 2),  # four are a page
        ([100, 1, 9, 0], 4),
        ([20, 16, 23], 8),
    ],
)
def test_bytes_are_counted_as_by_hand(index, rows, tmp_path):
    write_npy(tmp_path / "x.npy", torch.zeros(101, 256))
    file = NpyRows(tmp_path / "x.npy")
    file.read(torch.tensor(index, dtype=torch.int64))
    assert file.bytes_read == 1024 * rows
    file.range(2, 12)
    assert file.bytes_read == 1024 * (rows + 10)


def test_nothing_else_is_asked_of_the_system(tmp_path, monkeypatch):
    write_npy(tmp_path / "x.npy", torch.arange(2000.0).view(10, 200))
    file, asked = NpyRows(tmp_path / "x.npy"), []
    real = open_file.os.preadv

    def preadv(handle, views, offset):
        asked.append((offset, sum(map(len, views))))
        return real(handle, [views[0][:1000]], offset)  # a system may give less than asked

    monkeypatch.setattr(open_file.os, "preadv", preadv)
    found = file.read(torch.tensor([9, 2]))
    assert torch.equal(found[:, 0], torch.tensor([1800.0, 400.0]))
    assert asked == [(128 + 1600, 800), (128 + 7200, 800)]


def test_files_that_hold_something_else_are_named(tmp_path):
    path = tmp_path / "x.npy"
    write_npy(path, torch.zeros(8, 4))
    whole = path.read_bytes()
    for content, message in (
        (b"", "holds no array"),
        (b"words and words", "holds no array"),
        (whole[:100], "holds no array"),
        (whole[:-1], "is cut short, 255 bytes of 256"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"x\.npy: {message}"):
            NpyRows(path)
    for array, message in (
        (np.asfortranarray(np.zeros((3, 2))), "Fortran"),
        (np.float32(3), "is a number"),
        (np.array(["a", "b"]), "<U1 has no tensors"),
        (np.array([{}, {}]), "object has no tensors"),
        (np.zeros(3, ">f4"), ">f4 has no tensors"),
    ):
        np.save(path, array)
        with pytest.raises(ValueError, match=rf"x\.npy: .*{message}"):
            NpyRows(path)
    with pytest.raises(FileNotFoundError, match=r"nothing\.npy"):
        NpyRows(tmp_path / "nothing.npy")


def test_a_file_that_is_cut_later_is_an_error(tmp_path):
    write_npy(tmp_path / "x.npy", torch.zeros(8, 4))
    file = NpyRows(tmp_path / "x.npy")
    (tmp_path / "x.npy").open("rb+").truncate(150)
    assert file.read(torch.tensor([0])).tolist() == [[0.0] * 4]
    with pytest.raises(ValueError, match="is cut short"):
        file.read(torch.tensor([0, 7]))


def test_what_is_not_an_array_of_rows_is_not_written(tmp_path):
    write_npy(tmp_path / "x.npy", torch.ones(2))
    with pytest.raises(ValueError, match="got a number"):
        write_npy(tmp_path / "x.npy", torch.tensor(1.0))
    with pytest.raises(TypeError, match="str"):
        write_npy(tmp_path / "x.npy", np.array(["a"]))
    assert [file.name for file in tmp_path.iterdir()] == ["x.npy"]
    assert NpyRows(tmp_path / "x.npy").range(0, 2).tolist() == [1.0, 1.0]
    swapped = np.arange(6, dtype=">i4").reshape(2, 3).T
    write_npy(tmp_path / "x.npy", swapped)
    assert NpyRows(tmp_path / "x.npy").range(0, 3).tolist() == swapped.tolist()
