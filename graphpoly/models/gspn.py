"""GSPN: a mixture at each node, whose weights are made of the posteriors around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.emissions import make_emission
from graphpoly.models.pooling import pool_nodes
from graphpoly.ops import normalize, spmm
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["GSPN"]

POOLS = ("add", "mean")
# share of the uniform distribution in each transition, which keeps every weight above zero
SMOOTHING = 1e-8


@register(
    "model",
    paper="Errica, Niepert. Tractable Probabilistic Graph Representation Learning with "
    "Graph-Induced Sum-Product Networks. ICLR 2024",
    arxiv="2305.10544",
    example=lambda: GSPN(8, 16, 4, num_layers=2),
    tags={
        "expressivity": "at most 1-WL",
        "complexity": "O(L (|E| C + |V| C^2 + |V| C F)) time, O(L |V| C F) memory",
    },
)
class GSPN(Pretrained, NamedArguments):
    r"""Graph-induced sum-product networks: exact probabilities of features, some of them missing.

    A node is in one of C states. Those of a layer are mixed from the posteriors of the layer below:

    .. math::
        w^{(0)}_v = \pi, \qquad
        w^{(\ell)}_v = T^{(\ell)} \operatorname*{mean}_{u \in N(v) \cup \{v\}} h^{(\ell-1)}_u,
        \qquad h^{(\ell)}_v(i) \propto w^{(\ell)}_v(i)\, p^{(\ell)}(x_v \mid i)

    with column-stochastic T. Each node is thereby the root of a tree of height L in which a vertex
    copies the state of one of its children, chosen evenly, through T, and emits its features; h is
    the exact posterior of its state given all features of its tree, and

    .. math::
        \log p(x_v \mid \text{tree below}) = \log \sum_i w^{(L)}_v(i)\, p^{(L)}(x_v \mid i)

    is what :meth:`log_likelihood` gives. A feature that is missing, NaN or not ``observed``, is
    integrated out everywhere, which is exact and costs nothing.

    The head maps the states of all layers to :math:`C_G` states of the graph by a stochastic
    matrix, averages, and applies a linear map without bias.

    Args:
        in_channels: Number F of features.
        hidden_channels: Number C of states.
        out_channels: Number of classes or targets; None for no head: what comes out is
            :meth:`embed`, pooled.
        num_layers: Number L of layers above the first.
        emission: ``"gaussian"``, or ``"categorical"`` for one-hot features; see
            :class:`~graphpoly.models.emissions.GaussianEmission` and
            :class:`~graphpoly.models.emissions.CategoricalEmission`.
        categories: Columns of each category of ``emission="categorical"``; default one category.
        head_channels: Number :math:`C_G` of states of a graph; default C.
        pool: ``"mean"`` over the nodes of a graph, ``"add"`` for the softmax of the sum (with no
            head, the sum), None for a row for each node.

    Shapes:
        - **input:** features :math:`(N, F)`, ``edge_index``, ``batch`` :math:`(N)` and ``observed``
          :math:`(N, F)` (both optional)
        - **output:** logits :math:`(N, F_{out})`, or :math:`(B, F_{out})` with ``pool``

    Example:
        Without labels, ``-net.log_likelihood(x, edge_index).mean()`` is the loss.

        >>> net = GSPN(3, 4, None, num_layers=1)
        >>> x = torch.tensor([[0.5, torch.nan, 1.0], [torch.nan] * 3])
        >>> edge_index = torch.tensor([[0, 1], [1, 0]])
        >>> net.log_likelihood(x, edge_index)[1].abs().item() < 1e-5  # nothing to be explained
        True
        >>> bool(net.impute(x, edge_index).isnan().any())
        False

    Differences from the paper: the mean over neighbours is taken before T, which is the same. A
    share of :math:`10^{-8}` of T is uniform, in place of numbers added to logarithms. A missing
    feature is imputed with the posterior of the node, which reads its other features, not with its
    weights. The emission of the last layer scores, not the mean of those of all layers.
    """

    printed: ClassVar[dict[str, object]] = {
        "emission": "gaussian",
        "categories": None,
        "head_channels": None,
        "pool": None,
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int | None,
        num_layers: int = 2,
        *,
        emission: str = "gaussian",
        categories: Sequence[int] | None = None,
        head_channels: int | None = None,
        pool: str | None = None,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        if out_channels is not None:
            check_sizes(out_channels=out_channels)
        if head_channels is not None:
            check_sizes(head_channels=head_channels)
        if pool is not None and pool not in POOLS:
            raise unknown("pool", pool, POOLS)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.emission = emission
        self.categories = None if categories is None else tuple(categories)
        self.head_channels = head_channels
        self.pool = pool
        states, depth = hidden_channels, num_layers + 1
        self.prior_logits = Parameter(torch.empty(states))
        self.transition_logits = Parameter(torch.empty(num_layers, states, states))
        self.emissions = nn.ModuleList(
            make_emission(emission, in_channels, states, categories) for _ in range(depth)
        )
        self.head_logits: Parameter | None = None
        self.lin: nn.Linear | None = None
        if out_channels is not None:
            wide = states if head_channels is None else head_channels
            self.head_logits = Parameter(torch.empty(depth * states, wide))
            self.lin = nn.Linear(wide, out_channels, bias=False)
        self.reset_parameters()

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field."""
        return self.num_layers

    @property
    def transitions(self) -> Tensor:
        """The matrices T of the layers above the first, ``[L, C, C]``; columns sum to 1."""
        uniform = SMOOTHING / self.hidden_channels
        return (1 - SMOOTHING) * self.transition_logits.softmax(1) + uniform

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        nn.init.normal_(self.prior_logits)
        nn.init.normal_(self.transition_logits)
        reset(self.emissions)
        if self.head_logits is not None:
            nn.init.normal_(self.head_logits)
            reset(self.lin)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        *,
        observed: Tensor | None = None,
    ) -> Tensor:
        """Return a row for each node or graph.

        Args:
            x: ``[N, in_channels]``; NaN is missing.
            edge_index: The graph, in any form.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            observed: Which features are there, ``[N, in_channels]``, bool; default all but NaN.
        """
        check_batch(batch)
        h = self.embed(x, edge_index, observed=observed)
        if self.head_logits is None or self.lin is None:
            return pool_nodes(h, self.pool, batch, batch_size)
        h = h @ self.head_logits.softmax(1) / len(self.emissions)
        h = pool_nodes(h, self.pool, batch, batch_size)
        out: Tensor = self.lin(h.softmax(-1) if self.pool == "add" else h)
        return out

    def embed(self, x: Tensor, edge_index: Any, *, observed: Tensor | None = None) -> Tensor:
        """Return the posteriors of all layers side by side, ``[N, (num_layers + 1) C]``.

        Args:
            x: ``[N, in_channels]``; NaN is missing.
            edge_index: The graph, in any form.
            observed: Which features are there, ``[N, in_channels]``, bool; default all but NaN.
        """
        x, there = self._read(x, observed)
        return torch.cat([each.softmax(-1) for each in self._climb(x, edge_index, there)], -1)

    def log_likelihood(
        self,
        x: Tensor,
        edge_index: Any,
        *,
        observed: Tensor | None = None,
        context: Tensor | None = None,
    ) -> Tensor:
        """Return the logarithm of the density of each node's features given its tree, ``[N]``.

        The tree holds copies of the node itself: over all nodes this is a pseudo-likelihood, not
        a distribution of the node's features given the others. It is one for the nodes that
        ``context`` leaves out.

        Args:
            x: ``[N, in_channels]``; NaN is missing.
            edge_index: The graph, in any form.
            observed: Which features are there, ``[N, in_channels]``, bool; default all but NaN.
            context: Which of them the layers below the last may read, ``[N, in_channels]`` or
                ``[N, 1]``, bool; default all.
        """
        x, there = self._read(x, observed)
        below = there
        if context is not None:
            below = there & self._mask("context", context, x, columns=(1, self.in_channels))
        return self._climb(x, edge_index, there, below)[-1].logsumexp(-1)

    def impute(self, x: Tensor, edge_index: Any, *, observed: Tensor | None = None) -> Tensor:
        """Return the features, with what is expected in place of those that are missing.

        Args:
            x: ``[N, in_channels]``; NaN is missing.
            edge_index: The graph, in any form.
            observed: Which features are there, ``[N, in_channels]``, bool; default all but NaN.
        """
        x, there = self._read(x, observed)
        last: Any = self.emissions[-1]
        h = self._climb(x, edge_index, there)[-1].softmax(-1)
        return torch.where(there, x, h @ last.mean)

    def _climb(
        self, x: Tensor, edge_index: Any, there: Tensor, below: Tensor | None = None
    ) -> list[Tensor]:
        r"""Return :math:`\log w_v(i) p(x_v | i)`, ``[N, C]``, of each layer from the first.

        The last one reads what is ``there``, those below it what is ``below``, by default the same.
        """
        adj = normalize(
            edge_index,
            num_nodes=x.size(0),
            normalization="rw",
            add_self_loops=True,
            dtype=x.dtype,
            transposed=True,
        )
        transitions = self.transitions
        log_w = self.prior_logits.log_softmax(0)
        layers: list[Tensor] = []
        for level, emission in enumerate(self.emissions):
            if level:
                heard = spmm(adj, layers[-1].softmax(-1))
                # at least SMOOTHING / C: no weight is lost to underflow
                log_w = (heard @ transitions[level - 1].T).log()
            read = there if below is None or level == self.num_layers else below
            layers.append(log_w + emission(x, read))
        return layers

    def _read(self, x: Tensor, observed: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the features with zeros where they are missing, and where they are there."""
        check_features(type(self).__name__, x, self.in_channels)
        if x.dtype is torch.float16:
            raise TypeError(
                "x: got dtype torch.float16, which is too narrow for densities; float32, float64 "
                "and bfloat16 are accepted"
            )
        there = ~x.isnan()
        if observed is not None:
            there = there & self._mask("observed", observed, x, columns=(self.in_channels,))
        return torch.where(there, x, 0), there

    @staticmethod
    def _mask(name: str, mask: Tensor, x: Tensor, columns: tuple[int, ...]) -> Tensor:
        if mask.dtype != torch.bool:
            raise TypeError(f"{name}: got {mask.dtype}, expected bool")
        if mask.shape not in [(x.size(0), width) for width in columns]:
            expected = " or ".join(str([x.size(0), width]) for width in columns)
            raise ValueError(f"{name}: got shape {list(mask.shape)}, expected {expected}")
        return mask

    def __repr__(self) -> str:
        sizes = f"{self.in_channels}, {self.hidden_channels}, {self.out_channels}"
        shape = f"num_layers={self.num_layers}"
        return f"GSPN({', '.join([sizes, shape, *self.options()])})"
