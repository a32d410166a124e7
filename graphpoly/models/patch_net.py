"""From patches of a graph to tokens, and from tokens that were mixed to the graph or its nodes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset
from torch_geometric.utils import cumsum

from graphpoly.features import ExtractPatches, extract_patches
from graphpoly.layers.arguments import (
    NamedArguments,
    check_batch,
    check_features,
    check_size,
    check_sizes,
)
from graphpoly.models.patch_encoder import Conv, PatchEncoder, reads_edges, rectified
from graphpoly.models.pooling import check_pool, pool_nodes
from graphpoly.ops import pool as pooled
from graphpoly.ops import to_edges
from graphpoly.ops.batching import count_graphs, nodes_of_each
from graphpoly.ops.edge_masks import carried_masks
from graphpoly.ops.entry import check_index, check_values
from graphpoly.ops.patches import patch_edges, patch_overlap, patch_walks
from graphpoly.ops.take_rows import take_rows
from graphpoly.pretrained import Pretrained

__all__ = ["PatchNet"]

_VALUES = "a matrix of PyTorch's has values, and weights are refused"
_CUT = "METIS, and chance no less, divides a graph by how its nodes are numbered"


class PatchNet(Pretrained, NamedArguments):
    r"""Message passing inside of overlapping patches, a mixer of the patches, a readout.

    With :math:`h_{v,p}` what :class:`~graphpoly.models.patch_encoder.PatchEncoder` says of node v
    in patch p, and M the matrix of what patches hold,

    .. math::
        t_p = \operatorname*{mean}_{v \in p} h_{v,p} + \mathrm{ReLU}(\mathrm{BN}(W r_p)), \qquad
        r_p = \big( (D^{-1} M M^T)^k_{pp} \big)_{k=1}^{K}, \qquad D = \mathrm{diag}(M M^T 1)

    A subclass adds the mixer and says in :meth:`mix` what it does.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size C of all states.
        out_channels: Number of classes or targets.
        num_layers: Layers of message passing.
        num_patches: Number of patches P of each graph.
        overlap: Hops by which the parts grow.
        conv: ``"gine"`` (GIN without features of edges), ``"gcn"``, ``"gat"``, ``"gated"``,
            ``"transformer"``, or a function from C, and from whether there are features of edges,
            to a layer that is called with ``(x, edge_index)`` and with these.
        edge_dim: Size of ``edge_attr``.
        encoding_dim: Size of ``encoding``, what is known of the places of the nodes.
        patch_walks: Steps K of the walks over patches, or None to leave the walks out.
        dropout: In message passing.
        pool: ``"mean"``, as published, ``"add"`` or ``"max"`` over the patches that have nodes;
            None for a row for each node, of its copies and their patches.
        method: How graphs are divided that come without patches, ``"metis"`` or ``"random"``.
        seed: Of that.
    """

    printed: ClassVar[dict[str, object]] = {
        "num_layers": 4,
        "num_patches": 32,
        "overlap": 1,
        "conv": "gine",
        "edge_dim": None,
        "encoding_dim": None,
        "patch_walks": 8,
        "dropout": 0.0,
        "pool": None,
        "method": "metis",
        "seed": 0,
    }
    compliance_exceptions: ClassVar[dict[str, str]] = {
        "node_permutation": _CUT,
        "adjacency_forms": _VALUES,
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 4,
        *,
        num_patches: int = 32,
        overlap: int = 1,
        conv: str | Conv = "gine",
        edge_dim: int | None = None,
        encoding_dim: int | None = None,
        patch_walks: int | None = 8,
        dropout: float = 0.0,
        pool: str | None = None,
        method: str = "metis",
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels)
        check_sizes(out_channels=out_channels, num_layers=num_layers)
        optional = {"edge_dim": edge_dim, "encoding_dim": encoding_dim, "patch_walks": patch_walks}
        for name, size in optional.items():
            if size is not None:
                check_size(name, size)
        check_size("seed", seed, least=0)
        check_pool(pool)
        ExtractPatches(num_patches, overlap=overlap, method=method)  # refuses what does not fit
        if edge_dim is not None and not reads_edges(conv):
            raise ValueError(f"edge_dim: got {edge_dim}, but conv={conv!r} reads no edge_attr")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.num_patches = num_patches
        self.overlap = overlap
        self.conv = conv
        self.edge_dim = edge_dim
        self.encoding_dim = encoding_dim
        self.patch_walks = patch_walks
        self.dropout = dropout
        self.pool = pool
        self.method = method
        self.seed = seed
        width, edges = hidden_channels, edge_dim is not None
        self.lin = nn.Linear(in_channels, width)
        self.edge_lin = None if edge_dim is None else nn.Linear(edge_dim, width)
        self.encoding = None if encoding_dim is None else rectified(encoding_dim, width)
        self.walks = None if patch_walks is None else rectified(patch_walks, width)
        self.encoder = PatchEncoder(width, num_layers, conv=conv, edges=edges, dropout=dropout)
        read = 2 * width if pool is None else width
        self.head = rectified(read, read).append(nn.Linear(read, out_channels))

    def mix(self, tokens: Tensor, overlap: Tensor, held: Tensor) -> Tensor:
        """Return the tokens after the mixer, ``[B, P, C]``.

        Args:
            tokens: ``[B, P, C]``, zero where a patch has no nodes.
            overlap: Nodes that patches share, ``[B, P, P]``.
            held: Whether a patch has nodes, ``[B, P]``.
        """
        raise NotImplementedError(f"{type(self).__name__} has to define mix()")

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        encoding: Tensor | None = None,
        patch_node_index: Tensor | None = None,
        patch_number: Tensor | None = None,
    ) -> Tensor:
        """Return a row of logits for each node, or for each graph with ``pool``.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form without weights.
            edge_attr: ``[E, edge_dim]``.
            batch: Graph of each node, ``[N]``, ascending.
            batch_size: Number of graphs, if known.
            encoding: ``[N, encoding_dim]``, such as PyG's ``AddRandomWalkPE`` and
                ``AddLaplacianEigenvectorPE`` store with ``attr_name="encoding"``.
            patch_node_index: Node of each copy, ``[S]``; extracted here where it is not given.
            patch_number: Number of its patch in its graph, ``[S]``; both as
                :class:`~graphpoly.features.ExtractPatches` stores them.
        """
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        num_nodes = x.size(0)
        num_graphs = count_graphs(batch, batch_size, num_nodes)
        graph = x.new_zeros(num_nodes, dtype=torch.long) if batch is None else batch.long()
        pairs, weight = to_edges(edge_index, size=(num_nodes, num_nodes))
        if weight is not None:
            raise ValueError(f"edge_weight: {type(self).__name__} has no use for weights")
        node, number = self._patches(pairs, graph, num_graphs, patch_node_index, patch_number)
        # in order, whatever the order in which they came
        key = ((graph[node] * self.num_patches + number) * num_nodes + node).sort().values
        patch, node = key // max(num_nodes, 1), key % max(num_nodes, 1)
        inside, edge = patch_edges(pairs, patch, node, num_nodes)

        count = num_graphs * self.num_patches
        attr = self._read("edge_attr", edge_attr, pairs.size(1), self.edge_dim, self.edge_lin)
        places = self._read("encoding", encoding, num_nodes, self.encoding_dim, self.encoding)
        h = self.lin(x) if places is None else self.lin(x) + places
        with carried_masks(self.encoder, inside, edge):
            h = self.encoder(h, node, patch, count, inside, None if attr is None else attr[edge])
        tokens = pooled(h, patch, "mean", batch_size=count)
        some = patch.unique_consecutive()
        shape = num_graphs, self.num_patches, num_nodes
        overlap = patch_overlap(patch, node, shape, x.dtype)
        if self.walks is not None and self.patch_walks is not None:
            walks = patch_walks(overlap, self.patch_walks).flatten(0, 1)
            tokens = tokens.index_add(0, some, self.walks(walks[some]))
        held = torch.zeros(count, dtype=torch.bool, device=x.device).index_fill(0, some, True)
        tokens = tokens.unflatten(0, shape[:2])
        mixed = self.mix(tokens, overlap, held.view(*shape[:2])).flatten(0, 1)
        if self.pool is None:
            out = pooled(
                torch.cat([h, take_rows(mixed, patch)], 1), node, "mean", batch_size=num_nodes
            )
        else:
            out = pool_nodes(mixed[some], self.pool, some // self.num_patches, num_graphs)
        logits: Tensor = self.head(out)
        return logits

    def _patches(
        self,
        pairs: Tensor,
        graph: Tensor,
        num_graphs: int,
        node: Tensor | None,
        number: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        if (node is None) != (number is None):
            raise ValueError("patch_node_index, patch_number: got one of them, expected both")
        if node is None or number is None:
            if bool((graph.diff() < 0).any()):
                raise ValueError("batch: got graphs in turn, expected the nodes graph by graph")
            return extract_patches(
                pairs,
                cumsum(nodes_of_each(graph, num_graphs)),
                self.num_patches,
                overlap=self.overlap,
                method=self.method,
                seed=self.seed,
            )
        check_index("patch_node_index", node, graph.size(0))
        check_index("patch_number", number, self.num_patches, node.size(0))
        return node, number

    def _read(
        self, name: str, given: Tensor | None, rows: int, width: int | None, read: Any
    ) -> Tensor | None:
        """Return what is made of an argument that only some are told to read."""
        if (given is None) != (width is None):
            wanted = "none, without a size of it in the constructor"
            wanted = wanted if width is None else f"[{rows}, {width}]"
            got = "None" if given is None else f"shape {list(given.shape)}"
            raise ValueError(f"{name}: got {got}, expected {wanted}")
        if given is None:
            return None
        check_values(name, given, rows, width)
        made: Tensor = read(given.to(self.lin.weight.dtype))
        return made

    def __repr__(self) -> str:
        sizes = [str(self.in_channels), str(self.hidden_channels), str(self.out_channels)]
        return f"{type(self).__name__}({', '.join([*sizes, *self.options()])})"
