import pytest
import torch
from torch_geometric.data import Batch, Data

from graphpoly.layers import EGNNConv
from graphpoly.testing import assert_close, check_layer, graph_zoo
from tests.compliance.forms import STAGES, stage
from tests.layers.egnn_reference import egnn

VARIANTS = [
    {},
    {"edge_dim": 3, "hidden_channels": 7},
    {"attention": True, "coord_aggr": "sum"},
    {"normalize": True, "tanh": True},
    {"clamp": 0.05, "residual": False},
    {"velocity": True},
    {"velocity": True, "update_velocity": False, "edge_dim": 2},
    {"update_coords": False},
]
NAMES = ["erdos_renyi", "directed", "duplicate_edges", "self_loops", "isolated_nodes", "no_edges"]


def made(width=5, out=5, seed=0, **arguments):
    """A layer whose coordinates move by about as much as they are apart."""
    torch.manual_seed(seed)
    conv = EGNNConv(width, out, **arguments).double()
    if conv.phi_x is not None:
        torch.nn.init.normal_(conv.phi_x[-1].weight)
    return conv


def drawn(conv, data, dim=3, seed=1):
    generator = torch.manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    nodes, edges = data.num_nodes, data.edge_index.size(1)
    inputs = {"x": normal(nodes, conv.in_channels), "pos": normal(nodes, dim)}
    if conv.edge_dim is not None:
        inputs["edge_attr"] = normal(edges, conv.edge_dim)
    if conv.velocity:
        inputs["vel"] = normal(nodes, dim)
    return inputs


def called(conv, edge_index, inputs):
    """All that comes out, as a tuple."""
    out = conv(edge_index=edge_index, **inputs)
    return out if isinstance(out, tuple) else (out,)


def turned(pos, seed=0):
    """A random orthogonal matrix of determinant -1 for even seeds, 1 for odd ones."""
    dim = pos.size(1)
    generator = torch.manual_seed(seed)
    matrix, _ = torch.linalg.qr(torch.randn(dim, dim, generator=generator, dtype=torch.float64))
    matrix[0] *= torch.linalg.det(matrix).sign() * (-1) ** (seed + 1)
    return matrix.to(pos)


@pytest.mark.parametrize("arguments", VARIANTS)
@pytest.mark.parametrize("name", NAMES)
def test_values_and_every_gradient_are_those_of_the_double_loop(arguments, name):
    data = graph_zoo(names=[name])[name]
    for out in (5, 4):
        conv = made(out=out, **arguments)
        inputs = {k: v.requires_grad_() for k, v in drawn(conv, data).items()}
        given = [inputs.get(key) for key in ("edge_attr", "vel")]
        got = called(conv, data.edge_index, inputs)
        expected = egnn(conv, inputs["x"], data.edge_index, inputs["pos"], *given)[: len(got)]
        assert len(got) == 1 + conv.update_coords + conv.velocity
        variables = [*inputs.values(), *conv.parameters()]
        gradients = []
        for outputs in (got, expected):
            total = sum((value * (k + 1)).sin().sum() for k, value in enumerate(outputs))
            gradients.append(torch.autograd.grad(total, variables, materialize_grads=True))
        for one, other in zip([*got, *gradients[0]], [*expected, *gradients[1]], strict=True):
            assert_close(one, other)


@pytest.mark.parametrize("arguments", [v for v in VARIANTS if "clamp" not in v])
@pytest.mark.parametrize("dim", range(2, 11))
def test_equivariance(arguments, dim):
    data = graph_zoo(names=["erdos_renyi"])["erdos_renyi"]
    for dtype, bound in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        conv = made(**arguments).to(dtype)
        inputs = {k: v.to(dtype) for k, v in drawn(conv, data, dim).items()}
        plain = called(conv, data.edge_index, inputs)
        for seed in (0, 1):
            matrix, shift = turned(inputs["pos"], seed), 3 * torch.randn(dim, dtype=dtype)
            moved = {**inputs, "pos": inputs["pos"] @ matrix.T + shift}
            expected = list(plain)
            if "vel" in inputs:
                moved["vel"] = inputs["vel"] @ matrix.T
                expected[2] = plain[2] @ matrix.T
            if conv.update_coords:
                expected[1] = plain[1] @ matrix.T + shift
            for one, other in zip(called(conv, data.edge_index, moved), expected, strict=True):
                assert (one - other).abs().max() <= bound * other.abs().max()


def test_a_clamp_that_is_reached_breaks_equivariance_and_only_then():
    data = graph_zoo(names=["erdos_renyi"])["erdos_renyi"]
    for clamp, holds in ((1e3, True), (0.01, False)):
        conv = made(clamp=clamp)
        inputs = drawn(conv, data)
        matrix = turned(inputs["pos"])
        _, pos = conv(edge_index=data.edge_index, **inputs)
        _, moved = conv(inputs["x"], data.edge_index, inputs["pos"] @ matrix.T)
        assert ((moved - pos @ matrix.T).abs().max() < 1e-12) == holds
    assert (pos - inputs["pos"]).abs().max() <= 0.01 + 1e-12


def test_mirror_images_are_not_told_apart():
    conv = made()
    pairs = torch.tensor([(i, j) for i in range(4) for j in range(4) if i != j]).T
    x, corners = torch.randn(4, 5).double(), torch.eye(3, dtype=torch.float64)
    corners = torch.cat([corners * torch.tensor([1.0, 2.0, 3.0]), torch.zeros(1, 3)])
    hand, _ = conv(x, pairs, corners)
    other, _ = conv(x, pairs, corners * torch.tensor([-1.0, 1.0, 1.0]))
    assert torch.equal(hand, other)


@pytest.mark.parametrize("update_velocity", [True, False])
def test_without_edges_a_node_goes_on_by_its_own_velocity(update_velocity):
    conv = made(velocity=True, update_velocity=update_velocity)
    for nodes in (1, 6):
        x, pos, vel = (torch.randn(nodes, k).double() for k in (5, 3, 3))
        _, moved, left = conv(x, torch.zeros(2, 0).long(), pos, vel=vel)
        assert_close(moved, pos + conv.phi_v(x) * vel)
        assert_close(left, conv.phi_v(x) * vel if update_velocity else vel)


def test_a_scale_of_zero_moves_nothing():
    data = graph_zoo(names=["erdos_renyi"])["erdos_renyi"]
    conv = made()
    torch.nn.init.zeros_(conv.phi_x[-1].weight)
    inputs = drawn(conv, data)
    assert torch.equal(conv(edge_index=data.edge_index, **inputs)[1], inputs["pos"])


@pytest.mark.parametrize("arguments", [{}, {"coord_aggr": "sum"}, {"normalize": True}])
def test_loops_move_nothing_and_parallel_edges_count_each(arguments):
    conv = made(**arguments)
    pairs = torch.tensor([[0, 1, 2, 1], [1, 2, 0, 0]])
    x, pos = torch.randn(3, 5).double(), torch.randn(3, 3).double().requires_grad_()
    h, moved = conv(x, pairs, pos)
    loops = torch.arange(3).expand(2, 3)
    h_loops, moved_loops = conv(x, torch.cat([pairs, loops], 1), pos)
    assert_close(moved_loops, moved)
    assert (h_loops - h).abs().amin(1).max() > 1e-6
    gradients = [torch.autograd.grad(one.sin().sum(), pos)[0] for one in (moved, moved_loops)]
    assert_close(*gradients)
    _, twice = conv(x, torch.cat([pairs, pairs], 1), pos)
    assert_close(twice - pos, (moved - pos) * (2 if arguments.get("coord_aggr") else 1))
    parallel = torch.cat([pairs, pairs[:, 3:]], 1)  # one of two edges to node 0, twice
    _, weighed = conv(x, parallel, pos)
    expected = egnn(conv, x, parallel, pos)[1]
    assert_close(weighed, expected)
    assert (weighed[0] - moved[0]).abs().max() > 1e-6


def test_nodes_at_one_place_have_finite_gradients():
    conv = made(normalize=True, velocity=True)
    pos = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    x, vel = torch.randn(3, 5).double(), torch.randn(3, 3).double()
    pairs = torch.tensor([[0, 1, 1, 2], [1, 0, 1, 2]])
    out = conv(x, pairs, pos, vel=vel)
    places = [pos, *conv.parameters()]
    energy = sum(part.square().sum() for part in out)
    first = torch.autograd.grad(energy, places, create_graph=True)
    plainly = sum(part.square().sum() for part in egnn(conv, x, pairs, pos, vel=vel))
    expected = torch.autograd.grad(plainly, pos)[0]
    assert_close(first[0] / expected.abs().max(), expected / expected.abs().max())
    second = torch.autograd.grad(first[0].square().sum(), places, allow_unused=True)
    for gradient in (*first, *second):
        assert gradient is None or bool(gradient.isfinite().all())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_positions_keep_their_type_and_precision(dtype):
    data = graph_zoo(names=["self_loops"])["self_loops"]
    conv = made(velocity=True)
    inputs = drawn(conv, data)
    plain = called(conv, data.edge_index, inputs)
    other = torch.float32 if dtype == torch.float64 else torch.float64
    inputs = {key: value.to(dtype) for key, value in inputs.items()}
    inputs["x"] = inputs["x"].to(other)
    far = 1e6 if dtype == torch.float64 else 0.0
    got = called(conv.to(other), data.edge_index, {**inputs, "pos": inputs["pos"] + far})
    assert [value.dtype for value in got] == [other, dtype, dtype]
    for one, wanted in zip((got[0], got[1] - far, got[2]), plain, strict=True):
        assert_close(one.float(), wanted.float(), kind="accumulated")


@pytest.mark.parametrize("name", ["cycle", "self_loops"])
def test_forces_can_be_learned(name):
    data = graph_zoo(names=[name])[name]
    conv = made(3, 3, normalize=True)
    inputs = drawn(conv, data)

    def energy(pos):
        h, moved = conv(inputs["x"], data.edge_index, pos)
        return h.sum() + moved.square().sum()

    assert torch.autograd.gradgradcheck(energy, (inputs["pos"].requires_grad_(),))


def test_cells_turn_with_the_positions_and_images_are_the_same_node():
    data = graph_zoo(names=["erdos_renyi"])["erdos_renyi"]
    conv = made(velocity=True)
    inputs = drawn(conv, data)
    cell = torch.tensor([[3.0, 0, 0], [0.5, 4, 0], [0, 1, 3.5]]).double()
    h, pos, vel = conv(edge_index=data.edge_index, cell=cell, **inputs)
    assert (h - conv(edge_index=data.edge_index, **inputs)[0]).abs().max() > 1e-3
    images = torch.randint(-2, 3, inputs["pos"].shape).double() @ cell
    again = conv(edge_index=data.edge_index, cell=cell, **{**inputs, "pos": inputs["pos"] + images})
    for one, other in zip(again, (h, pos + images, vel), strict=True):
        assert_close(one, other)
    matrix = turned(pos)
    rotated = {**inputs, **{key: inputs[key] @ matrix.T for key in ("pos", "vel")}}
    again = conv(edge_index=data.edge_index, cell=cell @ matrix.T, **rotated)
    for one, other in zip(again, (h, pos @ matrix.T, vel @ matrix.T), strict=True):
        assert_close(one, other)


def test_each_graph_of_a_batch_has_its_own_cell():
    conv = made()
    graphs = [graph_zoo(names=[name])[name] for name in ("star", "one_node", "directed")]
    graphs = [Data(edge_index=g.edge_index, **drawn(conv, g)) for g in graphs]
    cells = torch.stack([size * torch.eye(3).double() for size in (2.0, 3.0, 1.5)])
    whole = Batch.from_data_list(graphs)
    out = conv(whole.x, whole.edge_index, whole.pos, cell=cells, batch=whole.batch)
    for k, graph in enumerate(graphs):
        alone = conv(graph.x, graph.edge_index, graph.pos, cell=cells[k])
        for one, other in zip(out, alone, strict=True):
            assert_close(one[whole.ptr[k] : whole.ptr[k + 1]], other)


def test_the_parameters_start_as_published():
    torch.manual_seed(0)
    lazy, eager = EGNNConv(-1, 64, edge_dim=2), EGNNConv(32, 64, edge_dim=2)
    lazy(
        torch.randn(2, 32), torch.tensor([[0], [1]]), torch.zeros(2, 3), edge_attr=torch.ones(1, 2)
    )
    for conv in (lazy, eager):
        bound = (2 * 32 + 3) ** -0.5
        assert 0.95 * bound < conv.phi_e.lin.weight.abs().max() <= bound
        bound = 1e-3 * (6 / 65) ** 0.5
        assert 0.9 * bound < conv.phi_x[-1].weight.abs().max() <= bound
        assert conv.phi_x[-1].bias is None


REFUSED = {
    r"pos: got shape \[2, 3\], expected \[3, D\]": {"pos": torch.zeros(2, 3)},
    r"pos: got torch.int64": {"pos": torch.zeros(3, 3).long()},
    r"pos: got list": {"pos": [0.0]},
    r"vel: got a tensor, the layer has velocity=False": {"vel": torch.zeros(3, 3)},
    r"edge_attr: got 5 rows, expected 4": {"edge_attr": torch.zeros(5, 2), "edge_dim": 2},
    r"edge_attr: given to a layer without edge_dim": {"edge_attr": torch.zeros(4, 2)},
    r"cell: got shape \[2, 2\]": {"cell": torch.eye(2)},
}


@pytest.mark.parametrize("words", REFUSED)
def test_inputs_that_do_not_fit_are_refused_by_name(words):
    given = {"pos": torch.zeros(3, 3), **REFUSED[words]}
    conv = EGNNConv(8, 4, edge_dim=given.pop("edge_dim", None))
    with pytest.raises((TypeError, ValueError), match=words):
        conv(torch.randn(3, 8), torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]), **given)


def test_arguments_that_do_nothing_are_refused():
    for name, value in {"tanh": True, "velocity": True, "clamp": 1.0, "coord_aggr": "sum"}.items():
        with pytest.raises(ValueError, match=f"{name}: got .*, with update_coords=False nothing"):
            EGNNConv(8, 4, update_coords=False, **{name: value})
    with pytest.raises(ValueError, match="update_velocity: got False, with velocity=False"):
        EGNNConv(8, 4, update_velocity=False)
    with pytest.raises(ValueError, match="clamp: got 0, expected a positive number"):
        EGNNConv(8, 4, clamp=0)
    with pytest.raises(ValueError, match="unknown coord_aggr 'max'"):
        EGNNConv(8, 4, coord_aggr="max")
    for arguments, words in (({"velocity": True}, "vel: got None"), ({"edge_dim": 2}, "edge_dim")):
        with pytest.raises(ValueError, match=words):
            EGNNConv(8, 4, **arguments)(
                torch.randn(2, 8), torch.tensor([[0], [1]]), torch.zeros(2, 3)
            )


@pytest.mark.parametrize("compiled", STAGES)
@pytest.mark.parametrize("arguments", [v for v in VARIANTS if "clamp" not in v])
def test_whole_battery(arguments, compiled):
    report = check_layer(lambda: EGNNConv(6, 4, **arguments), only=stage(compiled))
    assert all(result.status != "excluded" for result in report.results)
