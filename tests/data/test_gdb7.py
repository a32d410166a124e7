"""GDB-7 from either of its files, against loops over atoms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
import torch

from graphpoly.data import DatasetError, find_dataset, load_gdb7

CHARGES = [[6, 1, 1, 1, 1], [8, 1, 1], [16, 6, 7, 1]]
BOHR = 0.529177210903


def drawn(seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    random = np.random.default_rng(seed)
    places = [random.normal(size=(len(each), 3)).astype(np.float32) for each in CHARGES]
    return places, random.normal(-1500, 200, len(CHARGES)).astype(np.float32)


def archive(folder: Path, **changes: Any) -> Path:
    places, energies = drawn()
    arrays = {
        "z": np.concatenate(CHARGES).astype(np.uint8),
        "pos": np.concatenate(places),
        "num_nodes": np.array([len(each) for each in CHARGES], dtype=np.uint8),
        "u0_atom": energies,
        **changes,
    }
    path = folder / "gdb7" / "gdb7.npz"
    path.parent.mkdir(parents=True)
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def published(folder: Path, **changes: Any) -> Path:
    """The layout of qm7.mat: padded, in bohr, with more than is read."""
    places, energies = drawn()
    charge = np.zeros((len(CHARGES), 23), dtype=np.float32)
    place = np.zeros((len(CHARGES), 23, 3), dtype=np.float32)
    for row, (each, where) in enumerate(zip(CHARGES, places, strict=True)):
        charge[row, : len(each)] = each
        place[row, : len(each)] = where / BOHR
    path = folder / "gdb7" / "qm7.mat"
    path.parent.mkdir(parents=True)
    arrays = {"Z": charge, "R": place, "T": energies[None], "P": np.arange(3)[None], **changes}
    scipy.io.savemat(path, {name: value for name, value in arrays.items() if value is not None})
    return path


@pytest.mark.parametrize("write", [archive, published])
def test_molecules_are_what_the_file_says(tmp_path: Path, write: Any) -> None:
    write(tmp_path)
    places, energies = drawn()
    graphs = load_gdb7(tmp_path)
    assert len(graphs) == len(CHARGES)
    for graph, charges, place, energy in zip(graphs, CHARGES, places, energies, strict=True):
        assert graph.z.tolist() == charges
        torch.testing.assert_close(graph.pos, torch.from_numpy(place), rtol=1e-6, atol=1e-6)
        assert graph.y.tolist() == pytest.approx([float(energy)])
        pairs = [(i, j) for i in range(len(charges)) for j in range(len(charges)) if i != j]
        assert sorted(map(tuple, graph.edge_index.T.tolist())) == pairs
        for edge, (i, j) in enumerate(graph.edge_index.T.tolist()):
            distance = float(np.linalg.norm(place[i] - place[j]))
            assert float(graph.edge_attr[edge]) == pytest.approx(distance, rel=1e-5)
        for row, charge in zip(graph.x, charges, strict=True):
            expected = np.zeros((5, 3))
            expected[[1, 6, 7, 8, 16].index(charge)] = [1, charge / 16, (charge / 16) ** 2]
            np.testing.assert_allclose(row, expected.ravel(), rtol=1e-6)


def test_the_entry_divides_all_molecules(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    archive(
        tmp_path,
        z=np.ones(80, dtype=np.uint8),
        pos=random.normal(size=(80, 3)).astype(np.float32),
        num_nodes=np.full(40, 2, dtype=np.uint8),
        u0_atom=np.arange(40, dtype=np.float32),
    )
    entry = find_dataset("gdb7")
    loaded = entry.load(tmp_path, entry.reading, 0)
    one, other = loaded.split("random", 0), loaded.split("random", 1)
    assert one.sizes == (32, 4, 4)
    assert torch.cat([one.train, one.val, one.test]).sort().values.tolist() == list(range(40))
    assert one.hash == loaded.split("random", 0).hash != other.hash
    assert loaded.facts == {"graphs": 40, "nodes": 80, "edges": 80}


def test_absent_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"'gdb7': .*gdb7 holds neither gdb7.npz nor qm7.mat"):
        load_gdb7(tmp_path)


@pytest.mark.parametrize(
    ("write", "changes"),
    [
        (archive, {"z": None}),
        (archive, {"u0_atom": np.zeros(2, dtype=np.float32)}),
        (archive, {"num_nodes": np.array([5, 3, 3], dtype=np.uint8)}),
        (archive, {"num_nodes": np.array([12, 0, 0], dtype=np.uint8)}),
        (archive, {"z": np.full(12, 9, dtype=np.uint8)}),
        (archive, {"pos": np.zeros((12, 2), dtype=np.float32)}),
        (archive, {"pos": np.full((12, 3), np.nan, dtype=np.float32)}),
        (archive, {"u0_atom": np.full(3, np.inf, dtype=np.float32)}),
        (published, {"R": None}),
        (published, {"R": np.zeros((3, 22, 3))}),
        (published, {"T": np.zeros((1, 4))}),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, write: Any, changes: dict[str, Any]) -> None:
    write(tmp_path, **changes)
    with pytest.raises(DatasetError, match=r"'gdb7': .* is cut short or altered: ."):
        load_gdb7(tmp_path)


@pytest.mark.parametrize("write", [archive, published])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_files_that_are_cut_short_are_refused(tmp_path: Path, write: Any, share: float) -> None:
    path = write(tmp_path)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DatasetError, match=r"'gdb7': .* is cut short or altered"):
        load_gdb7(tmp_path)


def test_the_real_molecules(data_root: Path) -> None:
    if not (data_root / "gdb7" / "gdb7.npz").exists():
        pytest.skip("GDB-7 is not there")
    graphs = load_gdb7(data_root)
    sizes = torch.tensor([len(graph.z) for graph in graphs])
    energies = torch.cat([graph.y for graph in graphs])
    assert (len(graphs), int(sizes.sum()), int(sizes.min()), int(sizes.max())) == (
        6865,
        106507,
        4,
        22,
    )
    # atoms nearer than .9 or bonded hydrogens farther than 1.5 ångström would be another unit
    nearest = torch.stack([graph.edge_attr.min() for graph in graphs])
    assert 0.9 < float(nearest.min()) <= float(nearest.max()) < 1.5
    heavy = torch.stack([(graph.z > 1).sum() for graph in graphs])
    assert int(heavy.max()) == 7
    # a bond has some 100 kcal/mol: energies are nearly a sum over atoms
    counts = torch.stack([graph.x[:, ::3].sum(0) for graph in graphs]).double()
    found = torch.linalg.lstsq(counts, energies.double().unsqueeze(1)).solution
    assert float((counts @ found - energies.unsqueeze(1)).abs().mean()) < 20
