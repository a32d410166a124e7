"""Seeded graphs of the sizes that matter, made on the spot: no download."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

__all__ = ["SIZES", "Graph", "power_law"]


@dataclass(frozen=True)
class Graph:
    """A symmetric graph with self-loops: ``edge_index [2, E]`` in random order, ``weight [E]``."""

    name: str
    num_nodes: int
    edge_index: Tensor
    weight: Tensor

    @property
    def num_edges(self) -> int:
        return self.edge_index.size(1)


# name -> nodes, undirected edges, exponent of the degree distribution; named after the data sets
# whose size and skew they imitate
SIZES = {
    "cora": (2_708, 5_515, 3.0),
    "pubmed": (19_717, 44_324, 2.6),
    "arxiv": (169_343, 1_208_545, 2.3),
    "products": (612_257, 13_193_000, 2.5),
}


def power_law(name: str, seed: int = 0) -> Graph:
    """Draw both ends of each edge in proportion to a power law, no pair twice, in random places.

    The weights are those of symmetric normalisation. The same seed gives the same graph everywhere.
    """
    num_nodes, num_pairs, exponent = SIZES[name]
    rng = np.random.default_rng(seed)
    mass = (np.arange(num_nodes) + 10.0) ** (-1 / (exponent - 1))
    cumulative = np.cumsum(mass / mass.sum())
    place = rng.permutation(num_nodes)
    codes = np.empty(0, dtype=np.int64)  # u * num_nodes + v of the pairs u < v, each once
    while codes.size < num_pairs:
        ends = np.searchsorted(cumulative, rng.random((2, num_pairs)) * cumulative[-1])
        u, v = np.sort(place[np.minimum(ends, num_nodes - 1)], axis=0)
        codes = np.unique(np.concatenate([codes, (u * num_nodes + v)[u != v]]))
    codes = rng.permutation(codes)[:num_pairs]
    pairs = np.stack([codes // num_nodes, codes % num_nodes])
    loops = np.arange(num_nodes)
    edges = np.concatenate([pairs, pairs[::-1], np.stack([loops, loops])], axis=1)
    edges = edges[:, rng.permutation(edges.shape[1])]
    edge_index = torch.from_numpy(np.ascontiguousarray(edges))
    degree = torch.bincount(edge_index[1], minlength=num_nodes).float()
    scale = degree.rsqrt()
    return Graph(name, num_nodes, edge_index, scale[edge_index[0]] * scale[edge_index[1]])
