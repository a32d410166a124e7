"""Batches of packed graphs are PyG's, field by field."""

import pickle
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import BatchSampler, RandomSampler, SubsetRandomSampler
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader

from graphpoly.loader import PackedDataset, PackedLoader


def equal(found, wanted):
    """Equal in type, dtype, shape and values, at any depth."""
    assert type(found) is type(wanted), (type(found), type(wanted))
    if isinstance(wanted, torch.Tensor):
        assert found.dtype == wanted.dtype
        assert torch.equal(found, wanted)
    elif isinstance(wanted, dict):
        assert list(found) == list(wanted)
        for key in wanted:
            equal(found[key], wanted[key])
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            equal(one, other)
    else:
        assert found == wanted


def same_batch(found, wanted, examples=True):
    assert type(found) is type(wanted)
    for one, other in zip(found.stores, wanted.stores, strict=True):
        assert one._key == other._key
        equal(dict(one.items()), dict(other.items()))
        assert one._mapping.keys() == other._mapping.keys()
        equal(one.get("_num_nodes"), other.get("_num_nodes"))
    for name in ("_slice_dict", "_inc_dict"):
        held = getattr(found, name)
        # PyG leaves out stores that have nothing, and does not find its own examples then
        equal({key: held[key] for key in held if held[key] != {}}, getattr(wanted, name))
    assert found.num_graphs == wanted.num_graphs
    for i in range(found.num_graphs if examples else 0):
        one, other = found.get_example(i), wanted.get_example(i)
        equal(one.to_dict(), other.to_dict())


class Pair(Data):
    """Two graphs, whose edges count from nodes of two kinds."""

    def __inc__(self, key, value, *args, **kwargs):
        if key == "edge_index":
            return torch.tensor([[self.x_s.size(0)], [self.x_t.size(0)]])
        if key == "edge_index_t":
            return self.x_t.size(0)
        return super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key, value, *args, **kwargs):
        return None if key == "flat" else super().__cat_dim__(key, value, *args, **kwargs)


def plain(seed, nodes=None):
    torch.manual_seed(seed)
    n = int(torch.randint(0, 6, ())) if nodes is None else nodes
    e = int(torch.randint(0, 9, ())) if n else 0
    return Data(
        x=torch.randn(n, 3),
        edge_index=torch.randint(max(n, 1), (2, e)),
        edge_attr=torch.randn(e, 2),
        y=torch.tensor([seed % 3]),
        scalar=torch.tensor(float(seed)),
        number=seed,
        share=seed / 2,
        flag=seed % 2 == 0,
        name=f"graph {seed}",
        empty=torch.zeros(0, 4),
    )


def counted(seed):
    torch.manual_seed(seed)
    return Data(edge_index=torch.randint(4, (2, seed)), num_nodes=4 + seed, y=torch.zeros(1, 2))


def pair(seed):
    torch.manual_seed(seed)
    s, t = 1 + seed % 3, 2 + seed % 2
    return Pair(
        x_s=torch.randn(s, 2),
        x_t=torch.randn(t, 2),
        edge_index=torch.stack([torch.randint(s, (5,)), torch.randint(t, (5,))]),
        edge_index_t=torch.randint(t, (2, 4)),
        flat=torch.randn(2, 2),
    )


def nested(seed):
    torch.manual_seed(seed)
    n = 1 + seed % 4
    return Data(
        num_nodes=n,
        parts={"a": torch.randn(n, 1), "b": torch.arange(seed)},
        turns=[torch.randn(n, 2), torch.randn(seed, 3)],
        index_small=torch.zeros(seed, dtype=torch.int32),
        index_byte=torch.zeros(2, dtype=torch.uint8),
        index_share=torch.zeros(seed),
        text=["a", "b"],
        nothing=(),
    )


def hetero(seed):
    torch.manual_seed(seed)
    data = HeteroData()
    a, b = 1 + seed % 3, seed % 4
    data["author"].x = torch.randn(a, 2)
    data["paper"].num_nodes = b + 1
    data["paper"].year = torch.arange(b + 1)
    data["author", "writes", "paper"].edge_index = torch.stack(
        [torch.randint(a, (3,)), torch.randint(b + 1, (3,))]
    )
    data["author", "writes", "paper"].edge_attr = torch.randn(3, 1)
    data.y = torch.tensor([seed])
    return data


def spread(seed):
    """Numbers of two kinds in one row, which PyG spreads over both."""
    data = hetero(seed)
    edges = data["author", "writes", "paper"]
    edges.index = torch.arange(seed % 4)
    edges.index_once = torch.tensor(seed)
    edges.index_row = torch.arange(seed % 3).view(1, -1)
    return data


def parted(seed):
    """Edges within dictionaries, of a type of nodes, a type of edges and the whole graph."""
    data = hetero(seed)
    edges = data["author", "writes", "paper"]
    edges.parts = {"edge_index": edges.edge_index, "index": {"face": edges.edge_index + 1}}
    data["author"].parts = {"edge_index": edges.edge_index, "adj": [edges.edge_index] * 2}
    data.parts = {"edge_index": edges.edge_index, ("author", "writes", "paper"): torch.ones(seed)}
    return data


def of_numbered_edges():
    data = hetero(0)
    data["author", "writes", "paper"].parts = {"index": 3}
    return data


class Asks(Data):
    """Asks each graph for what it may not have."""

    def __inc__(self, key, value, *args, **kwargs):
        if key == "cells":
            return self.num_cells
        return super().__inc__(key, value, *args, **kwargs)

    def __cat_dim__(self, key, value, *args, **kwargs):
        return value.none if key == "flat" else super().__cat_dim__(key, value, *args, **kwargs)


def of_no_size():
    data = HeteroData()
    data["a"].x, data["b"].name = torch.ones(2, 1), "who knows how many"
    data["a", "to", "b"].edge_index = torch.zeros(2, 1, dtype=torch.int64)
    return data


MAKERS = [plain, counted, pair, nested, hetero, spread, parted]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
@settings(max_examples=30, deadline=None)
@given(numbers=st.lists(st.integers(0, 11), min_size=1, max_size=9))
def test_a_batch_is_that_of_a_list(make, numbers):
    graphs = [make(seed) for seed in range(12)]
    packed = PackedDataset(graphs)
    same_batch(packed.batch(numbers), Batch.from_data_list([graphs[i] for i in numbers]))


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_followed_and_excluded_attributes(make):
    graphs = [make(seed) for seed in range(6)]
    names = [name for store in graphs[0].stores for name in store if name != "num_nodes"]
    for name in names:
        value = graphs[0].stores[0].get(name)
        if isinstance(value, torch.Tensor | dict | list) and name != "text":
            wanted = Batch.from_data_list(graphs, follow_batch=[name])
            same_batch(PackedDataset(graphs).batch(range(6), follow_batch=[name]), wanted)
        wanted = Batch.from_data_list(graphs, exclude_keys=[name])
        # PyG does not find its own examples where a store has nothing left
        same_batch(PackedDataset(graphs).batch(range(6), exclude_keys=[name]), wanted, False)


def test_nodes_that_are_only_counted_come_back():
    graphs = [hetero(seed) for seed in range(4)]
    for graph in graphs:
        del graph["paper"].year
    packed = PackedDataset(graphs)
    for one, other in zip(packed.batch(range(4)).to_data_list(), graphs, strict=True):
        equal(one.to_dict(), other.to_dict())
    assert [packed[i]["paper"].num_nodes for i in range(4)] == [1, 2, 3, 4]
    left = packed.batch([3], exclude_keys=["x", "edge_index", "edge_attr"]).get_example(0)
    assert left.to_dict().keys() == packed[3].to_dict().keys()


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"drop_last": True, "shuffle": True}])
@pytest.mark.parametrize("batch_size", [1, 5, 20])
def test_a_loader_gives_what_pyg_does(options, batch_size):
    graphs = [plain(seed) for seed in range(12)]
    for generator in (None, 7):
        epochs = []
        for kind in (PackedLoader, DataLoader):
            torch.manual_seed(3)
            own = None if generator is None else torch.Generator().manual_seed(generator)
            loader = kind(graphs, batch_size, generator=own, **options)
            epochs.append([list(loader) for _ in range(2)])
            epochs[-1].append(torch.rand(3))  # the global generator is where it would be
        for one, other in zip(epochs[0][:2], epochs[1][:2], strict=True):
            assert len(one) == len(other)
            for found, wanted in zip(one, other, strict=True):
                same_batch(found, wanted)
        assert torch.equal(epochs[0][2], epochs[1][2])


SAMPLERS = {
    "each once": lambda data, own: {"sampler": RandomSampler(data, generator=own)},
    "some": lambda data, own: {"sampler": RandomSampler(data, num_samples=5, generator=own)},
    "more": lambda data, own: {"sampler": RandomSampler(data, num_samples=30, generator=own)},
    "replaced": lambda data, own: {"sampler": RandomSampler(data, True, generator=own)},
    "of others": lambda data, own: {"sampler": RandomSampler(range(4), generator=own)},
    "subset": lambda data, own: {"sampler": SubsetRandomSampler([1, 9, 4], generator=own)},
    "list": lambda data, own: {"sampler": [3, 3, 0]},
    "batches": lambda data, own: {
        "batch_sampler": BatchSampler(RandomSampler(data, generator=own), 5, True)
    },
    "lists": lambda data, own: {"batch_sampler": [[3, 1], [0], [11, 11]]},
}


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("batch_size", [4, 5])
def test_samplers_are_asked_as_pyg_asks_them(name, batch_size):
    """An epoch may end early: whoever shares the generator finds it where it would be."""
    graphs = [plain(seed) for seed in range(12)]
    for taken in range(4):
        seen = []
        for kind in (PackedLoader, DataLoader):
            data = PackedDataset(graphs) if kind is PackedLoader else graphs
            own = torch.Generator().manual_seed(7)
            given = SAMPLERS[name](data, own)
            if "batch_sampler" not in given:
                given["batch_size"] = batch_size
            loader = kind(data, **given)
            some = []
            for batch in loader:
                some.append((batch, torch.rand(1, generator=own)))
                if len(some) == taken:
                    break
            seen.append((some, [(batch, own.get_state()) for batch in loader]))
        for one, other in zip(*seen, strict=True):
            assert len(one) == len(other)
            for (found, drawn), (wanted, expected) in zip(one, other, strict=True):
                same_batch(found, wanted)
                assert torch.equal(drawn, expected)


@pytest.mark.parametrize(
    "options",
    [{"batch_size": 2}, {"batch_size": 2, "drop_last": True}, {"batch_sampler": [[0], [1, 2]]}],
)
def test_an_epoch_says_how_many_batches_it_has(options):
    graphs = [plain(seed) for seed in range(5)]
    epochs = [iter(kind(graphs, **options)) for kind in (PackedLoader, DataLoader)]
    for _ in range(2):
        assert len(epochs[0]) == len(epochs[1])
        same_batch(*map(next, epochs))


@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"sampler": [[1, 0]]}])
def test_without_batches_there_is_nothing_to_join(options):
    with pytest.raises(ValueError, match="batch_size: got None"):
        PackedLoader([plain(0), plain(1)], batch_size=None, **options)


def test_workers_give_the_same():
    graphs = [plain(seed) for seed in range(8)]
    alone = list(PackedLoader(graphs, batch_size=3))
    for one, other in zip(PackedLoader(graphs, batch_size=3, num_workers=2), alone, strict=True):
        assert torch.equal(one.edge_index, other.edge_index)
        assert torch.equal(one.x, other.x)


@pytest.mark.parametrize("mmap", [True, False])
@pytest.mark.parametrize("make", [plain, counted, nested, hetero], ids=lambda make: make.__name__)
def test_a_file_holds_the_same_graphs(make, mmap, tmp_path):
    graphs = [make(seed) for seed in range(7)]
    PackedDataset(graphs).save(tmp_path / "graphs.pt")
    loaded = PackedDataset.load(tmp_path / "graphs.pt", mmap=mmap)
    assert len(loaded) == 7
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert (str(tmp_path / "graphs.pt") in maps.read_text()) == mmap
    same_batch(loaded.batch([3, 0, 3]), Batch.from_data_list([graphs[i] for i in (3, 0, 3)]))
    batches = zip(PackedLoader(loaded, 3), DataLoader(graphs, 3), strict=True)
    for found, wanted in batches:
        same_batch(found, wanted)


def test_what_a_file_cannot_hold_is_named_and_the_old_one_stays(tmp_path):
    path = tmp_path / "graphs.pt"
    PackedDataset([plain(0)]).save(path)
    for graphs, message in (
        ([Data(x=torch.ones(2), made_by=object())], "made_by: got object"),
        ([pair(0)], "save: got batches of PairBatch"),
    ):
        with pytest.raises(TypeError, match=message):
            PackedDataset(graphs).save(path)
    assert PackedDataset.load(path)[0].name == "graph 0"
    assert [file.name for file in tmp_path.iterdir()] == ["graphs.pt"]


def test_other_files_are_refused_by_name(tmp_path):
    path = tmp_path / "graphs.pt"
    PackedDataset([plain(seed) for seed in range(3)]).save(path)
    whole = path.read_bytes()
    others = [b"", b"words", whole[: len(whole) // 2]]
    for content in others:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"graphs\.pt: no packed dataset"):
            PackedDataset.load(path)
    path.write_bytes(whole)
    later = ("graphpoly.loader.PackedDataset 2", *torch.load(path, weights_only=True)[1:])
    for other in ({"x": torch.ones(1)}, later):
        torch.save(other, path)
        with pytest.raises(ValueError, match=r"graphs\.pt: no packed dataset"):
            PackedDataset.load(path)
    with pytest.raises(FileNotFoundError, match="nothing"):
        PackedDataset.load(tmp_path / "nothing.pt")


def test_single_graphs_and_copies():
    graphs = [plain(seed) for seed in range(5)]
    packed = pickle.loads(pickle.dumps(PackedDataset(graphs)))
    assert len(packed) == 5
    for i in (0, 4, -1):
        equal(packed[i].to_dict(), Batch.from_data_list([graphs[i]])[0].to_dict())
    same_batch(packed.batch([-1, 0]), Batch.from_data_list([graphs[4], graphs[0]]))
    batch = packed.batch([0, 1])
    batch.x.add_(1), batch.ptr.add_(1)
    same_batch(packed.batch([0, 1]), Batch.from_data_list(graphs[:2]))


def test_graphs_that_do_not_know_their_size():
    graphs = [Data(y=torch.tensor([float(seed)])) for seed in range(4)]
    same_batch(PackedDataset(graphs).batch([2, 0]), Batch.from_data_list([graphs[2], graphs[0]]))


@pytest.mark.parametrize(
    ("graphs", "error", "message"),
    [
        ([], ValueError, "got none"),
        ([Data(x=torch.ones(1)), 3], TypeError, "graph 1: got int"),
        ([Data(x=torch.ones(1)), Data(z=torch.ones(1))], ValueError, "graph 1: its attributes"),
        ([Data(x=torch.ones(1)), Data(x=1)], TypeError, "x: got Tensor and int"),
        ([Data(x=torch.ones(1)), Data(x=torch.ones(1).double())], ValueError, "x: got different"),
        ([Data(x=torch.ones(1, 2)), Data(x=torch.ones(1, 3))], ValueError, "x: cannot be joined"),
        ([Data(x=torch.ones(2, 2).to_sparse())], TypeError, "x: got torch.sparse_coo"),
        ([Data(x=torch.ones(2, requires_grad=True))], TypeError, "x: got a tensor that wants a gr"),
        (
            [Data(x=torch.nested.nested_tensor([torch.ones(2)]))],
            TypeError,
            "x: got a nested tensor",
        ),
        ([Data(x=torch.nn.Parameter(torch.ones(2)))], TypeError, "x: got Parameter"),
        ([of_no_size()], ValueError, r"\('a', 'to', 'b'\), edge_index: .*'b' have no num"),
        ([Batch.from_data_list([Data(x=torch.ones(1))])], TypeError, "graph 0: got DataBatch"),
        ([Data(link_index=torch.ones(2, 1))], ValueError, "0, link_index: .* set 'num_nodes'"),
        ([Data(index=7)], ValueError, "graph 0, index: .* set 'num_nodes'"),
        ([of_numbered_edges()], TypeError, "index: got int, which two types of nodes"),
        ([Data(x_batch=torch.ones(0))], ValueError, "graph 0, x_batch: __inc__: RuntimeError"),
        (
            [Data(x_batch=torch.ones(1, dtype=torch.cfloat))],
            ValueError,
            "x_batch: __inc__: NotImplementedError",
        ),
        ([Asks(cells=torch.ones(1))], ValueError, "cells: __inc__: AttributeError"),
        ([Asks(cells=torch.ones(1), num_cells="2")], ValueError, "cells: __inc__: .*'str'"),
        ([Asks(flat=torch.ones(1))], ValueError, "graph 0, flat: __cat_dim__: AttributeError"),
    ],
)
def test_what_cannot_be_packed_is_named(graphs, error, message):
    with pytest.raises(error, match=message):
        PackedDataset(graphs)


def test_a_transform_is_refused():
    class Set(list):
        transform = staticmethod(lambda data: data)

    with pytest.raises(TypeError, match="transform"):
        PackedDataset(Set([plain(0)]))


@pytest.mark.parametrize(
    ("numbers", "error"), [([], ValueError), ([3], IndexError), ([-4], IndexError)]
)
def test_numbers_of_no_graph(numbers, error):
    with pytest.raises(error, match="numbers: got"):
        PackedDataset([plain(seed) for seed in range(3)]).batch(numbers)


@pytest.mark.data
def test_real_graphs(data_root):
    from graphpoly.data import load_tu

    graphs = list(load_tu("MUTAG", data_root))
    packed = PackedDataset(graphs)
    numbers = torch.randperm(len(graphs))[:64].tolist()
    same_batch(packed.batch(numbers), Batch.from_data_list([graphs[i] for i in numbers]))
