"""Pointer networks: sequences of nodes of each graph, found by attention that chooses."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch_geometric.nn import GraphConv
from torch_geometric.nn.inits import reset

from graphpoly.acceleration import accelerate
from graphpoly.errors import unknown
from graphpoly.layers.arguments import NamedArguments, check_batch, check_features, check_sizes
from graphpoly.layers.groups import read_groups, run_lstm
from graphpoly.models.pointing import Pointed, candidates, log_partition, pairs, search
from graphpoly.models.pooling import pool_nodes
from graphpoly.ops.batching import count_graphs, nodes_of_each
from graphpoly.ops.pool import segments
from graphpoly.pretrained import Pretrained
from graphpoly.registry import register

__all__ = ["POINTER_ENCODERS", "VISITS", "PointerNetwork"]

POINTER_ENCODERS = ("lstm", "graph")
VISITS = ("once", "all", "any")
_BOUND = 0.08  # of the tokens that stand for the start and the end


class _Steps(NamedTuple):
    """The steps of all answers, graph by graph, the end of each among them; S in all.

    Attributes:
        graph: Of each step, ``[S]``.
        number: Of each step within its answer, from 0.
        pointing: The steps that point at a node, ``[L]``.
        told: The steps that read one, ``[L]``, each the step behind.
        ends: The last step of each graph, ``[B]``.
    """

    graph: Tensor
    number: Tensor
    pointing: Tensor
    told: Tensor
    ends: Tensor


@register(
    "model",
    paper="Vinyals, Fortunato, Jaitly. Pointer Networks. NeurIPS 2015",
    arxiv="1506.03134",
    example=lambda: PointerNetwork(8, 16, num_layers=2),
    tags={
        "expressivity": 'not permutation-equivariant; at most 1-WL with encoder="graph"',
        "complexity": "O(L |V| C) time and memory for an answer of L nodes, O(|V| C^2) to encode",
    },
)
class PointerNetwork(Pretrained, NamedArguments):
    r"""The probability of a sequence of nodes, each pointed at by attention.

    .. math::
        u_j^t = v^T \tanh(W_1 e_j + W_2 d_t), \qquad
        p(c_t \mid c_1, \dots, c_{t-1}) = \mathrm{softmax}(u^t)_{c_t}

    where :math:`e_j` are the states of an encoder, one a node, and :math:`d_t` that of an LSTM
    which has read a learned token and the features of :math:`c_1, \dots, c_{t-1}`. One candidate of
    each graph is no node but the end of its sequence, with a learned state.

    Graphs of different sizes go together: a step of the decoder is a softmax over ranges of one
    list of candidates, and nothing is padded to the largest graph. With the answer given, the
    states of all steps are known at once, and so are their pairs with the candidates;
    :meth:`decode`, which finds an answer, has a loop over steps that wait for each other.

    Args:
        in_channels: Size of each input feature, such as 2 for points.
        hidden_channels: Width C.
        num_layers: Layers of the encoder.
        encoder: ``"lstm"`` reads the nodes of a graph in their order, as published, and not the
            edges; ``"graph"`` is PyG's GraphConv with maxima over neighbours, which no order of the
            nodes changes: for a set, give the complete graph.
        visits: ``"once"``: no node is pointed at twice. ``"all"``: nor does a sequence end before
            each node has been. ``"any"``: nothing is masked.

    Shapes:
        - **input:** features :math:`(N, F)`, ``edge_index``, ``pointer`` :math:`(L)`, ``length``
          :math:`(B)`, ``batch`` :math:`(N)`
        - **output:** log-probabilities :math:`(L + B)` of all steps, graph by graph, the end of a
          sequence behind its last node

    Differences from the paper: what cannot be pointed at has probability 0 in training, too, where
    the paper masks in the search for tours alone; PyTorch's initial weights; the encoder on edges.

    >>> import torch
    >>> net = PointerNetwork(2, 16)
    >>> x, edges = torch.rand(5, 2), torch.empty(2, 0, dtype=torch.long)
    >>> batch = torch.tensor([0, 0, 0, 1, 1])
    >>> net(x, edges, torch.tensor([2, 0, 4]), torch.tensor([2, 1]), batch=batch).shape
    torch.Size([5])
    >>> net.decode(x, edges, batch=batch).length.shape
    torch.Size([2])
    """

    printed: ClassVar[dict[str, object]] = {"num_layers": 1, "encoder": "lstm", "visits": "once"}

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        *,
        num_layers: int = 1,
        encoder: str = "lstm",
        visits: str = "once",
    ) -> None:
        super().__init__()
        check_sizes(in_channels=in_channels, hidden_channels=hidden_channels, num_layers=num_layers)
        if encoder not in POINTER_ENCODERS:
            raise unknown("encoder", encoder, POINTER_ENCODERS)
        if visits not in VISITS:
            raise unknown("visits", visits, VISITS)
        self.in_channels = in_channels
        self.hidden_channels = hidden_channels
        self.num_layers = num_layers
        self.encoder = encoder
        self.visits = visits
        width = hidden_channels
        self.lstm = nn.LSTM(in_channels, width, num_layers) if encoder == "lstm" else None
        self.lin_in = None if encoder == "lstm" else nn.Linear(in_channels, width)
        self.convs = nn.ModuleList(
            GraphConv(width, width, aggr="max") for _ in range(num_layers if self.lin_in else 0)
        )
        accelerate(self.convs)
        self.decoder = nn.LSTM(in_channels, width)
        self.lin_node = nn.Linear(width, width, bias=False)
        self.lin_step = nn.Linear(width, width, bias=False)
        self.lin_score = nn.Linear(width, 1, bias=False)
        self.start = nn.Parameter(torch.empty(in_channels))
        self.end = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new parameters."""
        for part in (self.lstm, self.lin_in, self.convs, self.decoder):
            reset(part)
        for linear in (self.lin_node, self.lin_step, self.lin_score):
            linear.reset_parameters()
        nn.init.uniform_(self.start, -_BOUND, _BOUND)
        nn.init.uniform_(self.end, -_BOUND, _BOUND)

    @property
    def compliance_exceptions(self) -> dict[str, str]:
        """What an order of the nodes does not leave as it is, and an end that is certain."""
        held = {}
        if self.encoder == "lstm":
            held["node_permutation"] = "the encoder reads the nodes in their order"
            held["nodes_outside"] = "the encoder reads no edges"
        if self.visits == "all":
            held["used_parameters"] = "what is left behind the last node is the end, at any score"
        return held

    def forward(
        self,
        x: Tensor,
        edge_index: Any,
        pointer: Tensor,
        length: Tensor,
        *,
        batch: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Return the log-probability of each step of given answers.

        Args:
            x: ``[N, in_channels]``.
            edge_index: The graph; read by ``encoder="graph"`` alone.
            pointer: Nodes of the batch that the answers point at, graph by graph, ``[L]``.
            length: How many of them each graph has, ``[B]``.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.

        Raises:
            TypeError: If answers are no whole numbers.
            ValueError: If shapes do not fit, or an answer points at a node of another graph, or as
                ``visits`` excludes.
        """
        graph, num_graphs = self._graphs(x, batch, batch_size)
        steps = _steps(length, pointer, num_graphs)
        count = nodes_of_each(graph, num_graphs)
        self._check_answer(pointer, length, graph, steps, count)
        state, start = self._encode(x, edge_index, graph, num_graphs)
        feed = self.start.expand(steps.graph.size(0), -1).index_copy(0, steps.told, x[pointer])
        query, _, _ = read_groups(self.decoder, feed, segments(steps.graph, num_graphs), start)
        key, query = self.lin_node(state), self.lin_step(query)
        end = x.size(0) + torch.arange(num_graphs, device=x.device)
        wanted = torch.empty_like(steps.graph).index_copy(0, steps.ends, end)
        wanted = wanted.index_copy(0, steps.pointing, pointer)
        step, candidate = pairs(candidates(graph, num_graphs), steps.graph)
        seen = self._allowed(step, candidate, steps, count, pointer)
        step, candidate = step[seen], candidate[seen]
        every = self._score(key[candidate], query[step])
        return self._score(key[wanted], query) - log_partition(every, step, query.size(0))

    @torch.no_grad()
    def decode(
        self,
        x: Tensor,
        edge_index: Any,
        *,
        batch: Tensor | None = None,
        batch_size: int | None = None,
        beam: int = 1,
        max_steps: int | None = None,
        generator: torch.Generator | None = None,
    ) -> Pointed:
        """Find an answer for each graph: step by step the likeliest, by a beam, or by chance.

        Args:
            x: ``[N, in_channels]``.
            edge_index: As for :meth:`forward`.
            batch: Graph of each node, ``[N]``.
            batch_size: Number of graphs, if known.
            beam: Sequences of each graph that are kept from step to step, those of the greatest
                probability; the best of them in the end is the answer.
            max_steps: Steps after which a sequence is cut off; default one for each node of the
                largest graph and one to end, with ``visits="any"`` six for each node, more than any
                plane triangulation of them has corners.
            generator: Draw each step by its probability.

        Returns:
            Nodes ``pointer``, ``length`` and ``log_prob`` of the answers.

        Raises:
            ValueError: If a number is below 1, or a beam is asked to draw.

        Complexity: O(K N C) time a step for a beam of K.
        """
        check_sizes(beam=beam)
        if generator is not None and beam > 1:
            raise ValueError(f"beam: got {beam} and a generator, one sequence can be drawn")
        graph, num_graphs = self._graphs(x, batch, batch_size)
        if max_steps is None:
            most = int(nodes_of_each(graph, num_graphs).max()) if num_graphs else 0
            max_steps = 1 + (6 * most if self.visits == "any" else most)
        check_sizes(max_steps=max_steps)
        state, start = self._encode(x, edge_index, graph, num_graphs)
        key = self.lin_node(state)

        def step(feed: Tensor, held: Tensor) -> tuple[Tensor, Tensor]:
            out, behind = run_lstm(self.decoder, feed.unsqueeze(0), held.unbind())
            return self.lin_step(out[0]), torch.stack(behind)

        return search(
            lambda candidate, query: self._score(key[candidate], query),
            step,
            torch.cat([x, self.start.expand(num_graphs, -1)]),
            start,
            candidates(graph, num_graphs),
            visits=self.visits,
            beam=beam,
            max_steps=max_steps,
            generator=generator,
        )

    def _graphs(
        self, x: Tensor, batch: Tensor | None, batch_size: int | None
    ) -> tuple[Tensor, int]:
        check_features("PointerNetwork", x, self.in_channels)
        check_batch(batch)
        num_graphs = count_graphs(batch, batch_size, x.size(0))
        if batch is None:
            batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device)
        return batch.long(), num_graphs

    def _encode(
        self, x: Tensor, edge_index: Any, graph: Tensor, num_graphs: int
    ) -> tuple[Tensor, Tensor]:
        """Return states of nodes and ends ``[N + B, C]``, and the decoder's ``[2, 1, B, C]``."""
        if self.lstm is not None:
            state, hidden, cell = read_groups(self.lstm, x, segments(graph, num_graphs))
            start = torch.stack([hidden[-1:], cell[-1:]])
        else:
            assert self.lin_in is not None
            state = self.lin_in(x)
            for conv in self.convs:
                state = conv(state.relu(), edge_index)
            pooled = pool_nodes(state, "mean", graph, num_graphs)
            start = torch.stack([pooled, torch.zeros_like(pooled)]).unsqueeze(1)
        return torch.cat([state, self.end.expand(num_graphs, -1)]), start

    def _score(self, key: Tensor, query: Tensor) -> Tensor:
        score: Tensor = self.lin_score((key + query).tanh()).squeeze(-1)
        return score

    def _allowed(
        self, step: Tensor, candidate: Tensor, steps: _Steps, count: Tensor, pointer: Tensor
    ) -> Tensor:
        """Say which pairs of a step and a candidate there are: the past is not pointed at."""
        if self.visits == "any":
            return torch.ones_like(step, dtype=torch.bool)
        number = steps.number[step]
        num_nodes = int(count.sum())
        when = torch.full_like(candidate[:1], steps.graph.size(0)).expand(num_nodes + len(count))
        allowed = number <= when.index_copy(0, pointer, steps.number[steps.pointing])[candidate]
        if self.visits == "once":
            return allowed
        return allowed & ((candidate < num_nodes) | (number == count[steps.graph[step]]))

    def _check_answer(
        self, pointer: Tensor, length: Tensor, graph: Tensor, steps: _Steps, count: Tensor
    ) -> None:
        if pointer.numel() and not 0 <= int(pointer.min()) <= int(pointer.max()) < len(graph):
            raise ValueError(f"pointer: a node is outside the batch of {len(graph)} nodes")
        if not torch.equal(graph[pointer], steps.graph[steps.pointing]):
            raise ValueError("pointer: an answer points at a node of another graph of the batch")
        if self.visits == "any":
            return
        if int(torch.bincount(pointer, minlength=1).max()) > 1:
            raise ValueError(
                f"pointer: a node is pointed at twice, which visits={self.visits!r} excludes"
            )
        if self.visits == "all" and not torch.equal(length, count):
            raise ValueError("length: an answer ends before each node is pointed at; visits='all'")

    def __repr__(self) -> str:
        sizes = (self.in_channels, self.hidden_channels)
        return f"PointerNetwork({', '.join([*map(str, sizes), *self.options()])})"


def _steps(length: Tensor, pointer: Tensor, num_graphs: int) -> _Steps:
    for name, each in (("pointer", pointer), ("length", length)):
        if not isinstance(each, Tensor) or each.dtype != torch.long:
            got = each.dtype if isinstance(each, Tensor) else type(each).__name__
            raise TypeError(f"{name}: got {got}, expected int64")
    if pointer.dim() != 1 or length.shape != (num_graphs,):
        raise ValueError(
            f"pointer, length: got shapes {list(pointer.shape)} and {list(length.shape)}, "
            f"expected [L] and [{num_graphs}]"
        )
    if bool((length < 0).any()) or int(length.sum()) != pointer.size(0):
        raise ValueError(f"length: adds up to {int(length.sum())}, pointer has {pointer.size(0)}")
    behind = (length + 1).cumsum(0)
    graph = torch.repeat_interleave(length + 1)
    number = torch.arange(graph.size(0), device=graph.device) - (behind - length - 1)[graph]
    pointing = (number < length[graph]).nonzero().view(-1)
    return _Steps(graph, number, pointing, pointing + 1, behind - 1)
