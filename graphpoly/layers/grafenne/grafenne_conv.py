"""Features to nodes, nodes to nodes, nodes to features: one layer for any number of features."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import check_features, check_size, check_sizes
from graphpoly.layers.dropout import Dropout
from graphpoly.layers.edge_mask import masked
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.grafenne.allotrope import Allotrope, allotrope
from graphpoly.layers.grafenne.entry_attention import EntryAttention
from graphpoly.ops import spmm, to_csr
from graphpoly.registry import register

__all__ = ["REDUCTIONS", "GRAFENNEConv"]

REDUCTIONS = ("mean", "sum")
_KNOWN = 2  # channels of what the structure says


@register(
    "layer",
    paper="Gupta, Manchanda, Ranu, Bedathur. GRAFENNE: Learning on Graphs with Heterogeneous and "
    "Dynamic Feature Sets. ICML 2023",
    arxiv="2306.03447",
    example=lambda: GRAFENNEConv(8, heads=2),
    tags={
        "expressivity": "at most 1-WL of the graph of nodes and features; with reduce='sum' no "
        "less than that of the graph",
        "complexity": "O((nnz(X) + |E|) C + (|V| + F) C^2) time, O(nnz(X) H + |E| + (|V| + F) C) "
        "memory, H heads",
    },
)
class GRAFENNEConv(FusedLayer):
    r"""Messages on a graph whose features are nodes, joined to the nodes that have them.

    .. math::
        h_v &\leftarrow P_1\big[h_v,\; \mathrm{att}_{f \to v}(h_f, h_v, x_{vf})\big] \\
        h_v &\leftarrow \mathrm{ELU}\big(W_1 h_v + W_2 \operatorname*{mean}_{u \to v} h_u\big) \\
        h_f &\leftarrow P_2\big[h_f,\; \mathrm{att}_{v \to f}(h_v, h_f, x_{vf})\big]

    where :math:`x_{vf}` runs over the values that are observed, att is
    :class:`~graphpoly.layers.grafenne.entry_attention.EntryAttention` and each P a perceptron. No
    parameter belongs to a feature: there are as many for ten features as for a million, their
    order is nothing, and one that appears after training is known by its values at the nodes that
    have it. States begin as what the structure says, see :meth:`Allotrope.structure`.

    Features of the same values at the same nodes are then alike, and words of a text are hardly
    told apart by how often they occur. With ``code_channels``, features begin with a code that
    their name decides as well, :meth:`Allotrope.codes`; then their order is nothing where
    ``feature_key`` moves along. In a batch each graph has features of its own.

    Args:
        out_channels: Size C of the states that come out.
        state_channels: Size of the states that come in, or None for a first layer, which makes
            them.
        code_channels: Numbers of the code of a feature, in a first layer; 0 for none.
        heads: Heads of attention, a divisor of C.
        reduce: ``"mean"`` or ``"sum"`` over neighbours.
        dropout: Inside of the perceptrons.
        attention_dropout: Of the weights of attention.

    Shapes:
        - **input:** features :math:`(N, F)` of any F, dense or sparse, or an :class:`Allotrope`;
          ``edge_index`` in any form that :func:`graphpoly.ops.to_csr` takes (values of a sparse
          one are not read); ``batch`` :math:`(N)`
        - **output:** states of nodes :math:`(N, C)`; with ``return_states=True`` beside them those
          of features :math:`(B F, C)`

    Complexity: O((n + E) C + (N + F) C^2) time and O(n H + E + (N + F) C) memory, n values
    observed. A dense x is read once.

    Example:
        >>> import torch
        >>> from graphpoly.layers import GRAFENNEConv
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> conv = GRAFENNEConv(16)
        >>> conv(torch.randn(3, 5), edge_index).shape, conv(torch.randn(3, 50), edge_index).shape
        (torch.Size([3, 16]), torch.Size([3, 16]))

    Differences from the published code: values are heard, not only weighed by; states begin from
    the structure, where a table with a row for each feature makes its parameters depend on how
    many there are; rows are normalised one by one, not over a batch; all entries are read, where
    the code samples 15 of a node and 15 of a feature.
    """

    in_channels = -1  # any
    num_hops = 1
    printed: ClassVar[dict[str, object]] = {
        "state_channels": None,
        "code_channels": 0,
        "heads": 4,
        "reduce": "mean",
        "dropout": 0.0,
        "attention_dropout": 0.0,
    }
    compliance_exceptions: ClassVar[dict[str, str]] = {
        "num_hops": "nodes hear of all that have a feature of theirs; num_hops is how far the "
        "edges reach",
        "feature_errors": "x may have any number of columns",
        "used_parameters": "what features carry on is returned with return_states=True",
    }

    def __init__(
        self,
        out_channels: int,
        *,
        state_channels: int | None = None,
        code_channels: int = 0,
        heads: int = 4,
        reduce: str = "mean",
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        check_sizes(out_channels=out_channels, heads=heads)
        if state_channels is not None:
            check_size("state_channels", state_channels)
        check_size("code_channels", code_channels, least=0)
        if code_channels and state_channels is not None:
            raise ValueError(
                f"code_channels: got {code_channels}, but with state_channels features have states"
            )
        if reduce not in REDUCTIONS:
            raise unknown("reduce", reduce, REDUCTIONS)
        super().__init__(aggr=None)
        self.out_channels = out_channels
        self.state_channels = state_channels
        self.code_channels = code_channels
        self.heads = heads
        self.reduce = reduce
        self.dropout = dropout
        self.attention_dropout = attention_dropout
        state, width = _KNOWN if state_channels is None else state_channels, out_channels
        feature = state + code_channels
        options: dict[str, Any] = {"heads": heads, "dropout": attention_dropout}
        self.to_node = EntryAttention(feature, state, width, **options)
        self.update_node = _perceptron(state + width, width, dropout)
        self.lin_root = nn.Linear(width, width)
        self.lin_near = nn.Linear(width, width, bias=False)
        self.to_feature = EntryAttention(width, feature, width, **options)
        self.update_feature = _perceptron(feature + width, width, dropout)

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor | Allotrope,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        feature_key: Tensor | None = None,
        states: tuple[Tensor, Tensor] | None = None,
        return_states: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Return the next states of the nodes, and of the features where that is asked for.

        Args:
            x: ``[N, F]``, see :func:`allotrope`, or what that made of it, for several layers.
            edge_index: The graph.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            feature_key: Name of each column of x, ``[F]``; default its number. Read for codes.
            states: Of nodes and features, ``[N, state_channels]`` and ``[B F, state_channels]``,
                with ``state_channels``.
            return_states: Return both, not those of the nodes alone.
        """
        if not isinstance(x, Allotrope):
            check_features(type(self).__name__, x)
        both = allotrope(x, batch, batch_size, feature_key=feature_key)
        node, feature = self._states(both, states)
        num_nodes = both.by_node.num_rows
        adj = to_csr(edge_index, None, num_nodes, transposed=torch.is_grad_enabled())
        heard = self.to_node(both.by_node, feature, node)
        node = self.update_node(torch.cat([node, heard], dim=1))
        near = spmm(masked(self, adj.with_weight(None)), node, self.reduce)
        node = F.elu(self.lin_root(node) + self.lin_near(near))
        if not return_states:
            return node
        heard = self.to_feature(both.by_feature, node, feature)
        return node, self.update_feature(torch.cat([feature, heard], dim=1))

    def _states(
        self, both: Allotrope, states: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        if (states is None) != (self.state_channels is None):
            got = "None" if states is None else "some"
            raise ValueError(f"states: got {got}, state_channels is {self.state_channels}")
        if states is None:
            node, feature = both.structure()
            return node, torch.cat([feature, both.codes(self.code_channels)], dim=1)
        rows = both.by_node.num_rows, both.by_feature.num_rows
        for what, count, each in zip(("nodes", "features"), rows, states, strict=True):
            if each.shape != (count, self.state_channels):
                raise ValueError(
                    f"states: got shape {list(each.shape)} of {what}, expected "
                    f"[{count}, {self.state_channels}]"
                )
        return states

    def __repr__(self) -> str:
        return f"GRAFENNEConv({', '.join([str(self.out_channels), *self.options()])})"


def _perceptron(in_channels: int, out_channels: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_channels, out_channels),
        nn.LayerNorm(out_channels),
        Dropout(dropout),
        nn.Linear(out_channels, out_channels),
        nn.ReLU(),
    )
