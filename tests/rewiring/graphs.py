"""Graphs for the tests of rewiring, and brute force on them."""

import itertools

import networkx as nx
import numpy as np
import torch
from torch_geometric.data import Data

from graphpoly.rewiring.structure import Graphs


def edges(graph):
    """Both directions of each edge, ``[2, E]``."""
    return torch.tensor(list(graph.to_directed().edges), dtype=torch.long).reshape(-1, 2).T


def data_of(graph, **attributes):
    return Data(edge_index=edges(graph), num_nodes=len(graph), **attributes)


def graphs_of(*some):
    """Many graphs side by side."""
    whole = nx.disjoint_union_all(some)
    ptr = torch.tensor([0, *itertools.accumulate(len(graph) for graph in some)])
    return Graphs.of(edges(whole), len(whole), ptr)


def random_graphs(count, largest=14, seed=0, least=2):
    """Connected and not, sparse and dense, from ``least`` nodes on."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        n = int(rng.integers(least, largest + 1))
        yield nx.gnp_random_graph(n, float(rng.uniform(0.1, 0.9)), seed=int(rng.integers(2**31)))


def non_edges(graph):
    return sorted((min(e), max(e)) for e in nx.non_edges(graph))


def added(data, before):
    """Pairs behind the edges that were there, the smaller node first."""
    new = data.edge_index[:, before.edge_index.size(1) :]
    assert torch.equal(new[:, ::2], new[:, 1::2].flip(0))
    return [tuple(sorted(pair)) for pair in new[:, ::2].T.tolist()]


def gap(graph):
    """Second smallest eigenvalue of the normalised Laplacian."""
    return float(np.linalg.eigvalsh(nx.normalized_laplacian_matrix(graph).toarray())[1])
