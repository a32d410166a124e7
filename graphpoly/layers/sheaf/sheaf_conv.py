"""Diffusion on a sheaf whose maps are learned from the features at both ends of each edge."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.layers.linear import is_map
from graphpoly.layers.sheaf.laplacian import SheafLaplacian, inverse_root
from graphpoly.layers.sheaf.maps import ORTHOGONAL, check_maps, num_params, restriction_maps
from graphpoly.layers.sheaf.sheaf_diffusion import SheafDiffusion, weighted
from graphpoly.ops import (
    CSR,
    dropout,
    entry_sum,
    householder_transport,
    restriction_products,
    sum_entries,
)
from graphpoly.ops.take_rows import take_rows
from graphpoly.registry import register

__all__ = ["SheafConv"]


@register(
    "layer",
    paper="Bodnar, Di Giovanni, Chamberlain, Liò, Bronstein. Neural Sheaf Diffusion: A Topological "
    "Perspective on Heterophily and Oversmoothing in GNNs. NeurIPS 2022",
    arxiv="2202.04579",
    example=lambda: SheafConv(8, 6, stalk_dim=3),
    tags={
        "expressivity": "1-WL",
        "complexity": "O(|E| (d C + d^3)) time, O(|V| C + |E| d^2) memory",
    },
)
class SheafConv(SheafDiffusion):
    r"""Neural sheaf diffusion, from `Neural Sheaf Diffusion: A Topological Perspective on
    Heterophily and Oversmoothing in GNNs <https://arxiv.org/abs/2202.04579>`_ (Bodnar et al.,
    NeurIPS 2022).

    The features of a node are d rows :math:`X_v \in \mathbb{R}^{d \times C/d}`, a point of its
    stalk for each of C/d channels. Each end of an edge has a map to the edge's own stalk, made of
    what stands at both ends:

    .. math::
        F_{v \trianglelefteq e} = \Phi\!\left(\tanh V [x_v \,\Vert\, x_u]\right), \qquad
        X \leftarrow (1 + \tanh \varepsilon) \odot X - \mathrm{ELU}\!\left(\Delta\, (I \otimes W_1)
        X W_2\right)

    with the normalised Laplacian :math:`\Delta` of the sheaf (:class:`SheafLaplacian`).
    :math:`\Phi` is the family of maps (:func:`~graphpoly.layers.sheaf.restriction_maps`). The
    identity has none to learn, and with d = 1 makes :math:`I - \Delta` the operator of a GCN.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size C of each output feature, a multiple of the dimension of the stalks.
        stalk_dim: d.
        maps: ``"diagonal"``, ``"householder"``, ``"cayley"``, ``"exponential"``, ``"euler"``,
            ``"general"`` or ``"identity"``.
        reflections: Let each orthogonal map choose its determinant, +1 or -1, by the sign of one
            more number (whose gradient is that of its tanh).
        edge_strength: Weigh each edge by
            :math:`(\sigma(a [x_v \Vert x_u])\, \sigma(a [x_u \Vert x_v]))^2`.
        sparse_learner: Make the maps of the sum over a node's d rows.
        map_dropout: Probability before V.
        add_lp: Add a stalk coordinate that every edge carries over as it is.
        add_hp: Add one that every edge carries over with the opposite sign.
        normalization: ``"augmented"``, ``"sym"`` or None, see :class:`SheafLaplacian`.
        normalize: The same in PyG's words: False for None, True for the one that is named.
        dropout: Probability before :math:`W_1` and :math:`W_2`.
        linear: Map the input linearly to ``out_channels`` first; otherwise it is taken for the
            stalks, and must have that size.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_weight`` :math:`(E)` (optional)
        - **output:** :math:`(N, C)`

        The theory is that of undirected graphs: both directions of each edge. A one-way edge
        carries its message one way, as in a GCN; then :math:`\Delta` is not symmetric, and its
        ``spectrum()`` and ``dirichlet_energy()`` are refused. Parallel edges add up, loops say
        nothing, isolated nodes keep :math:`(1 + \tanh \varepsilon) \odot X`.

    Complexity:
        O(E (d C + d^3) + N C (d + C)) time. Nothing of size E C is ever stored: O(E d^2 + N C)
        memory, O(E d + N C) for diagonal maps.

    Differences from the paper:
        The layer is bound to no graph; V is applied to nodes, not to pairs. Negative weights turn a
        map's sign. The published code draws d (d + 1) / 2 numbers for Cayley and exponential maps,
        d of which cancel; it gives every Householder map the determinant :math:`(-1)^d`, so that
        all transports are rotations (``reflections`` reaches the others). For general maps it
        perturbs D at random in training and clamps the blocks, since the gradient of its singular
        value decomposition is infinite at equal singular values; here the root of D + I has an
        exact gradient everywhere (:func:`graphpoly.ops.matrix_root`), and nothing is perturbed or
        clamped. Its ``sparse_learner`` sums rows of both ends together. Its ``add_lp`` is the
        coordinate with -1, our ``add_hp``, and the reverse. Its Householder product ends in a
        reflection of the last coordinate, the same for all maps, which is left out here; with
        ``sparse_learner`` its edge strengths read all rows, here the sums.

    Example:
        >>> import torch
        >>> conv = SheafConv(16, 8, stalk_dim=2, maps="general")
        >>> edge_index = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
        >>> x = torch.randn(3, 16)
        >>> conv(x, edge_index).shape
        torch.Size([3, 8])
        >>> conv.laplacian(x, edge_index).spectrum().shape
        torch.Size([6])
    """

    parameter_roles: ClassVar[dict[str, str]] = {"learner.weight": "sheaf"}
    printed: ClassVar[dict[str, object]] = {
        "maps": "householder",
        "reflections": False,
        "edge_strength": False,
        "sparse_learner": False,
        "map_dropout": 0.0,
        **SheafDiffusion.printed,
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stalk_dim: int = 2,
        maps: str = "householder",
        reflections: bool = False,
        edge_strength: bool = False,
        sparse_learner: bool = False,
        map_dropout: float = 0.0,
        add_lp: bool = False,
        add_hp: bool = False,
        normalization: str | None = "augmented",
        normalize: bool | None = None,
        dropout: float = 0.0,
        linear: bool = True,
    ) -> None:
        check_maps(maps, stalk_dim)
        super().__init__(
            in_channels,
            out_channels,
            stalk_dim=stalk_dim,
            add_lp=add_lp,
            add_hp=add_hp,
            normalization=normalization,
            normalize=normalize,
            dropout=dropout,
            linear=linear,
        )
        if reflections and maps not in ORTHOGONAL:
            raise ValueError(
                f"reflections: got maps={maps!r}, orthogonal ones have a determinant to choose"
            )
        if maps == "general":
            inverse_root(torch.zeros(0, 1, 1), self.normalization)
        self.maps = maps
        self.reflections = reflections
        self.edge_strength = edge_strength
        self.sparse_learner = sparse_learner
        self.map_dropout = map_dropout
        self._params = num_params(maps, stalk_dim)
        outputs = self._params + reflections + edge_strength
        inputs = out_channels // self.total_dim if sparse_learner else out_channels
        self.learner = nn.Linear(2 * inputs, outputs, bias=False) if outputs else None
        self.reset_parameters()

    @property
    def num_hops(self) -> int:
        """How far a node looks: degrees of its neighbours that are learned read theirs."""
        learned = self.edge_strength or self.maps not in (*ORTHOGONAL, "identity")
        return 2 if learned and self.normalization is not None else 1

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        super().reset_parameters()
        if self.learner is not None:
            self.learner.reset_parameters()

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Diffuse the features.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph.
            edge_weight: ``[E]``.
        """
        stalks = self.stalks(x)
        return self.diffuse(self._laplacian(stalks, edge_index, edge_weight), stalks)

    def laplacian(
        self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None
    ) -> SheafLaplacian:
        """Return the sheaf Laplacian that :meth:`forward` diffuses with; arguments likewise."""
        return self._laplacian(self.stalks(x), edge_index, edge_weight)

    def restrictions(
        self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the maps at the target and at the source of each edge, in the graph's order.

        ``[E, d, d]``, or ``[E, d]`` for diagonal maps; there are none for the identity.
        """
        stalks = self.stalks(x)
        adj = self.structure(stalks, edge_index, edge_weight)
        numbers, signs, _ = self._numbers(stalks, adj)
        if numbers is None:
            raise ValueError("maps: the identity has no restriction maps to show")
        target, source = self._maps(*numbers, signs)
        if adj.perm is not None:
            order = adj.perm.long()
            target = torch.empty_like(target).index_copy(0, order, target)
            source = torch.empty_like(source).index_copy(0, order, source)
        return target, source

    def _numbers(
        self, stalks: Tensor, adj: CSR
    ) -> tuple[tuple[Tensor, Tensor] | None, tuple[Tensor, Tensor] | None, Tensor | None]:
        """What the maps of targets and sources are made of, their signs, and the strength."""
        if self.learner is None:
            return None, None, None
        features = stalks.sum(1) if self.sparse_learner else stalks.flatten(1)
        features = dropout(features, self.map_dropout, self.training)
        learner, count = self.learner, self._params
        strength = signs = numbers = None
        if count:
            target, source = _of_both_ends(features, learner, slice(count), adj)
            numbers = target.tanh(), source.tanh()
        if self.reflections or self.edge_strength:
            target, source = _of_both_ends(features, learner, slice(count, None), adj)
            if self.reflections:
                signs = _sign(target[:, 0]), _sign(source[:, 0])
            if self.edge_strength:
                strength = (target[:, -1].sigmoid() * source[:, -1].sigmoid()).square()
        return numbers, signs, strength

    def _maps(
        self, target: Tensor, source: Tensor, signs: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        made = [restriction_maps(part, self.maps, self.stalk_dim) for part in (target, source)]
        if signs is not None:
            last = torch.arange(self.stalk_dim, device=target.device) == self.stalk_dim - 1
            column = last.unsqueeze(1)
            made = [
                one * torch.where(column, sign.view(-1, 1, 1), 1)
                for one, sign in zip(made, signs, strict=True)
            ]
        return made[0], made[1]

    def _laplacian(
        self, stalks: Tensor, edge_index: Any, edge_weight: Tensor | None
    ) -> SheafLaplacian:
        adj = self.structure(stalks, edge_index, edge_weight)
        numbers, signs, strength = self._numbers(stalks, adj)
        if numbers is None:
            return self.assemble(adj, None, None, strength)
        if self.maps == "householder" and signs is None:
            return self.assemble(
                adj, householder_transport(*numbers, self.stalk_dim), None, strength
            )
        target, source = self._maps(*numbers, signs)
        if self.maps in ORTHOGONAL:
            return self.assemble(adj, target.mT @ source, None, strength)
        if self.maps == "diagonal":
            own, carried = target.square(), target * source
        else:
            own, carried = restriction_products(target, source)
        if strength is not None:
            own = own * strength.view(-1, *[1] * (own.dim() - 1))
        degree = sum_entries(adj, weighted(adj, own))
        return self.assemble(adj, carried, degree, strength)


def _of_both_ends(
    features: Tensor, learner: nn.Linear, rows: slice, adj: CSR
) -> tuple[Tensor, Tensor]:
    """Apply rows of a linear map to both ends of each edge, first as its target sees them."""
    if not is_map(learner):
        own, other = take_rows(features, adj.rows()), take_rows(features, adj.col)
        made = learner(torch.cat([torch.cat([own, other], 1), torch.cat([other, own], 1)]))
        made = made.to(torch.promote_types(made.dtype, torch.float32))
        target, source = made[:, rows].chunk(2)
        return target, source
    own, other = learner.weight[rows].chunk(2, 1)
    first, second = F.linear(features, own), F.linear(features, other)
    dtype = torch.promote_types(first.dtype, torch.float32)
    first, second = first.to(dtype), second.to(dtype)
    return entry_sum(adj, first, second), entry_sum(adj, second, first)


def _sign(score: Tensor) -> Tensor:
    """The sign, +1 at 0, with the gradient of tanh."""
    soft = score.tanh()
    return soft + (torch.where(score < 0, -1, 1) - soft).detach()
