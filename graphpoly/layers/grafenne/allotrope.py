"""The graph in which features are nodes, joined to the nodes that have them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from graphpoly.layers.arguments import check_batch, check_features
from graphpoly.ops import CSR, hash64, sum_entries, to_csr, uniform
from graphpoly.ops.batching import count_graphs
from graphpoly.ops.entry import check_device

__all__ = ["Allotrope", "allotrope"]


class Allotrope(NamedTuple):
    """The features that are observed, once by nodes and once by features.

    Attributes:
        by_node: A row for each node, which lists its features; the values are those of x.
        by_feature: A row for each feature, which lists the nodes that have it, with the values.
        key: Name of each feature, int64, a row for each of ``by_feature``.
    """

    by_node: CSR
    by_feature: CSR
    key: Tensor

    def structure(self) -> tuple[Tensor, Tensor]:
        r"""Return what is known of nodes and of features before anything is learned.

        It is :math:`(\log(1 + n), \bar x)`, for each node and each feature the number of its
        entries and their mean: two states that have two channels, for any number of features.
        """
        return _structure(self.by_node), _structure(self.by_feature)

    def codes(self, channels: int) -> Tensor:
        """Return numbers of mean 0 and variance 1 that the name of each feature decides.

        A feature that nobody has seen has a code as any other, and no table holds it.
        """
        assert self.by_feature.weight is not None
        channel = torch.arange(channels, device=self.key.device)
        drawn = uniform(hash64(0, self.key.unsqueeze(1), channel))
        return ((2 * drawn - 1) * math.sqrt(3)).to(self.by_feature.weight.dtype)


def allotrope(
    x: Tensor | Allotrope,
    batch: Tensor | None = None,
    batch_size: int | None = None,
    *,
    feature_key: Tensor | None = None,
) -> Allotrope:
    """Turn features of nodes into a graph of nodes and features.

    In a batch each graph has features of its own, so that nothing passes from graph to graph.

    Args:
        x: ``[N, F]``. Of a dense one the entries other than zero are observed, of a sparse one
            those that are stored, zeros among them. What was made before is returned as it is.
        batch: Graph of each node, ``[N]``, or None for one graph.
        batch_size: Number B of graphs, if known.
        feature_key: Name of each column, ``[F]`` int64; default its number.

    Returns:
        The graph, with B F features: that of column f in graph b is b F + f.

    Raises:
        TypeError: If x is not of floating-point numbers, or the names are not int64.
        ValueError: If shapes do not fit.

    Complexity: O(n) time and memory for n entries that are observed, beside N and B F, and reading
    a dense x.

    >>> x = torch.tensor([[0.0, 2.0], [3.0, 0.0], [0.0, 5.0]])
    >>> made = allotrope(x)
    >>> made.by_feature.rowptr.tolist(), made.by_feature.col.tolist()
    ([0, 1, 3], [1, 0, 2])
    >>> torch.equal(made.by_node.to_dense(), x)
    True
    """
    if isinstance(x, Allotrope):
        if feature_key is not None:
            raise ValueError("feature_key: given beside an Allotrope, which has the names already")
        return x
    check_features("allotrope", x)
    check_batch(batch)
    num_nodes, width = x.shape
    num_graphs = count_graphs(batch, batch_size, num_nodes)
    key = _keys(x, feature_key)
    if x.layout == torch.strided:
        node, column = x.nonzero(as_tuple=True)
        value = x[node, column]
    else:
        held = to_csr(x, size=(width, num_nodes))
        assert held.weight is not None
        node, column, value = held.rows().long(), held.col.long(), held.weight
    if batch is not None:
        column = column + width * batch[node]
    count, turned = num_graphs * width, torch.is_grad_enabled()
    return Allotrope(
        to_csr(torch.stack([column, node]), value, size=(count, num_nodes), transposed=turned),
        to_csr(torch.stack([node, column]), value, size=(num_nodes, count), transposed=turned),
        key.repeat(num_graphs),
    )


def _keys(x: Tensor, feature_key: Tensor | None) -> Tensor:
    if feature_key is None:
        return torch.arange(x.size(1), device=x.device)
    if feature_key.dtype != torch.int64:
        raise TypeError(f"feature_key: got {feature_key.dtype}, expected int64")
    if feature_key.shape != (x.size(1),):
        raise ValueError(
            f"feature_key: got shape {list(feature_key.shape)}, expected [{x.size(1)}]"
        )
    check_device("feature_key", feature_key, x.device)
    return feature_key


def _structure(adj: CSR) -> Tensor:
    assert adj.weight is not None
    dtype = torch.promote_types(adj.weight.dtype, torch.float32)  # a half counts to 65,504
    count = adj.rowptr.diff().to(dtype)
    mean = sum_entries(adj, adj.weight.to(dtype)) / count.clamp(min=1)
    return torch.stack([count.log1p(), mean], dim=1).to(adj.weight.dtype)
