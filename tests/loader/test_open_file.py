"""A file is read by position, and closed with what holds it."""

import gc
import os

import pytest

from graphpoly.loader.open_file import OpenFile


def test_it_reads_what_is_asked_for_and_closes(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(100)))
    file, found = OpenFile(path), bytearray(5)
    path.unlink()
    for advice in ("RANDOM", "DONTNEED"):
        file.advise(advice)
    file.fill(memoryview(found), 90)
    assert (bytes(found), file.size) == (bytes(range(90, 95)), 100)
    with pytest.raises(ValueError, match="bytes: is cut short"):
        file.fill(memoryview(found), 96)
    handle = file.handle
    del file
    gc.collect()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(handle)
    with pytest.raises(FileNotFoundError, match="bytes"):
        OpenFile(path)
