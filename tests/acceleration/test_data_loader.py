"""Loaders given to accelerate: PyG's batches, field by field, whatever happens to the graphs."""

import copy
import pickle
from itertools import chain

import pytest
import torch
import torch_geometric.nn as pyg
from torch.utils.data import BatchSampler, RandomSampler, Subset, SubsetRandomSampler
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.loader import DataLoader, NeighborLoader

from graphpoly.acceleration import accelerate, restore
from graphpoly.acceleration.data_loader import AcceleratedDataLoader
from graphpoly.loader import PackedLoader
from tests.loader.test_packed import MAKERS, hetero, plain, same_batch


class InMemory(InMemoryDataset):
    def __init__(self, graphs, transform=None):
        super().__init__(None, transform)
        self._data, self.slices = self.collate(graphs)


class Drawn(InMemory):
    def get(self, idx):
        data = super().get(idx)
        data.x = torch.rand_like(data.x)
        return data


def graphs(make=plain, count=9):
    return [make(seed) for seed in range(1, count + 1)]


def net():
    return torch.nn.Linear(1, 1)


def epochs(loader, count=2):
    torch.manual_seed(7)
    found = [list(loader) for _ in range(count)]
    return found, torch.get_rng_state()


def check_same(loader, twin, count=2):
    """Two loaders give the same batches and leave the same generator behind."""
    assert type(loader) is AcceleratedDataLoader
    assert type(twin) is DataLoader
    found, after = epochs(loader, count)
    wanted, wanted_after = epochs(twin, count)
    assert torch.equal(after, wanted_after)
    assert len(loader) == len(twin)
    for one, other in zip(chain(*found), chain(*wanted), strict=True):
        same_batch(one, other)


def both(dataset, **options):
    loader, twin = DataLoader(dataset, **options), DataLoader(dataset, **options)
    report = accelerate(net(), loader)
    assert report.accelerated == {"loader 0": "DataLoader"}, str(report)
    return loader, twin


OPTIONS = {
    "plain": {},
    "shuffled": {"batch_size": 4, "shuffle": True},
    "whole batches": {"batch_size": 4, "shuffle": True, "drop_last": True},
    "followed": {"batch_size": 3, "follow_batch": ["x"], "exclude_keys": ["edge_attr"]},
    "sampler": {"batch_size": 2, "sampler": SubsetRandomSampler([1, 5, 3, 0])},
    "twice": {
        "batch_sampler": BatchSampler(RandomSampler(range(9), replacement=True), 4, False),
    },
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_batches_are_those_of_pyg(options):
    check_same(*both(graphs(), **options))


@pytest.mark.parametrize("make", MAKERS)
def test_of_every_kind_of_graph(make):
    check_same(*both(graphs(make), batch_size=4, shuffle=True))


def test_generator_of_its_own():
    loader, twin = (
        DataLoader(graphs(), 2, shuffle=True, generator=torch.Generator().manual_seed(3))
        for _ in range(2)
    )
    accelerate(net(), loader)
    check_same(loader, twin)
    assert torch.equal(loader.generator.get_state(), twin.generator.get_state())


def test_parts_of_a_dataset():
    dataset = InMemory(graphs())
    check_same(*both(dataset, batch_size=4))
    check_same(*both(dataset[3:8], batch_size=2, shuffle=True))
    check_same(*both(dataset[torch.tensor([8, 0, 8])], batch_size=2))
    check_same(*both(Subset(dataset, [5, 1]), batch_size=2))
    check_same(*both(Subset(Subset(graphs(), [5, 1, 2]), torch.tensor([2, 0])), batch_size=2))
    check_same(*both(tuple(graphs()), batch_size=2))


def write(held):
    held[4].x.add_(1)


def put(held):
    held[4].y = torch.tensor([7])


def put_plain(held):
    held[4].share = 0.125


def exchange(held):
    held[4] = plain(30)


def turn(held):
    held.reverse()


def longer(held):
    held.append(plain(30))


def add(held):
    for number, graph in enumerate(held):
        graph.more = torch.tensor([number])


def rename(held):
    for graph in held:
        graph.other = graph.empty
        del graph.empty


@pytest.mark.parametrize("edit", [write, put, put_plain, exchange, turn, longer, add, rename])
def test_a_list_that_is_edited_between_epochs(edit):
    held = graphs()
    loader, twin = both(held, batch_size=4)
    check_same(loader, twin, 1)
    edit(held)
    check_same(loader, twin, 1)


def test_a_dataset_that_is_edited_between_epochs():
    dataset = InMemory(graphs())
    loader, twin = both(dataset, batch_size=4)
    dataset[4].x.add_(1)
    check_same(loader, twin)
    dataset._data.y.mul_(2)
    check_same(loader, twin)
    dataset._indices = [3, 1]
    check_same(loader, twin)


def write_inside(graph):
    graph.parts["a"][0].add_(1)


def rename_inside(graph):
    graph.parts["b"] = graph.parts.pop("a")


def nest_deeper(graph):
    graph.parts["a"] = [graph.parts["a"]]


@pytest.mark.parametrize("edit", [write_inside, rename_inside, nest_deeper])
def test_nested_attributes_that_are_edited(edit):
    held = [Data(num_nodes=1, parts={"a": [torch.zeros(1)]}) for _ in range(3)]
    loader, twin = both(held, batch_size=2)
    for graph in held:
        edit(graph)
    check_same(loader, twin)


def test_a_type_that_is_made_by_being_asked_for():
    held = graphs(hetero)
    loader, twin = both(held, batch_size=9)
    for graph in held:
        assert graph["late"] == {}
    for found, wanted in zip(loader, twin, strict=True):
        same_batch(found, wanted, examples=False)  # PyG takes no batch apart that has such a type


def test_numbers_in_a_tensor_that_is_edited():
    dataset = InMemory(graphs())
    for base in (graphs(), dataset):
        numbers = torch.tensor([5, 1, 2])
        loader, twin = both(Subset(base, numbers), batch_size=2)
        numbers[1] = 7
        check_same(loader, twin)
    dataset._indices = torch.tensor([3, 1])
    loader, twin = both(dataset, batch_size=2)
    dataset._indices[0] = 6
    check_same(loader, twin)


def test_graphs_that_want_a_gradient_later():
    held = graphs()
    loader, _ = both(held, batch_size=9)
    for graph in held:
        graph.x.requires_grad_()
    (batch,) = loader
    batch.x.square().sum().backward()
    for graph in held:
        assert torch.equal(graph.x.grad, 2 * graph.x.detach())
        graph.x.requires_grad_(False)
    (batch,) = loader
    assert not batch.x.requires_grad


def test_slices_and_reads_that_are_exchanged():
    dataset = InMemory(graphs())
    loader, twin = both(dataset, batch_size=4)
    dataset.slices["y"] = dataset.slices["y"].roll(1).sort().values
    dataset._data_list = None
    check_same(loader, twin)
    dataset.get = graphs(count=20).__getitem__
    check_same(loader, twin)
    assert "InMemory may run" in str(accelerate(net(), loader))


def test_the_first_copy_serves_until_then():
    loader, _ = both(graphs(), batch_size=4)
    first = loader._packed_graphs.graphs
    epochs(loader)
    accelerate(net(), loader)
    assert loader._packed_graphs.graphs is first


def test_what_comes_later_runs_pygs_code_and_is_counted():
    dataset = InMemory(graphs())
    loader, twin = both(dataset, batch_size=4)
    dataset.transform = lambda graph: Data(x=2 * graph.x, edge_index=graph.edge_index)
    check_same(loader, twin, 3)
    report = accelerate(net(), loader)
    (reason,) = report.declined["loader 0"]
    assert reason.startswith("dataset: InMemory may run a transform")
    assert report.declined["loader 0"][reason] == 3
    held = graphs()
    loader, twin = both(held, batch_size=4)
    held[3].extra = torch.zeros(1)
    check_same(loader, twin, 1)
    assert accelerate(net(), loader).declined == {
        "loader 0": {"graph 3: its attributes are not those of graph 0": 1}
    }


class Own(DataLoader):
    pass


def left(loader):
    kind = type(loader)
    report = accelerate(net(), loader)
    assert type(loader) is kind
    assert not report.accelerated
    return report.left_alone["loader 0"]


def test_left_alone_and_why():
    some = graphs()
    assert "num_workers=1: packed graphs are joined without any" in left(
        DataLoader(some, num_workers=1)
    )
    assert "InMemory may run" in left(DataLoader(InMemory(some, transform=copy.copy)))
    assert "Drawn may run" in left(DataLoader(Drawn(some)))
    assert "batch_size=None" in left(DataLoader(some, batch_size=None))
    assert "its attributes are not those" in left(DataLoader([*some, Data(x=torch.ones(1, 3))]))
    assert "expected Data" in left(DataLoader([torch.ones(2)]))
    assert "a subclass of DataLoader" in left(Own(some))
    assert "one of ours" in left(PackedLoader(some))
    assert "not a loader of whole graphs" in left(torch.utils.data.DataLoader(some))
    odd = [Data(x=torch.ones(1, 1), x_batch=torch.ones(0))]
    assert "graph 0, x_batch: __inc__: " in left(DataLoader(odd, exclude_keys=["x_batch"]))
    joined = DataLoader(some)
    joined.collate_fn = list
    assert "collate_fn" in left(joined)
    with torch.inference_mode():
        held = [Data(x=torch.ones(1, 1))]
    assert "inference mode" in left(DataLoader(held))


def test_no_loader_is_an_error_that_changes_nothing():
    model, loader = pyg.GCN(4, 8, 2), DataLoader(graphs())
    for wrong in ([loader], graphs(), None):
        with pytest.raises(
            TypeError, match=r"got .* after the model, expected loaders and optimizers"
        ):
            accelerate(model, loader, wrong)
    assert type(loader) is DataLoader
    assert type(model.convs[0]) is pyg.GCNConv


def test_restored():
    loader, twin = both(graphs(), batch_size=4, shuffle=True)
    kept = set(vars(twin))
    assert restore(net(), loader) == ["loader 0"]
    assert type(loader) is DataLoader
    assert set(vars(loader)) == kept
    assert restore(net(), loader) == []


@pytest.mark.parametrize("way", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_copies_pack_their_own_graphs(way):
    held = graphs()
    loader, _ = both(held, batch_size=4, shuffle=True)
    other = way(loader)
    assert "_packed_graphs" not in vars(other)
    held[2].x.add_(1)
    check_same(other, DataLoader(graphs(), batch_size=4, shuffle=True))


def test_the_report_names_them_in_order():
    model = pyg.GCN(3, 4, 1)
    first, second = DataLoader(graphs()), DataLoader(graphs(), num_workers=2)
    lines = str(accelerate(model, first, second)).splitlines()
    assert [line.split("  ")[0] for line in lines] == ["convs.0", "loader 0", "loader 1"]
    assert lines[1].endswith("DataLoader  accelerated")


def test_training_is_the_same():
    def losses(fast):
        torch.manual_seed(0)
        some = [graph for graph in graphs(count=20) if graph.num_nodes]
        loader = DataLoader(some, batch_size=4, shuffle=True)
        model = pyg.GIN(3, 8, 2, 3).double()
        if fast:
            accelerate(model, loader)
        optimizer = torch.optim.Adam(model.parameters(), 0.01)
        found = []
        for _ in range(3):
            for batch in loader:
                optimizer.zero_grad()
                out = model(batch.x.double(), batch.edge_index)
                loss = pyg.global_add_pool(out, batch.batch).square().mean()
                loss.backward()
                optimizer.step()
                found.append(loss.detach())
        return torch.stack(found)

    torch.testing.assert_close(losses(True), losses(False), rtol=1e-9, atol=0)


def test_of_neighbors():
    loader = NeighborLoader.__new__(NeighborLoader)  # making one takes pyg-lib or torch-sparse
    assert "not a loader of whole graphs" in left(loader)
