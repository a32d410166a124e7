from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphpoly.acceleration import accelerate
from graphpoly.models.molecule_gnn import AssociationGNN, BondGCNConv, MoleculeGNN


def molecule(seed: int, atoms: int) -> Data:
    generator = torch.Generator().manual_seed(seed)
    pairs = torch.stack([torch.arange(atoms - 1), torch.arange(1, atoms)])
    edge_index = torch.cat([pairs, pairs.flip(0)], dim=1)
    bond = torch.randint(2, (atoms - 1, 3), generator=generator)
    return Data(
        x=torch.randint(2, (atoms, 9), generator=generator),
        edge_index=edge_index,
        edge_attr=torch.cat([bond, bond]),
    )


def call(model: MoleculeGNN, data: Data, batch: Tensor) -> Tensor:
    return model(data.x, data.edge_index, data.edge_attr, batch)


def test_bond_gcn_is_its_formula() -> None:
    torch.manual_seed(0)
    conv = BondGCNConv(3).double()
    edge_index = torch.tensor([[0, 1, 1, 2, 0], [1, 0, 2, 1, 2]])
    x, e = torch.randn(4, 3).double(), torch.randn(5, 3).double()
    h = x @ conv.lin.weight.T + conv.lin.bias
    degree = [1 + int((edge_index[0] == i).sum()) for i in range(4)]
    expected = torch.stack([(h[i] + conv.root.weight[0]).relu() / degree[i] for i in range(4)])
    for k, (j, i) in enumerate(edge_index.T.tolist()):
        expected[i] = expected[i] + (h[j] + e[k]).relu() / (degree[i] * degree[j]) ** 0.5
    torch.testing.assert_close(conv(x, edge_index, e), expected)


def test_gin_is_its_formula() -> None:
    torch.manual_seed(0)
    model = MoleculeGNN("gin", 4, 1, num_layers=2, dropout=0.0).double().eval()
    data = molecule(0, 3)
    h = model.atoms(data.x)
    for layer in range(2):
        bond = model.bonds[layer](data.edge_attr)
        summed = torch.zeros_like(h)
        for k, (j, i) in enumerate(data.edge_index.T.tolist()):
            summed[i] = summed[i] + (h[j] + bond[k]).relu()
        h = model.norms[layer](model.convs[layer].nn(h + summed))
        h = h.relu() if layer == 0 else h
    expected = model.readout(h.mean(0, keepdim=True))
    torch.testing.assert_close(call(model, data, torch.zeros(3, dtype=torch.long)), expected)


def test_the_virtual_node_is_its_formula() -> None:
    torch.manual_seed(0)
    model = MoleculeGNN("gin", 4, 1, num_layers=3, virtual_node=True).double().eval()
    assert model.virtual is not None
    torch.nn.init.normal_(model.virtual)
    data = molecule(0, 3)
    h, virtual = model.atoms(data.x), model.virtual[0]
    for layer in range(3):
        h = h + virtual
        if layer < 2:
            virtual = model.updates[layer]((h.sum(0) + virtual).unsqueeze(0))[0]
        h = model.norms[layer](
            model.convs[layer](h, data.edge_index, model.bonds[layer](data.edge_attr))
        )
        h = h.relu() if layer < 2 else h
    expected = model.readout(h.mean(0, keepdim=True))
    torch.testing.assert_close(call(model, data, torch.zeros(3, dtype=torch.long)), expected)


@pytest.mark.parametrize("virtual_node", [False, True])
@pytest.mark.parametrize("conv", ["gin", "gcn"])
def test_a_batch_is_its_graphs(conv: str, virtual_node: bool) -> None:
    torch.manual_seed(1)
    model = MoleculeGNN(conv, 6, 2, num_layers=3, virtual_node=virtual_node).double().eval()
    graphs = [molecule(seed, atoms) for seed, atoms in enumerate((4, 2, 5))]
    batch = Batch.from_data_list(graphs)
    together = call(model, batch, batch.batch)
    alone = [call(model, g, torch.zeros(g.num_nodes, dtype=torch.long)) for g in graphs]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("conv", ["gin", "gcn"])
def test_size_is_that_of_the_described_network(conv: str) -> None:
    model = MoleculeGNN(conv, 300, 1)
    words = sum(table.num_embeddings for table in model.atoms.atom_embedding_list)
    bonds = sum(table.num_embeddings for table in model.bonds[0].bond_embedding_list)
    linear = 300 * 300 + 300
    mlp = (300 * 600 + 600) + 2 * 600 + (600 * 300 + 300) + 1  # and epsilon
    layer = bonds * 300 + 2 * 300 + (mlp if conv == "gin" else linear + 300)
    expected = words * 300 + 5 * layer + 301
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize("virtual_node", [False, True])
@pytest.mark.parametrize("conv", ["gin", "gcn"])
def test_numbers_of_edges_take_the_place_of_bonds(conv: str, virtual_node: bool) -> None:
    torch.manual_seed(2)
    options = {"num_layers": 3, "virtual_node": virtual_node}
    model = AssociationGNN(conv, 7, 6, 2, **options).double().eval()
    whole = MoleculeGNN(conv, 6, 2, **options).double().eval()
    data = molecule(3, 5)
    numbers = torch.rand(data.num_edges, 7, dtype=torch.float64)
    shared = {k: v for k, v in model.state_dict().items() if not k.startswith(("atoms", "bonds"))}
    assert not whole.load_state_dict(shared, strict=False).unexpected_keys
    whole.atoms = torch.nn.Embedding.from_pretrained(model.atoms.weight.detach())
    whole.bonds = model.bonds
    ones, batch = torch.ones(5, 1).double(), torch.zeros(5, dtype=torch.long)
    expected = whole(batch, data.edge_index, numbers, batch)
    torch.testing.assert_close(model(ones, data.edge_index, numbers, batch), expected)
    other = model(ones, data.edge_index, 1 - numbers, batch)
    assert float((other - expected).abs().max().detach()) > 1e-6


def test_the_size_for_proteins_is_that_of_its_parts() -> None:
    model = AssociationGNN("gin", 7, 300, 37)
    perceptron = 300 * 600 + 600 + 2 * 600 + 600 * 300 + 300
    layer = (7 * 300 + 300) + 1 + perceptron + 2 * 300
    expected = 300 + 5 * layer + 300 * 37 + 37
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize("virtual_node", [False, True])
@pytest.mark.parametrize("conv", ["gin", "gcn"])
@pytest.mark.parametrize("accelerated", [False, True])
def test_the_last_batch_may_be_one_molecule_or_one_atom(
    conv: str, virtual_node: bool, accelerated: bool
) -> None:
    torch.manual_seed(0)
    model = MoleculeGNN(conv, 4, 1, num_layers=3, dropout=0.0, virtual_node=virtual_node).double()
    several = Batch.from_data_list([molecule(seed, atoms) for seed, atoms in enumerate((2, 5, 3))])
    call(model, several, several.batch)  # moments that are not those of the beginning
    if accelerated:
        accelerate(model)
    alone, batch = molecule(4, 1), torch.zeros(1, dtype=torch.long)
    found = call(model, alone, batch)
    (grad,) = torch.autograd.grad(found.sum(), [model.readout.weight])
    assert grad.isfinite().all()
    torch.testing.assert_close(found, call(model.eval(), alone, batch))
    one, batch = molecule(5, 4), torch.zeros(4, dtype=torch.long)
    before = {name: value.clone() for name, value in model.named_buffers() if "updates" in name}
    assert call(model.train(), one, batch).shape == (1, 1)
    for name, value in model.named_buffers():  # molecules alone say nothing of their spread
        assert name not in before or torch.equal(value, before[name])
