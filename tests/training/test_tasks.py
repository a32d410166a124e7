"""One step and one score of each task, against sums written out by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.nn import GCNConv, global_add_pool

from graphpoly.training import GraphTask, NodeTask
from graphpoly.training.fingerprint import fingerprint
from graphpoly.training.forward import _forward_parameters
from graphpoly.training.losses import LOSSES


def split_of(train, val, test):
    return SimpleNamespace(train_mask=train, val_mask=val, test_mask=test, index=2)


def node_data(**extra):
    torch.manual_seed(0)
    rows = torch.arange(9)
    data = Data(
        x=torch.randn(9, 3, dtype=torch.float64),
        edge_index=torch.stack([rows, (rows + 1) % 9]),
        y=rows % 3,
        **extra,
    )
    return data, split_of(rows < 5, (rows >= 5) & (rows < 7), rows >= 7)


class Linear(nn.Module):
    def __init__(self, out=3):
        super().__init__()
        self.lin = nn.Linear(3, out, bias=False).double()
        nn.init.zeros_(self.lin.weight)

    def forward(self, x, edge_index):
        return self.lin(x)


def test_node_step_is_softmax_regression_on_the_training_nodes():
    data, split = node_data()
    model, task = Linear(), NodeTask(data, split)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loss = task.train_epoch(model, optimizer)
    assert loss == pytest.approx(math.log(3))
    x, one_hot = data.x[:5], torch.eye(3, dtype=torch.float64)[data.y[:5]]
    expected = -0.5 * (torch.full_like(one_hot, 1 / 3) - one_hot).t() @ x / 5
    assert torch.allclose(model.lin.weight, expected, atol=1e-12)

    scores = task.evaluate(model)
    logits = data.x @ expected.t()
    right = (logits.argmax(1) == data.y).double()
    assert scores["train"] == right[:5].mean()
    assert scores["val"] == right[5:7].mean()
    assert scores["test"] == right[7:].mean()
    log_p = logits.log_softmax(1)[[5, 6], data.y[5:7]]
    assert scores["val_loss"] == pytest.approx(-log_p.mean().item())
    assert set(task.evaluate(model, ("val",))) == {"val", "val_loss"}


def test_node_model_gets_edge_weight_only_where_there_is_one():
    seen = []

    class Spy(Linear):
        def forward(self, x, edge_index, edge_weight=None):
            seen.append((edge_index, edge_weight))
            return self.lin(x)

    data, split = node_data()
    NodeTask(data, split).evaluate(Spy())
    weight = torch.rand(9)
    weighted, _ = node_data(edge_weight=weight)
    NodeTask(weighted, split).evaluate(Spy())
    assert seen[0][1] is None
    assert seen[1][1] is weight
    sparse = Data(x=data.x, y=data.y, adj_t=torch.eye(9).to_sparse_coo())
    NodeTask(sparse, split).evaluate(Spy())
    assert seen[2][0] is sparse.adj_t


def test_node_model_gets_edge_attr_where_it_names_it():
    seen = []

    class Spy(Linear):
        def forward(self, x, edge_index, edge_weight=None, edge_attr=None):
            seen.append(edge_attr)
            return self.lin(x)

    attr = torch.rand(9, 4)
    data, split = node_data(edge_attr=attr)
    NodeTask(data, split).evaluate(Spy())
    assert seen[0] is attr
    assert NodeTask(data, split).evaluate(Linear())


def test_weights_that_a_node_model_does_not_read_are_refused():
    class Plain(Linear):
        def forward(self, x, edge_index):
            return self.lin(x)

    class Open(Linear):
        def forward(self, x, edge_index, **further):
            assert set(further) == {"edge_weight"}
            return self.lin(x)

    data, split = node_data(edge_weight=torch.rand(9))
    with pytest.raises(ValueError, match=r"Plain\.forward takes no edge_weight"):
        NodeTask(data, split).evaluate(Plain())
    assert NodeTask(data, split).evaluate(Open())


def test_weights_that_are_nan_score_nan():
    data, split = node_data()
    model = Linear()
    nn.init.constant_(model.lin.weight, math.nan)
    scores = NodeTask(data, split).evaluate(model)
    assert all(math.isnan(score) for score in scores.values())


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.zeros(9, dtype=torch.bool), "val_mask must select at least one node"),
        (torch.ones(9, 2, dtype=torch.bool), r"val_mask must be bool of shape \(9,\), got .*9, 2"),
        (torch.arange(9), "val_mask must be bool"),
    ],
)
def test_wrong_masks_are_named(mask, message):
    data, split = node_data()
    split.val_mask = mask
    with pytest.raises(ValueError, match=message):
        NodeTask(data, split)


def test_wrong_names_are_named():
    data, split = node_data()
    with pytest.raises(ValueError, match="unknown loss 'cce'"):
        NodeTask(data, split, loss="cce")
    with pytest.raises(ValueError, match="unknown split 'tst'; did you mean 'test'"):
        NodeTask(data, split).evaluate(Linear(), ("tst",))


def test_description_follows_every_part_of_the_data():
    data, split = node_data()
    first = NodeTask(data, split).describe()
    assert first["split"] == {"index": 2}
    assert first["sizes"] == {"train": 5, "val": 2, "test": 2}
    assert NodeTask(*node_data()).describe() == first
    for name in ("x", "edge_index", "y"):
        other, _ = node_data()
        other[name] = other[name].flip(0)
        assert NodeTask(other, split).describe()["data"] != first["data"], name
    _, moved = node_data()
    moved.train_mask = ~moved.test_mask
    assert NodeTask(data, moved).describe()["data"] != first["data"]


@pytest.mark.parametrize("name", ["bce", "l1", "mse"])
def test_missing_labels_count_for_nothing(name):
    y = torch.tensor([[1.0, math.nan], [0.0, 1.0]])
    output = torch.tensor([[0.3, 5.0], [-1.0, 2.0]], requires_grad=True)
    there = [(0.3, 1.0), (-1.0, 0.0), (2.0, 1.0)]
    by_hand = {
        "bce": lambda o, t: math.log1p(math.exp(o)) - t * o,
        "l1": lambda o, t: abs(o - t),
        "mse": lambda o, t: (o - t) ** 2,
    }[name]
    loss = LOSSES[name](output, y)
    assert loss.item() == pytest.approx(sum(by_hand(o, t) for o, t in there) / 3, rel=1e-6)
    loss.backward()
    assert output.grad[0, 1] == 0
    nothing = LOSSES[name](output, torch.full((2, 2), math.nan))
    assert nothing.item() == 0
    # [N, 1] outputs meet [N] labels one to one, never as [N, N]
    column, flat = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 0.0])
    assert LOSSES[name](column, flat) == LOSSES[name](column.view(-1), flat)
    with pytest.raises(ValueError, match=r"shape \(2, 2\) does not fit labels of \(2,\)"):
        LOSSES[name](output, flat)


class Readout(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = GCNConv(1, 1, bias=False)
        nn.init.ones_(self.conv.lin.weight)

    def forward(self, x, edge_index, edge_weight=None, batch=None):
        return global_add_pool(self.conv(x, edge_index, edge_weight), batch)


def ring(value, size=4):
    rows = torch.arange(size)
    edge_index = torch.stack([rows, (rows + 1) % size])
    x = torch.full((size, 1), float(value))
    return Data(x=x, edge_index=edge_index, y=torch.tensor([2.0 * size * value]))


def graph_task(**options):
    train = [ring(value, size) for value, size in ((1, 3), (2, 4), (3, 5), (-1, 4), (0.5, 3))]
    options = {"loss": "l1", "metric": "mae", "batch_size": 2, **options}
    return GraphTask(train, [ring(1), ring(4)], [ring(-2, 5)], **options)


def test_graph_scores_by_hand():
    """A GCN with weight 1 keeps constants on a ring, so the output is the sum, half the label."""
    task = graph_task()
    assert (task.metric, task.maximize) == ("mae", False)
    scores = task.evaluate(Readout())
    assert scores["train"] == pytest.approx((3 + 8 + 15 + 4 + 1.5) / 5)
    assert scores["val"] == pytest.approx((4 + 16) / 2)
    assert scores["val_loss"] == pytest.approx((4 + 16) / 2)
    assert scores["test"] == pytest.approx(10)


def test_graph_epoch_loss_is_the_mean_over_graphs():
    model = Readout()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    # batches of 2, 2 and 1 graphs: a mean of batch means would weigh the last one double
    assert graph_task().train_epoch(model, optimizer) == pytest.approx((3 + 8 + 15 + 4 + 1.5) / 5)


def test_weights_that_a_graph_model_does_not_read_are_refused():
    class Plain(Readout):
        def forward(self, x, edge_index, batch=None):
            return super().forward(x, edge_index, batch=batch)

    class Open(Readout):
        def forward(self, x, edge_index, batch=None, **further):
            assert set(further) == {"edge_weight"}
            return super().forward(x, edge_index, **further, batch=batch)

    graphs = [ring(1), ring(2)]
    for graph in graphs:
        graph.edge_weight = torch.arange(1.0, 5.0)
    task = GraphTask(graphs, graphs, graphs, loss="l1", metric="mae")
    with pytest.raises(ValueError, match=r"Plain\.forward takes no edge_weight"):
        task.evaluate(Plain())
    assert task.evaluate(Open()) == task.evaluate(Readout())


class Counting(torch.utils.data.Dataset):
    """Graphs that are others at each access, as augmented ones are."""

    def __init__(self):
        self.accesses = 0

    def __len__(self):
        return 2

    def __getitem__(self, number):
        self.accesses += 1
        return ring(self.accesses)


def test_graphs_that_change_at_each_access_are_not_kept():
    task = GraphTask(Counting(), [ring(1)], [ring(1)], loss="l1", metric="mae")
    first, second = ([batch.y.sum().item() for batch in task._shuffled] for _ in range(2))
    assert sum(second) > sum(first) > 0


def test_what_is_trained_on_is_transformed_and_what_is_scored_is_not():
    def doubled(batch):
        batch.y = 2 * batch.y
        return batch

    model = Readout()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    plain, changed = (
        GraphTask([ring(3)], [ring(3)], [ring(3)], loss="l1", metric="mae", transform=transform)
        for transform in (None, doubled)
    )
    assert plain.train_epoch(model, optimizer) == pytest.approx(24 - 12)
    assert changed.train_epoch(model, optimizer) == pytest.approx(48 - 12)
    assert changed.evaluate(model) == plain.evaluate(model)


def order(task):
    return [batch.y.tolist() for batch in task._shuffled]


def test_shuffling_is_the_tasks_own_and_its_state_comes_back():
    task, other = graph_task(seed=1), graph_task(seed=1)
    torch.manual_seed(5)
    first = order(task)
    state = task.state_dict()
    second = order(task)
    torch.manual_seed(6)
    assert order(other) == first
    assert first != second
    other.load_state_dict(state)
    assert order(other) == second


def test_iterating_leaves_the_global_generator_alone():
    task, model = graph_task(), Readout()
    before = torch.get_rng_state()
    task.evaluate(model)
    task.train_epoch(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert torch.equal(torch.get_rng_state(), before)


def test_default_forward_goes_by_names():
    class Whole(nn.Module):
        def forward(self, batch):
            return global_add_pool(batch.x, batch.batch)

    class Needy(nn.Module):
        def forward(self, x, edge_index, edge_attr):
            return x

    class Nameless(nn.Module):
        def forward(self, *arguments):
            return arguments

    class Pair(nn.Module):
        def forward(self, x, batch):
            return global_add_pool(x, batch), x

    class PairOfWhole(Whole):
        def forward(self, batch):
            return super().forward(batch), batch.x

    assert graph_task().evaluate(Whole())["test"] == pytest.approx(10)
    with pytest.raises(ValueError, match=r"Needy\.forward needs 'edge_attr'"):
        graph_task().evaluate(Needy())
    with pytest.raises(ValueError, match=r"Nameless\.forward names no arguments; pass forward="):
        graph_task().evaluate(Nameless())
    for model in (Pair(), PairOfWhole()):
        with pytest.raises(ValueError, match=r"Pair.*\.forward gave tuple, expected one tensor"):
            graph_task().evaluate(model)
    own = graph_task(forward=lambda model, batch: model(batch.x, batch.batch)[0][batch.ptr[:-1]])
    assert own.evaluate(Nameless())["test"] == pytest.approx(abs(-2 - 2 * 5 * -2))


def test_a_method_of_the_batch_is_no_attribute():
    class Sized(nn.Module):
        def forward(self, x, batch, size=None, keys=None, batch_size=None):
            assert size is None
            assert keys is None
            return global_add_pool(x, batch, batch_size)

    class Needy(nn.Module):
        def forward(self, x, size):
            return x

    assert graph_task().evaluate(Sized())["test"] == pytest.approx(10)
    with pytest.raises(ValueError, match=r"Needy\.forward needs 'size'"):
        graph_task().evaluate(Needy())


def test_output_that_fits_no_labels_is_named():
    class Given(nn.Module):
        def __init__(self, out):
            super().__init__()
            self.out = out

        def forward(self, x, edge_index):
            return self.out

    data, split = node_data()
    for out, message in (
        ((torch.zeros(9, 3), None), r"Given\.forward gave tuple, expected one tensor"),
        (torch.zeros(5, 2), r"Given\.forward gave \[5, 2\], expected 9 rows, one a node"),
        (torch.tensor(1.0), r"Given\.forward gave \[\], expected 9 rows, one a node"),
        (torch.zeros(9), r"output of shape \(\d,\) does not fit labels of \(\d,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            NodeTask(data, split).evaluate(Given(out))


def test_wrapped_model_keeps_its_names():
    for model in (torch.compile(Readout(), backend="eager"), nn.DataParallel(Readout())):
        names = [parameter.name for parameter in _forward_parameters(model)]
        assert names == ["x", "edge_index", "edge_weight", "batch"]

    class Holder(nn.Module):  # its own forward counts, whatever it calls what it holds
        def __init__(self):
            super().__init__()
            self.module = Readout()

        def forward(self, data):
            return global_add_pool(data.x, data.batch)

    assert graph_task().evaluate(Holder())["test"] == pytest.approx(10)


def test_empty_split_is_named():
    with pytest.raises(ValueError, match="val must have at least one graph"):
        GraphTask([ring(1)], [], [ring(1)])


def test_metric_of_the_users_own():
    def largest_error(y_true, y_pred):
        return float((y_true - y_pred.view(-1)).abs().max())

    task = graph_task(metric=largest_error, maximize=False)
    assert task.metric == "largest_error"
    assert task.evaluate(Readout())["val"] == pytest.approx(16)


def test_fingerprint_of_datasets():
    class InMemory(InMemoryDataset):
        def __init__(self, graphs):
            super().__init__()
            self.data, self.slices = self.collate(graphs)

    graphs = [ring(1), ring(2), ring(3)]
    whole = InMemory(graphs)
    assert fingerprint(whole) == fingerprint(InMemory(graphs))
    assert fingerprint(whole) != fingerprint(InMemory([ring(1), ring(2), ring(4)]))
    assert fingerprint(whole[:2]) != fingerprint(whole[1:])
    assert fingerprint(whole[:2]) == fingerprint(whole[:2])
    subset = torch.utils.data.Subset
    assert fingerprint(subset(graphs, [0, 1])) != fingerprint(subset(graphs, [0, 2]))
    assert fingerprint(graphs) != fingerprint(graphs[::-1])
    half = torch.arange(4, dtype=torch.bfloat16)
    assert fingerprint(half) != fingerprint(half.float())
    assert fingerprint(torch.eye(3).to_sparse()) != fingerprint(2 * torch.eye(3).to_sparse())
