"""Convolutions along random walks: SCRaWl on the simplices of a complex, CRaWl on nodes."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import reset

from graphpoly.layers.arguments import check_edge_attr, check_features, check_size
from graphpoly.layers.edge_mask import edge_mask
from graphpoly.layers.fused_layer import FusedLayer
from graphpoly.layers.linear import maps_nothing, width_of
from graphpoly.ops import pool, random_walks, to_csr, walk_bits
from graphpoly.ops.take_rows import take_rows
from graphpoly.registry import register

__all__ = ["SCRaWlConv"]


@register(
    "layer",
    paper="Frantzen, Schaub. Learning From Simplicial Data Based on Random Walks and 1D "
    "Convolutions. ICLR 2024",
    arxiv="2404.03434",
    example=lambda: SCRaWlConv(8, 4, walk_length=3, window=2, edge_dim=3),
    tags={
        "expressivity": "incomparable with k-WL (walks, in expectation)",
        "complexity": "O(|V| l (s log |E| + s C + C^2)) time, O(|V| l (s + C)) memory, l steps, "
        "window s",
    },
)
class SCRaWlConv(FusedLayer):
    r"""Reads random walks with a convolution, and gives each node the mean of what it is seen in.

    A walk :math:`v_0, \dots, v_l` begins at each node. Its position t is described by

    .. math::
        z_t = \big[\, x_{v_t} \,\|\, a_{v_{t-1} v_t} \,\|\, ([v_t = v_{t-i}])_{i \le s} \,\|\,
        ([v_t \sim v_{t-i}])_{i \le s} \,\big]

    with the attributes :math:`a` of the edge of the step, and then

    .. math::
        y &= \rho\big(W_2\, \rho(\mathrm{BN}(\mathrm{depthwise}_{s+1}(W_1 z)))\big), \qquad
        \rho = \mathrm{ReLU} \\
        x_v' &= W x_v + \mathrm{MLP}\big(\operatorname*{mean}_{(\text{walk}, t):\, v_t = v} y_t\big)

    where the kernel of s + 1 positions is centred at t and lies inside the walk. A step leads to
    each neighbour alike, and by each of the parallel edges to it alike. The mean is 0 for nodes at
    no centre. W is the identity where sizes are equal.

    On the nodes of a graph this is CRaWl. SCRaWl is the same for the simplices of each dimension k:
    ``edge_index`` of :func:`graphpoly.ops.simplicial_neighbors` holds which of them are
    neighbours, and ``edge_attr`` the features of the faces or cofaces between them, the rows
    ``via`` of theirs.

    In ``train()`` walks are new in each call; in ``eval()`` they are those of ``seed``, and differ
    where nodes are numbered otherwise. Where a ``generator`` is given they come from it in both,
    and the mean over several calls is a better estimate.

    Args:
        in_channels: Size of each input feature, or -1 to take it from the first input.
        out_channels: Size C of each output feature.
        walk_length: Steps l of each walk, more than ``window``.
        window: Positions s that a position is compared with, and the width of the kernel, less one.
        edge_dim: Size of ``edge_attr``, or None where edges carry nothing.
        backtracking: Allow steps straight back; otherwise only where there is no other.
        seed: Of the walks in ``eval()``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` in any form that
          :func:`graphpoly.ops.to_csr` takes, ``edge_attr`` :math:`(E, D)` (with ``edge_dim``)
        - **output:** :math:`(N, F_{out})`

    Complexity: O(N l (s log E + s C + C^2)) time and O(N l (s + C)) memory; a loop over the l
    steps, in which all walks go together, and which ``torch.compile`` unrolls. Each step leads to a
    node that the last one hears.

    Example:
        >>> import torch
        >>> from graphpoly.layers import SCRaWlConv
        >>> from graphpoly.ops import clique_complex, simplicial_neighbors
        >>> simplices = clique_complex(torch.tensor([[0, 0, 1, 2], [1, 2, 2, 3]]), 4)
        >>> neighbors = simplicial_neighbors(simplices, 1, through="lower")
        >>> nodes, edges = torch.randn(4, 3), torch.randn(4, 16)
        >>> conv = SCRaWlConv(16, 7, walk_length=8, window=4, edge_dim=3)
        >>> conv(edges, neighbors.edge_index, nodes[neighbors.via]).shape
        torch.Size([4, 7])

    Differences from the paper: of its two ways to draw a step this is "uniform neighbor"; walks of
    one layer are not kept for the next; the perceptron has no norm; a walk begins at nodes without
    neighbours, too, and stands still there.
    """

    printed: ClassVar[dict[str, object]] = {
        "walk_length": 50,
        "window": 8,
        "edge_dim": None,
        "backtracking": False,
        "seed": 0,
    }
    compliance_exceptions: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            ("node_permutation", "batch", "num_hops"),
            "which walks are drawn follows the numbers of the nodes",
        ),
        "explainer": "an edge that no walk takes has no gradient",
        "edge_order": "which of parallel edges is drawn follows their order",
    }

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        walk_length: int = 50,
        window: int = 8,
        edge_dim: int | None = None,
        backtracking: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(aggr=None)
        check_size("in_channels", in_channels, lazy=True)
        check_size("out_channels", out_channels)
        check_size("window", window)
        check_size("walk_length", walk_length, least=window + 1)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.walk_length = walk_length
        self.window = window
        self.edge_dim = edge_dim
        self.backtracking = backtracking
        self.seed = seed
        width = out_channels
        self.lin = None if in_channels == width else Linear(in_channels, width, bias=False)
        # the columns of W_1, by what they read
        self.lin_node = Linear(in_channels, width)
        self.lin_edge = None if edge_dim is None else Linear(edge_dim, width, bias=False)
        self.lin_bits = Linear(2 * window, width, bias=False)
        self.depthwise = nn.Conv2d(width, width, (1, window + 1), groups=width)
        self.norm = nn.BatchNorm2d(width)
        self.lin_walk = Linear(width, width)
        self.mlp = nn.Sequential(Linear(width, 2 * width), nn.ReLU(), Linear(2 * width, width))

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field: how far a walk may come from."""
        return self.walk_length

    def reset_parameters(self) -> None:
        """Draw new parameters and forget the running statistics."""
        super().reset_parameters()
        for part in self.children():
            reset(part)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw walks and read them.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph, in any form.
            edge_attr: ``[E, edge_dim]``.
            generator: Where walks come from; default torch's global generator in ``train()``, and
                ``seed`` in ``eval()``.
        """
        check_features(type(self).__name__, x, width_of(self.lin_node))
        if self.lin_edge is not None:
            if edge_attr is None:
                raise ValueError(f"edge_attr: got None, edge_dim is {self.edge_dim}")
            check_edge_attr(edge_attr, width_of(self.lin_edge))
        elif edge_attr is not None:
            raise ValueError("edge_attr: given to a layer without edge_dim")
        if maps_nothing(self.lin, x.size(1)):
            self.lin = None
        mean = self._seen(x, edge_index, edge_attr, generator) if x.size(0) else self.lin_node(x)
        out: Tensor = self.mlp(mean) + (x if self.lin is None else self.lin(x))
        return out

    def _seen(
        self,
        x: Tensor,
        edge_index: Any,
        edge_attr: Tensor | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Return the mean of what each node is seen in, ``[N, C]``."""
        adj = to_csr(edge_index, num_nodes=x.size(0))
        if edge_attr is not None:
            check_edge_attr(edge_attr, -1, adj.num_entries)
        draws = None
        if self.training or generator is not None:
            shape, device = (x.size(0), self.walk_length), getattr(generator, "device", x.device)
            draws = torch.rand(shape, generator=generator, dtype=torch.float64, device=device)
            draws = draws.to(x.device)
        node, edge = random_walks(
            adj,
            torch.arange(x.size(0), device=x.device),
            self.walk_length,
            backtracking=self.backtracking,
            seed=self.seed,
            draws=draws,
        )
        seen = walk_bits(adj, node, self.window).to(x.dtype)
        z = take_rows(self.lin_node(x), node) + self.lin_bits(seen)
        if self.lin_edge is not None:
            # a last row of zeros, for steps that were none
            carried = F.pad(self.lin_edge(edge_attr), (0, 0, 0, 1))
            z = z + F.pad(take_rows(carried, edge % carried.size(0)), (0, 0, 1, 0))
        mask = edge_mask(self)
        if mask is not None:
            # a position counts as much as the edge that leads there; standing still is free
            mask = F.pad(F.pad(mask, (0, 1), value=1.0)[edge], (1, 0), value=1.0)
            z = z * mask.unsqueeze(-1)
        # walks are rows of one picture, not a batch of them, whose size kernels are chosen by
        y = self.norm(self.depthwise(z.permute(2, 0, 1).unsqueeze(0))).relu()
        y = self.lin_walk(y.squeeze(0).permute(1, 2, 0)).relu()
        begin = self.window // 2
        centre = node[:, begin : begin + y.size(1)]
        return pool(y.flatten(0, 1), centre.flatten(), "mean", batch_size=x.size(0))

    def __repr__(self) -> str:
        arguments = [str(self.in_channels), str(self.out_channels)]
        return f"{type(self).__name__}({', '.join([*arguments, *self.options()])})"
