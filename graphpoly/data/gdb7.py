"""Small organic molecules in space, and the energies that hold them together."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import loadmat
from scipy.io.matlab import MatReadError
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.data.files import DatasetError, default_root, first_line
from graphpoly.devices import on_cpu

__all__ = ["GDB7_ELEMENTS", "load_gdb7"]

GDB7_ELEMENTS = (1, 6, 7, 8, 16)
_BOHR = 0.529177210903  # ångström
_ALTERED = (
    *(ValueError, KeyError, TypeError, OSError, EOFError),
    *(zipfile.BadZipFile, zlib.error, MatReadError),
)
_HOME = "http://quantum-machine.org/data/qm7.mat"


@on_cpu()
def load_gdb7(root: str | Path | None = None) -> list[Data]:
    """Load molecules of GDB with up to seven heavy atoms, their shapes and atomisation energies.

    Every two atoms of a molecule are joined, so that networks read the molecule as points in space.

    Args:
        root: Folder that holds all datasets. Read is ``gdb7/gdb7.npz`` below it, with ``z`` and
            ``pos`` (ångström) of all atoms, ``num_nodes`` and ``u0_atom`` of the molecules, or else
            ``gdb7/qm7.mat``, the published file with ``Z``, ``R`` (bohr) and ``T``.

    Returns:
        Graphs with ``z`` ``[N]``, ``x`` ``[N, 15]``, which is the one-hot element times the powers
        0 to 2 of its share of the largest charge, ``pos`` ``[N, 3]`` in ångström, ``edge_attr``
        ``[E, 1]`` of distances and ``y`` ``[1]`` in kcal/mol.

    Raises:
        DatasetError: If neither file is there, or one is not what it should be.

    References:
        Rupp, Tkatchenko, Müller, von Lilienfeld, Fast and Accurate Modeling of Molecular
        Atomization Energies with Machine Learning, Physical Review Letters 108, 2012; features
        after Satorras, Hoogeboom, Welling, E(n) Equivariant Graph Neural Networks, ICML 2021.
    """
    folder = Path(default_root() if root is None else root).expanduser() / "gdb7"
    path = next((p for p in (folder / "gdb7.npz", folder / "qm7.mat") if p.exists()), None)
    if path is None:
        raise DatasetError(
            f"dataset 'gdb7': {folder} holds neither gdb7.npz nor qm7.mat; put {_HOME} there, pass "
            "another root, or set GRAPHPOLY_DATA"
        )
    try:
        z, pos, sizes, y = (_archive if path.suffix == ".npz" else _published)(path)
        _check(z, pos, sizes, y)
    except _ALTERED as error:
        raise DatasetError(
            f"dataset 'gdb7': {path} is cut short or altered: {first_line(error)}"
        ) from error
    x = _features(z)
    return [
        _molecule(*parts)
        for parts in zip(z.split(sizes), x.split(sizes), pos.split(sizes), y.split(1), strict=True)
    ]


def _archive(path: Path) -> tuple[Tensor, Tensor, list[int], Tensor]:
    with np.load(path, allow_pickle=False) as held:
        z, pos = held["z"].astype(np.int64), held["pos"].astype(np.float32)
        sizes, y = held["num_nodes"].astype(np.int64), held["u0_atom"].astype(np.float32)
    return torch.from_numpy(z), torch.from_numpy(pos), sizes.tolist(), torch.from_numpy(y)


def _published(path: Path) -> tuple[Tensor, Tensor, list[int], Tensor]:
    """Read padded arrays; what has no charge is no atom."""
    held: dict[str, Any] = loadmat(path, variable_names=("Z", "R", "T"))
    charge, place = np.asarray(held["Z"]), np.asarray(held["R"])
    if charge.ndim != 2 or place.shape != (*charge.shape, 3):
        raise ValueError(f"Z and R are {charge.shape} and {place.shape}")
    there = charge > 0
    z = torch.from_numpy(charge[there].astype(np.int64))
    pos = torch.from_numpy((place[there] * _BOHR).astype(np.float32))
    y = torch.from_numpy(np.asarray(held["T"]).reshape(-1).astype(np.float32))
    return z, pos, there.sum(1).tolist(), y


def _check(z: Tensor, pos: Tensor, sizes: list[int], y: Tensor) -> None:
    if z.dim() != 1 or pos.shape != (len(z), 3) or y.shape != (len(sizes),):
        raise ValueError(f"{len(sizes)} molecules, but {list(y.shape)} energies")
    if sum(sizes) != len(z) or min(sizes, default=1) < 1:
        raise ValueError(f"{len(z)} atoms, but molecules of {sum(sizes)}")
    if strange := sorted(set(z.tolist()).difference(GDB7_ELEMENTS)):
        raise ValueError(f"elements {strange}")
    if not (pos.isfinite().all() and y.isfinite().all()):
        raise ValueError("positions or energies that are not finite")


def _features(z: Tensor) -> Tensor:
    elements = torch.tensor(GDB7_ELEMENTS)
    one_hot = (z.unsqueeze(-1) == elements).float()
    share = z.float() / max(GDB7_ELEMENTS)
    powers = torch.stack([share**power for power in range(3)], dim=-1)
    return (one_hot.unsqueeze(-1) * powers.unsqueeze(1)).flatten(1)


def _molecule(z: Tensor, x: Tensor, pos: Tensor, y: Tensor) -> Data:
    edge_index = (~torch.eye(len(z), dtype=torch.bool)).nonzero().T.contiguous()
    source, target = edge_index
    distance = (pos[source] - pos[target]).norm(dim=-1, keepdim=True)
    return Data(x=x, edge_index=edge_index, edge_attr=distance, y=y.clone(), pos=pos, z=z)
