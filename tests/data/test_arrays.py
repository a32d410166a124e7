"""Files of torch's are read for arrays and tensors, and run nothing."""

import os
import re
import zipfile

import numpy as np
import pytest
import torch

from graphpoly.data.arrays import load_arrays

HELD = {
    "edge": np.array([[0, 1], [1, 2]]),
    "head_type": ["disease", "drug"],
    "score": np.float32(0.5),
    "names": np.array(["a", "b"], dtype=object),
    "tensor": torch.arange(3.0),
}


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_all_ages_of_files(tmp_path, zipped, protocol):
    path = tmp_path / "train.pt"
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
    torch.save(HELD, path, **options)
    found = load_arrays(path)
    assert list(found) == list(HELD)
    assert found["edge"].dtype == np.int64
    assert found["edge"].tolist() == HELD["edge"].tolist()
    assert (found["head_type"], found["score"]) == (HELD["head_type"], HELD["score"])
    assert found["names"].tolist() == ["a", "b"]
    assert torch.equal(found["tensor"], HELD["tensor"])


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_nothing_is_run(tmp_path, zipped, protocol):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    path, options = tmp_path / "train.pt", {"_use_new_zipfile_serialization": zipped}
    for held in ({"edge": Trap()}, np.array([Trap()], dtype=object), Trap()):
        torch.save(held, path, pickle_protocol=protocol, **options)
        with pytest.raises(ValueError, match=re.escape(f"{path}: ") + ".*holds posix.mkdir"):
            load_arrays(path)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_cut_file_is_named(tmp_path, zipped):
    path = tmp_path / "train.pt"
    torch.save(HELD, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 20):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=re.escape(str(path))):
            load_arrays(path)
        assert path.read_bytes() == whole[:size]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other", "text")
    with pytest.raises(ValueError, match=re.escape(str(path))):
        load_arrays(path)
