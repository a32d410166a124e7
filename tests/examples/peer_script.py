"""A script of PyG's with its loaders imported from graphpoly, on a generated graph.

python -m tests.examples.peer_script FILE [ARGUMENT ...]
"""

from __future__ import annotations

import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import ogb.nodeproppred
import torch
import torch.nn.functional as F
from torch_geometric import datasets
from torch_geometric.data import Data, HeteroData
from torch_geometric.utils import stochastic_blockmodel_graph

CLASSES, NODES = 4, 2000
# All that is changed of a script. One of them leaves where torch-sparse is absent.
SWAPPED = {
    "from torch_geometric.loader import": "from graphpoly.loader import",
    "from torch_geometric.typing import WITH_TORCH_SPARSE": "WITH_TORCH_SPARSE = True",
}


def classes(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return labels of nodes, and features that show them faintly."""
    y = torch.arange(count) * CLASSES // count
    return y, torch.randn(count, 16) + F.one_hot(y, 16)


def masks(store: Any, count: int) -> None:
    """Give a store the masks of half of its nodes, and of a quarter each."""
    draw = torch.rand(count)
    store.train_mask, store.val_mask = draw < 0.5, (draw >= 0.5) & (draw < 0.75)
    store.test_mask = draw >= 0.75


class Stand:
    """What a script asks of a dataset."""

    num_features = num_node_features = 16
    num_classes = CLASSES
    processed_dir = None

    def __init__(self, *_: Any, transform: Any = None, **__: Any) -> None:
        torch.manual_seed(0)
        self.data = self.make()
        if isinstance(self, Typed) and transform is not None:
            self.data = transform(self.data)

    def __getitem__(self, _: int) -> Any:
        return self.data

    def make(self) -> Any:
        """Draw the graph."""
        raise NotImplementedError


class Nodes(Stand):
    """Four classes whose nodes are joined to their like."""

    def make(self) -> Data:
        """Draw it."""
        y, x = classes(NODES)
        chance = torch.full((CLASSES, CLASSES), 0.001).fill_diagonal_(0.016)
        sizes = y.bincount().tolist()
        data = Data(x=x, edge_index=stochastic_blockmodel_graph(sizes, chance), y=y)
        masks(data, NODES)
        return data

    def get_idx_split(self) -> dict[str, torch.Tensor]:
        """As of OGB."""
        names = {"train": "train_mask", "valid": "val_mask", "test": "test_mask"}
        return {name: self.data[mask].nonzero().view(-1) for name, mask in names.items()}


class Typed(Stand):
    """Papers of four classes, which their authors share."""

    def make(self) -> HeteroData:
        """Draw it."""
        data = HeteroData()
        data["paper"].y, data["paper"].x = classes(NODES)
        data["author"].x = torch.randn(NODES // 2, 16)
        paper = torch.arange(NODES).repeat_interleave(3)
        author = paper // 2 + torch.randint(-40, 40, paper.shape)
        edges = torch.stack([author.clamp(0, NODES // 2 - 1), paper])
        data["author", "writes", "paper"].edge_index = edges
        cited = (paper + torch.randint(-80, 80, paper.shape)).clamp(0, NODES - 1)
        data["paper", "cites", "paper"].edge_index = torch.stack([paper, cited])
        masks(data["paper"], NODES)
        return data


class Ratings(Stand):
    """Ratings that depend on the kind of the film, in time."""

    def make(self) -> HeteroData:
        """Draw it."""
        data, count = HeteroData(), 5000
        data["user"].num_nodes = 300
        kind, x = classes(200)
        data["movie"].x = 4 * x
        user, movie = torch.randint(300, (count,)), torch.randint(200, (count,))
        rates = data["user", "rates", "movie"]
        rates.edge_index = torch.stack([user, movie])
        rates.edge_label = 1 + kind[movie] + torch.randint(2, (count,))
        rates.time = torch.randperm(count)
        return data


class Purchases(Stand):
    """Users who buy what is of their kind."""

    def make(self) -> HeteroData:
        """Draw it."""
        data, count = HeteroData(), 30_000
        data["user"].num_nodes, data["item"].num_nodes, data["category"].num_nodes = 1000, 400, 4
        user = torch.randint(1000, (count,))
        item = 4 * torch.randint(100, (count,)) + user % 4
        bought = data["user", "to", "item"]
        bought.edge_index = torch.stack([user, item]).unique(dim=1)
        bought.time = bought.behavior = torch.zeros(bought.edge_index.size(1))
        kinds = torch.stack([torch.arange(400), torch.arange(400) % 4])
        data["item", "to", "category"].edge_index = kinds
        return data


STANDS = {
    **dict.fromkeys(("Reddit", "Flickr", "Planetoid"), Nodes),
    "OGB_MAG": Typed,
    "MovieLens": Ratings,
    "Taobao": Purchases,
}


def main() -> None:
    """Run the script."""
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    for old, new in SWAPPED.items():
        text = text.replace(old, new)
    for name, stand in STANDS.items():
        setattr(datasets, name, stand)
    ogb.nodeproppred.PygNodePropPredDataset = Nodes
    sys.argv = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "script.py")
        path.write_text(text, encoding="utf-8")
        sys.path.insert(0, folder)  # as Python does
        runpy.run_path(str(path), run_name="__main__")


if __name__ == "__main__":
    main()
