"""What every transform owes to PyG and to its users, and what one that rewires owes besides."""

from __future__ import annotations

import inspect
import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Batch, Data, HeteroData

from graphpoly.errors import unknown
from graphpoly.registry import Entry
from graphpoly.rewiring import Rewiring
from graphpoly.testing.violations import Violation, expect
from graphpoly.testing.zoo import graph_zoo

__all__ = ["check_transform", "transform_properties"]

Check = Callable[[Any], None]
_GENERAL: dict[str, tuple[str, Check]] = {}
_OF_REWIRING: dict[str, tuple[str, Check]] = {}


def _enter(table: dict[str, tuple[str, Check]], sentence: str) -> Callable[[Check], Check]:
    def enter(check: Check) -> Check:
        table[check.__name__.removeprefix("_check_")] = sentence, check
        return check

    return enter


def transform_properties(*, rewiring: bool = True) -> dict[str, str]:
    """Return the name of each property and what it promises.

    Args:
        rewiring: With those that only transforms owe that change the edges.

    >>> transform_properties(rewiring=False)["input"]
    'The graph that is given is left as it was.'
    """
    table = {**_GENERAL, **(_OF_REWIRING if rewiring else {})}
    return {name: sentence for name, (sentence, _) in table.items()}


def check_transform(
    transform: Any, *, only: Iterable[str] | None = None, exclude: Iterable[str] = ()
) -> list[str]:
    """Check one transform.

    Args:
        transform: A :class:`~torch_geometric.transforms.BaseTransform`, a function without
            arguments that makes one, or a registry entry. A :class:`graphpoly.rewiring.Rewiring` is
            asked more.
        only: Properties that are checked; default all of :func:`transform_properties`.
        exclude: Properties that are not.

    Returns:
        The names of the properties that hold. torch's global generator is left as it was.

    Raises:
        AssertionError: At the first property that does not, which it names.
        ValueError: If a name is not a property.

    >>> from graphpoly.rewiring import FoSR
    >>> check_transform(FoSR(2), only=["repr", "input"])
    ['repr', 'input']
    """
    if isinstance(transform, Entry):
        assert transform.example is not None
        transform = transform.example()
    elif not hasattr(transform, "forward"):
        transform = transform()
    table = {**_GENERAL, **(_OF_REWIRING if isinstance(transform, Rewiring) else {})}
    names = list(table) if only is None else list(only)
    for name in [*names, *exclude]:
        if name not in table:
            raise unknown("property", name, table)
    held = []
    for name in names:
        if name in exclude:
            continue
        sentence, check = table[name]
        try:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                check(transform)
        except Violation as violation:
            message = f"{type(transform).__name__} breaks {name}: {violation}\n({sentence})"
            raise AssertionError(message) from violation
        held.append(name)
    return held


def _graphs(*, attributes: bool = False) -> dict[str, Data]:
    """Undirected graphs of the zoo, with weights and features, and some more."""
    found = graph_zoo(weighted=True, num_features=3)
    for name in ("one_edge", "directed"):
        del found[name]
    for name, size in (("complete", 5), ("two_nodes", 2)):
        pairs = torch.tensor(list(itertools.permutations(range(size), 2))).T
        x, weight = torch.randn(size, 3), torch.rand(pairs.size(1))
        found[name] = Data(edge_index=pairs, num_nodes=size, x=x, edge_weight=weight)
    for at, data in enumerate(found.values()):
        count = data.edge_index.size(1)
        if attributes:
            data.edge_attr = torch.arange(1.0, 2 * count + 1).view(count, 2)
        data.y = torch.tensor([at])
    return found


def _same(one: Data, other: Data, what: str) -> None:
    expect(set(one.keys()) == set(other.keys()), f"{what}: {one} differs from {other}")
    for name in one.keys():  # noqa: SIM118
        a, b = one[name], other[name]
        equal = torch.equal(a, b) if isinstance(a, Tensor) else a == b
        expect(equal, f"{what}: {name} differs")


@_enter(_GENERAL, "repr() names every argument, since PyG keys its cache on it.")
def _check_repr(transform: Any) -> None:
    text, cls = repr(transform), type(transform)
    for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]:
        positional = parameter.default is parameter.empty or name not in text
        value = getattr(transform, name, None)
        shown = f"{name}={value!r}" in text or (positional and repr(value) in text)
        expect(shown, f"{text} does not show {name}={value!r}")
    again = eval(text, {cls.__name__: cls, "inf": math.inf})
    expect(repr(again) == text, f"{text} makes {again!r}")


@_enter(_GENERAL, "The graph that is given is left as it was.")
def _check_input(transform: Any) -> None:
    for name, data in _graphs().items():
        copy, keys = data.clone(), list(data.keys())
        transform(data)
        expect(list(data.keys()) == keys, f"{name}: the input has {list(data.keys())} now")
        _same(data, copy, f"{name}: the input")


@_enter(_GENERAL, "HeteroData is supported, or refused by name.")
def _check_hetero_data(transform: Any) -> None:
    data = HeteroData()
    data["a"].x = torch.zeros(2, 1)
    data["a", "to", "a"].edge_index = torch.tensor([[0, 1], [1, 0]])
    try:
        transform(data)
    except TypeError as error:
        expect("HeteroData" in str(error), f"HeteroData is not named: {error}")
        expect(type(transform).__name__ in str(error), f"the transform is not named: {error}")


@_enter(_GENERAL, "The same graph gives the same result, whatever torch's generator has drawn.")
def _check_repeatable(transform: Any) -> None:
    if getattr(transform, "seed", 0) is None:
        return  # chance was asked for
    for name, data in _graphs().items():
        torch.manual_seed(1)
        before = torch.get_rng_state()
        first = transform(data)
        expect(torch.equal(before, torch.get_rng_state()), f"{name}: torch's generator was used")
        torch.manual_seed(2)
        _same(transform(data), first, f"{name}: a second call")


@_enter(_GENERAL, "A batch becomes the batch of what its graphs become.")
def _check_batch(transform: Any) -> None:
    if getattr(transform, "seed", 0) is None:
        return
    graphs = list(_graphs().values())
    batch = transform(Batch.from_data_list(graphs))
    singles = [transform(data) for data in graphs]
    _same(batch, Batch.from_data_list(singles), "the batch")


@_enter(_GENERAL, "What does not belong to edges stays, and nothing is NaN or infinite.")
def _check_nodes(transform: Any) -> None:
    for name, data in _graphs().items():
        made = transform(data)
        expect(made.num_nodes == data.num_nodes, f"{name}: the number of nodes is another")
        expect(torch.equal(made.y, data.y), f"{name}: y is another")
        for key in made.keys():  # noqa: SIM118
            value = made[key]
            if isinstance(value, Tensor) and value.is_floating_point():
                expect(value.isfinite().all(), f"{name}: {key} is not finite")


@_enter(_OF_REWIRING, "A batch can be taken apart again.")
def _check_unbatch(transform: Any) -> None:
    graphs = list(_graphs(attributes=True).values())
    apart = transform(Batch.from_data_list(graphs)).to_data_list()
    for name, made, data in zip(_graphs(attributes=True), apart, graphs, strict=True):
        _same(made, transform(data), f"{name}: out of the batch")


@_enter(_OF_REWIRING, "Edges go both ways, inside the graph; no loop or duplicate is added.")
def _check_edges(transform: Any) -> None:
    for name, data in _graphs(attributes=True).items():
        made, n = transform(data), int(data.num_nodes)
        pairs = made.edge_index
        if pairs.numel():
            expect(0 <= int(pairs.min()) <= int(pairs.max()) < n, f"{name}: an edge has no node")
        key, back = pairs[0] * n + pairs[1], pairs[1] * n + pairs[0]
        expect(torch.equal(key.sort().values, back.sort().values), f"{name}: not undirected")
        before = Counter(map(tuple, data.edge_index.T.tolist()))
        for edge, times in Counter(map(tuple, pairs.T.tolist())).items():
            expect(times == max(before[edge], 1), f"{name}: {edge} is there {times} times")
            expect(before[edge] or edge[0] != edge[1], f"{name}: the loop {edge} was added")


@_enter(_OF_REWIRING, "`rewired` counts the edges that were added and removed.")
def _check_counts(transform: Any) -> None:
    for name, data in _graphs(attributes=True).items():
        made = transform(data)
        if "expander_index" in made:
            before, after = set(), _simple(made.expander_index)
        else:
            before, after = _simple(data.edge_index), _simple(made.edge_index)
        expected = [[len(after - before), len(before - after)]]
        expect(made.rewired.tolist() == expected, f"{name}: {made.rewired.tolist()} for {expected}")


def _simple(pairs: Tensor) -> set[tuple[int, int]]:
    return {(u, v) for u, v in pairs.T.tolist() if u < v}


@_enter(_OF_REWIRING, "What belongs to an edge stays with it, and added edges get the fill.")
def _check_attributes(transform: Any) -> None:
    fills = transform.fill if isinstance(transform.fill, dict) else {}
    for name, data in _graphs(attributes=True).items():
        made = transform(data)
        count = made.edge_index.size(1)
        expect(
            made.edge_attr.shape == (count, 2), f"{name}: edge_attr {list(made.edge_attr.shape)}"
        )
        old = zip(data.edge_index.T.tolist(), data.edge_attr.tolist(), strict=True)
        owner = {tuple(row): tuple(pair) for pair, row in old}
        weights = dict(zip(owner, data.edge_weight.tolist(), strict=True))
        seen = []
        rows = zip(made.edge_index.T.tolist(), made.edge_attr.tolist(), strict=True)
        for at, (pair, row) in enumerate(rows):
            if tuple(row) in owner:
                seen.append(tuple(row))
                expect(owner[tuple(row)] == tuple(pair), f"{name}: {row} is on edge {pair}")
                weight, right = float(made.edge_weight[at]), weights[tuple(row)]
                if "edge_weight" not in getattr(transform, "rewrites", ()):
                    expect(weight == right, f"{name}: the weight of {pair} is {weight}")
                continue
            default = transform.fill if isinstance(transform.fill, float | int) else 0
            filled = torch.as_tensor(fills.get("edge_attr", default)).expand(2).tolist()
            expect(row == filled, f"{name}: {pair} got {row}, expected {filled}")
        expect(len(set(seen)) == len(seen), f"{name}: an edge is there twice")


@_enter(_OF_REWIRING, "An edge without its reverse is refused, or given one where that is wanted.")
def _check_directed(transform: Any) -> None:
    if getattr(transform, "separate", False):
        return  # the graph's own edges do not matter
    data = graph_zoo(weighted=True)["directed"]
    wanted = transform.symmetrize
    try:
        transform.symmetrize = False
        try:
            transform(data)
            raise Violation("a directed graph was taken without a word")
        except ValueError as error:
            expect("symmetrize=True" in str(error), f"no way out is named: {error}")
        transform.symmetrize = True
        made, n = transform(data), int(data.num_nodes)
        back = torch.cat([data.edge_index, data.edge_index.flip(0)], 1)
        both = Data(edge_index=torch.unique(back, dim=1), num_nodes=n)
        expect(_simple(made.edge_index) == _simple(transform(both).edge_index), "not symmetrised")
        expect(made.edge_weight.size(0) == made.edge_index.size(1), "edge_weight is not in line")
    finally:
        transform.symmetrize = wanted


@_enter(
    _OF_REWIRING, "Types that are there are kept, and a fill for those of added edges asked for."
)
def _check_types(transform: Any) -> None:
    if getattr(transform, "separate", False):
        return
    data = _graphs(attributes=True)["path"]
    data.edge_type = torch.arange(data.edge_index.size(1)) % 2
    held = transform.fill
    try:
        transform.fill = None
        try:
            transform(data)
            raise Violation("types that clash were added without a word")
        except ValueError as error:
            expect("edge_type" in str(error), f"edge_type is not named: {error}")
        transform.fill = {"edge_type": 7}
        made = transform(data)
        old = dict(
            zip(map(tuple, data.edge_index.T.tolist()), data.edge_type.tolist(), strict=True)
        )
        for pair, kind in zip(made.edge_index.T.tolist(), made.edge_type.tolist(), strict=True):
            right = old.get(tuple(pair))
            expect(kind >= 7 if right is None else kind == right, f"{pair} has type {kind}")
    finally:
        transform.fill = held


@_enter(_OF_REWIRING, "Indices outside the graph are refused.")
def _check_indices(transform: Any) -> None:
    if getattr(transform, "separate", False):
        return
    for bad in (-1, 5):
        data = Data(edge_index=torch.tensor([[0, bad], [bad, 0]]), num_nodes=5)
        try:
            transform(data)
        except ValueError as error:
            expect("edge_index" in str(error), f"edge_index is not named: {error}")
        else:
            raise Violation(f"an edge to node {bad} of 5 was taken without a word")
