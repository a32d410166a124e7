"""The store gives what indexing gives, and PyG's loaders take it."""

import pickle

import numpy as np
import pytest
import torch
from torch_geometric.data import Data, FeatureStore, HeteroData, TensorAttr
from torch_geometric.utils import degree

from graphpoly.loader import DiskFeatures, NeighborLoader


@pytest.fixture
def store(tmp_path):
    store = DiskFeatures(tmp_path / "store")
    assert store.put_tensor(torch.arange(60.0).view(20, 3), None, "x", None)
    assert store.put_tensor(np.arange(20), attr_name="y", group_name=None, index=None)
    return store


INDICES = (
    *(None, 7, -1, slice(2, 9), slice(None, None, 3), slice(5, 2), slice(-4, None)),
    *(torch.tensor([4, 0, 4, -20]), torch.tensor([], dtype=torch.int64), torch.tensor(3)),
    *(
        torch.tensor([[1, 2], [3, 3]]),
        torch.arange(20) % 3 == 0,
        torch.tensor([3], dtype=torch.int32),
    ),
    *([], [4, 1]),
)


@pytest.mark.parametrize("index", INDICES, ids=str)
@pytest.mark.parametrize("kept", [0, 5])
def test_every_index_gives_what_the_tensor_gives(store, index, kept):
    store.keep(torch.arange(20), kept * 20)
    for name, value in (("x", torch.arange(60.0).view(20, 3)), ("y", torch.arange(20))):
        wanted = value if index is None else value[index]
        found = store.get_tensor(None, name, index)
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        assert torch.equal(found, wanted)


def test_the_interface_of_a_store(store, tmp_path):
    assert isinstance(store, FeatureStore)
    assert store.get_tensor_size(None, "x") == (20, 3)
    assert store[None, "x", 2].tolist() == [6.0, 7.0, 8.0]
    assert store.view(group_name=None).y[3] == 3
    found = store.get_tensor(None, "x", torch.tensor([2]), convert_type=True)
    assert found.tolist() == [[6.0, 7.0, 8.0]]
    attrs = [TensorAttr(None, name, torch.tensor([1])) for name in ("y", "x")]
    assert [found.tolist() for found in store.multi_get_tensor(attrs)] == [[1], [[3.0, 4.0, 5.0]]]
    assert {(a.group_name, a.attr_name) for a in store.get_all_tensor_attrs()} == {
        (None, "x"),
        (None, "y"),
    }
    again = DiskFeatures(store.folder)  # files that are there are found
    assert repr(again) == repr(store) == "DiskFeatures(x, y)"
    assert again.get_tensor(None, "x", None).equal(store.get_tensor(None, "x", None))
    other = pickle.loads(pickle.dumps(store))
    assert other.get_tensor(None, "y", 4) == 4
    store.put_tensor(torch.ones(4, 1), None, "x", None)
    assert store.get_tensor_size(None, "x") == (4, 1)
    assert again.get_tensor_size(None, "x") == (20, 3)  # which reads what it has opened
    assert again.get_tensor(None, "x", -1).tolist() == [57.0, 58.0, 59.0]
    del store[None, "y"]
    assert not (tmp_path / "store" / "y.npy").exists()
    assert not store.remove_tensor(None, "y", None)


def test_what_is_kept_is_not_read(store):
    store.keep(torch.tensor([0] * 18 + [1, 2]), 40)  # rows of 12 and 8 bytes
    before = store.bytes_read
    assert store.get_tensor(None, "x", torch.tensor([19, 18, 19])).tolist()[1] == [54.0, 55.0, 56.0]
    assert (store.bytes_read - before, store.num_hits, store.num_misses) == (0, 3, 0)
    store.get_tensor(None, "x", torch.tensor([19, 4]))
    assert (store.bytes_read - before, store.num_hits, store.num_misses) == (12, 4, 1)
    store.put_tensor(torch.zeros(20, 3), None, "x", None)
    assert store.get_tensor(None, "x", 19).tolist() == [0.0] * 3  # not what was kept
    assert store.keep(torch.zeros(20), 40) == 0


def test_mistakes_are_named(store):
    with pytest.raises(KeyError, match=r"paper\.x: is not in"):
        store.get_tensor("paper", "x", None)
    for index in (torch.tensor([20]), -21, torch.zeros(19, dtype=torch.bool)):
        with pytest.raises(IndexError, match=r"index: got .* there are 20 rows"):
            store.get_tensor(None, "x", index)
    with pytest.raises(TypeError, match=r"index: got torch\.float32"):
        store.get_tensor(None, "x", torch.tensor([0.5]))
    with pytest.raises(ValueError, match="index: got one"):
        store.put_tensor(torch.zeros(1, 3), None, "x", torch.tensor([0]))
    for group, name in ((("a", "to", "b"), "x"), (None, "../x"), (None, "")):
        with pytest.raises(ValueError, match="is no name of a file"):
            store.put_tensor(torch.zeros(1), group, name, None)
    with pytest.raises(ValueError, match=r"score: got \[3\], x has 20 rows"):
        store.keep(torch.ones(3), 100)
    with pytest.raises(KeyError, match="paper: is not in"):
        store.keep(torch.ones(3), 100, "paper")
    (store.folder / "z.npy").write_bytes(b"")
    with pytest.raises(ValueError, match=r"z\.npy: holds no array"):
        DiskFeatures(store.folder)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_neighbour_loader_reads_from_it(store, workers):
    edges = torch.randint(20, (2, 80))
    store.keep(degree(edges[0], 20), 100)
    graph = Data(num_nodes=20)
    graph.put_edge_index(edges, "coo", size=(20, 20))
    loader = NeighborLoader(
        *((store, graph), [3, 2]), input_nodes=torch.arange(20), batch_size=6, num_workers=workers
    )
    for batch in loader:
        assert torch.equal(batch.x, torch.arange(60.0).view(20, 3)[batch.n_id])
        assert torch.equal(batch.y, batch.n_id)


def test_types_of_nodes(tmp_path):
    store = DiskFeatures(tmp_path)
    sizes = {"author": 5, "paper": 9}
    for group, size in sizes.items():
        store.put_tensor(torch.arange(size, dtype=torch.int16), group, "x", None)
    assert (tmp_path / "paper" / "x.npy").exists()
    graph = HeteroData()
    for group, size in sizes.items():
        graph[group].num_nodes = size
    graph["author", "writes", "paper"].edge_index = torch.randint(5, (2, 12))
    loader = NeighborLoader((DiskFeatures(tmp_path), graph), [4], input_nodes="paper", batch_size=3)
    for batch in loader:
        for group in sizes:
            assert torch.equal(batch[group].x.long(), batch[group].n_id)
