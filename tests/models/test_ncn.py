"""NCN and NCNC against sums over listed neighbours, and what completion may and may not do."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.testing import assert_close

from graphpoly.models import NCN, NCNC
from graphpoly.models.ncnc import missing_neighbors
from graphpoly.ops import to_csr
from tests.compliance.test_swapped import Twice, maps, of_its_kind, of_pytorch

REFINED = {"head": "refined", "score_layers": 2}
SIZE = 12  # node 11 has no neighbour


def without_bias(lin):
    lin.bias = None
    return lin


def drawn(seed=0, edges=26):
    """A graph with a self-loop and edges that come twice, features, and pairs of all kinds."""
    generator = torch.Generator().manual_seed(seed)
    some = torch.randint(SIZE - 1, (2, edges), generator=generator)
    some = torch.cat([some, some[:, :3], torch.tensor([[4], [4]])], 1)
    edge_index = torch.cat([some, some.flip(0)], 1)
    x = torch.randn(SIZE, 5, generator=generator, dtype=torch.float64)
    pairs = torch.randint(SIZE, (2, 20), generator=generator)
    return x, edge_index, torch.cat([pairs, torch.tensor([[11, 3, 11], [2, 3, 11]])], 1)


def neighbors(edge_index):
    sets = [set() for _ in range(SIZE)]
    for j, i in edge_index.T.tolist():
        if i != j:
            sets[i].add(j)
    return sets


def states(net, x, edge_index):
    """The MPNN with dense matrices."""
    dense = torch.zeros(SIZE, SIZE, dtype=x.dtype)
    dense[edge_index[1], edge_index[0]] = 1
    dense.fill_diagonal_(1)
    root = dense.sum(1).rsqrt()
    smooth = root[:, None] * dense * root
    h = net.lin_in(x)
    if net.encoder == "pure":
        seen = [torch.linalg.matrix_power(smooth, k + 1) @ h for k in range(net.num_layers)]
        h = seen[-1]
    else:
        seen = [h]
    for layer, norm in enumerate(net.norms):
        h = norm(smooth @ (net.lins[layer](h) if net.encoder == "gcn" else h))
        h = h.relu() if net.encoder == "gcn" else h
        seen.append(h)
    return h if net.steps is None else sum(w * h for w, h in zip(net.steps, seen, strict=True))


def score(net, h, between, pair):
    own = run(net.ends, h[pair[0]] * h[pair[1]])
    return run(net.score, net.beta * run(net.shared, between) + own)


def run(perceptron, x):
    """Its linear maps and norms; a ReLU stands behind every norm, and behind a map before a map."""
    parts = [part for part in perceptron if isinstance(part, (nn.Linear, nn.LayerNorm))]
    for part, after in zip(parts, [*parts[1:], None], strict=True):
        norm = isinstance(part, nn.LayerNorm)
        x = F.layer_norm(x, x.shape[-1:], part.weight, part.bias) if norm else x @ part.weight.T
        x = x if norm else x + part.bias
        x = x.relu() if norm or isinstance(after, nn.Linear) else x
    return x


@pytest.mark.parametrize("options", [{}, {"score_layers": 2}, REFINED])
@pytest.mark.parametrize("encoder", ["propagation", "gcn", "pure"])
@pytest.mark.parametrize("jk", [True, False])
@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_scores_are_those_of_listed_neighbours(cls, encoder, jk, options):
    torch.manual_seed(3)
    x, edge_index, pairs = drawn()
    net = cls(5, 8, 2, encoder=encoder, jk=jk, **options).double().eval()
    near, h = neighbors(edge_index), states(net, x, edge_index)
    counted = h if net.refine is None else h + run(net.refine, h)
    # what P is made of: refined states, which are refined again
    again = counted if net.refine is None else counted + run(net.refine, counted)
    nothing = torch.zeros(8, dtype=torch.float64)
    expected = []
    for i, j in pairs.T.tolist():
        between = sum((counted[u] for u in near[i] & near[j]), nothing)
        if cls is NCNC:
            for one, other in ((i, j), (j, i)):
                for u in near[one] - near[other] - {other}:
                    shared = sum((again[w] for w in near[other] & near[u]), nothing)
                    likely = net.calibrated(score(net, counted, shared, (other, u)))
                    between = between + likely.detach() * counted[u]
        expected.append(score(net, h, between, (i, j)))
    assert_close(net(x, edge_index, pairs), torch.cat(expected))


def test_gradients_reach_the_features_past_the_probabilities():
    x, edge_index, pairs = drawn(1)
    plain = NCN(5, 8).double().eval()
    assert torch.autograd.gradcheck(lambda x: plain(x, edge_index, pairs), x.requires_grad_())
    net = NCNC(5, 8).double().eval()
    held = net.encode(x, edge_index)
    rows, missing = missing_neighbors(held.adj, pairs)
    likely = net._likely(held, missing)
    assert not likely.requires_grad
    extra = torch.zeros(pairs.size(1), 8, dtype=x.dtype).index_add(
        0, rows, likely[:, None] * held.h[missing[1]]
    )
    by_hand = score(net, held.h, NCN.between(net, held, pairs) + extra, pairs)
    for ours, theirs in zip(
        torch.autograd.grad(net(x, edge_index, pairs).sum(), [x, net.beta, net.lin_in.weight]),
        torch.autograd.grad(by_hand.sum(), [x, net.beta, net.lin_in.weight]),
        strict=True,
    ):
        assert_close(ours, theirs)


@pytest.mark.parametrize("options", [{}, REFINED])
@pytest.mark.parametrize("encoder", ["propagation", "gcn", "pure"])
@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_autocast_computes_nearly_the_same(cls, encoder, options):
    torch.manual_seed(0)
    x, edge_index, pairs = drawn(2)
    net, x = cls(5, 8, 2, encoder=encoder, **options), x.float()
    for asked in (pairs[:, :3], pairs.repeat(1, 40)):  # few, and enough to fold maps
        wanted = net(x, edge_index, asked)
        with torch.autocast("cpu", torch.bfloat16):
            out = net(x, edge_index, asked)
        gradient = torch.autograd.grad(out.float().sum(), [*net.parameters()])
        assert all(bool(each.isfinite().all()) for each in gradient)
        assert_close(out.float(), wanted, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_few_pairs_at_once_are_scored_as_many_are(cls):
    x, edge_index, pairs = drawn(8)
    pairs = pairs.repeat(1, 4)
    net = cls(5, 8, 2).double().eval()
    held = net.encode(x, edge_index)
    assert net._folded(held, 16) is None
    assert net._folded(held, pairs.size(1)) is not None
    found = []
    for parts in (pairs.split(5, dim=1), (pairs,)):
        scores = torch.cat([net.decode(net.encode(x, edge_index), some) for some in parts])
        weight = torch.linspace(-1, 1, scores.numel(), dtype=x.dtype)
        found.append((scores, *torch.autograd.grad(scores @ weight, list(net.parameters()))))
    for few, many in zip(*found, strict=True):
        assert_close(few, many)


@pytest.mark.parametrize("other", [Twice, of_its_kind, of_pytorch, without_bias])
@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_another_module_in_the_place_of_a_map_is_called_for_many_pairs(cls, other):
    x, edge_index, pairs = drawn(8)
    net = cls(5, 8, 2).double().eval()
    for place in maps(net):
        swapped = copy.deepcopy(net)
        owner, _, last = place.rpartition(".")
        around = swapped.get_submodule(owner)
        setattr(around, last, other(getattr(around, last)))
        found = []
        for count in (1, 4):
            wanted = pairs.repeat(1, count)
            found.append(swapped(x, edge_index, wanted)[: pairs.size(1)])
        assert_close(*found, msg=place)
        assert not torch.equal(found[0], net(x, edge_index, pairs))


def test_a_pair_that_is_asked_for_again_or_backwards_is_as_likely():
    x, edge_index, pairs = drawn(9)
    net = NCNC(5, 8, dropout=0.5)  # in training, so that each score that is made is a draw
    held = net.encode(x.float(), edge_index)
    asked = pairs[:, :6].repeat(1, 3)
    asked[:, 6:12] = asked[:, 6:12].flip(0)
    likely = net._likely(held, asked).view(3, 6)
    assert torch.equal(likely[0], likely[1])
    assert torch.equal(likely[0], likely[2])


@pytest.mark.parametrize("options", [{}, REFINED])
def test_equal_scores_complete_by_a_closed_form(options):
    """All pairs score c: a neighbour of one end alone counts P(c), and all count where P is 1."""
    x, edge_index, pairs = drawn(10)
    dense = torch.zeros(SIZE, SIZE, dtype=x.dtype)
    dense[edge_index[1], edge_index[0]] = 1
    dense.fill_diagonal_(0)
    first, second = dense[pairs[0]], dense[pairs[1]]
    ends = F.one_hot(pairs, SIZE).sum(0) == 0  # the ends themselves are never completed
    both, one = first * second, (first - second).abs() * ends
    net = NCNC(5, 8, alpha=0.7, scale=1.3, offset=0.4, prior=0.3, **options).double().eval()
    nn.init.zeros_(net.score[-1].weight)
    nn.init.constant_(net.score[-1].bias, 0.9)
    held = net.encode(x, edge_index)
    odds = 0.3 * math.exp(1.3 * (0.9 - 0.4))
    likely = 0.7 * odds / (odds + 1)
    assert_close(net.between(held, pairs), (both + likely * one) @ held.counted)
    assert_close(net.decode(held, pairs), torch.full((pairs.size(1),), 0.9, dtype=x.dtype))
    net.offset, net.alpha = -1e4, 1.0
    union = both + one
    assert_close(net.between(held, pairs), union @ held.counted)
    net.offset = 1e4
    assert_close(net.between(held, pairs), both @ held.counted)


def test_without_weight_nothing_is_completed():
    x, edge_index, pairs = drawn(2)
    torch.manual_seed(0)
    net = NCN(5, 8).double().eval()
    other = NCNC(5, 8, alpha=0.0).double().eval()
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(x, edge_index, pairs), other(x, edge_index, pairs))
    other.alpha = 1.0
    assert not torch.allclose(net(x, edge_index, pairs), other(x, edge_index, pairs))


def test_a_complete_graph_lacks_nothing():
    i, j = torch.triu_indices(6, 6, 1)
    edge_index = torch.stack([torch.cat([i, j]), torch.cat([j, i])])
    rows, missing = missing_neighbors(to_csr(edge_index, num_nodes=6), torch.stack([i, j]))
    assert rows.numel() == missing.numel() == 0


def test_missing_neighbours_are_the_differences_of_the_sets():
    _, edge_index, pairs = drawn(4)
    near = neighbors(edge_index)
    proper = edge_index[:, edge_index[0] != edge_index[1]].unique(dim=1)
    rows, missing = missing_neighbors(to_csr(proper, num_nodes=SIZE), pairs)
    found = sorted(zip(rows.tolist(), *missing.tolist(), strict=True))
    expected = []
    for number, (i, j) in enumerate(pairs.T.tolist()):
        expected += [(number, j, u) for u in near[i] - near[j] - {j}]
        expected += [(number, i, u) for u in near[j] - near[i] - {i}]
    assert found == sorted(expected)
    assert rows.tolist() == sorted(rows.tolist())
    none = torch.empty(2, 0, dtype=torch.long)
    assert missing_neighbors(to_csr(none, num_nodes=3), torch.tensor([[0], [1]]))[0].numel() == 0
    assert missing_neighbors(to_csr(proper, num_nodes=SIZE), none)[0].numel() == 0


def test_probabilities_are_calibrated():
    net = NCNC(5, 8)
    # of scores 2.5 and 5 with the settings for Cora
    assert_close(
        net.calibrated(torch.tensor([2.5, 5.0])), torch.tensor([0.1711, 0.9999]), atol=1e-4, rtol=0
    )
    half = NCNC(5, 8, alpha=0.5)
    some = half.calibrated(torch.linspace(-5, 10, 31))
    assert 0 < some.min() < some.max() < 0.5 + 1e-6
    assert bool((some.diff() >= 0).all())


@pytest.mark.parametrize("prior", [0.0, 1e-3, 0.75, 1.0])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_certain_scores_have_a_probability(prior, dtype):
    # odds of p0 times p are those of P
    net, score = NCNC(5, 8, alpha=0.5, prior=prior), torch.linspace(-40, 40, 161, dtype=dtype)
    odds = [prior * math.exp(4.3 * (each - 2.8)) for each in score.tolist()]
    wanted = torch.tensor([0.5 * each / (each + 1) for each in odds])
    relative = 0.02 if dtype == torch.bfloat16 else 1e-5
    # an exponent is a difference of numbers that are rounded
    assert_close(net.calibrated(score).float(), wanted, rtol=relative, atol=relative)


def test_equal_states_count_common_neighbours():
    x, edge_index, pairs = drawn(5)
    near = neighbors(edge_index)
    net = NCN(5, 8).double().eval()
    held = net.encode(x, edge_index)
    held = held._replace(h=torch.ones_like(held.h))
    counts = [len(near[i] & near[j]) for i, j in pairs.T.tolist()]
    assert net.between(held, pairs)[:, 0].tolist() == counts


@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_numbers_of_nodes_directions_and_portions_do_not_matter(cls):
    x, edge_index, pairs = drawn(6)
    torch.manual_seed(0)
    net = cls(5, 8).double().eval()
    expected = net(x, edge_index, pairs)
    order = torch.randperm(SIZE)
    place = order.argsort()
    assert_close(net(x[order], place[edge_index], place[pairs]), expected)
    assert_close(net(x, edge_index, pairs.flip(0)), expected)
    sparse = torch.sparse_coo_tensor(
        edge_index.flip(0), torch.ones(edge_index.size(1)), (SIZE, SIZE)
    ).coalesce()
    assert_close(net(x, sparse, pairs), expected)
    assert_close(net(x, sparse.to_sparse_csr(), pairs), expected)
    if cls is NCNC:
        net.num_scored = 1
        assert_close(net(x, edge_index, pairs), expected)


def test_dropout_of_neighbours_is_of_training_alone():
    x, edge_index, _pairs = drawn(7)
    net = NCN(5, 8, edge_dropout=0.9).double()
    assert net.train().encode(x, edge_index).adj.num_entries < 20
    full = net.eval().encode(x, edge_index).adj.num_entries
    assert full == sum(map(len, neighbors(edge_index)))


def test_neighbours_are_left_out_again_for_what_is_likely(monkeypatch):
    x, edge_index, pairs = drawn(7)
    net = NCNC(5, 8, edge_dropout=0.5).double()
    held = net.encode(x, edge_index)
    assert net.eval()._thinned(held.adj) is held.adj
    net.train()
    read = []
    plain = NCN.between

    def between(self, states, pairs, x=None):
        read.append(states.adj)
        return plain(self, states, pairs, x)

    monkeypatch.setattr(NCN, "between", between)
    kept = []
    for _ in range(200):
        read.clear()
        net.decode(held, pairs)
        common, likely = read
        assert common is held.adj
        assert set(entries(likely)) <= set(entries(common))
        assert likely.rowptr.dtype == common.rowptr.dtype
        kept.append(likely.num_entries)
    count = held.adj.num_entries
    assert abs(sum(kept) / 200 - count / 2) < 4 * math.sqrt(count / 4 / 200)


def entries(adj):
    return list(zip(adj.rows().tolist(), adj.col.tolist(), strict=True))


@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_graphs_without_edges_nodes_or_pairs(cls):
    net = cls(5, 8).eval()
    none = torch.empty(2, 0, dtype=torch.long)
    x = torch.randn(3, 5)
    alone = net(x, none, torch.tensor([[0, 1], [1, 1]]))
    assert alone.isfinite().all()
    assert net(x, none, none).shape == (0,)
    assert net(x[:0], none, none).shape == (0,)


@pytest.mark.parametrize(("options", "more"), [({}, set()), (REFINED, {"refine"})])
def test_the_score_has_a_learning_rate_of_its_own(options, more):
    roles = NCN(5, 8, **options).parameter_roles
    parts = {name.split(".")[0] for name in roles}
    assert parts == {"shared", "ends", "score", "beta", *more}
    assert set(roles.values()) == {"predictor"}


def test_the_published_network_has_as_many_parameters_and_drops_where_it_does():
    maps, norms = 8 * 8 + 8, 2 * 8
    net = NCN(5, 8, encoder="pure", **REFINED)
    of_head = 5 * maps + 3 * norms + 2 * (maps + norms) + 8 + 1 + 1
    assert sum(p.numel() for p in net.parameters()) == 5 * 8 + 8 + 1 + of_head
    x, edge_index, _ = drawn(3)
    x = x.float().requires_grad_()
    for dropped, left in (({"gnn_dropout": 1.0}, 0), ({"tail_dropout": 1.0}, 0), ({}, 1)):
        net = NCN(5, 8, 2, encoder="pure", jk=False, **dropped)
        assert bool(net.encode(x, edge_index).h.any()) == left
        assert net.eval().encode(x, edge_index).h.any()
    net = NCN(5, 8, 2, encoder="pure", tail_dropout=1.0)  # the first product stays
    h, first = net.encode(x, edge_index).h, net.steps[0]
    once = NCN(5, 8, encoder="pure", jk=False)
    once.lin_in = net.lin_in
    assert_close(h, first * once.encode(x, edge_index).h)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"encoder": "sage"}, "encoder"),
        ({"head": "fine"}, "head"),
        ({"tail_dropout": 0.1}, "which only encoder='pure' has"),
        ({"score_layers": 0}, "score_layers"),
        ({"alpha": -1.0}, "alpha, prior"),
        ({"prior": 2.0}, "alpha, prior"),
        ({"num_scored": 0}, "num_scored"),
        ({"edge_dropout": 1.5}, "edge_dropout: got 1.5, expected a probability"),
        ({"alpha": math.nan}, "alpha, prior"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        NCNC(5, 8, **wrong)


@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_pairs_that_do_not_fit_are_refused_by_name(cls):
    net, x = cls(5, 8).eval(), torch.randn(3, 5)
    edges, pairs = torch.tensor([[0, 1], [1, 0]]), torch.tensor([[0, 1], [2, 2]])
    for wrong, message in (
        (pairs + 1, r"pairs: got 1 to 3, expected indices in \[0, 3\)"),
        (pairs - 1, "pairs: got -1 to 1"),
        (pairs.double(), "pairs: got dtype torch.float64, expected int64 or int32"),
        (pairs[:1], r"pairs: got shape \(1, 2\), expected \[2, P\]"),
        (pairs[0], r"pairs: got shape \(2,\), expected \[2, P\]"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            net(x, edges, wrong)


@pytest.mark.parametrize("cls", [NCN, NCNC])
def test_pairs_of_int32_in_a_graph_of_many_nodes(cls):
    last = 99_999  # times itself it is no int32
    some = torch.tensor([[last, 5], [last, 70_000], [80_000, 70_000], [80_000, 5], [80_000, 12]]).T
    edges, pairs = torch.cat([some, some.flip(0)], 1), torch.tensor([[last, last], [80_000, 12]])
    torch.manual_seed(0)
    net, x = cls(2, 4).eval(), torch.randn(last + 1, 2)
    states = net.encode(x, edges)
    sums = [net.between(states, each) for each in (pairs, pairs.int())]
    assert torch.equal(*sums)
    assert torch.equal(net(x, edges.int(), pairs.int()), net(x, edges, pairs))


def test_words_that_build_it():
    assert (
        repr(NCNC(5, 8, 2, jk=False, alpha=0.5)) == "NCNC(5, 8, num_layers=2, jk=False, alpha=0.5)"
    )
