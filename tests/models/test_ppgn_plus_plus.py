import itertools

import pytest
import torch
from torch_geometric.data import Batch

from graphpoly.data import load_sr
from graphpoly.expressivity import hard_pair
from graphpoly.features import EquivariantPolynomials
from graphpoly.models import PPGNPlusPlus
from graphpoly.testing import assert_close, graph_zoo
from graphpoly.training.forward import call_by_name


def test_is_the_formula_on_one_graph():
    data = graph_zoo(num_features=2, names=["directed"], dtype=torch.float64)["directed"]
    torch.manual_seed(0)
    model = PPGNPlusPlus(2, 8, 3, num_layers=2, head_channels=5).double()
    n = data.num_nodes
    adjacency = torch.zeros(n, n, dtype=torch.float64)
    adjacency[data.edge_index[0], data.edge_index[1]] = 1
    x = torch.cat([adjacency.unsqueeze(0), torch.diag_embed(data.x.t())])
    eye = torch.eye(n, dtype=torch.float64)

    def mapped(lin, y):
        return torch.einsum("oc,cij->oij", lin.weight, y) + lin.bias.view(-1, 1, 1)

    for block in model.blocks:
        z = torch.cat([x, eye.unsqueeze(0)])
        one, other = torch.cat([z, z.mT]), z
        for first, second in zip(block.mlp1, block.mlp2, strict=True):
            one, other = mapped(first, one).relu(), mapped(second, other).relu()
        x = mapped(block.skip, torch.cat([z, one @ other]))
    diagonal = x.diagonal(dim1=1, dim2=2)
    off = (x.sum((1, 2)) - diagonal.sum(1)) / (n * (n - 1))
    rows = torch.cat([diagonal.mean(1), off])
    expected = model.lin2(model.lin1(rows).relu())
    assert_close(model(data.x, data.edge_index)[0], expected)


def test_the_published_number_of_parameters():
    """Depth 4, width 75, head 55, 16 outputs, on adjacency and one constant feature."""
    model = PPGNPlusPlus(1, 75, 16, num_layers=4, head_channels=55)
    width, expected, inputs = 75, 0, 2
    for _ in range(4):
        z = inputs + 1
        expected += (2 * z + 1) * width + (z + 1) * width  # first layers of both perceptrons
        expected += 2 * (width + 1) * width + (z + width + 1) * width
        inputs = width
    expected += (2 * width + 1) * 55 + (55 + 1) * 16
    assert sum(p.numel() for p in model.parameters()) == expected


def test_directed_graphs_and_their_reverse():
    """An edge from i to j stands at (i, j): reversing all edges transposes the input."""
    edge_index = torch.tensor([[0, 1, 1, 3], [1, 2, 3, 0]])
    x = torch.ones(4, 1, dtype=torch.float64)
    torch.manual_seed(0)
    model = PPGNPlusPlus(1, 8, 3, pool=None).double()
    forward, back = model(x, edge_index), model(x, edge_index.flip(0))
    assert (forward - back).abs().max() > 1e-3
    assert repr(model) == "PPGNPlusPlus(1, 8, 3, pool=None)"


def with_polynomials(graphs):
    """Every pair of nodes gets the polynomials of degree 5 and 6 that PPGN does not compute."""
    made = []
    for graph in graphs:
        data = EquivariantPolynomials(edges=False, pairs=True, normalize=True)(graph.clone())
        data.x = torch.ones(data.num_nodes, 1, dtype=torch.float64)
        data.pair_features = data.poly_pair.double()
        made.append(data)
    return Batch.from_data_list(made)


def relative_gaps(rows):
    pairs = itertools.combinations(rows, 2)
    return torch.stack([(a - b).norm() / torch.maximum(a.norm(), b.norm()) for a, b in pairs])


def test_with_the_polynomials_of_degree_6_it_is_beyond_2_fwl():
    batch = with_polynomials(hard_pair("sr16622"))
    torch.manual_seed(0)
    plain = PPGNPlusPlus(1, 16, 8, num_layers=3).double()
    more = PPGNPlusPlus(1, 16, 8, num_layers=3, pair_dim=batch.pair_features.size(1)).double()
    own = batch.clone()
    del own.pair_features
    assert relative_gaps(call_by_name(plain, own)) < 1e-12
    assert relative_gaps(call_by_name(more, batch)) > 1e-6


@pytest.mark.data
def test_with_the_polynomials_it_tells_all_strongly_regular_graphs_of_25_nodes_apart(data_root):
    if not (data_root / "sr" / "raw" / "sr251256.g6").is_file():
        pytest.skip("the strongly regular graphs are not there")
    batch = with_polynomials(load_sr("sr251256", data_root))
    torch.manual_seed(0)
    model = PPGNPlusPlus(1, 16, 8, num_layers=3, pair_dim=batch.pair_features.size(1)).double()
    with torch.no_grad():
        gaps = relative_gaps(call_by_name(model, batch))
    assert gaps.numel() == 105
    assert int((gaps > 1e-9).sum()) == 105
