"""Seven of PyG's example scripts: their settings and loops, without arguments and logs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import torch_geometric.nn as pyg
import torch_geometric.transforms as T
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch_geometric.datasets import Planetoid, TUDataset
from torch_geometric.loader import DataLoader
from torch_geometric.utils import negative_sampling

__all__ = ["SCRIPTS", "Script"]


class Script:
    """The data of a script, its network, its optimiser and its epoch.

    An epoch is what the script times, or else a turn of its loop.

    Args:
        root: Folder that holds the datasets.
        exact: Drop nothing and compute in float64, on nodes no two of which are alike where a
            script chooses among them: rounding would do so.
    """

    loaders: tuple[DataLoader, ...] = ()
    transform: Any = T.NormalizeFeatures()
    criterion: Any = staticmethod(F.cross_entropy)
    lr, weight_decay = 0.01, 0.0

    def __init__(self, root: Path, exact: bool = False) -> None:
        self.exact = exact
        self.load(root)

    def load(self, root: Path) -> None:
        """Read the data."""
        cora = Planetoid(str(root / "planetoid"), "Cora", transform=self.transform)
        self.data: Any = cora[0]
        for data in self.data if isinstance(self.data, tuple) else (self.data,):
            self._widen(data)

    def _widen(self, data: Any) -> Any:
        if self.exact:
            data.x = data.x.double()
        return data

    def rate(self, p: float) -> float:
        """Return the share of numbers that is dropped where the script drops ``p``."""
        return 0.0 if self.exact else p

    def network(self) -> nn.Module:
        """Return the network."""
        raise NotImplementedError

    def optimizer(self, net: Any) -> Optimizer:
        """Return the optimiser of a network."""
        return Adam(net.parameters(), lr=self.lr, weight_decay=self.weight_decay)

    def compiled(self, net: Any) -> Any:
        """Return a network under ``torch.compile``."""
        return torch.compile(net)

    def epoch(self, net: Any, optimizer: Optimizer) -> float:
        """Run what the script times and return the loss."""
        raise NotImplementedError

    def floor(self) -> None:
        """Run what of an epoch takes no network."""

    def _labelled(self, net: Any, optimizer: Optimizer) -> float:
        net.train()
        optimizer.zero_grad()
        out, data = net(self.data), self.data
        loss = self.criterion(out[data.train_mask], data.y[data.train_mask])
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    @torch.no_grad()
    def _counted(self, net: Any) -> None:
        net.eval()
        data, found = self.data, net(self.data).argmax(dim=-1)
        for mask in (data.train_mask, data.val_mask, data.test_mask):
            int((found[mask] == data.y[mask]).sum()) / int(mask.sum())


class TwoLayers(nn.Module):
    """Two convolutions behind dropout of functions, with ``act`` between them."""

    def __init__(self, first: nn.Module, second: nn.Module, act: Any, rate: float) -> None:
        super().__init__()
        self.conv1, self.conv2, self.act, self.rate = first, second, act, rate

    def forward(self, data: Any) -> Tensor:
        """Score the classes."""
        x = F.dropout(data.x, p=self.rate, training=self.training)
        x = self.act(self.conv1(x, data.edge_index))
        x = F.dropout(x, p=self.rate, training=self.training)
        return self.conv2(x, data.edge_index)


class GCN(Script):
    """``gcn.py``, which times the training."""

    def network(self) -> nn.Module:
        layers = pyg.GCNConv(1433, 16), pyg.GCNConv(16, 7)
        return TwoLayers(*layers, act=torch.relu, rate=self.rate(0.5))

    def optimizer(self, net: Any) -> Optimizer:
        decayed = {"params": net.conv1.parameters(), "weight_decay": 5e-4}
        return Adam([decayed, {"params": net.conv2.parameters(), "weight_decay": 0}], lr=0.01)

    def epoch(self, net: Any, optimizer: Optimizer) -> float:
        return self._labelled(net, optimizer)


class GAT(Script):
    """``gat.py``, which times training and test."""

    lr, weight_decay = 0.005, 5e-4

    def network(self) -> nn.Module:
        rate = self.rate(0.6)
        first = pyg.GATConv(1433, 8, heads=8, dropout=rate)
        second = pyg.GATConv(64, 7, heads=1, concat=False, dropout=rate)
        return TwoLayers(first, second, act=F.elu, rate=rate)

    def epoch(self, net: Any, optimizer: Optimizer) -> float:
        loss = self._labelled(net, optimizer)
        self._counted(net)
        return loss


class SGC(GAT):
    """``sgc.py``: training and test."""

    transform = None
    criterion = staticmethod(F.nll_loss)
    lr, weight_decay = 0.2, 0.005

    class Network(nn.Module):
        """One layer, whose powers are kept."""

        def __init__(self) -> None:
            super().__init__()
            self.conv1 = pyg.SGConv(1433, 7, K=2, cached=True)

        def forward(self, data: Any) -> Tensor:
            """Score the classes."""
            return F.log_softmax(self.conv1(data.x, data.edge_index), dim=1)

    def network(self) -> nn.Module:
        return self.Network()


class OfGraphs(Script):
    """A script that trains on batches of graphs and tests on all."""

    name, size, shuffle = "", 0, False
    tests_with_gradients = False

    def load(self, root: Path) -> None:
        """Read the graphs, in an order of chance, and divide them."""
        torch.manual_seed(0)
        graphs: Any = TUDataset(str(root / "tu"), self.name).shuffle()
        train, test = (self._told_apart(part) for part in self.split(graphs))
        self.loaders = DataLoader(train, self.size, self.shuffle), DataLoader(test, self.size)

    split: Any  # returns the graphs to train on and those to test on

    def _told_apart(self, graphs: Any) -> Any:
        if not self.exact:
            return graphs
        graphs = [self._widen(graph) for graph in graphs]
        for graph in graphs:
            graph.x = graph.x + 0.01 * torch.rand_like(graph.x)
        return graphs

    def scores(self, net: Any, batch: Any) -> Tensor:
        """Score the classes of a batch of graphs."""
        raise NotImplementedError

    def epoch(self, net: Any, optimizer: Optimizer) -> float:
        net.train()
        total = 0.0
        for batch in self.loaders[0]:
            optimizer.zero_grad()
            loss = self.criterion(self.scores(net, batch), batch.y)
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * batch.num_graphs
        net.eval()
        for loader in self.loaders:
            with torch.set_grad_enabled(self.tests_with_gradients):
                for batch in loader:
                    int((self.scores(net, batch).argmax(dim=-1) == batch.y).sum())
        return total

    def floor(self) -> None:
        for loader in (*self.loaders, self.loaders[0]):
            for _ in loader:
                pass


class GIN(OfGraphs):
    """``mutag_gin.py``: training and both tests."""

    name, size, shuffle = "MUTAG", 128, True

    class Network(nn.Module):
        """Five layers with perceptrons, a sum and a perceptron."""

        def __init__(self, rate: float) -> None:
            super().__init__()
            self.convs = nn.ModuleList(
                pyg.GINConv(pyg.MLP([inner, 32, 32])) for inner in (7, 32, 32, 32, 32)
            )
            self.mlp = pyg.MLP([32, 32, 2], norm=None, dropout=rate)

        def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
            """Score the classes."""
            for conv in self.convs:
                x = conv(x, edge_index).relu()
            return self.mlp(pyg.global_add_pool(x, batch))

    def split(self, graphs: Any) -> tuple[Any, Any]:
        return graphs[:0.9], graphs[0.9:]

    def network(self) -> nn.Module:
        return self.Network(self.rate(0.5))

    def scores(self, net: Any, batch: Any) -> Tensor:
        return net(batch.x, batch.edge_index, batch.batch)


class TopK(OfGraphs):
    """``proteins_topk_pool.py``: training and both tests, these with gradients."""

    name, size, tests_with_gradients, lr = "PROTEINS", 60, True, 0.0005
    criterion = staticmethod(F.nll_loss)

    class Network(nn.Module):
        """Three layers, a pooling behind each, and a perceptron of what was read out."""

        def __init__(self, rate: float) -> None:
            super().__init__()
            self.rate = rate
            self.convs = nn.ModuleList(pyg.GraphConv(inner, 128) for inner in (3, 128, 128))
            self.pools = nn.ModuleList(pyg.TopKPooling(128, ratio=0.8) for _ in range(3))
            self.lin1, self.lin2 = nn.Linear(256, 128), nn.Linear(128, 64)
            self.lin3 = nn.Linear(64, 2)

        def forward(self, data: Any) -> Tensor:
            """Score the classes."""
            x, edge_index, batch = data.x, data.edge_index, data.batch
            total: Any = 0
            for conv, pool in zip(self.convs, self.pools, strict=True):
                x = F.relu(conv(x, edge_index))
                x, edge_index, _, batch, _, _ = pool(x, edge_index, None, batch)
                read = (pyg.global_max_pool(x, batch), pyg.global_mean_pool(x, batch))
                total = total + torch.cat(read, dim=1)
            x = F.dropout(F.relu(self.lin1(total)), p=self.rate, training=self.training)
            return F.log_softmax(self.lin3(F.relu(self.lin2(x))), dim=-1)

    def split(self, graphs: Any) -> tuple[Any, Any]:
        tested = len(graphs) // 10
        return graphs[tested:], graphs[:tested]

    def network(self) -> nn.Module:
        return self.Network(self.rate(0.5))

    def scores(self, net: Any, batch: Any) -> Tensor:
        return net(batch)


class Links(Script):
    """``link_pred.py``: training and both tests."""

    class Network(nn.Module):
        """Two layers, and the products of pairs."""

        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.conv2 = pyg.GCNConv(1433, 128), pyg.GCNConv(128, 64)

        def encode(self, x: Tensor, edge_index: Tensor) -> Tensor:
            """Embed the nodes."""
            return self.conv2(self.conv1(x, edge_index).relu(), edge_index)

        def decode(self, z: Tensor, pairs: Tensor) -> Tensor:
            """Score pairs."""
            return (z[pairs[0]] * z[pairs[1]]).sum(dim=-1)

    def load(self, root: Path) -> None:
        torch.manual_seed(0)
        split = T.RandomLinkSplit(
            num_val=0.05, num_test=0.1, is_undirected=True, add_negative_train_samples=False
        )
        self.transform = T.Compose([T.NormalizeFeatures(), split])
        super().load(root)

    def network(self) -> nn.Module:
        return self.Network()

    def compiled(self, net: Any) -> Any:
        net.encode, net.decode = torch.compile(net.encode), torch.compile(net.decode)
        return net

    def epoch(self, net: Any, optimizer: Optimizer) -> float:
        net.train()
        optimizer.zero_grad()
        data = self.data[0]
        z = net.encode(data.x, data.edge_index)
        absent = self._absent()
        label = torch.cat([data.edge_label, data.edge_label.new_zeros(absent.size(1))])
        label = label.to(z.dtype)
        out = net.decode(z, torch.cat([data.edge_label_index, absent], dim=-1)).view(-1)
        loss = F.binary_cross_entropy_with_logits(out, label)
        loss.backward()
        optimizer.step()
        net.eval()
        with torch.no_grad():
            for data in self.data[1:]:
                z = net.encode(data.x, data.edge_index)
                self._score(data, net.decode(z, data.edge_label_index).view(-1).sigmoid())
        return float(loss.detach())

    def floor(self) -> None:
        self._absent()
        for data in self.data[1:]:
            self._score(data, torch.rand(data.edge_label.size(0)))

    def _absent(self) -> Tensor:
        data = self.data[0]
        return negative_sampling(
            edge_index=data.edge_index,
            num_nodes=data.num_nodes,
            num_neg_samples=data.edge_label_index.size(1),
            method="sparse",
        )

    def _score(self, data: Any, out: Tensor) -> None:
        roc_auc_score(data.edge_label.cpu().numpy(), out.cpu().numpy())


class Infomax(Script):
    """``infomax_transductive.py``: training."""

    transform, lr = None, 0.001

    class Encoder(nn.Module):
        """One layer and its activation."""

        def __init__(self) -> None:
            super().__init__()
            self.conv, self.prelu = pyg.GCNConv(1433, 512), nn.PReLU(512)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            """Embed the nodes."""
            return self.prelu(self.conv(x, edge_index))

    def network(self) -> nn.Module:
        return pyg.DeepGraphInfomax(
            hidden_channels=512, encoder=self.Encoder(), summary=_summary, corruption=_shuffled
        )

    def epoch(self, net: Any, optimizer: Optimizer) -> float:
        net.train()
        optimizer.zero_grad()
        loss = net.loss(*net(self.data.x, self.data.edge_index))
        loss.backward()
        optimizer.step()
        return loss.item()


def _summary(z: Tensor, *_: Any) -> Tensor:
    return z.mean(dim=0).sigmoid()


def _shuffled(x: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
    return x[torch.randperm(x.size(0))], edge_index


SCRIPTS: dict[str, type[Script]] = {
    "gcn": GCN,
    "gat": GAT,
    "sgc": SGC,
    "mutag_gin": GIN,
    "proteins_topk_pool": TopK,
    "link_pred": Links,
    "infomax_transductive": Infomax,
}
