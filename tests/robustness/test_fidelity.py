import pytest
import torch
from torch_geometric.data import Batch
from torch_geometric.explain import DummyExplainer, Explainer, Explanation
from torch_geometric.explain.metric import fidelity as peer
from torch_geometric.nn import GCN, GraphConv, global_add_pool

from graphpoly.robustness import fidelity
from graphpoly.testing import assert_close

ALPHAS = (0.0, 0.3, 1.0)


def counted(need):
    """The class is 1 where at least ``need`` edges of the motif, told by its weights, are left."""

    def model(x, edge_index, batch, edge_weight):
        total = x.new_zeros(int(batch.max()) + 1)
        total.index_add_(0, batch[edge_index[0]], edge_weight)
        right = 100.0 * (total > 2 * need - 0.5).to(x.dtype)
        return torch.stack([100 - right, right], 1)

    return model


def wheel(rim=4, motif=3, named=3):
    """A path whose first edges are the motif, weight 1 each way, and the first ``named`` named."""
    one = torch.arange(rim + motif)
    edge_index = torch.stack([torch.cat([one, one + 1]), torch.cat([one + 1, one])])
    return Explanation(
        x=torch.ones(rim + motif + 1, 2, dtype=torch.float64),
        edge_index=edge_index,
        edge_weight=(one < motif).double().repeat(2),
        edge_mask=(one < named).double().repeat(2),
    )


def at_least(need, trials, chance):
    ks = torch.arange(need, trials + 1, dtype=torch.float64)
    n = torch.tensor(float(trials), dtype=torch.float64)
    log = torch.lgamma(n + 1) - torch.lgamma(ks + 1) - torch.lgamma(n - ks + 1)
    return float((log.exp() * chance**ks * (1 - chance) ** (n - ks)).sum())


@pytest.mark.parametrize("kind", ["probability", "accuracy"])
@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("need", [1, 2, 3])
@pytest.mark.parametrize("named", [0, 1, 2, 3])
def test_a_planted_motif_has_binomial_values(named, need, alpha, kind):
    found = fidelity(
        counted(need), wheel(named=named), remove=alpha, keep=alpha, kind=kind, samples=None
    )
    plus = 1 - at_least(max(0, need - (3 - named)), named, 1 - alpha)
    minus = 1 - at_least(max(0, need - named), 3 - named, alpha)
    assert_close(found.plus, torch.tensor([plus], dtype=torch.float64))
    assert_close(found.minus, torch.tensor([minus], dtype=torch.float64))
    assert_close(found.delta, found.plus - found.minus)


def test_a_batch_is_its_graphs_and_the_sampled_mean_is_near_the_exact_one():
    graphs = [wheel(named=1), wheel(2, 3, 2), wheel(5, 3, 3)]
    batch = Batch.from_data_list(graphs)
    model, options = counted(2), {"remove": 0.4, "keep": 0.6}
    exact = fidelity(model, batch, samples=None, **options)
    for i, graph in enumerate(graphs):
        alone = fidelity(model, graph, samples=None, **options)
        assert_close(exact.plus[i : i + 1], alone.plus)
        assert_close(exact.minus[i : i + 1], alone.minus)

    def draw():
        generator = torch.Generator().manual_seed(0)
        return fidelity(model, batch, samples=1000, generator=generator, **options)

    found, again = draw(), draw()
    assert torch.equal(found.plus, again.plus)
    assert torch.equal(found.minus, again.minus)
    assert ((found.plus - exact.plus).abs() <= 3 * found.plus_error).all()
    assert ((found.minus - exact.minus).abs() <= 3 * found.minus_error).all()


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = torch.nn.ModuleList([GraphConv(3, 8), GraphConv(8, 3)])

    def forward(self, x, edge_index, batch=None):
        x = self.convs[1](self.convs[0](x, edge_index).tanh(), edge_index)
        return x if batch is None else global_add_pool(x, batch)


@pytest.mark.parametrize("seed", range(6))
def test_the_limits_are_the_classic_values_of_pyg_and_edges_have_no_order(seed):
    torch.manual_seed(seed)
    net, graph = Net().double().eval(), wheel(6, 3)
    del graph.edge_weight
    graph.x = torch.randn(graph.num_nodes, 3, dtype=torch.float64)
    index = torch.arange(graph.num_nodes)
    explainer = Explainer(
        net,
        DummyExplainer(),
        explanation_type="model",
        edge_mask_type="object",
        model_config={
            "mode": "multiclass_classification",
            "task_level": "node",
            "return_type": "raw",
        },
    )
    expected = explainer(graph.x, graph.edge_index, index=index)
    expected.edge_mask = (torch.rand(9, dtype=torch.float64) > 0.5).double().repeat(2)
    found = fidelity(net, expected, remove=1, keep=0, kind="accuracy", samples=1)
    plus, minus = peer(explainer, expected)
    assert float(found.plus.mean()) == pytest.approx(plus)
    assert float(found.minus.mean()) == pytest.approx(minus)
    order = torch.randperm(18)
    moved = expected.clone()
    moved.edge_index, moved.edge_mask = moved.edge_index[:, order], moved.edge_mask[order]
    first, second = (fidelity(net, e, samples=None) for e in (expected, moved))
    assert_close(first.plus, second.plus)
    assert_close(first.minus, second.minus)


def test_a_node_mask_names_the_edges_within():
    graph = wheel(named=2)
    expected = fidelity(counted(2), graph, samples=None)
    del graph.edge_mask
    graph.node_mask = (torch.arange(graph.num_nodes) < 3).double().unsqueeze(1)
    found = fidelity(counted(2), graph, samples=None)
    assert torch.equal(found.plus, expected.plus)
    assert torch.equal(found.minus, expected.minus)


@pytest.mark.parametrize(
    "options", [{"remove": 1.1}, {"keep": -0.1}, {"samples": 0}, {"kind": "loss"}]
)
def test_what_is_out_of_range_is_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        fidelity(counted(1), wheel(), **options)


def test_a_mask_is_needed_and_enumeration_ends():
    graph = wheel(rim=17)
    with pytest.raises(ValueError, match="samples"):
        fidelity(counted(1), graph, samples=None)
    del graph.edge_mask
    with pytest.raises(ValueError, match="explanation"):
        fidelity(counted(1), graph)


def test_a_network_that_keeps_its_first_graph_is_refused():
    graph = wheel()
    graph.index = 0
    net = GCN(2, 4, 2, 2).double().eval()
    assert fidelity(net, graph).plus.numel() == 1
    net = GCN(2, 4, 2, 2, cached=True).double().eval()
    with pytest.raises(ValueError, match="model: cached=True holds one graph"):
        fidelity(net, graph)


def test_a_single_draw_has_no_error_and_a_single_logit_no_probability():
    found = fidelity(counted(1), wheel(), samples=1)
    assert found.plus_error.isnan().all()
    assert found.minus_error.isnan().all()

    def single(*given, **named):
        return counted(1)(*given, **named)[:, :1]

    with pytest.raises(ValueError, match=r"model: gave shape \(1, 1\)"):
        fidelity(single, wheel())
