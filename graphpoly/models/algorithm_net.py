"""Networks that imitate an algorithm step by step: an encoder, a processor and decoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.nn.inits import reset

from graphpoly.errors import unknown
from graphpoly.layers import RecurrentAggregation, TripletConv
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.models.pooling import pool_nodes
from graphpoly.models.tracing import Pointing, Problem, problem_of
from graphpoly.ops import CSR
from graphpoly.ops.edge_masks import carried_masks
from graphpoly.ops.entry import check_index
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["AGGREGATIONS", "ANSWERS", "HINTS", "AlgorithmNet", "Traced"]

HINTS = ("pointer", "mask", "value", "graph")
ANSWERS = ("pointer", "mark")
AGGREGATIONS = ("max", "lstm")


class Traced(NamedTuple):
    """What a network says of each step, and in the end.

    Attributes:
        answer: Log-probabilities behind the last step of each graph: of each edge to be that along
            which its target points, ``[E]``, or of each node to be the one of its graph, ``[N]``.
        hints: By name, what a hint is after each step: log-probabilities of edges ``[E, T - 1]``
            for pointers, logits ``[N, T - 1]`` for masks, numbers ``[N, T - 1]`` or
            ``[B, T - 1]``.
    """

    answer: Tensor
    hints: dict[str, Tensor]


@register(
    "model",
    paper="Ibarz et al. A Generalist Neural Algorithmic Learner. LoG 2022",
    arxiv="2209.11142",
    example=lambda: AlgorithmNet(2, 8, hints={"pointer": "pointer", "reached": "mask"}),
    tags={
        "expressivity": 'nodes 1-WL, edges see triangles; with "lstm" not permutation-equivariant',
        "complexity": "O(T (|E| C^2 + P)) time and memory, P triplets",
    },
)
class AlgorithmNet(Pretrained, NamedArguments):
    r"""One processor, applied as often as an algorithm has steps, reads hints and foretells them.

    .. math::
        z &= W [x, \hat s_{nodes}^{(t)}], \qquad e = U [w, \hat s_{edges}^{(t)}], \qquad
        g = V \hat s_{graph}^{(t)} \\
        \tilde h, \tilde e &= \mathrm{ReLU}\big(\mathrm{TripletConv}([z, h^{(t)}], e, g)\big), \quad
        \gamma = \sigma\big(W_3\, \mathrm{ReLU}(W_4 [z, h^{(t)}, \tilde h])\big) \\
        h^{(t+1)} &= \gamma\, \mathrm{LayerNorm}(\tilde h) + (1 - \gamma)\, h^{(t)}, \qquad
        \hat s^{(t+1)} = \mathrm{decode}\big([z, h^{(t)}, h^{(t+1)}], [e, \tilde e]\big)
    .. math::
        \mathrm{score}(j \to i) = v^T \max\big(P_1 r_i,\; P_2 r_j + P_3 r_{ji}\big)

    with :math:`h^{(0)} = 0` and the algorithm's own state at the start for :math:`\hat s^{(0)}`;
    later ones are the network's, as probabilities, in training, too. The last line is how a pointer
    of i is found among the edges into i; the first two are maps of rows r. Numbers of a graph are
    read off the maxima over its nodes. There is a loop over the steps, which wait for each other;
    nothing else is looped over, and graphs of any sizes go together.

    With ``aggregation="lstm"`` messages are not compared but read one after another, in the order
    of the edges: that is RNAR (Xu and Veličković, arXiv:2409.07154), which no order of the nodes
    leaves as it is.

    Args:
        in_channels: Size of each input feature.
        hidden_channels: Width C.
        hints: Kind of each hint by name: ``"pointer"`` of each node to one that it hears,
            ``"mask"`` or ``"value"`` of each node, ``"graph"`` for a number of each graph.
        answer: ``"pointer"`` of each node, or ``"mark"`` at one node of each graph.
        weighted: Whether edges have lengths.
        aggregation: ``"max"`` or ``"lstm"``.
        triplet_channels: Channels of the messages over triplets.

    Shapes:
        - **input:** features :math:`(N, F_{in})`, ``edge_index`` with a loop at each node that may
          point at itself, ``steps`` :math:`(B, T)`, ``start`` by name :math:`(N)` or :math:`(B)`,
          ``edge_weight`` :math:`(E)` (with ``weighted``), ``batch`` :math:`(N)`
        - **output:** see :class:`Traced`

    Differences from the paper: messages go along the edges of the graph, which there is complete
    with a feature for edges; the gate reads the new state in place of the sums of messages; marks
    are masks as hints, and one choice as the answer. A pointer is a feature of the edge from its
    aim, as it is when it is decoded, where the code has it at the edge to its aim; and numbers of
    a graph are not read off those before.

    >>> import torch
    >>> net = AlgorithmNet(2, 16, hints={"least": "mask"}, answer="mark")
    >>> edge_index = torch.tensor([[0, 1, 0, 1], [0, 0, 1, 1]])
    >>> start = {"least": torch.tensor([True, False])}
    >>> net(torch.randn(2, 2), edge_index, torch.ones(1, 4).bool(), start).answer.shape
    torch.Size([2])
    """

    printed: ClassVar[dict[str, object]] = {
        "answer": "pointer",
        "weighted": False,
        "aggregation": "max",
        "triplet_channels": 8,
    }

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        *,
        hints: Mapping[str, str],
        answer: str = "pointer",
        weighted: bool = False,
        aggregation: str = "max",
        triplet_channels: int = 8,
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels)
        for name, kind in hints.items():
            if name == "answer" or "." in name:
                raise ValueError(f"hints: got {name!r}, which no hint may be called")
            if kind not in HINTS:
                raise unknown(f"kind of {name!r}", kind, HINTS)
        if answer not in ANSWERS:
            raise unknown("answer", answer, ANSWERS)
        if aggregation not in AGGREGATIONS:
            raise unknown("aggregation", aggregation, AGGREGATIONS)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.hints = dict(hints)
        self.answer = answer
        self.weighted = weighted
        self.aggregation = aggregation
        self.triplet_channels = triplet_channels
        width = hidden_channels
        of_nodes = len(self._of("mask", "value"))
        self.lin_node = nn.Linear(in_channels + of_nodes, width)
        self.lin_edge = nn.Linear(1 + len(self._of("pointer")), width)
        graph_dim = len(self._of("graph")) or None
        self.lin_graph = None if graph_dim is None else nn.Linear(graph_dim, width)
        conv = TripletConv if aggregation == "max" else _RecurrentTriplets
        self.conv = conv(
            2 * width,
            width,
            width,
            triplet_channels=triplet_channels,
            graph_dim=None if graph_dim is None else width,
        )
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Sequential(nn.Linear(3 * width, width), nn.ReLU(), nn.Linear(width, width))
        # prefixed, for a module may not be called as an attribute of its holder is
        self.decoders = nn.ModuleDict(
            {f"to_{name}": _decoder(kind, width) for name, kind in self._decoded.items()}
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters; at first the gates leave states almost as they are."""
        for part in self.children():
            reset(part)
        last = self.gate[-1]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias, -3.0)

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        steps: Tensor,
        start: Mapping[str, Tensor],
        *,
        edge_weight: Tensor | None = None,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Traced:
        """Go through as many steps as are asked for, T - 1 of them.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph; with ``weighted`` the values of a sparse ``adj_t`` are lengths.
            steps: Which states there are, the one at the start among them, ``[B, T]`` of bool.
            start: By name of a hint, its state at the start: ``[N]``, or ``[B]`` for a number of a
                graph.
            edge_weight: Lengths of edges ``[E]``, with ``weighted``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.

        Raises:
            TypeError: If ``steps`` are not bool, or lengths or pointers of another type.
            ValueError: If a hint is absent, shapes do not fit, or a pointer leaves the graph.
        """
        check_features("AlgorithmNet", x, self.in_channels)
        check_batch(batch)
        on = problem_of(
            x,
            edge_index,
            edge_weight,
            batch,
            batch_size,
            weighted=self.weighted,
            paired=self._points,
        )
        absent = [name for name in self.hints if name not in start]
        if absent:
            raise ValueError(f"start: has no {', '.join(absent)}")
        if steps.dim() != 2 or steps.size(0) != on.num_graphs:
            raise ValueError(f"steps: got shape {list(steps.shape)}, expected [{on.num_graphs}, T]")
        if steps.dtype != torch.bool:
            raise TypeError(f"steps: got {steps.dtype}, expected bool")
        first = {name: _at_start(name, start[name], kind, on) for name, kind in self.hints.items()}
        state, h = first, x.new_zeros(x.size(0), self.hidden_channels)
        owner = on.graph if self.answer == "mark" else on.graph.index_select(0, on.edges[1])
        answer, said = on.chances(x.new_zeros(owner.size(0)), self.answer), []
        for step in range(1, steps.size(1)):
            with carried_masks(self.conv, on.edges, on.places()):
                read, edges, h = self._process(on, state, h)
            decoded = {name: self._decode(on, name, read, edges) for name in self._decoded}
            answer = torch.where(steps[:, step][owner], decoded.pop("answer"), answer)
            said.append(decoded)
            state = {name: _softened(each, self.hints[name]) for name, each in decoded.items()}
        hints = {}
        for name, held in first.items():
            none = held.new_zeros(held.size(0), 0)
            each = torch.stack([decoded[name] for decoded in said], 1) if said else none
            hints[name] = on.as_given(each) if self.hints[name] == "pointer" else each
        return Traced(on.as_given(answer) if self.answer == "pointer" else answer, hints)

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """What lengths and an order of edges do not leave as it is."""
        held = {}
        if self.weighted:
            asked = "edges without lengths are refused, not taken for ones of length 1"
            held = dict.fromkeys(("edge_weight", "adjacency_forms"), asked)
        if self.aggregation == "lstm":
            order = "the LSTM reads the messages in the order of the edges"
            names = ("sparse_weights", "sparse_gradients") if self.weighted else ()
            held.update(dict.fromkeys(("adjacency_forms", "edge_order", *names), order))
        if not self._points:
            held["used_parameters"] = "triplets speak of edges, off which nothing is read"
        return held

    @property
    def _decoded(self) -> dict[str, str]:
        return {**self.hints, "answer": self.answer}

    @property
    def _points(self) -> bool:
        """Whether something is read off the edges, which alone hear of triplets."""
        return "pointer" in self._decoded.values()

    def _process(
        self, on: Problem, state: dict[str, Tensor], h: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return what decoders read of nodes and of edges, and the next states of nodes."""
        z = self.lin_node(self._columns(on.x, state, "mask", "value"))
        e = self.lin_edge(self._columns(on.weight, state, "pointer"))
        graphs: dict[str, Any] = {}
        if self.lin_graph is not None:
            none = on.x.new_zeros(on.num_graphs, 0)
            graphs["graph_attr"] = self.lin_graph(self._columns(none, state, "graph"))
            graphs["batch"] = on.graph
        before = torch.cat([z, h], 1)
        if self._points:
            graphs["triplets"] = on.triplets
            new, heard = self.conv(before, on.edges, e, return_edge_attr=True, **graphs)
            e = torch.cat([e, heard.relu()], 1)
        else:
            new = self.conv(before, on.edges, e, **graphs)
        new = new.relu()
        gate = self.gate(torch.cat([before, new], 1)).sigmoid()
        h = gate * self.norm(new) + (1 - gate) * h
        return torch.cat([before, h], 1), e, h

    def _decode(self, on: Problem, name: str, read: Tensor, edges: Tensor) -> Tensor:
        decoder, kind = self.decoders[f"to_{name}"], self._decoded[name]
        if kind == "graph":
            read = pool_nodes(read, "max", on.graph, on.num_graphs)
        if kind == "pointer":
            return on.chances(decoder(read, edges, on.edges), kind)
        score: Tensor = decoder(read).squeeze(1)
        return on.chances(score, kind) if kind == "mark" else score

    def _columns(self, first: Tensor, state: dict[str, Tensor], *kinds: str) -> Tensor:
        """Return the hints of some kinds as columns behind others."""
        hints = [state[name].unsqueeze(1) for name in self._of(*kinds)]
        return torch.cat([first, *hints], 1)

    def _of(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.hints.items() if kind in kinds]

    def __repr__(self) -> str:
        sizes = (self.in_channels, self.hidden_channels, f"hints={self.hints}")
        return f"AlgorithmNet({', '.join([*map(str, sizes), *self.options()])})"


def _at_start(name: str, hint: Tensor, kind: str, on: Problem) -> Tensor:
    """Return the state of a hint as numbers; of a pointer a mark at the edge that it goes along."""
    count = on.num_graphs if kind == "graph" else on.x.size(0)
    if hint.shape != (count,):
        raise ValueError(f"start[{name!r}]: got shape {list(hint.shape)}, expected [{count}]")
    if kind == "pointer":
        check_index(f"start[{name!r}]", hint, count)
        hint = on.edges[0] == hint.index_select(0, on.edges[1])
    return hint.to(on.x.dtype)


def _softened(said: Tensor, kind: str) -> Tensor:
    """Return what the next step reads of what this one says."""
    if kind == "pointer":
        return said.exp()
    return said.sigmoid() if kind == "mask" else said


def _decoder(kind: str, width: int) -> nn.Module:
    if kind == "pointer":
        return Pointing(3 * width, 2 * width, width)
    return nn.Linear(3 * width, 1)


class _RecurrentTriplets(TripletConv):
    """Messages to a node are read by an LSTM, and those over triplets compared as before."""

    def __init__(self, in_channels: int, out_channels: int, edge_dim: int, **kwargs: Any) -> None:
        super().__init__(in_channels, out_channels, edge_dim, **kwargs)
        self.recurrent = RecurrentAggregation(out_channels, out_channels)

    def _heard(self, adj: CSR, message: Tensor) -> Tensor:
        read: Tensor = self.recurrent(message, ptr=adj.rowptr.long())
        return read
