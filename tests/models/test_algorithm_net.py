"""AlgorithmNet: one step and all of them by hand, batches, orders, and what it learns to follow."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks

from graphpoly.data import algorithm_traces, hint_kinds
from graphpoly.models import AlgorithmNet, tracing
from graphpoly.ops import list_triplets as found
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.testing import assert_close

ALGORITHMS = ("bfs", "bellman_ford", "prim", "minimum", "insertion_sort", "quickselect")
SMALL = {"hidden_channels": 16, "size": 8, "test_size": 10, "train": 96, "val": 24, "test": 24}


def made(data, width=6, **options):
    torch.manual_seed(0)
    given = {
        "hints": hint_kinds(data),
        "answer": "pointer" if "pointer" in data else "mark",
        "weighted": "edge_weight" in data,
    }
    return AlgorithmNet(data.num_features, width, **{**given, **options}).double()


def called(net, data, **changes):
    """What it says of a graph or a batch."""
    hints = {key: each for key, each in data.to_dict().items() if key.startswith("hint_")}
    start = {key.removeprefix("hint_"): each[:, 0] for key, each in hints.items()}
    weight = data.get("edge_weight")
    given = {
        "x": data.x.double(),
        "edge_index": data.edge_index,
        "steps": data.steps,
        "start": start,
        "edge_weight": None if weight is None else weight.double(),
        "batch": data.get("batch"),
    }
    return net(**{**given, **changes})


def by_hand(net, data):
    """One step after another on one graph, each node choosing among its edges by itself."""
    source, target = data.edge_index
    kinds, size = net.hints, data.num_nodes
    weight = data.get("edge_weight", torch.ones(source.numel())).double().unsqueeze(1)
    now = {name: data[f"hint_{name}"][:, 0].clone() for name in kinds}
    for name, kind in kinds.items():
        now[name] = now[name].double() if kind != "pointer" else now[name]
    for name in [name for name, kind in kinds.items() if kind == "pointer"]:
        ends = zip(source.tolist(), target.tolist(), strict=True)
        now[name] = torch.tensor([float(now[name][i] == j) for j, i in ends]).double()
    h, said = torch.zeros(size, net.hidden_channels).double(), {name: [] for name in kinds}

    def chosen(score, member):
        out = score.clone()
        for one in member.unique():
            out[member == one] = torch.log_softmax(score[member == one], 0)
        return out

    for _ in range(data.steps.size(1) - 1):
        of = {kind: [now[n].unsqueeze(1) for n in kinds if kinds[n] in kind] for kind in
              (("mask", "value"), ("pointer",), ("graph",))}  # fmt: skip
        z = net.lin_node(torch.cat([data.x.double(), *of["mask", "value"]], 1))
        e = net.lin_edge(torch.cat([weight, *of["pointer",]], 1))
        g = net.lin_graph(torch.cat(of["graph",], 1)) if of["graph",] else None
        z = torch.cat([z, h], 1)
        new, heard = net.conv(z, data.edge_index, e, graph_attr=g, return_edge_attr=True)
        new = torch.relu(new)
        gate = torch.sigmoid(net.gate(torch.cat([z, new], 1)))
        h = gate * net.norm(new) + (1 - gate) * h
        r, along = torch.cat([z, h], 1), torch.cat([e, torch.relu(heard)], 1)
        for name, kind in [*kinds.items(), ("answer", net.answer)]:
            decoder = net.decoders[f"to_{name}"]
            if kind == "pointer":
                score = torch.stack(
                    [
                        decoder.lin_out(
                            torch.maximum(
                                decoder.lin_target(r[i]),
                                decoder.lin_source(r[j]) + decoder.lin_edge(along[k]),
                            )
                        )[0]
                        for k, (j, i) in enumerate(zip(source, target, strict=True))
                    ]
                )
                raw = chosen(score, target)
                soft = raw.exp()
            elif kind == "graph":
                raw = soft = decoder(r.amax(0, keepdim=True))[:, 0]
            else:
                raw = decoder(r)[:, 0]
                soft = torch.sigmoid(raw) if kind == "mask" else raw
            if name == "answer":
                answer = raw if kind == "pointer" else chosen(raw, torch.zeros(size))
            else:
                now[name] = soft
                said[name].append(raw)
    return answer, {name: torch.stack(each, 1) for name, each in said.items()}


@pytest.mark.parametrize("aggregation", ["max", "lstm"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_it_is_what_is_written(algorithm, aggregation):
    (data,) = algorithm_traces(algorithm, 1, (4,), seed=3)
    keep = slice(0, 4)
    for key in [key for key in data.to_dict() if key.startswith(("hint_", "steps"))]:
        data[key] = data[key][:, keep]
    data.steps = torch.ones_like(data.steps)
    net = made(data, aggregation=aggregation)
    traced, (answer, hints) = called(net, data), by_hand(net, data)
    assert_close(traced.answer, answer)
    assert traced.hints.keys() == hints.keys()
    for name, each in hints.items():
        assert_close(traced.hints[name], each)


def test_edges_may_come_in_any_order():
    (data,) = algorithm_traces("bellman_ford", 1, (7,), seed=1)
    net, order = made(data), torch.randperm(data.num_edges)
    before = called(net, data)
    changes = {"edge_index": data.edge_index[:, order]}
    after = called(net, data, **changes, edge_weight=data.edge_weight[order].double())
    assert_close(after.answer, before.answer[order])
    assert_close(after.hints["pointer"], before.hints["pointer"][order])
    assert_close(after.hints["distance"], before.hints["distance"])


@pytest.mark.parametrize("aggregation", ["max", "lstm"])
def test_the_mask_of_an_explainer_goes_with_its_edges(aggregation):
    data = algorithm_traces("bellman_ford", 1, (6,), seed=2)[0]
    net, count = made(data, aggregation=aggregation).eval(), data.num_edges
    order = data.edge_index[1].argsort(stable=True)  # nodes hear the same in the same order
    mask = torch.rand(count, generator=torch.Generator().manual_seed(1)).double()

    def masked(mask, order=slice(None)):
        edges = data.edge_index[:, order]
        set_masks(net, mask[order], edges, apply_sigmoid=False)
        answer = called(net, data, edge_index=edges, edge_weight=data.edge_weight[order].double())
        clear_masks(net)
        return torch.empty_like(mask).index_copy(0, torch.arange(count)[order], answer.answer)

    plain = called(net, data).answer
    assert not torch.equal(order, torch.arange(count))
    assert_close(masked(torch.ones(count).double()), plain)
    assert_close(masked(mask, order), masked(mask))
    assert not torch.allclose(masked(mask), plain)


@pytest.mark.parametrize("algorithm", ["prim", "quickselect"])
@pytest.mark.parametrize("aggregation", ["max", "lstm"])
def test_a_batch_is_its_graphs_each_with_steps_of_its_own(algorithm, aggregation):
    graphs = algorithm_traces(algorithm, 3, (5, 2, 6), seed=2)
    assert len({int(graph.steps.sum()) for graph in graphs}) > 1
    net = made(graphs[0], aggregation=aggregation)
    whole = called(net, Batch.from_data_list(graphs))
    assert_close(whole.answer, torch.cat([called(net, each).answer for each in graphs]))
    for name in net.hints:
        assert_close(whole.hints[name], torch.cat([called(net, g).hints[name] for g in graphs]))
    # behind the last step of a graph its answer stays
    alone = [called(net, each, steps=each.steps[:, : int(each.steps.sum())]) for each in graphs]
    assert_close(whole.answer, torch.cat([each.answer for each in alone]))


def test_numbers_of_nodes_are_nothing_to_the_largest_message_and_something_to_an_order():
    (data,) = algorithm_traces("bfs", 1, (6,), seed=4)
    place = torch.randperm(6)
    moved = data.clone()
    moved.edge_index = place[data.edge_index]
    rank = (moved.edge_index[1] * 6 + moved.edge_index[0]).argsort()
    moved.edge_index = moved.edge_index[:, rank]
    moved.x = torch.empty_like(data.x).index_copy(0, place, data.x)
    for name in ("reached", "pointer"):
        hint = data[f"hint_{name}"]
        hint = place[hint] if name == "pointer" else hint
        moved[f"hint_{name}"] = torch.empty_like(hint).index_copy(0, place, hint)
    for aggregation, same in (("max", True), ("lstm", False)):
        net = made(data, aggregation=aggregation)
        before, after = called(net, data).answer[rank], called(net, moved).answer
        assert torch.allclose(before, after, rtol=0, atol=1e-10) == same


def test_without_a_step_nothing_is_said():
    (data,) = algorithm_traces("insertion_sort", 1, (3,), seed=1)
    net = made(data)
    traced = called(net, data, steps=torch.ones(1, 1).bool())
    assert_close(traced.answer.exp(), torch.full((9,), 1 / 3, dtype=torch.float64))
    assert {name: tuple(each.shape) for name, each in traced.hints.items()} == {
        "pointer": (9, 0),
        "node": (3, 0),
        "behind": (3, 0),
    }


def test_gradients_and_every_parameter():
    (data,) = algorithm_traces("quickselect", 1, (4,), seed=1)
    net = made(data, 3)
    x = data.x.double().requires_grad_()
    steps = data.steps[:, :4]
    assert torch.autograd.gradcheck(lambda x: called(net, data, x=x, steps=steps).answer, x)
    traced = called(net, data)
    sum(each.pow(2).sum() for each in (traced.answer, *traced.hints.values())).backward()
    assert [name for name, each in net.named_parameters() if each.grad is None] == []


def test_it_repeats_saves_and_starts_anew(tmp_path):
    (data,) = algorithm_traces("bfs", 1, (5,), seed=1)
    net = made(data, aggregation="lstm")
    before = called(net, data).answer
    assert torch.equal(called(net, data).answer, before)
    assert repr(eval(repr(net), {"AlgorithmNet": AlgorithmNet})) == repr(net)
    net.save_pretrained(tmp_path)
    again = AlgorithmNet.from_pretrained(tmp_path).double()
    assert torch.allclose(called(again, data).answer, before)
    net.reset_parameters()
    assert not torch.allclose(called(net, data).answer, before)
    assert (net.gate[-1].bias == -3).all()


@pytest.mark.parametrize(
    ("dataset", "changes", "least"),
    [
        ("minimum", {}, 0.8),
        ("bfs", {"aggregation": "lstm"}, 0.8),
        ("insertion-sort", {"epochs": 1}, 0),
    ],
)
def test_larger_problems_than_it_learned_from_by_the_command_line(
    dataset, changes, least, tmp_path
):
    small = {**SMALL, "epochs": 12, "lr": 0.005, "batch_size": 16, "watch_train": False}
    recipe = recipe_for("AlgorithmNet", dataset)
    outcome = run_recipe(recipe, seeds=1, out=tmp_path, overrides={**small, **changes})
    assert outcome.experiments["AlgorithmNet"].mean > least
    histories = list(tmp_path.rglob("history.csv"))  # the test is scored at the end alone
    assert [path.read_text().splitlines()[0] for path in histories] == ["epoch,loss,val,val_loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hints": {"a": "points"}}, "unknown kind of 'a'"),
        ({"hints": {"answer": "mask"}}, "hints: got 'answer'"),
        ({"hints": {}, "answer": "marks"}, "did you mean 'mark'"),
        ({"hints": {}, "aggregation": "sum"}, "unknown aggregation 'sum'"),
    ],
)
def test_errors(options, message):
    with pytest.raises(ValueError, match=message):
        AlgorithmNet(2, 4, **options)


def test_what_is_read_has_to_be_there():
    bfs, paths = (algorithm_traces(name, 1, (3,))[0] for name in ("bfs", "bellman_ford"))
    for net, data, message in (
        (made(bfs), paths, "edge_weight: got a tensor"),
        (made(paths), bfs, "edge_weight: got None"),
    ):
        with pytest.raises(ValueError, match=message):
            called(net, data)
    with pytest.raises(ValueError, match="start: has no pointer, reached"):
        called(made(bfs), bfs, start={})


def test_what_does_not_fit_is_refused_by_name():
    data = algorithm_traces("quickselect", 1, (3,))[0]
    data.edge_weight = torch.rand(data.num_edges)
    net = made(data)
    start = {name: data[f"hint_{name}"][:, 0] for name in net.hints}

    def starting(**changes):
        return {"start": {**start, **changes}}

    for changes, words in (
        ({"steps": data.steps[0]}, "steps: got shape"),
        ({"steps": data.steps.repeat(2, 1)}, "steps: got shape"),
        ({"steps": data.steps.float()}, "steps: got torch.float32, expected bool"),
        ({"edge_weight": torch.rand(2)}, "edge_weight: got shape (2,), expected [9]"),
        ({"edge_weight": torch.rand(9, 1)}, "edge_weight: got shape (9, 1), expected [9]"),
        (starting(pointer=torch.arange(4)), "start['pointer']: got shape [4], expected [3]"),
        (starting(pointer=torch.tensor([0, 1, 3])), "start['pointer']: got 0 to 3"),
        (starting(pointer=torch.zeros(3)), "start['pointer']: got dtype torch.float32"),
        (starting(slot=start["slot"][:2]), "start['slot']: got shape [2], expected [3]"),
        (starting(slot=start["slot"].view(3, 1)), "start['slot']: got shape [3, 1], expected [3]"),
        (starting(rank=torch.zeros(2)), "start['rank']: got shape [2], expected [1]"),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            called(net, data, **changes)
        assert words in str(caught.value)


def test_lengths_have_the_precision_of_the_features():
    data = algorithm_traces("bellman_ford", 1, (5,))[0]
    net, weight = made(data).float(), data.edge_weight
    wanted = called(net, data, x=data.x, edge_weight=weight).answer
    assert torch.equal(called(net, data, x=data.x, edge_weight=weight.double()).answer, wanted)


def test_values_of_a_sparse_adjacency_are_lengths():
    data = algorithm_traces("bellman_ford", 1, (5,), seed=1)[0]
    net, wanted = made(data), called(made(data), data)
    ends, weight = data.edge_index.flip(0), data.edge_weight.double()
    adj_t = torch.sparse_coo_tensor(ends, weight, (5, 5)).coalesce()
    order = torch.sparse_coo_tensor(ends, torch.arange(1.0, 1 + len(weight)), (5, 5)).coalesce()
    place = order.values().long() - 1
    found = called(net, data, edge_index=adj_t, edge_weight=None)
    assert_close(found.answer, wanted.answer[place])
    assert_close(found.hints["distance"], wanted.hints["distance"])
    with pytest.raises(ValueError, match="edge_weight: the sparse adjacency has values already"):
        called(net, data, edge_index=adj_t, edge_weight=weight)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_triplets_are_listed_where_pointers_are_read(algorithm, monkeypatch):
    (data,) = algorithm_traces(algorithm, 1, (4,))
    net, listed = made(data), []
    monkeypatch.setattr(tracing, "list_triplets", lambda adj: listed.append(1) or found(adj))
    called(net, data)
    assert len(listed) == (algorithm != "minimum")
