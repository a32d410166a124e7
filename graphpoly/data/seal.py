"""Eight networks that link prediction is measured on, as SEAL's repository has them."""

from __future__ import annotations

from pathlib import Path

import scipy.io
import scipy.sparse
import torch
from torch_geometric.data import Data

from graphpoly.data.files import DatasetError, default_root, first_line
from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["SEAL_NAMES", "load_seal"]

# nodes and links
SEAL_NAMES = {
    "USAir": (332, 2126),
    "NS": (1589, 2742),
    "PB": (1222, 16714),
    "Yeast": (2375, 11693),
    "Celegans": (297, 2148),
    "Power": (4941, 6594),
    "Router": (5022, 6258),
    "Ecoli": (1805, 14660),
}


@on_cpu()
def load_seal(name: str, root: str | Path | None = None) -> Data:
    """Load one network; nothing is downloaded, since the files have no stable address.

    Args:
        name: One of :data:`SEAL_NAMES`.
        root: Folder that holds all datasets; the file is ``seal_linkpred/NAME.mat`` below it, with
            the adjacency matrix under ``net``.

    Returns:
        ``edge_index`` in both directions, ``num_nodes``, and no features.

    Raises:
        ValueError: If the name is unknown.
        DatasetError: If the file is absent or is not what it should be.
    """
    if name not in SEAL_NAMES:
        raise unknown("network", name, SEAL_NAMES)
    base = Path(default_root() if root is None else root).expanduser()
    path = base / "seal_linkpred" / f"{name}.mat"
    if not path.is_file():
        raise DatasetError(
            f"dataset {name!r}: {path} does not exist; put the file of SEAL's repository there, "
            "pass another root, or set GRAPHPOLY_DATA"
        )
    try:
        net = scipy.sparse.coo_array(scipy.io.loadmat(path, variable_names=["net"])["net"])
        row, col = (torch.from_numpy(part.astype("int64")) for part in (net.row, net.col))
        apart = row != col
        found = (net.shape[0], int(apart.sum()) // 2)
        if found != SEAL_NAMES[name]:
            raise ValueError(f"{found[0]} nodes and {found[1]} links, not {SEAL_NAMES[name]}")
    except MemoryError:
        raise
    except Exception as error:  # a broken file can raise anything inside a parser
        raise DatasetError(
            f"dataset {name!r}: {path} is cut short or altered: {first_line(error)}"
        ) from error
    return Data(edge_index=torch.stack([row, col])[:, apart], num_nodes=net.shape[0])
