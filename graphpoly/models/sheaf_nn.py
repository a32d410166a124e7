"""Neural sheaf diffusion as a whole network, with learned, fixed or trivial maps."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from graphpoly.layers import ConnectionSheafConv, SheafConv, connection_maps
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.passed_on import passes_on
from graphpoly.ops import dropout
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["SheafNN"]

_LEARNER = ("reflections", "edge_strength", "sparse_learner")


@register(
    "model",
    paper="Bodnar, Di Giovanni, Chamberlain, Liò, Bronstein. Neural Sheaf Diffusion: A Topological "
    "Perspective on Heterophily and Oversmoothing in GNNs. NeurIPS 2022",
    arxiv="2202.04579",
    example=lambda: SheafNN(8, 4, 3, num_layers=2),
    tags={"expressivity": "1-WL", "complexity": "O(L |E| (d^2 f + d^3)) time"},
)
@passes_on(SheafConv, ConnectionSheafConv, without=("map_dropout", "linear"))
class SheafNN(Pretrained, NamedArguments):
    r"""A linear map to stalks, steps of sheaf diffusion, a linear map to logits.

    .. math::
        X_0 = \mathrm{ELU}(W X + b), \qquad
        X_{t+1} = (1 + \tanh \varepsilon_t) \odot X_t - \mathrm{ELU}\!\left(\Delta_t\, (I \otimes
        W_{1,t}) X_t W_{2,t}\right), \qquad \mathrm{logits} = W' X_L + b'

    with dropout before W (``input_dropout``), and after it, before the maps are made (but in the
    first step) and before :math:`W_{1,t}` (``dropout``).

    Three kinds of maps compare in one line:

    >>> for maps in ("householder", "connection", "identity"):
    ...     SheafNN(16, 4, 2, maps=maps)
    SheafNN(16, 4, 2, num_layers=2, stalk_dim=2, dropout=0.5)
    SheafNN(16, 4, 2, num_layers=2, stalk_dim=2, dropout=0.5, maps='connection')
    SheafNN(16, 4, 2, num_layers=2, stalk_dim=2, dropout=0.5, maps='identity')

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Channels of each stalk coordinate; a node holds d times as many numbers.
        out_channels: Number of classes or targets.
        num_layers: Number of steps.
        stalk_dim: Dimension of the maps.
        maps: One of :class:`SheafConv`'s, or ``"connection"`` for the fixed ones of
            :class:`ConnectionSheafConv`, made of the input features, once.
        dropout: See above.
        input_dropout: See above.
        second_linear: A further linear map before the first step.
        **kwargs: Further arguments of the layers, such as ``add_lp``, ``add_hp``,
            ``sparse_learner``, ``edge_strength``, ``reflections``, ``normalization``.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional), with ``maps="connection"`` the transports ``edge_attr`` :math:`(E, d^2)`
          (optional) or ``batch`` :math:`(N)` to make them on a batch of graphs
        - **output:** logits :math:`(N, F_{out})`; no softmax
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        num_layers: int = 2,
        *,
        stalk_dim: int = 2,
        maps: str = "householder",
        dropout: float = 0.5,
        input_dropout: float = 0.0,
        second_linear: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        check_sizes(
            in_channels=in_channels, hidden_channels=hidden_channels, out_channels=out_channels
        )
        if num_layers < 1:
            raise ValueError(f"num_layers: got {num_layers}, expected at least 1")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.stalk_dim = stalk_dim
        self.maps = maps
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.second_linear = second_linear
        self._borrow = bool(kwargs.get("borrow", True))
        extra = int(kwargs.get("add_lp", False)) + int(kwargs.get("add_hp", False))
        width = (stalk_dim + extra) * hidden_channels
        shared = {"stalk_dim": stalk_dim, "dropout": dropout, "linear": False, **kwargs}
        self.lin_in = nn.Linear(in_channels, width)
        self.lin_second = nn.Linear(width, width) if second_linear else None
        self.convs = nn.ModuleList()
        for step in range(num_layers):
            if maps == "connection":
                for name in _LEARNER:
                    if shared.pop(name, False):
                        raise ValueError(f"{name}: maps='connection' learns nothing about maps")
                conv: nn.Module = ConnectionSheafConv(width, width, **shared)
            else:
                map_dropout = dropout if step else 0.0
                conv = SheafConv(width, width, maps=maps, map_dropout=map_dropout, **shared)
            self.convs.append(conv)
        self.lin_out = nn.Linear(width, out_channels)

    @property
    def num_hops(self) -> int:
        """How far the steps look, one after the other."""
        return sum(int(getattr(conv, "num_hops", 1)) for conv in self.convs)

    @property
    def edge_dim(self) -> int | None:
        """Size of ``edge_attr``, or None where the maps are learned."""
        return self.stalk_dim**2 if self.maps == "connection" else None

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        modules: tuple[Any, ...] = (self.lin_in, self.lin_second, *self.convs, self.lin_out)
        for module in modules:
            if module is not None:
                module.reset_parameters()

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        edge_weight: Tensor | None = None,
        edge_attr: Tensor | None = None,
        batch: Tensor | None = None,
    ) -> Tensor:
        """Return logits, ``[N, out_channels]``."""
        check_features(type(self).__name__, x, self.in_channels)
        check_batch(batch)
        if self.maps != "connection" and edge_attr is not None:
            raise ValueError("edge_attr: transports are taken with maps='connection' only")
        if self.maps == "connection" and edge_attr is None:
            edge_attr = connection_maps(
                x, edge_index, self.stalk_dim, batch=batch, borrow=self._borrow
            )
        given = {"edge_attr": edge_attr} if self.maps == "connection" else {}
        x = F.elu(self.lin_in(dropout(x, self.input_dropout, self.training)))
        x = dropout(x, self.dropout, self.training)
        if self.lin_second is not None:
            x = self.lin_second(x)
        for conv in self.convs:
            x = conv(x, edge_index, edge_weight, **given)
        out: Tensor = self.lin_out(x)
        return out

    def __repr__(self) -> str:
        conv: Any = self.convs[-1]
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *(f"num_layers={self.num_layers}", f"stalk_dim={self.stalk_dim}"),
            f"dropout={self.dropout}",
        ]
        if self.maps != "householder":
            arguments.append(f"maps={self.maps!r}")
        if self.input_dropout:
            arguments.append(f"input_dropout={self.input_dropout}")
        if self.second_linear:
            arguments.append("second_linear=True")
        skipped = ("maps", "map_dropout", "dropout", "linear")
        arguments += [o for o in conv.options() if o.split("=")[0] not in skipped]
        return f"{type(self).__name__}({', '.join(arguments)})"
