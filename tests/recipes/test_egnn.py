from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data

from graphpoly import registry
from graphpoly.data import find_dataset, n_body
from graphpoly.models import EGNN
from graphpoly.models.heads import PooledNet, Standardized
from graphpoly.models.network_for import network_for
from graphpoly.recipes import recipe_for, run_recipe
from graphpoly.recipes.trained import trained_network
from graphpoly.training.forward import call_by_name

SMALL = {"train": 40, "val": 10, "test": 10, "first": 1, "last": 2, "hidden_channels": 8}


def test_settings_are_the_published_ones() -> None:
    recipe = registry.get("recipe", "egnn/n-body").obj
    settings, protocol, reading = recipe.settings, recipe.protocol, recipe.reading
    assert (settings.num_layers, settings.hidden_channels) == (4, 64)
    assert (settings.lr, settings.weight_decay) == (5e-4, 1e-12)
    assert (settings.velocity, settings.update_velocity) == (True, False)
    assert (protocol.batch_size, protocol.epochs) == (100, 10000)
    assert (reading.train, reading.val, reading.test) == (3000, 2000, 2000)
    assert (reading.first, reading.last, reading.num_particles) == (30, 40, 5)
    assert (recipe.metric, recipe.published.mean, recipe.published.unit) == ("mse", 0.0071, "")


def test_each_part_begins_where_the_published_one_does() -> None:
    """Of its training systems fewer may be taken; those that validate and test stay the same."""
    changes = {**SMALL, "train": 2, "val": 1, "test": 1}
    reading = registry.get("recipe", "egnn/n-body").obj.override(changes).reading
    found = find_dataset("n-body").load(None, reading, 0).graphs
    assert found is not None
    expected = [*n_body(2, first=1, last=2)]
    expected += [n_body(1, first=1, last=2, skip=skip)[0] for skip in (10_000, 12_000)]
    assert all(torch.equal(one.pos, other.pos) for one, other in zip(found, expected, strict=True))


def test_it_learns_more_than_to_stay_or_to_go_straight_on(tmp_path: Path) -> None:
    changes = {**SMALL, "epochs": 60, "lr": 5e-3, "batch_size": 10}
    outcome = run_recipe("egnn/n-body", out=tmp_path, seeds=1, overrides=changes)
    results = json.loads(outcome.results.read_text())
    assert results["metric"] == "mse"
    entry = find_dataset("n-body")
    reading = registry.get("recipe", "egnn/n-body").obj.override(SMALL).reading
    loaded = entry.load(None, reading, 0)
    fold = loaded.split("n-body", 0)
    assert [len(part) for part in (fold.train, fold.val, fold.test)] == [40, 10, 10]
    tests = [loaded.graphs[i] for i in fold.test.tolist()]
    stay = torch.cat([data.y - data.pos for data in tests]).square().mean()
    on = torch.cat([data.y - data.pos - 0.1 * data.vel for data in tests]).square().mean()
    mean = outcome.experiments["EGNN"].mean
    assert mean < 0.5 * float(stay)
    assert mean < 2 * float(on)


@pytest.mark.parametrize(
    "changes", [{"edge_features": False}, {"velocity": False, "update_velocity": True}]
)
def test_what_is_not_read_is_left_out(changes: dict[str, object], tmp_path: Path) -> None:
    changes = {**SMALL, **changes, "epochs": 1}
    outcome = run_recipe("egnn/n-body", out=tmp_path, seeds=1, overrides=changes)
    assert outcome.experiments["EGNN"].mean > 0


def test_other_models_and_other_datasets_are_refused() -> None:
    particles = find_dataset("n-body")
    loaded = particles.load(None, recipe_for("EGNN", "n-body").override(SMALL).reading, 0)
    network = network_for(recipe_for("EGNN", "n-body").settings, particles, loaded, None)
    assert isinstance(network, EGNN)
    assert network.out_channels is None
    with pytest.raises(ValueError, match="n-body asks for positions, which this model does not"):
        network_for(recipe_for("GCN", "n-body").settings, particles, loaded, None)
    cycles = find_dataset("cycles")
    pairs = cycles.load(None, cycles.reading, 0)
    with pytest.raises(ValueError, match="cycles has no positions, which this model reads"):
        network_for(recipe_for("EGNN", "cycles").settings, cycles, pairs, None)


def molecules(folder: Path, count: int = 60) -> None:
    """Write molecules of hydrogen whose energy is -400 for each atom and 9 for each contact."""
    random = np.random.default_rng(0)
    sizes = random.integers(3, 8, count)
    places = [random.normal(size=(size, 3)).astype(np.float32) for size in sizes]
    near = [np.linalg.norm(p[:, None] - p[None], axis=-1) < 1 for p in places]
    energies = [9 * (n.sum() - len(n)) / 2 - 400 * len(n) for n in near]
    (folder / "gdb7").mkdir()
    np.savez(
        folder / "gdb7" / "gdb7.npz",
        z=np.ones(sizes.sum(), dtype=np.uint8),
        pos=np.concatenate(places),
        num_nodes=sizes.astype(np.uint8),
        u0_atom=np.array(energies, dtype=np.float32),
    )


@pytest.mark.parametrize("name", ["egnn/gdb7", "mpnn/gdb7"])
def test_energies_are_learned_in_their_own_unit(name: str, tmp_path: Path) -> None:
    molecules(tmp_path)
    changes = {"epochs": 60, "hidden_channels": 8, "num_layers": 2, "lr": 1e-2, "batch_size": 12}
    out = tmp_path / "run"
    outcome = run_recipe(name, root=tmp_path, out=out, seeds=1, overrides=changes, device="cpu")
    entry = find_dataset("gdb7")
    loaded = entry.load(tmp_path, entry.reading, 0)
    fold = loaded.split("random", 0)
    y = torch.cat([graph.y for graph in loaded.graphs])
    guess = float((y[fold.test] - y[fold.train].mean()).abs().mean())
    (found,) = outcome.experiments.values()
    assert found.mean < 0.2 * guess
    net, read = trained_network(out)
    assert isinstance(net, Standardized)
    assert float(net.mean) == pytest.approx(float(y[fold.train].mean()))
    batch = Batch.from_data_list([read.graphs[i] for i in fold.test.tolist()])
    with torch.no_grad():
        said = call_by_name(net.eval(), batch).flatten()
    assert float((said - batch.y).abs().mean()) == pytest.approx(found.mean, rel=1e-5)
    if name == "egnn/gdb7":
        turn = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64)).Q.float()
        batch.pos = batch.pos @ turn + 5
        with torch.no_grad():
            again = call_by_name(net, batch).flatten()
        torch.testing.assert_close(again, said, rtol=1e-5, atol=1e-5 * guess)


def test_what_stands_around_a_network_passes_places_on() -> None:
    class Far(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lin = torch.nn.Linear(2, 4)

        def forward(self, x: Tensor, edge_index: Tensor, pos: Tensor) -> Tensor:
            return self.lin(x) + pos.norm(dim=-1, keepdim=True)

    net = Standardized.around(PooledNet(Far(), 4, 1), torch.tensor([[3.0], [torch.nan], [5.0]]))
    data = Data(
        x=torch.randn(5, 2),
        pos=torch.randn(5, 3),
        edge_index=torch.empty(2, 0, dtype=torch.long),
        batch=torch.tensor([0, 0, 1, 1, 1]),
    )
    inner = net.net(data.x, data.edge_index, pos=data.pos, batch=data.batch)
    torch.testing.assert_close(call_by_name(net, data), inner + 4)
    assert float(net.deviation) == 1
    data.pos = data.pos + 1
    assert not torch.allclose(call_by_name(net, data), inner + 4)


def test_labels_that_are_all_the_same_are_only_moved() -> None:
    net = Standardized.around(torch.nn.Identity(), torch.tensor([[2.0, 7.0], [2.0, 9.0]]))
    assert net.write(torch.tensor([[1.0, -1.0]])).tolist() == [[3.0, 7.0]]
    net = Standardized.around(torch.nn.Identity(), torch.full((2, 1), torch.nan))
    assert net.write(torch.ones(1, 1)).tolist() == [[1.0]]
