"""PathNN: nodes learn from the paths that lead to them, one length a layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers import PathConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.batch_norm import BatchNorm
from graphpoly.models.pooling import pool_nodes
from graphpoly.ops import Paths, PathTrie, dropout, enumerate_paths
from graphpoly.ops.enumerate_paths import MAX_PATHS
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["PathNN"]

_PAPER = (
    "Michel, Nikolentzos, Lutzeyer, Vazirgiannis. Path Neural Networks: Expressive and Accurate "
    "Graph Neural Networks. ICML 2023"
)
UPDATES = ("relu", "mlp")
NORMS = ("batch", "rows")
READOUTS = {"sum": "add", "mean": "mean"}  # as they are called here and everywhere else


@register(
    "model",
    paper=_PAPER,
    arxiv="2306.05955",
    example=lambda: PathNN(8, 16, 4, K=2, paths="simple"),
    tags={
        "expressivity": "beyond 1-WL from K = 2 (shortest or simple paths)",
        "complexity": "O(P C^2) time, O(P C) memory, P distinct beginnings of paths up to length K",
    },
)
class PathNN(Pretrained, NamedArguments):
    r"""K layers; the k-th reads the paths of length k, all with one LSTM.

    .. math::
        x^{(k)} = \phi_k\Big( \mathrm{BN}_k\Big( x_v^{(k-1)} +
        \sum_{p \in P_k(v)} \mathrm{LSTM}(p) \Big)\Big), \qquad
        \mathrm{out} = W_2\, \mathrm{ReLU}\big(W_1\, \mathrm{readout}(x^{(K)})\big)

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of all that is between.
        out_channels: Number of classes or targets.
        K: Length of the longest paths (their ``cutoff``, less one).
        paths: ``"simple"`` (AP of the paper), ``"shortest"`` (SP+) or ``"single"`` (SP); see
            :class:`~graphpoly.layers.PathConv`. The last is not invariant under renaming.
        distances: Encode distances; default where ``paths="simple"``, as published.
        edge_dim: Size of ``edge_attr``.
        update: :math:`\phi`: ``"relu"``, or ``"mlp"`` for Linear-BN-ReLU-Linear-BN-ReLU behind a
            dropout, as for molecules.
        norm: ``"batch"`` for BN, which with ``update="mlp"`` and ``reduce="mean"`` is left out
            before :math:`\phi`; ``"rows"`` for none, with the rows of x divided by their norm
            before each layer; None for neither.
        encode: Begin with Linear-BN-ReLU twice (BN only with ``norm="batch"``); without it
            ``in_channels`` must be ``hidden_channels``.
        reduce: ``"sum"`` or ``"mean"`` over the paths of a node.
        readout: ``"sum"`` or ``"mean"`` over the nodes of a graph; None for a row for each node.
        dropout: Probability at the LSTM's inputs, in the MLP updates and in the head.
        seed: Of ``paths="single"``.
        max_paths: Refuse to list more paths than this in forward.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_attr`` :math:`(E, D)`
          (with ``edge_dim``), ``batch`` :math:`(N)` (optional)
        - **output:** :math:`(N, F_{out})`, or :math:`(B, F_{out})` with a readout; no softmax

    Differences from the paper: dropout at the LSTM's input strikes the features of a node once a
    layer, not each of its occurrences, so that paths keep their common beginnings; ``K`` counts
    edges; and those of :class:`~graphpoly.layers.PathConv`.

    >>> PathNN(16, 32, 2, K=3, paths="simple", readout="sum")
    PathNN(16, 32, 2, K=3, paths='simple', distances=True, readout='sum')
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        K: int = 2,
        *,
        paths: str = "shortest",
        distances: bool | None = None,
        edge_dim: int | None = None,
        update: str = "relu",
        norm: str | None = "batch",
        encode: bool = True,
        reduce: str = "sum",
        readout: str | None = None,
        dropout: float = 0.0,
        seed: int | None = None,
        max_paths: int | None = MAX_PATHS,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        if update not in UPDATES:
            raise unknown("update", update, UPDATES)
        if norm is not None and norm not in NORMS:
            raise unknown("norm", norm, NORMS)
        if readout is not None and readout not in READOUTS:
            raise unknown("readout", readout, READOUTS)
        if not encode and in_channels != hidden_channels:
            raise ValueError(
                "encode=False needs in_channels == hidden_channels, "
                f"got {in_channels} and {hidden_channels}"
            )
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.K = K
        self.paths = paths
        self.distances = paths == "simple" if distances is None else distances
        self.edge_dim = edge_dim
        self.update = update
        self.norm = norm
        self.encode = encode
        self.reduce = reduce
        self.readout = readout
        self.dropout = dropout
        self.seed = seed
        self.max_paths = max_paths
        width, batch_norm = hidden_channels, norm == "batch"
        self.encoder = _mlp(in_channels, width, batch_norm) if encode else nn.Identity()
        self.conv = PathConv(
            width,
            width,
            K,
            paths=paths,
            distances=self.distances,
            edge_dim=edge_dim,
            reduce=reduce,
            seed=seed,
            max_paths=max_paths,
        )
        plain = not batch_norm or (update == "mlp" and reduce == "mean")
        self.norms = nn.ModuleList(nn.Identity() if plain else BatchNorm(width) for _ in range(K))
        self.updates = nn.ModuleList(
            _mlp(width, width, batch_norm) if update == "mlp" else nn.ReLU() for _ in range(K)
        )
        self.lin1 = nn.Linear(width, width)
        self.lin2 = nn.Linear(width, out_channels)
        if paths == "single":
            self.compliance_exceptions = self.conv.compliance_exceptions

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field: 1 + 2 + ... + K."""
        return self.K * (self.K + 1) // 2

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the running statistics."""
        for part in (self.encoder, self.conv, self.norms, self.updates, self.lin1, self.lin2):
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        paths: Sequence[Paths | PathTrie] | None = None,
    ) -> Tensor:
        """Return logits.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_attr: ``[E, edge_dim]``.
            batch: Graph of each node, ``[N]``; read by the readout only.
            batch_size: Number of graphs, if known.
            paths: Those of length 1, ..., K, such as :func:`graphpoly.features.stored_paths`
                returns; listed here where they are not given.
        """
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        given: Sequence[Paths | PathTrie | None] = [None] * self.K
        if paths is not None:
            given = paths
        elif not torch.compiler.is_compiling():
            given = enumerate_paths(
                edge_index,
                self.K,
                x.size(0),
                paths=self.paths,
                distances=self.distances,
                seed=self.seed,
                max_paths=self.max_paths,
            )
        if len(given) < self.K:
            raise ValueError(f"paths: got {len(given)} lengths, the model reads {self.K}")
        x = self.encoder(x)
        for k in range(self.K):
            if self.norm == "rows":
                x = F.normalize(x, dim=-1)
            read, attr = self._dropped(x), self._dropped(edge_attr)
            x = x + self.conv.aggregate(read, edge_index, attr, paths=given[k], K=k + 1)
            x = self.norms[k](x)
            if self.update == "mlp":
                x = self._dropped(x)
            x = self.updates[k](x)
        if self.readout is not None:
            x = pool_nodes(x, READOUTS[self.readout], batch, batch_size)
        return self.lin2(self._dropped(self.lin1(x).relu()))

    def _dropped(self, x: Any) -> Any:
        return None if x is None else dropout(x, self.dropout, self.training)

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.hidden_channels), str(self.out_channels)]
        arguments.append(f"K={self.K}")
        defaults = {"paths": "shortest", "distances": False, "edge_dim": None, "update": "relu"}
        defaults |= {"norm": "batch", "encode": True, "reduce": "sum", "readout": None}
        defaults |= {"dropout": 0.0, "seed": None, "max_paths": MAX_PATHS}
        arguments += [
            f"{name}={getattr(self, name)!r}"
            for name, default in defaults.items()
            if getattr(self, name) != default or (name == "distances" and self.paths == "simple")
        ]
        return f"{type(self).__name__}({', '.join(arguments)})"


def _mlp(in_channels: int, width: int, batch_norm: bool) -> nn.Sequential:
    layers: list[nn.Module] = []
    for size in (in_channels, width):
        layers += [nn.Linear(size, width)]
        layers += [BatchNorm(width)] if batch_norm else []
        layers += [nn.ReLU()]
    return nn.Sequential(*layers)
