"""Two graphs: the first test that tells them apart, and what it sees."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.expressivity.colors import graph_names, wl_colors
from graphpoly.expressivity.exact import dense_ids
from graphpoly.expressivity.graphs import GraphSet
from graphpoly.expressivity.isomorphism import isomorphic
from graphpoly.expressivity.neighborhoods import neighborhood_colors
from graphpoly.expressivity.tuples import tuple_colors
from graphpoly.ops import color_rounds

__all__ = ["Certificate", "Comparison", "compare", "wl_certificate"]

_LARGEST = {("oblivious", 2): 1500, ("local", 2): 400, ("folklore", 2): 400, ("folklore", 3): 64}
_MOST_NAMES = 1 << 21  # of nodes, over the rounds that are held at once
_RULES = {"δ-2-LWL": ("local", 2), "2-FWL": ("folklore", 2), "3-FWL": ("folklore", 3)}


@dataclass(frozen=True)
class Certificate:
    """Where colour refinement parts two graphs.

    Attributes:
        round: First round after which the graphs have different colours.
        node: A node that has a colour of which the graphs have different numbers, and the graph
            that it is in (0 or 1).
        counts: How many nodes of each graph have that colour.
        previous: How many nodes of each graph had its colour one round before (equal numbers).
        heard: Of the witness: the colours of its neighbours one round before, numbered, with their
            multiplicities; where edges have labels, a number is a colour heard over one label.
        other: The same of a node that had its colour one round before and lost it, and the graph
            that it is in; None in round 0.
        labelled: Whether edges have labels.
    """

    round: int
    node: tuple[int, int]
    counts: tuple[int, int]
    previous: tuple[int, int]
    heard: dict[int, int]
    other: tuple[tuple[int, int], dict[int, int]] | None
    labelled: bool = False

    def describe(self) -> str:
        """Say it in a sentence or two."""
        graph, node = self.node
        here, there = self.counts if graph == 0 else self.counts[::-1]
        text = (
            f"after round {self.round} the colour of node {node} of {'AB'[graph]} is that of "
            f"{here} nodes of {'AB'[graph]} and {there} of {'BA'[graph]}"
        )
        if self.other is None:
            return text + ", its label"
        (other_graph, other), heard = self.other
        whose = "its neighbours and their edges" if self.labelled else "its neighbours"
        return (
            f"{text}: {whose} have {_colors(self.heard)}, those of node {other} of "
            f"{'AB'[other_graph]} {_colors(heard)}, and one round before both had one colour"
        )


@dataclass(frozen=True)
class Comparison:
    """The tests in order of strength, up to the first that separates.

    Attributes:
        separated_by: The first test that tells the graphs apart; ``"size"`` where the numbers of
            nodes or edges do; None if none does.
        round: Round after which it does; None without such a test.
        tests: What each test that was run says.
        skipped: Tests that were not run, and why.
        isomorphic: Whether the graphs are isomorphic; None where that was not decided.
        certificate: Where 1-WL parts them.
        witness: What the first test sees, in words.
        beside: What N1 and N2 say, which stand beside the ladder: they search neighbourhoods where
            the others refine. Run where 1-WL fails and the graphs are small enough for a search.
    """

    separated_by: str | None
    round: int | None
    tests: dict[str, bool]
    skipped: dict[str, str] = field(default_factory=dict)
    isomorphic: bool | None = None
    certificate: Certificate | None = None
    witness: str = ""
    beside: dict[str, bool] = field(default_factory=dict)


def compare(
    one: Data,
    other: Data,
    *,
    features: bool = True,
    edge_features: bool = True,
    largest: int | None = None,
) -> Comparison:
    """Climb the ladder of tests until one tells two graphs apart.

    Args:
        one, other: The graphs.
        features: Whether the tests see ``x``.
        edge_features: Whether they see ``edge_attr``.
        largest: Number of nodes up to which tests of pairs and triples are run; by default 400 and
            64.

    Returns:
        Which test is the first, and a witness.

    Raises:
        ValueError: If only one of the graphs has features that are to be seen.

    >>> from graphpoly.expressivity import hard_pair
    >>> compare(*hard_pair("sr16622")).separated_by
    '3-FWL'
    """
    shown = GraphSet.of([one, other], features=features, edge_features=edge_features)
    edges = [graph.num_edges for graph in (one, other)]
    tests: dict[str, bool] = {}
    skipped: dict[str, str] = {}
    sizes = shown.sizes.tolist()
    if sizes[0] != sizes[1] or edges[0] != edges[1]:
        words = _sizes(sizes, edges, undirected=all(map(_is_undirected, (one, other))))
        return Comparison("size", 0, {"size": True}, witness=words)
    certificate = wl_certificate(one, other, features=features, edge_features=edge_features)
    tests["1-WL"] = certificate is not None
    if certificate is not None:
        return Comparison(
            "1-WL",
            certificate.round,
            tests,
            isomorphic=False,
            certificate=certificate,
            witness=certificate.describe(),
        )
    beside = _beside(shown)
    for test, (rule, k) in _RULES.items():
        most = _LARGEST[rule, k] if largest is None else largest
        if sizes[0] > most:
            skipped[test] = f"{sizes[0]} nodes, more than {most}"
            continue
        stable = tuple_colors(shown, k, rule)
        tests[test] = bool(stable.graph[0] != stable.graph[1])
        if tests[test]:
            assert stable.rounds is not None
            round_, words = _tuple_witness(shown, k, rule, int(stable.rounds.max()) + 1)
            return Comparison(test, round_, tests, skipped, False, witness=words, beside=beside)
    return Comparison(None, None, tests, skipped, isomorphic=_isomorphic(shown), beside=beside)


def _is_undirected(graph: Data) -> bool:
    """Whether each edge stands in both directions, as often, and there are no loops."""
    assert graph.edge_index is not None
    row, col = graph.edge_index.long()
    size = int(graph.num_nodes or 0)
    pairs, back = (row * size + col).sort().values, (col * size + row).sort().values
    return bool((row != col).all()) and torch.equal(pairs, back)


def _sizes(nodes: list[int], edges: list[int], *, undirected: bool) -> str:
    what = "edges" if undirected else "edges, each direction counted"
    counts = [count // 2 for count in edges] if undirected else edges
    return f"A has {nodes[0]} nodes and {counts[0]} {what}, B {nodes[1]} and {counts[1]}"


def wl_certificate(
    one: Data, other: Data, *, features: bool = True, edge_features: bool = True
) -> Certificate | None:
    """Say where colour refinement parts two graphs; None if it never does.

    Args:
        one, other: The graphs.
        features: Whether it sees ``x``.
        edge_features: Whether it sees ``edge_attr``.

    Returns:
        The first round that shows a difference, with a witness that can be checked by hand.

    Complexity: the stable colours, and then as many rounds as it takes to the difference; memory
    for some rounds at a time.

    >>> import networkx as nx
    >>> from torch_geometric.utils import from_networkx
    >>> path, star = (from_networkx(graph) for graph in (nx.path_graph(4), nx.star_graph(3)))
    >>> wl_certificate(path, star).describe()
    'after round 1 the colour of node 0 of B is that of 1 nodes of B and 0 of A: its neighbours...'
    """
    shown = GraphSet.of([one, other], features=features, edge_features=edge_features)
    stable = wl_colors(shown).graph
    if bool(stable[0] == stable[1]):
        return None
    labels = {"node_label": shown.x, "edge_label": shown.edge_attr}
    # graphs that are apart stay so: the round is looked for in the portion in which they part
    portion = max(1, min(_MOST_NAMES // max(1, shown.num_nodes), shown.num_nodes + 1))
    done = 0
    for node in color_rounds(shown.adj, **labels, portion=portion):
        last = graph_names(node[-1], shown.batch, 2)
        if bool(last[0] != last[1]):
            graph = graph_names(node, shown.batch, 2)
            first = int((graph[:, 0] != graph[:, 1]).nonzero()[0])
            return _certify(shown, node[max(0, first - 1)], node[first], done + first)
        done += portion
        if done > shown.num_nodes:  # stable colours of a directed graph differ by size alone
            break
    return None


def _certify(shown: GraphSet, previous: Tensor, current: Tensor, round_: int) -> Certificate:
    split = int(shown.ptr[1])
    now = current.tolist()
    counts = Counter(now[:split]), Counter(now[split:])
    different = [v for v, color in enumerate(now) if counts[0][color] != counts[1][color]]
    # the rarest colour says most
    witness = min(different, key=lambda v: (counts[0][now[v]] + counts[1][now[v]], v))
    color = now[witness]
    if round_ == 0:
        pair = counts[0][color], counts[1][color]
        return Certificate(0, _place(witness, split), pair, pair, {}, None)
    before = previous.tolist()
    place = {color: v for v, color in reversed(list(enumerate(before)))}
    earlier = before[witness]
    lost = [v for v in range(len(now)) if before[v] == earlier and now[v] != color]
    # of the graph that lacks the colour, if there is one
    side = counts[0][color] > counts[1][color]
    lost.sort(key=lambda v: ((v >= split) != side, v))
    number: dict[tuple[int, int], int] = {}
    adj, kind = shown.adj, [0] * shown.edge_index.size(1)
    if shown.edge_attr is not None:
        kind = dense_ids(shown.edge_attr).tolist()
    edge = range(len(kind)) if adj.perm is None else adj.perm.tolist()

    def heard(v: int) -> dict[int, int]:
        entries = range(*adj.rowptr[v : v + 2].tolist())
        seen = Counter((place[before[int(adj.col[e])]], kind[edge[e]]) for e in entries)
        return {number.setdefault(c, len(number)): seen[c] for c in sorted(seen)}

    return Certificate(
        round=round_,
        node=_place(witness, split),
        counts=(counts[0][color], counts[1][color]),
        previous=(before[:split].count(earlier), before[split:].count(earlier)),
        heard=heard(witness),
        other=(_place(lost[0], split), heard(lost[0])) if lost else None,
        labelled=shown.edge_attr is not None,
    )


def _place(node: int, split: int) -> tuple[int, int]:
    return (0, node) if node < split else (1, node - split)


def _colors(heard: dict[int, int]) -> str:
    if not heard:
        return "no colours at all"
    return "the colours " + ", ".join(f"{times} x c{color}" for color, times in heard.items())


def _tuple_witness(shown: GraphSet, k: int, rule: str, rounds: int) -> tuple[int, str]:
    names = tuple_colors(shown, k, rule, rounds=rounds)
    round_ = int((names.graph[:, 0] != names.graph[:, 1]).nonzero()[0])
    last = tuple_colors(shown, k, rule, rounds=round_)
    classes = last.classes.tolist()
    what = {2: "pairs", 3: "triples"}[k]
    words = f"after round {round_} the {what} of nodes of A and B have different colours"
    if classes[0] != classes[1]:
        words += f": {classes[0]} and {classes[1]} kinds"
    return round_, words


def _beside(shown: GraphSet) -> dict[str, bool]:
    if int(shown.sizes.max()) > _LARGEST["folklore", 3]:
        return {}
    names = {f"N{depth}": neighborhood_colors(shown, depth).graph for depth in (1, 2)}
    return {test: bool(name[0] != name[1]) for test, name in names.items()}


def _isomorphic(shown: GraphSet) -> bool | None:
    """Decided by search where the graphs are small enough for it to end."""
    if int(shown.sizes.max()) > _LARGEST["folklore", 3]:
        return None
    return isomorphic(shown.graph(0), shown.graph(1))
