r"""Neural snowflakes: a trainable metric, and the graph of nearest neighbours that it makes."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn
from torch_geometric.nn import MLP
from torch_geometric.utils import to_dense_batch

from graphpoly.ops.adjacency import to_edges
from graphpoly.ops.edge_masks import carried_masks
from graphpoly.ops.entry import as_size, check_ascending, check_batch, check_index
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register
from graphpoly.rewiring.learned.features import check_features

__all__ = ["NeuralSnowflake", "SnowflakeMetric"]

_PAPER = (
    "Sáez de Ocáriz Borde, Kratsios. Neural Snowflakes: Universal Latent Graph Inference via "
    "Trainable Latent Geometries. ICLR 2024"
)


class SnowflakeMetric(nn.Module):
    r"""A trainable function of the Euclidean distance that is a quasi-metric whatever its weights.

    .. math::
        d(x, y) = f(\|x - y\|)^{1 + |p|}, \qquad u_{l+1} = B_l\, \psi(A_l u_l)\, C_l, \quad
        \psi(u) = \big(1 - e^{-u},\; u^{\alpha},\; \log(1 + u)^{\beta}\big)

    with :math:`\alpha, \beta \in (0, 1]` and matrices A, B, C of non-negative numbers, so that f is
    concave, grows, and is 0 at 0. Hence d is symmetric, 0 for equal points alone, and
    :math:`d(x, z) \le 2^{|p|} (d(x, y) + d(y, z))`.

    Args:
        hidden: Width of each layer.

    Shapes:
        - **input:** distances ``[...]``, at least 0
        - **output:** ``[...]``

    Complexity: O(hidden^2) for each distance and layer.

    >>> metric = SnowflakeMetric((4, 4))
    >>> metric(torch.zeros(2)).tolist()
    [0.0, 0.0]
    """

    def __init__(self, hidden: tuple[int, ...] = (8, 8)) -> None:
        super().__init__()
        if not hidden or min(hidden) < 1:
            raise ValueError(f"hidden: got {hidden}, expected widths of at least 1")
        self.hidden = tuple(hidden)
        # u_l has the width of layer l - 1 and 1 at either end
        sizes = [1, *hidden[:-1]], [*hidden[:-1], 1]
        self.inner = nn.ParameterList(
            nn.Parameter(torch.empty(wide, size))
            for size, wide in zip(sizes[0], hidden, strict=True)
        )
        self.outer = nn.ParameterList(
            nn.Parameter(torch.empty(size, wide))
            for size, wide in zip(sizes[1], hidden, strict=True)
        )
        self.mix = nn.ParameterList(nn.Parameter(torch.empty(3)) for _ in hidden)
        self.exponents = nn.ParameterList(nn.Parameter(torch.empty(2)) for _ in hidden)
        self.p = nn.Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        for weight in (*self.inner, *self.outer):
            nn.init.uniform_(weight, 0.5, 1.5)
        for weight in self.mix:
            nn.init.uniform_(weight, 0.5, 1.5)
        for weight in self.exponents:
            nn.init.uniform_(weight, -0.5, 0.5)
        nn.init.zeros_(self.p)

    @property
    def relaxation(self) -> float:
        """The constant of the triangle inequality."""
        return float(2 ** self.p.detach().abs())

    def forward(self, distance: Tensor) -> Tensor:
        """Return the metric of points at a Euclidean distance."""
        u = distance.unsqueeze(-1)
        for inner, outer, mix, exponents in zip(
            self.inner, self.outer, self.mix, self.exponents, strict=True
        ):
            # rows that average keep what goes in and comes out of one size
            u = u @ (inner.abs() / inner.size(1)).T
            alpha, beta = 0.05 + 0.95 * exponents.sigmoid()
            parts = torch.stack([-torch.expm1(-u), _power(u, alpha), _power(u.log1p(), beta)], -1)
            u = (parts @ (mix.abs() / 3)) @ (outer.abs() / outer.size(1)).T
        return _power(u.squeeze(-1), 1 + self.p.abs())

    def extra_repr(self) -> str:
        return repr(self.hidden)


def _power(u: Tensor, exponent: Tensor) -> Tensor:
    """u to an exponent, with the gradient 0 at 0 in place of infinity."""
    there = u > 0
    return torch.where(there, torch.where(there, u, 1.0) ** exponent, 0.0)


def _example() -> NeuralSnowflake:
    from torch_geometric.nn import GCNConv

    return NeuralSnowflake(GCNConv(8, 4), 8, latent_channels=3, k=2)


@register(
    "model",
    paper=_PAPER,
    arxiv="2310.15003",
    example=_example,
    tags={"complexity": "O(n^2 h^2) for each graph of n nodes"},
)
class NeuralSnowflake(Pretrained):
    r"""Infers a graph from the features, and runs any module on it.

    .. math::
        p_{uv} = e^{-t\, d(z_u, z_v)}, \qquad z = \mathrm{MLP}(x)

    with d a :class:`SnowflakeMetric`. Each node hears from k others: in ``eval()`` from the
    nearest, in ``train()`` from those with the largest :math:`\log p_{uv}` and Gumbel noise.
    Messages are weighed by p, through which the gradient comes back.

    Args:
        downstream: Any layer or network with ``forward(x, edge_index, edge_weight)``.
        in_channels: Size of the features.
        latent_channels: Dimension of the points z.
        k: Number of nodes that each node hears from, fewer in smaller graphs.
        hidden_channels: Width of the MLP.
        hidden: Widths of the metric.
        keep: Keep the edges that are given, with their weights.

    Shapes:
        - **input:** features :math:`(N, F)`, ``edge_index``, ``edge_weight``, ``batch``
          :math:`(N)`, in order
        - **output:** that of the downstream module

    Complexity: all pairs of each graph, O(n^2) numbers, times the squares of the metric's widths.

    Differences from the paper: weights in place of a reward for the choice of edges, so that it
    trains with any loss; the powers have the gradient 0 where two points are equal.

    >>> from torch_geometric.nn import GCNConv
    >>> NeuralSnowflake(GCNConv(5, 2), 5, k=2)(torch.randn(6, 5)).shape
    torch.Size([6, 2])
    """

    def __init__(
        self,
        downstream: nn.Module,
        in_channels: int,
        *,
        latent_channels: int = 8,
        k: int = 5,
        hidden_channels: int = 32,
        hidden: tuple[int, ...] = (8, 8),
        keep: bool = True,
    ) -> None:
        super().__init__()
        if "edge_weight" not in inspect.signature(downstream.forward).parameters:
            raise TypeError(
                f"downstream: {type(downstream).__name__}.forward takes no edge_weight, through "
                "which the gradient of the graph has to come"
            )
        sizes = {"latent_channels": latent_channels, "k": k, "hidden_channels": hidden_channels}
        for name, size in {"in_channels": in_channels, **sizes}.items():
            as_size(name, size, least=1)
        self.in_channels, self.latent_channels = in_channels, latent_channels
        self.k, self.hidden_channels = k, hidden_channels
        self.hidden, self.keep = tuple(hidden), keep
        self.downstream = downstream
        self.encoder = MLP([in_channels, hidden_channels, latent_channels], norm=None)
        self.metric = SnowflakeMetric(self.hidden)
        self.log_temperature = nn.Parameter(torch.zeros(()))

    def reset_parameters(self) -> None:
        """Draw new parameters in all parts that can."""
        for module in (self.downstream, self.encoder, self.metric):
            reset: Any = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()
        nn.init.zeros_(self.log_temperature)

    def forward(
        self,
        x: Tensor,
        edge_index: Any = None,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """Infer the graph and run.

        Args:
            x: ``[N, F]``.
            edge_index: A graph to keep.
            edge_weight: ``[E]``.
            batch: Graph of each node, ``[N]``, in ascending order.
            generator: Where noise comes from in ``train()``, and the downstream module draws from
                if it takes one; default torch's global one.
            **kwargs: For the downstream module.
        """
        check_features("NeuralSnowflake", x, self.in_channels)
        check_batch(batch, x.size(0))
        check_ascending(batch)
        pairs, weight = self.graph(x, batch, generator=generator)
        place = pairs.new_full((pairs.size(1),), -1)
        if self.keep and edge_index is not None:
            edge_index, edge_weight = to_edges(edge_index, edge_weight, size=(len(x), len(x)))
            check_index("edge_index", edge_index.flatten(), x.size(0))
            ones = x.new_ones(edge_index.size(1)) if edge_weight is None else edge_weight
            pairs = torch.cat([edge_index, pairs], 1)
            weight = torch.cat([ones.to(weight), weight])
            place = torch.cat([torch.arange(edge_index.size(1), device=x.device), place])
        named = inspect.signature(self.downstream.forward).parameters
        given = {"batch": batch, "generator": generator}
        kwargs |= {key: held for key, held in given.items() if held is not None and key in named}
        with carried_masks(self.downstream, pairs, place):
            out: Tensor = self.downstream(x, pairs, edge_weight=weight, **kwargs)
        return out

    def graph(
        self,
        x: Tensor,
        batch: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Return the edges (from, to) ``[2, N k]`` and their weights."""
        if not x.size(0):
            return x.new_zeros(2, 0, dtype=torch.int64), x.new_zeros(0)
        points, there = to_dense_batch(self.encoder(x), batch)
        number, _ = to_dense_batch(torch.arange(x.size(0), device=x.device), batch)
        gap = points.unsqueeze(2) - points.unsqueeze(1)
        square = gap.square().sum(-1)
        euclidean = torch.where(square > 0, torch.where(square > 0, square, 1.0).sqrt(), 0.0)
        temperature = self.log_temperature.clamp(-5, 5).exp()
        score = -temperature * self.metric(euclidean)  # log p
        usable = there.unsqueeze(1) & there.unsqueeze(2)
        usable = usable & ~torch.eye(there.size(1), dtype=torch.bool, device=x.device)
        choice = score.detach()
        if self.training:
            drawn = torch.empty_like(choice).exponential_(generator=generator)
            choice = choice - drawn.clamp(min=1e-30).log()
        choice = torch.where(usable, choice, -torch.inf)
        near = choice.topk(min(self.k, choice.size(2)), dim=2).indices
        taken = usable.gather(2, near)
        source = number.unsqueeze(1).expand_as(choice).gather(2, near)[taken]
        target = number.unsqueeze(2).expand_as(near)[taken]
        return torch.stack([source, target]), score.gather(2, near)[taken].exp()

    def __repr__(self) -> str:
        names = ["latent_channels", "k", "hidden_channels", "hidden", "keep"]
        arguments = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"NeuralSnowflake({self.downstream}, {self.in_channels}, {arguments})"
