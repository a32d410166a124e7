"""Against one LSTM cell after another in float64, PyG's padded form, and a cell that adds up."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch_geometric.nn import LSTMAggregation, SimpleConv
from torch_geometric.utils import sort_edge_index

from graphpoly.layers import RecurrentAggregation
from graphpoly.testing import assert_close

INDEX = torch.tensor([3, 0, 5, 0, 1, 3, 0, 5, 3, 0, 1, 5, 5, 5])
GROUPS = 7  # 4, 2, 0, 3, 0, 5 and 0 elements


def elements(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, INDEX.numel(), 4, dtype=torch.float64)


def cells(aggregation: RecurrentAggregation) -> list[nn.LSTMCell]:
    """The layers of the LSTM, one step of each."""
    found = []
    for layer in range(aggregation.num_layers):
        width = aggregation.in_channels if layer == 0 else aggregation.out_channels
        cell = nn.LSTMCell(width, aggregation.out_channels).double()
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            setattr(cell, name, getattr(aggregation.lstm, f"{name}_l{layer}"))
        found.append(cell)
    return found


def by_cells(aggregation, x, index, num_groups):
    """The definition: node by node, element by element, layer by layer."""
    rows = []
    for group in range(num_groups):
        held = [None] * aggregation.num_layers
        state = x.new_zeros(aggregation.out_channels)
        for element in x[index == group]:
            state = element
            for layer, cell in enumerate(cells(aggregation)):
                held[layer] = cell(state, held[layer])
                state = held[layer][0]
        rows.append(state)
    return torch.stack(rows)


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("index", [INDEX, INDEX.sort(stable=True)[0]], ids=["mixed", "sorted"])
def test_equals_one_cell_after_another(index, num_layers):
    aggregation = RecurrentAggregation(4, 3, num_layers=num_layers).double()
    x = elements().requires_grad_()
    out = aggregation(x, index, dim_size=GROUPS)
    expected = by_cells(aggregation, x, index, GROUPS)
    assert (out - expected).abs().max() < 1e-12
    assert (out[[2, 4, 6]] == 0).all()

    weight, watched = torch.randn_like(out), [x, *aggregation.parameters()]
    ours = torch.autograd.grad((weight * out).sum(), watched)
    theirs = torch.autograd.grad((weight * expected).sum(), watched)
    for one, other in zip(ours, theirs, strict=True):
        assert_close(one, other)


class Adapted(nn.Module):
    def __init__(self, lstm):
        super().__init__()
        self.lstm = lstm

    def forward(self, *given):
        return self.lstm(*given)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Adapted(nn.LSTM(4, 3)),
        lambda: nn.LSTM(4, 6, bias=False),
        lambda: nn.LSTM(4, 5, 2, proj_size=2),
        lambda: nn.GRU(4, 3),
        lambda: nn.GRU(4, 6, 2),
        lambda: nn.RNN(4, 3),
        lambda: nn.LSTM(4, 3, bidirectional=True),
        lambda: nn.LSTM(4, 5, 2, bidirectional=True, proj_size=2),
        lambda: nn.GRU(4, 3, 2, bidirectional=True),
        lambda: Adapted(nn.RNN(4, 3, bidirectional=True)),
    ],
    ids=[
        *("adapter", "wide", "projected", "gru", "deep gru", "rnn"),
        *("both ways", "projected both ways", "gru both ways", "rnn both ways"),
    ],
)
def test_what_is_put_in_the_place_of_the_lstm_reads(make):
    """One group after another, and as wide as its last states, those of both ways side by side."""
    aggregation = RecurrentAggregation(4, 3, num_layers=2).double()
    aggregation.lstm = make().double()
    x = elements(2)
    out = aggregation(x, INDEX, dim_size=GROUPS)
    for group in range(GROUPS):
        chosen = x[:, group == INDEX].transpose(0, 1)
        if not len(chosen):
            assert not out[:, group].any()
            continue
        last = aggregation.lstm(chosen)[1]
        last = last[0] if isinstance(last, tuple) else last
        both = any("reverse" in name for name, _ in aggregation.lstm.named_parameters())
        assert_close(out[:, group], torch.cat([last[-2], last[-1]], 1) if both else last[-1])


def test_gradcheck():
    aggregation = RecurrentAggregation(4, 2).double()
    names, values = zip(*aggregation.named_parameters(), strict=True)

    def run(x, *parameters):
        state = dict(zip(names, parameters, strict=True))
        return torch.func.functional_call(aggregation, state, (x, INDEX), {"dim_size": GROUPS})

    assert torch.autograd.gradcheck(run, (elements().requires_grad_(), *values))


def saved_bytes(aggregation, *arguments) -> int:
    """Bytes that the forward pass keeps for the backward pass."""
    held = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes(), tensor  # alive, or its place is taken again
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        aggregation(*arguments)
    return sum(size for size, _ in held.values())


def test_a_star_beside_a_thousand_isolated_nodes():
    """2,000 leaves are read as they are alone; the nodes beside cost nothing but their number."""
    aggregation = RecurrentAggregation(4, 3).double()
    x = torch.randn(2000, 4, dtype=torch.float64, requires_grad=True)
    hub = torch.full((2000,), 500)
    out = aggregation(x, hub, dim_size=1001)
    (cell,) = cells(aggregation)
    held = None
    for element in x:
        held = cell(element, held)
    assert (out[500] - held[0]).abs().max() < 1e-12
    assert (out.any(1).nonzero() == 500).all()
    alone = saved_bytes(aggregation, x, hub - 500, None, 1)
    assert saved_bytes(aggregation, x, hub, None, 1001) - alone <= 16 * 1001
    # padded to the largest group, a tenth of the isolated nodes beside a tenth of the leaves
    # takes a hundred times as much
    few, place = x[:200], torch.zeros(200, dtype=torch.long)
    padded = saved_bytes(LSTMAggregation(4, 3).double(), few, place, None, 101)
    assert padded > 80 * saved_bytes(aggregation, few, place, None, 101)


def test_equals_the_padded_form_where_nothing_is_padded():
    theirs = LSTMAggregation(4, 3).double()
    ours = RecurrentAggregation(4, 3).double()
    ours.load_state_dict(theirs.state_dict())
    x, index = elements(), torch.arange(7).repeat_interleave(2)
    assert_close(ours(x, index), theirs(x, index))
    uneven = INDEX.sort().values  # only the largest group is not filled up
    gap = (ours(x, uneven) - theirs(x, uneven)).abs().amax(1)
    assert (gap > 1e-3).tolist() == [True, True, True, True, True, False]


def test_a_cell_that_adds_up():
    """With open gates the cell is the sum of tanh(x), in whatever order."""
    aggregation = RecurrentAggregation(4, 4).double()
    with torch.no_grad():
        for parameter in aggregation.parameters():
            parameter.zero_()
        aggregation.lstm.weight_ih_l0[8:12] = torch.eye(4)
        for gate in (0, 1, 3):  # the sigmoid of 100 is 1 to the last digit
            aggregation.lstm.bias_ih_l0[4 * gate : 4 * gate + 4] = 100
    x = elements() / 10
    total = x.new_zeros(GROUPS, 4).index_add(0, INDEX, x.tanh())
    assert_close(aggregation(x, INDEX, dim_size=GROUPS), total.tanh())
    order = torch.randperm(len(INDEX))
    assert_close(aggregation(x[order], INDEX[order], dim_size=GROUPS), total.tanh())


def test_order_within_a_group_counts_and_no_other():
    aggregation = RecurrentAggregation(4, 3).double()
    x = elements()
    out = aggregation(x, INDEX, dim_size=GROUPS)
    apart = INDEX.sort(stable=True).indices
    assert_close(aggregation(x[apart], INDEX[apart], dim_size=GROUPS), out)
    back = torch.arange(len(INDEX)).flip(0)
    turned = aggregation(x[back], INDEX[back], dim_size=GROUPS)
    assert ((turned - out)[[0, 1, 3, 5]].abs().amax(1) > 1e-3).all()


def test_edges_sorted_by_source_are_read_by_the_numbers_of_the_nodes():
    edge_index = torch.stack([torch.randperm(9), torch.full((9,), 4)])
    x = torch.randn(9, 4, dtype=torch.float64)
    aggregation = RecurrentAggregation(4, 3).double()
    out = SimpleConv(aggr=aggregation)(x, sort_edge_index(edge_index))
    assert_close(out[4:5], aggregation(x))


def test_axes_and_pointers():
    aggregation = RecurrentAggregation(4, 3).double()
    x, index = elements(2, 3), INDEX.sort()[0]
    ptr = torch.searchsorted(index, torch.arange(GROUPS + 1))
    expected = [by_cells(aggregation, each, index, GROUPS) for each in x.flatten(0, 1)]
    expected = torch.stack(expected).unflatten(0, (2, 3))
    assert_close(aggregation(x, index, dim_size=GROUPS), expected)
    assert_close(aggregation(x, ptr=ptr), expected)
    assert_close(aggregation(x, ptr=ptr.int()), expected)
    assert_close(aggregation(x.movedim(2, 0), ptr=ptr, dim=0), expected.movedim(2, 0))
    assert_close(aggregation(x.movedim(2, 1), ptr=ptr, dim=1), expected.movedim(2, 1))


def test_nothing_to_read():
    aggregation = RecurrentAggregation(4, 3)
    x = torch.randn(0, 4, requires_grad=True)
    out = aggregation(x, torch.empty(0, dtype=torch.long), dim_size=2)
    assert torch.equal(out, torch.zeros(2, 3))
    out.sum().backward()
    ptr = torch.zeros(3, dtype=torch.long)
    assert torch.equal(aggregation(x.view(0, 1, 4), ptr=ptr, dim=0), torch.zeros(2, 1, 3))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((0, 3), "in_channels: got 0"),
        ((4, 0), "out_channels: got 0"),
        ((4, 3, {"num_layers": 0}), "num_layers: got 0"),
        ((4, 3, {"bidirectional": True}), "unknown argument 'bidirectional'"),
    ],
)
def test_bad_arguments(arguments, words):
    *sizes, options = arguments if isinstance(arguments[-1], dict) else (*arguments, {})
    with pytest.raises((TypeError, ValueError)) as caught:
        RecurrentAggregation(*sizes, **options)
    assert words in str(caught.value)


def test_bad_inputs():
    aggregation = RecurrentAggregation(4, 3)
    x, index = torch.randn(3, 4), torch.tensor([0, 1, 1])
    for given, words in (
        (lambda: aggregation(x[:, :3], index), "x: got shape (3, 3), expected [..., N, 4]"),
        (lambda: aggregation(x.long(), index), "x: got dtype torch.int64"),
        (lambda: aggregation(torch.randn(4, 4), dim=-1), "dim: got -1"),
        (lambda: aggregation(x, index[:2]), "index: got shape (2,), expected [3]"),
        (lambda: aggregation(x, index - 1), "outside [0, 1)"),
        (lambda: aggregation(x, ptr=torch.tensor([0, 2])), "ptr: got 0 to 2"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            given()
        assert words in str(caught.value)


def test_repr_makes_it_again():
    for text in ("RecurrentAggregation(4, 3)", "RecurrentAggregation(4, 3, num_layers=2)"):
        assert repr(eval(text)) == text
