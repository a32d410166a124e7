"""Divisions of a graph's links into those that are seen and those that are to be found.

A link stands once in a division, whatever its directions in the graph, and no link that is held out
is left in the graph that messages run over.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphpoly.devices import on_cpu
from graphpoly.errors import unknown

__all__ = ["LINK_SPLITS", "LinkSplit", "link_split", "links_once", "sample_non_links"]

# share of the links that validate and that test
LINK_SPLITS = {"random": (0.05, 0.10), "seal": (0.05, 0.10), "random-70": (0.10, 0.20)}
_EQUAL = ("random-70",)  # divisions with as many non-links to choose by as to test by
_PARTS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class LinkSplit:
    """Links and pairs that are none, for training, validation and test.

    Args:
        name: Protocol.
        index: Which of its draws this is.
        num_nodes: Of the graph.
        train, val, test: Links, each ``[2, n]`` with n > 0, each link once in one direction.
        negatives: For ``"train"``, ``"val"`` and ``"test"`` pairs that are no links, ``[2, M]``, or
            ``[2, n, M]`` where each link has its own.

    Raises:
        ValueError: If a node is out of range, a part is empty, or a link stands in two parts or
            twice in one, in either direction.

    Example:
        >>> links = torch.tensor([[0, 1, 2], [1, 2, 3]])
        >>> others = {part: torch.tensor([[0], [3]]) for part in ("train", "val", "test")}
        >>> split = LinkSplit("by-hand", 0, 4, *links.split(1, dim=1), others)
        >>> split.sizes, split.hash
        ((1, 1, 1), '...')
    """

    name: str
    index: int
    num_nodes: int
    train: Tensor = field(repr=False)
    val: Tensor = field(repr=False)
    test: Tensor = field(repr=False)
    negatives: Mapping[str, Tensor] = field(repr=False)

    def __post_init__(self) -> None:
        keys = []
        for part in _PARTS:
            links = getattr(self, part)
            if links.dim() != 2 or links.size(0) != 2 or links.size(1) == 0:
                raise ValueError(
                    f"{part}: got links of {list(links.shape)}, expected [2, n], n > 0"
                )
            for which, pairs in ((part, links), (f"negatives of {part}", self.negatives[part])):
                if pairs.numel() and not 0 <= int(pairs.min()) <= int(pairs.max()) < self.num_nodes:
                    raise ValueError(f"{which}: a node is outside 0 to {self.num_nodes - 1}")
            keys.append(_keys(links, self.num_nodes))
        together = torch.cat(keys)
        if together.unique().numel() < together.numel():
            raise ValueError(f"split {self.name!r}: a link stands in it twice")

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Number of training, validation and test links."""
        return (self.train.size(1), self.val.size(1), self.test.size(1))

    @property
    def hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of links and other pairs, in order."""
        digest = hashlib.sha256()
        for part in _PARTS:
            for pairs in (getattr(self, part), self.negatives[part]):
                digest.update(pairs.to("cpu", torch.int64).contiguous().numpy().data)
                digest.update(b";")
        return digest.hexdigest()[:12]


@on_cpu()
def link_split(data: Data, name: str = "random", index: int = 0) -> LinkSplit:
    """Divide the links of a graph at random, and draw as many pairs that are none.

    Args:
        data: A graph with ``edge_index``; directions, repetitions and self-loops do not matter.
        name: ``"random"``: 85/5/10. ``"seal"``: the same shares, which is SEAL's tenth to find and
            twentieth to choose by. ``"random-70"``: 70/10/20, and as many pairs that
            are none to choose by as to test by, as published with NCN.
        index: Seeds the draw.

    Raises:
        ValueError: If the name is unknown, or the graph has too few links, or too few pairs that
            are none.

    Example:
        >>> ring = torch.stack([torch.arange(40), (torch.arange(40) + 1) % 40])
        >>> link_split(Data(edge_index=ring, num_nodes=40)).sizes
        (34, 2, 4)
    """
    if name not in LINK_SPLITS:
        raise unknown("split", name, LINK_SPLITS)
    if index < 0:
        raise ValueError(f"index must not be negative, got {index}")
    num_nodes = int(data.num_nodes or 0)
    links = links_once(data.edge_index.cpu(), num_nodes)
    count = links.size(1)
    num_val, num_test = (int(share * count) for share in LINK_SPLITS[name])
    if min(num_val, num_test) < 1:
        raise ValueError(f"edge_index: got {count} links, too few for a division {name!r}")
    generator = torch.Generator().manual_seed(index)
    links = links[:, torch.randperm(count, generator=generator)]
    sizes = [count - num_val - num_test, num_val, num_test]
    train, val, test = links.split(sizes, dim=1)
    asked = [sizes[0], num_test if name in _EQUAL else num_val, num_test]
    others = sample_non_links(links, num_nodes, sum(asked), generator)
    negatives = dict(zip(_PARTS, others.split(asked, dim=1), strict=True))
    return LinkSplit(name, index, num_nodes, train, val, test, negatives)


@on_cpu()
def sample_non_links(
    links: Tensor, num_nodes: int, count: int, generator: torch.Generator
) -> Tensor:
    """Draw distinct pairs of distinct nodes, none of them a link, uniformly: ``[2, count]``.

    Args:
        links: ``[2, n]``, in any direction.
        num_nodes: Number of nodes.
        count: How many pairs.
        generator: On the CPU.

    Raises:
        ValueError: If there are fewer such pairs.

    Notes:
        Numbers of pairs are drawn among all pairs and those of links left out, until there are
        enough; O((n + count) log n) as long as most pairs are none, and a full list of the others
        where less than half of them would be left.
    """
    taken = _pair_numbers(links_once(links, num_nodes)).unique()
    pairs = num_nodes * (num_nodes - 1) // 2
    free = pairs - taken.numel()
    if free < count:
        raise ValueError(f"edge_index: got {free} pairs that are no links, {count} are needed")
    if 2 * count > free or free < pairs // 2:
        every = torch.arange(pairs)
        kept = every[~_within(every, taken)]
        numbers = kept[torch.randperm(free, generator=generator)[:count]]
    else:
        numbers = torch.empty(0, dtype=torch.long)
        while numbers.numel() < count:
            drawn = torch.randint(pairs, (2 * count,), generator=generator)
            drawn = drawn[~_within(drawn, taken)]
            numbers = _distinct(torch.cat([numbers, drawn]))
        numbers = numbers[:count]
    return _from_numbers(numbers)


def links_once(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Return every link once, smaller node first, in the order of their keys; no loops."""
    low, high = edge_index.long().aminmax(dim=0)
    keys = (low * num_nodes + high)[low != high].unique()
    return torch.stack([keys // num_nodes, keys % num_nodes])


def _keys(links: Tensor, num_nodes: int) -> Tensor:
    low, high = links.long().aminmax(dim=0)
    return low * num_nodes + high


def _pair_numbers(links: Tensor) -> Tensor:
    """Number the pair of i < j as j (j - 1) / 2 + i."""
    low, high = links.min(0).values, links.max(0).values
    return high * (high - 1) // 2 + low


def _from_numbers(numbers: Tensor) -> Tensor:
    high = ((1 + (1 + 8 * numbers.double()).sqrt()) / 2).long()
    # the root is rounded: one step to either side sets it right
    high = torch.where(high * (high - 1) // 2 > numbers, high - 1, high)
    high = torch.where(high * (high + 1) // 2 <= numbers, high + 1, high)
    return torch.stack([numbers - high * (high - 1) // 2, high])


def _within(numbers: Tensor, ordered: Tensor) -> Tensor:
    if ordered.numel() == 0:
        return torch.zeros_like(numbers, dtype=torch.bool)
    place = torch.searchsorted(ordered, numbers).clamp(max=ordered.numel() - 1)
    return ordered[place] == numbers


def _distinct(numbers: Tensor) -> Tensor:
    """Drop repetitions and keep the order of first appearance."""
    values, inverse = numbers.unique(return_inverse=True)
    first = torch.full((values.numel(),), numbers.numel(), dtype=torch.long)
    first.scatter_reduce_(0, inverse, torch.arange(numbers.numel()), "amin")
    return numbers[first.sort().values]
