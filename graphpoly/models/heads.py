"""What stands around a network for nodes so that it serves graphs, links and categories."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import MLP
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_sizes
from graphpoly.layers.random_node_features import RandomNodeFeatures
from graphpoly.models.molecule_gnn import encoders
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops.take_rows import take_rows
from graphpoly.pretrained import Pretrained

__all__ = [
    "DECODERS",
    "CategoryEncoder",
    "Encoded",
    "EncodedLinks",
    "LinkNet",
    "NoisyNet",
    "PooledNet",
    "Standardized",
    "names_argument",
]

DECODERS = ("dot", "hadamard")
_GRAPH = (
    *("edge_weight", "edge_type", "edge_attr", "batch", "batch_size", "pos"),
    *("encoding", "patch_node_index", "patch_number"),
)


class CategoryEncoder(Pretrained):
    """A sum of embeddings, one for each integer column.

    Args:
        categories: Number of values of each column, or ``"ogb"`` for the atoms of OGB.
        channels: Size of the embeddings.
        edges: Whether ``"ogb"`` stands for its bonds.

    >>> CategoryEncoder((3, 2), 4)(torch.tensor([[2, 1]])).shape
    torch.Size([1, 4])
    """

    def __init__(
        self, categories: Sequence[int] | str, channels: int, *, edges: bool = False
    ) -> None:
        super().__init__()
        self.columns: Any
        if isinstance(categories, str):
            if categories != "ogb":
                raise unknown("categories", categories, ("ogb",))
            made = encoders()
            self.columns = (made.BondEncoder if edges else made.AtomEncoder)(channels)
        else:
            self.columns = nn.ModuleList(nn.Embedding(size, channels) for size in categories)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for module in self.columns.modules():
            if isinstance(module, nn.Embedding):
                module.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Return ``[N, channels]``."""
        if not isinstance(self.columns, nn.ModuleList):
            out: Tensor = self.columns(x)
            return out
        x = x.reshape(len(x), -1)
        embedded = [column(x[:, index]) for index, column in enumerate(self.columns)]
        return torch.stack(embedded).sum(0)


class _Behind(Pretrained):
    """A network, ``net``, that reads what something else makes of ``x``; that comes first."""

    net: nn.Module
    _given: tuple[str, ...]

    def read(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def read_edges(self, edge_attr: Tensor | None) -> Tensor | None:
        """Return what the network gets for features of edges."""
        return edge_attr

    def write(self, out: Tensor) -> Tensor:
        """Return what is made of the network's output."""
        return out

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for child in self.children():
            reset(child)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        edge_type: Tensor | None = None,
        edge_attr: Tensor | None = None,
        encoding: Tensor | None = None,
        patch_node_index: Tensor | None = None,
        patch_number: Tensor | None = None,
        pos: Tensor | None = None,
    ) -> Tensor:
        """Return what the network returns."""
        given = {
            "edge_weight": edge_weight,
            "batch": batch,
            "batch_size": batch_size,
            "edge_type": edge_type,
            "edge_attr": self.read_edges(edge_attr),
            "encoding": encoding,
            "patch_node_index": patch_node_index,
            "patch_number": patch_number,
            "pos": pos,
        }
        return self.write(call(self.net, self._given, self.read(x), edge_index, given))


class Encoded(_Behind):
    """A network behind embeddings of its categories.

    Args:
        encoder: From ``x`` to the network's input.
        net: The network.
        edge_encoder: From ``edge_attr`` to what the network gets for it; default itself.
    """

    def __init__(
        self, encoder: nn.Module, net: nn.Module, edge_encoder: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.edge_encoder = edge_encoder
        self.net = net
        self._given = _names(net)

    def read(self, x: Tensor) -> Tensor:
        """Return the embeddings."""
        out: Tensor = self.encoder(x)
        return out

    def read_edges(self, edge_attr: Tensor | None) -> Tensor | None:
        """Return the embeddings of the edges, where they have some."""
        if edge_attr is None or self.edge_encoder is None:
            return edge_attr
        out: Tensor = self.edge_encoder(edge_attr)
        return out


class EncodedLinks(Pretrained):
    """A network that scores pairs of nodes, behind embeddings of its categories.

    Args:
        encoder: From ``x`` to the network's input.
        net: With ``encode(x, edge_index)`` and ``decode(states, pairs)``.
    """

    def __init__(self, encoder: nn.Module, net: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.net: Any = net

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        reset(self.encoder)
        reset(self.net)

    def encode(self, x: Tensor, edge_index: Any) -> Any:
        """Return what the network says of a graph."""
        return self.net.encode(self.encoder(x), edge_index)

    def decode(self, states: Any, pairs: Tensor) -> Tensor:
        """Return the scores of pairs, ``[P]``."""
        out: Tensor = self.net.decode(states, pairs)
        return out

    def forward(self, x: Tensor, edge_index: Any, pairs: Tensor) -> Tensor:
        """Return the scores of pairs, ``[P]``."""
        return self.decode(self.encode(x, edge_index), pairs)


class PooledNet(Pretrained):
    """A network for nodes, a pooling over each graph and a perceptron.

    Args:
        net: Gives ``[N, channels]``.
        channels: Size of its output.
        out_channels: Number of classes or targets.
        pool: ``"mean"``, ``"add"`` or ``"max"``.

    Shapes:
        - **input:** as for the network, with ``batch`` :math:`(N)`
        - **output:** :math:`(B, F_{out})`
    """

    def __init__(
        self, net: nn.Module, channels: int, out_channels: int, *, pool: str = "mean"
    ) -> None:
        super().__init__()
        check_pool(pool)
        self.net = net
        self.pool = pool
        self.head = MLP([channels, channels, out_channels], norm=None)
        self._given = _names(net)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        reset(self.net)
        self.head.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        edge_type: Tensor | None = None,
        edge_attr: Tensor | None = None,
        pos: Tensor | None = None,
    ) -> Tensor:
        """Return logits, one row a graph.

        Raises:
            ValueError: If the network has no row for each node.
        """
        given = {
            "edge_weight": edge_weight,
            "batch": batch,
            "batch_size": batch_size,
            "edge_type": edge_type,
            "edge_attr": edge_attr,
            "pos": pos,
        }
        hidden = call(self.net, self._given, x, edge_index, given).relu()
        if len(hidden) != len(x):
            raise ValueError(
                f"model: {type(self.net).__name__} gave {list(hidden.shape)}, expected a row for "
                f'each of {len(x)} nodes; one that pools by itself says so by levels = ("graphs",)'
            )
        out: Tensor = self.head(pool_nodes(hidden, self.pool, batch, batch_size))
        return out


class LinkNet(Pretrained):
    """A network for nodes, and a score for each pair of them.

    Args:
        net: Gives ``[N, channels]``.
        channels: Size of its output.
        decoder: ``"dot"`` for the inner product, ``"hadamard"`` for a perceptron on the product.
        num_layers: Linear maps of that perceptron.
        dropout: Between them.

    Shapes:
        - **input:** as for the network, and ``pairs`` :math:`(2, P)`
        - **output:** :math:`(P)`
    """

    def __init__(
        self,
        net: nn.Module,
        channels: int,
        *,
        decoder: str = "hadamard",
        num_layers: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_sizes(num_layers=num_layers)
        if decoder not in DECODERS:
            raise unknown("decoder", decoder, DECODERS)
        self.net = net
        self.decoder = decoder
        widths = [*[channels] * num_layers, 1]
        perceptron = decoder == "hadamard"
        self.head = MLP(widths, norm=None, dropout=dropout) if perceptron else None
        self._given = _names(net)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        reset(self.net)
        if self.head is not None:
            self.head.reset_parameters()

    def encode(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        edge_type: Tensor | None = None,
    ) -> Tensor:
        """Return the states of all nodes, ``[N, channels]``."""
        given = {"edge_weight": edge_weight, "edge_type": edge_type}
        return call(self.net, self._given, x, edge_index, given)

    def decode(self, hidden: Tensor, pairs: Tensor) -> Tensor:
        """Return the scores of pairs, ``[P]``."""
        product = take_rows(hidden, pairs[0]) * take_rows(hidden, pairs[1])
        return product.sum(-1) if self.head is None else self.head(product).squeeze(-1)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        pairs: Tensor,
        edge_weight: Tensor | None = None,
        edge_type: Tensor | None = None,
    ) -> Tensor:
        """Return the scores of pairs, ``[P]``."""
        return self.decode(self.encode(x, edge_index, edge_weight, edge_type), pairs)


class NoisyNet(_Behind):
    """A network behind random features that are drawn anew in each forward pass.

    Args:
        net: Takes ``dim`` more columns than there are in ``x``.
        dim: Number of random features.
        distribution: See :class:`~graphpoly.layers.RandomNodeFeatures`.
    """

    def __init__(self, net: nn.Module, dim: int, *, distribution: str = "normal") -> None:
        super().__init__()
        self.noise = RandomNodeFeatures(dim, distribution=distribution)
        self.net = net
        self._given = _names(net)

    def read(self, x: Tensor) -> Tensor:
        """Return the features with the random ones behind them."""
        out: Tensor = self.noise(x)
        return out


class Standardized(_Behind):
    """A network whose answers are deviations from a mean.

    Args:
        net: The network.
        mean: Of each number that it gives.
        deviation: What a deviation of 1 is, more than 0.

    >>> net = Standardized(nn.Identity(), [2.0], [0.5])
    >>> net.write(torch.tensor([[0.0], [2.0]])).flatten()
    tensor([2., 3.])
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, net: nn.Module, mean: Sequence[float], deviation: Sequence[float]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("deviation", torch.tensor(deviation))
        # a pooling inside takes more than the network that it stands around
        accepted = inspect.signature(net.forward).parameters
        self._given = tuple(name for name in _GRAPH if name in accepted)

    @classmethod
    def around(cls, net: nn.Module, y: Tensor) -> Standardized:
        """Return a network whose answers are in mean absolute deviations of labels.

        Args:
            net: The network.
            y: Labels, ``[n]`` or ``[n, F_out]``; what is NaN is left out.
        """
        y = y.reshape(len(y), -1).double()
        mean = y.nanmean(0)
        deviation = (y - mean).abs().nanmean(0)
        deviation = torch.where(deviation > 0, deviation, 1.0)  # labels that are all the same
        return cls(net, mean.nan_to_num(0.0).tolist(), deviation.tolist())

    def read(self, x: Tensor) -> Tensor:
        """Return the features as they are."""
        return x

    def write(self, out: Tensor) -> Tensor:
        """Return the network's output in the unit of the labels."""
        return out * self.deviation + self.mean


def names_argument(net: nn.Module, name: str) -> bool:
    """Return whether a network, or the one that stands in our wrappers, takes an argument.

    >>> from torch_geometric.nn import GCN
    >>> net = PooledNet(GCN(2, 4, 1), 4, 3)
    >>> names_argument(net, "edge_weight"), names_argument(net, "edge_type")
    (True, False)
    """
    if name in inspect.signature(net.forward).parameters:
        if isinstance(net, _Behind | LinkNet | PooledNet):
            inner: Any = net.net
            return names_argument(inner, name)
        return True
    return False


def _names(net: nn.Module) -> tuple[str, ...]:
    return tuple(name for name in _GRAPH if names_argument(net, name))


def call(
    net: nn.Module, names: Sequence[str], x: Tensor, edge_index: Any, given: dict[str, Any]
) -> Tensor:
    """Call a network with what it names of ``given``, and refuse a weight that it does not name."""
    if given.get("edge_weight") is not None and "edge_weight" not in names:
        raise ValueError(f"edge_weight: {type(net).__name__} has no use for weights")
    named = {name: given[name] for name in names if given.get(name) is not None}
    out: Tensor = net(x, edge_index, **named)
    return out
