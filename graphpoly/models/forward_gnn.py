"""Graph networks whose layers learn from forward passes alone, each from a loss of its own."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.acceleration import accelerate
from graphpoly.errors import unknown
from graphpoly.layers.arguments import NamedArguments, check_features, check_size, check_sizes
from graphpoly.models.class_copies import (
    Copies,
    given_in_turn,
    with_columns,
    with_virtual_nodes,
)
from graphpoly.models.heads import names_argument
from graphpoly.models.named_convs import Conv, make_conv
from graphpoly.ops import to_edges
from graphpoly.ops.entry import check_index
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["Below", "ForwardGNN"]

VARIANTS = ("sf", "ff-vn", "ff-la", "top2loss", "top2input")
_EPSILON = 1e-8  # beside the length of a row


class Below(NamedTuple):
    """What the layers that are trained already say of a graph.

    Attributes:
        copies: With the rows that the layers in training read. Of forward-forward two: those that
            are trained on, and those by which other nodes are asked for their class.
        said: Of each, the sum over the layers below of what they say, or None below the first.
    """

    copies: tuple[Copies, ...]
    said: tuple[Tensor | None, ...]


@register(
    "model",
    paper="Park et al. Forward Learning of Graph Neural Networks. ICLR 2024",
    arxiv="2403.11004",
    # PyG's gcn has no finite gradient at weights of 0
    example=lambda: ForwardGNN(6, 8, 3, conv="GPRConv"),
    tags={
        "expressivity": "that of its layers, with classes of training nodes as features",
        "complexity": "that of one layer, time and memory, a step of sf, C times that of ff-vn and "
        "ff-la, of all L layers in time and O(L |V| H) memory of top2loss and top2input",
    },
)
class ForwardGNN(Pretrained, NamedArguments):
    r"""ForwardGNN: any convolutions, trained one at a time, without a gradient between them.

    A layer reads rows of unit length, :math:`H_l = \mathrm{ReLU}(\mathrm{conv}_l(\hat H_{l-1}))`
    with :math:`\hat h = h / (\|h\|_2 + 10^{-8})`, and learns from a loss of its own
    (:meth:`losses`). A virtual node for each class, with random features that stay, is joined both
    ways to the training nodes of its class and to no other node:

    - ``"sf"``, a single forward pass: the class of a training node is that of the virtual node it
      resembles, :math:`\ell = \mathrm{CE}(H_\mathrm{train} H_\mathrm{virtual}^\top / \tau)`.
    - ``"ff-vn"``, forward-forward: in one copy of the graph each training node is joined to its
      class, in C - 1 others to each wrong one in turn. The goodness :math:`g = \sum_j h_j^2` is to
      be above θ in the first and below in the others, :math:`\ell = \mathrm{BCE}(g - \theta)`, the
      mean over all.
    - ``"ff-la"``: likewise, with the class as further columns of the features, no virtual nodes.
    - ``"top2loss"``: ``"sf"``, all layers at once; the loss of a layer is that of the mean of its
      own states and those of all layers above it.
    - ``"top2input"``: likewise, of its own states alone; a layer reads those of the layers below
      and above it, in the time step before. The top one reads classes: of training and virtual
      nodes their own, of others 1/C each.

    The output is the logarithm of the mean over layers of :math:`\mathrm{softmax}(H
    H_\mathrm{virtual}^\top / \tau)`. Of forward-forward it is, for each class, the sum over layers
    of the mean of :math:`h_j^2` in a copy where every node whose class is not known is given that
    one. :func:`~graphpoly.training.fit` trains it through :class:`~graphpoly.training.LayerWise`.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Size of the states of every layer.
        out_channels: Number C of classes, at least 2.
        num_layers: Number L of layers.
        variant: ``"sf"``, ``"ff-vn"``, ``"ff-la"``, ``"top2loss"`` or ``"top2input"``.
        conv: ``"gcn"``, ``"sage"``, ``"gat"``, the name of a registered layer, or what makes a
            layer of two sizes. PyG's run on our kernels.
        heads: Of ``"gat"``; they divide ``hidden_channels``.
        temperature: The τ of the logits.
        threshold: The θ of the goodness.
        labels: ``[N]``, class of each training node, -1 for all others; part of the state, since
            predictions depend on it. None where no class is known.
        depth: How many layers predict; the last of them is the one that is trained, but in
            ``"top2loss"`` and ``"top2input"``, which have all. Part of the state; default all.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index``, ``edge_weight`` :math:`(E)`
          (optional, for layers that take it)
        - **output:** logits :math:`(N, C)`

    Raises:
        ValueError: If an argument is out of its range, or ``labels`` does not fit.
        TypeError: If ``labels`` holds no whole numbers.

    Differences from the paper:
        At test time the published forward-forward graph joins validation nodes to their classes,
        too; here no validation or test label is ever read. What is summed over layers there is
        the softmax itself. Of forward-forward the weight of wrong classes, of the top-down variants
        the first states are not stated: here each of the C graphs weighs the same, and the time
        step before is a pass from the bottom to the top, so that a call has no memory. Link
        prediction is not offered.

    >>> labels = torch.tensor([0, -1, 1, -1])
    >>> net = ForwardGNN(3, 8, 2, labels=labels, depth=1)
    >>> below = net.below(torch.eye(4, 3), torch.tensor([[0, 1, 2], [1, 2, 3]]))
    >>> sum(net.losses(below)).backward()  # of the first layer, and of no other
    >>> [p.grad is None for p in net.convs[1].parameters()]
    [True, True]
    """

    printed: ClassVar[dict[str, object]] = {
        "num_layers": 2,
        "variant": "sf",
        "conv": "gcn",
        "heads": 4,
        "temperature": 1.0,
        "threshold": 2.0,
    }
    labels: Tensor | None
    virtual: Tensor

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        out_channels: int,
        *,
        num_layers: int = 2,
        variant: str = "sf",
        conv: Conv = "gcn",
        heads: int = 4,
        temperature: float = 1.0,
        threshold: float = 2.0,
        labels: Tensor | None = None,
        depth: int | None = None,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        check_size("out_channels", out_channels, least=2)
        if variant not in VARIANTS:
            raise unknown("variant", variant, VARIANTS)
        if not temperature > 0:
            raise ValueError(f"temperature: got {temperature}, expected more than 0")
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.out_channels = out_channels
        self.num_layers = num_layers
        self.variant = variant
        self.conv = conv
        self.heads = heads
        self.temperature = temperature
        self.threshold = threshold
        self._top_down = variant.startswith("top2")
        self._forward_forward = variant.startswith("ff")
        self.depth = num_layers if depth is None else depth
        self.convs = nn.ModuleList(
            make_conv(conv, self._width(layer), hidden_channels, heads=heads)
            for layer in range(num_layers)
        )
        accelerate(self.convs)
        self.register_buffer("virtual", torch.empty(out_channels, in_channels))
        self.register_buffer("labels", None if labels is None else _checked(labels, out_channels))
        nn.init.normal_(self.virtual)

    @property
    def depth(self) -> int:
        """How many layers predict."""
        return self._depth

    @depth.setter
    def depth(self, depth: int) -> None:
        check_size("depth", depth)
        if depth > self.num_layers:
            raise ValueError(f"depth: got {depth}, expected at most num_layers={self.num_layers}")
        if self._top_down and depth < self.num_layers:
            raise ValueError(f"depth: got {depth}, {self.variant} trains all layers at once")
        self._depth = depth

    @property
    def turns(self) -> int:
        """How many steps of the optimiser are one of training: 2 where layers take turns."""
        return 2 if self._top_down and self.num_layers > 1 else 1

    @property
    def num_hops(self) -> int:
        """Radius of the receptive field, but for virtual nodes, which are near to all."""
        return sum(int(getattr(conv, "num_hops", 1)) for conv in self.convs)

    def get_extra_state(self) -> Tensor:
        """Return the depth, so that saved weights bring it along."""
        return torch.tensor(self.depth)

    def set_extra_state(self, state: Tensor) -> None:
        """Take the depth from saved weights."""
        self.depth = int(state)

    def reset_parameters(self) -> None:
        """Draw new parameters, and new features of the virtual nodes."""
        reset(self.convs)
        nn.init.normal_(self.virtual)

    def below(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Below:
        """Return what the layers in training read of a graph; it stays while they are trained."""
        check_features(type(self).__name__, x, self.in_channels)
        edges, weight = to_edges(edge_index, edge_weight, size=(x.size(0), x.size(0)))
        check_index("edge_index", edges.flatten(), x.size(0))
        if weight is not None and not names_argument(self.convs[0], "edge_weight"):
            raise ValueError(f"edge_weight: {type(self.convs[0]).__name__} has no use for weights")
        copies = self._copies(x, edges, weight)
        said: list[Tensor | None] = [None] * len(copies)
        for layer in range(0 if self._top_down else self.depth - 1):
            for place, each in enumerate(copies):
                states = self._layer(layer, each, each.x)
                said[place] = self._joined(said[place], self._says(each, states))
                copies[place] = each._replace(x=states)
        return Below(tuple(copies), tuple(said))

    def losses(self, below: Below, turn: int = 0) -> list[Tensor]:
        """Return the losses of the layers in training, of which each reaches its own layer alone.

        Args:
            below: From :meth:`below`.
            turn: Which layers, where they take :attr:`turns`: the first, third and so on, or the
                others.

        Raises:
            ValueError: If no class is known.
        """
        copies = below.copies[0]
        copies = copies._replace(x=copies.x.detach())
        known = copies.given[0] >= 0
        if not bool(known.any()):
            raise ValueError("labels: no class is known; there is nothing to learn from")
        if self._top_down:
            with torch.no_grad():
                states = self._upwards(copies)
            layers = range(turn, self.num_layers, 2)
            answers = [self._answer(layer, copies, states) for layer in layers]
        else:
            answers = [self._layer(self.depth - 1, copies, copies.x)]
        return [self._loss(copies, answer, known) for answer in answers]

    def predict(self, below: Below) -> Tensor:
        """Return logits, ``[N, C]``, from :meth:`below`."""
        said = []
        for copies, sum_below in zip(below.copies, below.said, strict=True):
            if self._top_down:
                states = self._upwards(copies)
                layers = range(self.num_layers)
                answers = [self._answer(layer, copies, states) for layer in layers]
            else:
                answers = [self._layer(self.depth - 1, copies, copies.x)]
            total = sum_below
            for answer in answers:
                total = self._joined(total, self._says(copies, answer))
            assert total is not None
            said.append(total)
        if not self._forward_forward:
            return said[0] - math.log(self.depth)
        shown, asked = (each.t() for each in said)
        given = below.copies[0].given.t()
        shown = torch.zeros_like(shown).scatter(1, given.clamp(min=0), shown)
        return torch.where(given >= 0, shown, asked)

    def forward(self, x: Tensor, edge_index: Any, edge_weight: Tensor | None = None) -> Tensor:
        """Return logits, ``[N, out_channels]``: a function like any other, with its gradient."""
        return self.predict(self.below(x, edge_index, edge_weight))

    def _width(self, layer: int) -> int:
        """Columns that a layer reads."""
        width = self.hidden_channels if layer else self.in_channels
        if self.variant == "ff-la" and layer == 0:
            width += self.out_channels
        if self.variant == "top2input":
            width += self.out_channels if layer == self.num_layers - 1 else self.hidden_channels
        return width

    def _copies(self, x: Tensor, edges: Tensor, weight: Tensor | None) -> list[Copies]:
        """Return the graph as it is learned from, and as classes are asked for, if otherwise."""
        labels = self.labels
        if labels is not None and labels.numel() != x.size(0):
            raise ValueError(f"labels: are of {labels.numel()} nodes, x has {x.size(0)}")
        if labels is None:
            labels = torch.full((x.size(0),), -1, device=x.device)
        given: tuple[Tensor, ...] = (labels.unsqueeze(0),)
        if self._forward_forward:
            given = given_in_turn(labels, self.out_channels)
        if self.variant == "ff-la":
            return [with_columns(x, edges, weight, each, self.out_channels) for each in given]
        return [with_virtual_nodes(x, edges, weight, each, self.virtual) for each in given]

    def _layer(self, layer: int, copies: Copies, x: Tensor, above: Tensor | None = None) -> Tensor:
        """Return the states of a layer, ``[B M, H]``."""
        rows = _unit(x) if above is None else torch.cat([_unit(x), _unit(above)], dim=1)
        conv = self.convs[layer]
        if copies.edge_weight is None:
            states: Tensor = conv(rows, copies.edge_index)
        else:
            states = conv(rows, copies.edge_index, edge_weight=copies.edge_weight)
        return states.relu()

    def _upwards(self, copies: Copies) -> list[Tensor]:
        """Return input and states of all layers, from a pass that knows of nothing above."""
        states = [copies.x]
        for layer in range(self.num_layers):
            above = None
            if self.variant == "top2input":
                top = layer == self.num_layers - 1
                empty = copies.x.new_zeros(copies.x.size(0), self.hidden_channels)
                above = self._top(copies) if top else empty
            states.append(self._layer(layer, copies, states[-1], above))
        return states

    def _answer(self, layer: int, copies: Copies, states: list[Tensor]) -> Tensor:
        """Return what a layer makes of the states around it, from :meth:`_upwards`."""
        if self.variant == "top2input":
            top = layer == self.num_layers - 1
            above = self._top(copies) if top else states[layer + 2]
            return self._layer(layer, copies, states[layer], above)
        own = self._layer(layer, copies, states[layer])
        return torch.stack([own, *states[layer + 2 :]]).mean(0)

    def _top(self, copies: Copies) -> Tensor:
        """What the top layer reads from above, ``[M, C]``."""
        classes = self.out_channels
        words = F.one_hot(copies.given[0].clamp(min=0), classes).to(copies.x)
        words[copies.given[0] < 0] = 1 / classes
        return torch.cat([words, torch.eye(classes, dtype=copies.x.dtype, device=copies.x.device)])

    def _scores(self, copies: Copies, states: Tensor) -> Tensor:
        """Return logits ``[N, C]``, or the goodness of nodes in each copy ``[B, N]``."""
        (count, size) = copies.given.shape
        if self._forward_forward:
            return states.square().sum(1).view(count, -1)[:, :size]
        return states[:size] @ states[size:].t() / self.temperature

    def _says(self, copies: Copies, states: Tensor) -> Tensor:
        scores = self._scores(copies, states)
        if self._forward_forward:
            return scores / self.hidden_channels
        return scores.log_softmax(dim=1)

    def _joined(self, said: Tensor | None, more: Tensor) -> Tensor:
        """Add up goodness, or probabilities by their logarithms."""
        if said is None:
            return more
        return said + more if self._forward_forward else torch.logaddexp(said, more)

    def _loss(self, copies: Copies, states: Tensor, known: Tensor) -> Tensor:
        scores = self._scores(copies, states)
        if not self._forward_forward:
            return F.cross_entropy(scores[known], copies.given[0][known])
        goodness = scores[:, known] - self.threshold
        right = torch.zeros_like(goodness)
        right[0] = 1
        return F.binary_cross_entropy_with_logits(goodness, right)

    def __repr__(self) -> str:
        arguments = [
            *(str(self.in_channels), str(self.hidden_channels), str(self.out_channels)),
            *self.options(),
        ]
        if self.labels is not None:
            arguments.append(f"labels=[{self.labels.numel()}]")
        if self.depth != self.num_layers:
            arguments.append(f"depth={self.depth}")
        return f"{type(self).__name__}({', '.join(arguments)})"


def _unit(x: Tensor) -> Tensor:
    return x / (x.norm(dim=1, keepdim=True) + _EPSILON)


def _checked(labels: Tensor, classes: int) -> Tensor:
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        got = labels.dtype if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels: got {got}, expected whole numbers [N]")
    inside = bool(((labels >= -1) & (labels < classes)).all())
    if labels.dim() != 1 or not inside:
        shape = list(labels.shape)
        raise ValueError(f"labels: got shape {shape}, expected [N] of -1 to {classes - 1}")
    return labels.detach().clone().long()
