"""Against LSTM cells and softmaxes written out, all sequences of small graphs, and exact draws."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch_geometric.data import Batch

from graphpoly.data import point_sets
from graphpoly.layers.groups import read_groups
from graphpoly.models import PointerNetwork
from graphpoly.ops.pool import segments
from graphpoly.testing import assert_close

VISITS = ("once", "all", "any")
BOTH = ("lstm", "graph")


def network(visits="once", *, encoder="lstm", num_layers=1, width=6, seed=0):
    torch.manual_seed(seed)
    net = PointerNetwork(2, width, num_layers=num_layers, encoder=encoder, visits=visits).double()
    with torch.no_grad():  # scores that lie apart, so that what is second may come first
        for parameter in net.parameters():
            parameter.mul_(4)
    return net.eval()


def tours(sizes, seed=0):
    batch = Batch.from_data_list(point_sets("tour", len(sizes), sizes, seed=seed))
    batch.x = batch.x.double()
    return batch


def cell(lstm, layer=0):
    width = lstm.input_size if layer == 0 else lstm.hidden_size
    made = nn.LSTMCell(width, lstm.hidden_size).double()
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        setattr(made, name, getattr(lstm, f"{name}_l{layer}"))
    return made


def by_cells(net, x, answer):
    """The definition for one graph: one cell, one score, one softmax after another."""
    state = None
    encoder, states = cell(net.lstm), []
    for row in x:
        state = encoder(row.unsqueeze(0), state)
        states.append(state[0])
    states.append(net.end.unsqueeze(0))
    decoder, feed, seen, result = cell(net.decoder), net.start, [], []
    for wanted in [*answer, len(x)]:
        state = decoder(feed.unsqueeze(0), state)
        score = [
            net.lin_score(torch.tanh(net.lin_node(each) + net.lin_step(state[0]))).squeeze()
            for each in states
        ]
        free = [j for j in range(len(x) + 1) if net.visits == "any" or j not in seen]
        if net.visits == "all" and len(seen) < len(x):
            free.remove(len(x))
        total = sum(score[j].exp() for j in free)
        result.append((score[wanted].exp() / total).log())
        seen.append(wanted)
        feed = x[wanted] if wanted < len(x) else feed
    return torch.stack(result)


@pytest.mark.parametrize("visits", VISITS)
def test_equals_cells_and_softmaxes_graph_by_graph(visits):
    net = network(visits)
    x = torch.randn(8, 2, dtype=torch.float64)
    graph = torch.tensor([0, 0, 0, 1, 3, 3, 3, 3])  # graph 2 has no nodes
    answers = {
        "once": ([2, 0], [], [], [1, 3, 0]),
        "all": ([2, 0, 1], [0], [], [1, 3, 0, 2]),
        "any": ([2, 2, 0, 2], [0], [], [1]),
    }[visits]
    start = (0, 3, 4, 4)
    pointer = torch.tensor([b + v for b, each in zip(start, answers, strict=True) for v in each])
    length = torch.tensor([len(each) for each in answers])
    found = net(x, torch.empty(2, 0).long(), pointer, length, batch=graph, batch_size=4)
    wanted = [
        by_cells(net, x[graph == b], answer) if b != 2 else by_cells_of_nothing(net)
        for b, answer in enumerate(answers)
    ]
    assert_close(found, torch.cat(wanted))


def by_cells_of_nothing(net):
    return torch.zeros(1, dtype=torch.float64)  # what is left is to end


def every_answer(net, size):
    """All answers for so many nodes, as positions."""
    least = size if net.visits == "all" else 0
    return [
        answer
        for count in range(least, size + 1)
        for answer in itertools.permutations(range(size), count)
    ]


def log_prob(net, x, edges, answer):
    pointer, length = torch.tensor(answer, dtype=torch.long), torch.tensor([len(answer)])
    return net(x, edges, pointer, length).sum()


@pytest.mark.parametrize("encoder", BOTH)
@pytest.mark.parametrize("visits", ["once", "all"])
def test_probabilities_of_all_answers_add_up_to_one(visits, encoder):
    net, data = network(visits, encoder=encoder), tours([4])
    every = [log_prob(net, data.x, data.edge_index, each) for each in every_answer(net, 4)]
    assert len(every) == (24 if visits == "all" else 1 + 4 + 12 + 24 + 24)
    assert_close(torch.stack(every).exp().sum(), torch.tensor(1.0, dtype=torch.float64))


@pytest.mark.parametrize("encoder", BOTH)
@pytest.mark.parametrize("visits", ["once", "all"])
def test_a_wide_beam_finds_the_likeliest_of_all_answers(visits, encoder):
    net, data = network(visits, encoder=encoder, seed=2), tours([4, 2, 3], seed=1)
    found = net.decode(data.x, data.edge_index, batch=data.batch, beam=70)
    parts = found.pointer.split(found.length.tolist())
    for b, part in enumerate(parts):
        one = data[b]
        every = {
            each: log_prob(net, one.x, one.edge_index, each).item()
            for each in every_answer(net, one.num_nodes)
        }
        best = max(every, key=every.get)
        assert tuple((part - data.ptr[b]).tolist()) == best
        assert float(found.log_prob[b]) == pytest.approx(every[best], abs=1e-12)


@pytest.mark.parametrize("encoder", BOTH)
@pytest.mark.parametrize("visits", VISITS)
@pytest.mark.parametrize("beam", [1, 3])
def test_what_is_found_has_the_probability_that_is_said(visits, encoder, beam):
    net, data = network(visits, encoder=encoder, num_layers=2), tours([5, 2, 6, 3])
    found = net.decode(data.x, data.edge_index, batch=data.batch, beam=beam, max_steps=40)
    steps = net(data.x, data.edge_index, found.pointer, found.length, batch=data.batch)
    parts = steps.split((found.length + 1).tolist())  # what is cut off has no end
    assert_close(found.log_prob, torch.stack([part[:40].sum() for part in parts]))
    if visits != "any":
        assert len(set(found.pointer.tolist())) == len(found.pointer)
    if visits == "all":
        assert torch.equal(found.length, torch.bincount(data.batch))


@pytest.mark.parametrize("visits", ["once", "all"])
def test_a_beam_overtakes_what_is_likeliest_step_by_step(visits):
    better = 0
    for seed in range(8):
        net, data = network(visits, num_layers=2, seed=seed), tours([5, 2, 6, 3])
        given = (data.x, data.edge_index)
        first, found = (net.decode(*given, batch=data.batch, beam=beam) for beam in (1, 3))
        steps = net(*given, found.pointer, found.length, batch=data.batch)
        each = torch.stack([part.sum() for part in steps.split((found.length + 1).tolist())])
        assert_close(found.log_prob, each)
        better += int((found.log_prob > first.log_prob + 1e-9).sum())
    assert better > 0


def test_one_sequence_after_another_is_the_likeliest_step():
    net, data = network("once", seed=3), tours([6])
    found = net.decode(data.x, data.edge_index)
    answer = []
    while True:
        tried = [v for v in range(6) if v not in answer]
        each = {v: log_prob_of_step(net, data, [*answer, v]) for v in tried}
        last = net(data.x, data.edge_index, *pointed(answer))[-1].item()
        if not each or last > max(each.values()):
            break
        answer.append(max(each, key=each.get))
    assert found.pointer.tolist() == answer


def pointed(answer):
    return torch.tensor(answer, dtype=torch.long), torch.tensor([len(answer)])


def log_prob_of_step(net, data, answer):
    return net(data.x, data.edge_index, *pointed(answer))[-2].item()


def test_draws_have_their_probabilities():
    net, one = network("once", seed=5), tours([2])
    many = 4000
    every = every_answer(net, 2)
    wanted = torch.stack([log_prob(net, one.x, one.edge_index, each) for each in every]).exp()
    x, batch = one.x.repeat(many, 1), torch.arange(many).repeat_interleave(2)
    edges = torch.empty(2, 0, dtype=torch.long)
    drawn = [
        net.decode(x, edges, batch=batch, generator=torch.Generator().manual_seed(seed))
        for seed in (5, 5, 6)
    ]
    assert torch.equal(drawn[0].pointer, drawn[1].pointer)
    assert not torch.equal(drawn[0].length, drawn[2].length)
    first = torch.arange(many) * 2
    parts = drawn[0].pointer.split(drawn[0].length.tolist())
    held = [tuple((part - b).tolist()) for part, b in zip(parts, first, strict=True)]
    share = torch.tensor([held.count(each) / many for each in every], dtype=torch.float64)
    spread = (wanted * (1 - wanted) / many).sqrt()
    assert bool(((share - wanted).abs() <= 5 * spread).all())
    assert wanted.min() > 0.01
    assert torch.equal(net.decode(x, edges, batch=batch).pointer.unique(), drawn_greedily(net, one))


def drawn_greedily(net, one):
    """Without a generator all copies get the same answer."""
    alone = net.decode(one.x, one.edge_index).pointer
    return (alone.unsqueeze(1) + torch.arange(4000) * 2).flatten().sort().values


@pytest.mark.parametrize("encoder", BOTH)
@pytest.mark.parametrize("beam", [1, 4])
def test_graphs_of_a_batch_get_what_they_get_alone(encoder, beam):
    net, data = network("once", encoder=encoder, num_layers=2), tours([3, 7, 2, 5])
    steps = net(data.x, data.edge_index, data.pointer, data.length, batch=data.batch)
    found = net.decode(data.x, data.edge_index, batch=data.batch, beam=beam)
    alone = [net(one.x, one.edge_index, one.pointer, one.length) for one in data.to_data_list()]
    assert_close(steps, torch.cat(alone))
    for b, part in enumerate(found.pointer.split(found.length.tolist())):
        one = net.decode(data[b].x, data[b].edge_index, beam=beam)
        assert torch.equal(part - data.ptr[b], one.pointer)
        assert_close(found.log_prob[b : b + 1], one.log_prob)


def test_renamed_nodes_are_found_under_their_new_names_along_edges_alone():
    data = tours([6])
    order = torch.randperm(6, generator=torch.Generator().manual_seed(2))
    x = torch.empty_like(data.x).index_copy(0, order, data.x)
    for encoder in BOTH:
        net = network("once", encoder=encoder, num_layers=2)
        old = net(data.x, data.edge_index, data.pointer, data.length)
        new = net(x, order[data.edge_index], order[data.pointer], data.length)
        assert torch.allclose(old, new) == (encoder == "graph")
        found = net.decode(data.x, data.edge_index, beam=2).pointer
        if encoder == "graph":
            assert torch.equal(net.decode(x, order[data.edge_index], beam=2).pointer, order[found])


def test_nodes_of_a_batch_may_stand_in_any_order():
    net, data = network("once"), tours([4, 3])
    order = torch.tensor([4, 0, 5, 1, 2, 6, 3])  # the order within each graph is kept
    back = torch.empty_like(order).index_copy(0, order, torch.arange(7))
    edges = torch.empty(2, 0, dtype=torch.long)
    old = net(data.x, edges, data.pointer, data.length, batch=data.batch)
    new = net(data.x[order], edges, back[data.pointer], data.length, batch=data.batch[order])
    assert_close(new, old)


@pytest.mark.parametrize("encoder", BOTH)
@pytest.mark.parametrize("visits", VISITS)
def test_gradients(visits, encoder):
    net, data = network(visits, encoder=encoder, width=3), tours([3, 2])
    parameters = list(net.parameters())
    x = data.x.clone().requires_grad_()

    def run(x, *values):
        held = dict(zip([name for name, _ in net.named_parameters()], values, strict=True))
        given = (x, data.edge_index, data.pointer, data.length)
        return torch.func.functional_call(net, held, given, {"batch": data.batch})

    assert torch.autograd.gradcheck(run, (x, *parameters))
    run(x, *parameters).sum().backward()
    assert [name for name, each in net.named_parameters() if each.grad is None] == []


def test_nothing_is_padded():
    """A graph of many nodes beside many of few: memory of pairs, not of the largest times all."""
    net, sizes = network("any"), [40] + [2] * 60
    data = tours([2] * 60)
    x = torch.cat([torch.rand(40, 2, dtype=torch.float64), data.x])
    batch = torch.repeat_interleave(torch.tensor(sizes))
    length = torch.tensor([3] + [2] * 60)
    pointer = torch.cat([torch.tensor([1, 2, 3]), data.pointer + 40])
    held = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: held.append(t.numel()), lambda t: t):
        net(x, torch.empty(2, 0).long(), pointer, length, batch=batch)
    assert max(held) <= 6 * (4 * 41 + 60 * 3 * 3)  # C times the pairs of steps and candidates


def test_prints_saves_and_starts_anew():
    along = PointerNetwork(2, 8, num_layers=2, encoder="graph", visits="any")
    assert repr(along) == "PointerNetwork(2, 8, num_layers=2, encoder='graph', visits='any')"
    assert repr(PointerNetwork(2, 8)) == "PointerNetwork(2, 8)"
    data = tours([4, 3])
    given = (data.x.float(), data.edge_index, data.pointer, data.length)
    for net in (along, PointerNetwork(2, 8)):
        expected = net(*given, batch=data.batch)
        held = {name: value.clone() for name, value in net.state_dict().items()}
        net.reset_parameters()
        changed = [name for name, value in net.state_dict().items() if (value != held[name]).all()]
        assert len(changed) == len(held)
        net.load_state_dict(held)
        assert torch.equal(net(*given, batch=data.batch), expected)


def test_a_sequence_that_does_not_end_is_cut():
    net, data = network("any"), tours([3, 2])
    with torch.no_grad():
        net.end.fill_(0)
        net.lin_score.weight.fill_(1)
        net.lin_node.weight.fill_(0)
        net.lin_step.weight.fill_(0)  # nothing is likelier: the first of equals
    assert net.decode(data.x, data.edge_index, batch=data.batch).length.tolist() == [19, 19]
    cut = net.decode(data.x, data.edge_index, batch=data.batch, max_steps=2)
    assert cut.pointer.tolist() == [0, 0, 3, 3]
    assert_close(cut.log_prob, -2 * torch.tensor([4.0, 3.0]).double().log())


def test_an_lstm_along_groups_starts_where_it_is_told():
    lstm = nn.LSTM(2, 3, 2).double()
    index = torch.tensor([1, 0, 1, 3, 1])
    rows, start = torch.randn(5, 2).double(), torch.randn(2, 2, 4, 3).double()
    states, hidden, memory = read_groups(lstm, rows, segments(index, 4), start)
    for group in range(4):
        mine = (index == group).nonzero().view(-1)
        first = start[:, :, group].contiguous()
        if not len(mine):
            assert torch.equal(torch.stack([hidden[:, group], memory[:, group]]), first)
            continue
        out, (h, c) = lstm(rows[mine], (first[0], first[1]))
        assert_close(states[mine], out)
        assert_close(hidden[:, group], h)
        assert_close(memory[:, group], c)


@pytest.mark.parametrize("visits", VISITS)
@pytest.mark.parametrize("encoder", BOTH)
def test_a_batch_of_no_graphs_has_no_steps(visits, encoder):
    net, none = network(visits, encoder=encoder), torch.empty(0, dtype=torch.long)
    x, edges = torch.empty(0, 2).double(), torch.empty(2, 0, dtype=torch.long)
    out = net(x, edges, none, none, batch=none, batch_size=0)
    assert out.shape == (0,)
    out.sum().backward()
    for chance in (None, torch.Generator()):
        found = net.decode(x, edges, batch=none, batch_size=0, generator=chance)
        assert [each.shape for each in found] == [(0,)] * 3


def test_bad_inputs():
    net, data = PointerNetwork(2, 4), tours([3, 2])
    x, edges, graph = data.x.float(), data.edge_index, {"batch": data.batch}
    pointer, length = data.pointer, data.length
    for given, words in (
        (lambda: PointerNetwork(2, 4, encoder="lst"), "did you mean 'lstm'"),
        (lambda: PointerNetwork(2, 4, visits="twice"), "unknown visits 'twice'"),
        (lambda: PointerNetwork(2, 0), "hidden_channels: got 0"),
        (lambda: PointerNetwork(2, 4, visit="all"), "did you mean 'visits'"),
        (lambda: net(x[:, :1], edges, pointer, length, **graph), "x: got shape"),
        (lambda: net(x, edges, pointer.float(), length, **graph), "pointer: got torch.float32"),
        (lambda: net(x, edges, pointer, length.int(), **graph), "length: got torch.int32"),
        (lambda: net(x, edges, pointer, length[:1], **graph), "expected [L] and [2]"),
        (lambda: net(x, edges, pointer[1:], length, **graph), "length: adds up to 5"),
        (lambda: net(x, edges, pointer, length.flip(0), **graph), "node of another graph"),
        (lambda: net(x, edges, pointer - 1, length, **graph), "outside the batch of 5 nodes"),
        (lambda: net(x, edges, torch.tensor([0, 0]), torch.tensor([2, 0]), **graph), "twice"),
        (lambda: net.decode(x, edges, beam=0), "beam: got 0"),
        (lambda: net.decode(x, edges, max_steps=0), "max_steps: got 0"),
        (lambda: net.decode(x, edges, beam=2, generator=torch.Generator()), "one sequence"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            given()
        assert words in str(caught.value)
    short = (torch.tensor([0, 1, 3, 4]), torch.tensor([2, 2]))
    with pytest.raises(ValueError, match="ends before each node is pointed at"):
        PointerNetwork(2, 4, visits="all")(x, edges, *short, **graph)
