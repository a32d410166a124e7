#!/usr/bin/env bash
# GraKeL 0.1.11, kernels.NeighborhoodSubgraphPairwiseDistance.
#
# Expected: a graph kernel sees graphs, not the numbers of their nodes: a graph and its copy with the nodes in another
#   order have the normalised kernel 1. Costa and De Grave (ICML 2010), whom it follows, take an invariant of each
#   neighbourhood for this, and most other kernels of the library keep to it.
# Real: the code of a neighbourhood joins the labels of its nodes by the order of their numbers and those of its edges
#   by that of a set; nothing is sorted. The path C-C-O and the same path read from the other end have 0.28.
# Why it matters: two files of one molecule are as unlike as two molecules. What such a kernel classifies by, where data
#   sets number the nodes by a rule (a canonical SMILES, the order of a mesh), is the rule; the rest is noise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet grakel==0.1.11
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from grakel import Graph
from grakel.kernels import NeighborhoodHash, NeighborhoodSubgraphPairwiseDistance, ShortestPath, WeisfeilerLehman


def made(graph):
    both = [*graph.edges, *((v, u) for u, v in graph.edges)]
    return Graph(both, node_labels=dict(graph.nodes(data="label")), edge_labels=dict.fromkeys(both, "-"))


def pair(kernel, graph, order):
    """The normalised kernel of a graph and of its copy where node i is called order[i]."""
    copy = nx.relabel_nodes(graph, dict(enumerate(order)), copy=True)
    assert nx.is_isomorphic(graph, copy, node_match=lambda a, b: a == b)
    return kernel(normalize=True).fit_transform([made(graph), made(copy)])[0, 1]


chain = nx.path_graph(3)
nx.set_node_attributes(chain, dict(enumerate("CCO")), "label")
same, turned = (pair(NeighborhoodSubgraphPairwiseDistance, chain, order) for order in ([0, 1, 2], [2, 1, 0]))
print(f"C-C-O and itself: {same:.3f}; C-C-O and the same from the other end: {turned:.3f}")
assert np.isclose(same, 1), "changed: a graph and itself"

found = {}
for seed in range(20):
    graph = nx.gnp_random_graph(9, 0.35, seed=seed)
    rng = np.random.default_rng(seed)
    nx.set_node_attributes(graph, {node: "CNO"[rng.integers(3)] for node in graph}, "label")
    graph.remove_nodes_from(list(nx.isolates(graph)))
    graph = nx.convert_node_labels_to_integers(graph)
    order = rng.permutation(len(graph)).tolist()
    for kernel in (NeighborhoodSubgraphPairwiseDistance, NeighborhoodHash, ShortestPath, WeisfeilerLehman):
        found.setdefault(kernel.__name__, []).append(pair(kernel, graph, order))
for name, values in found.items():
    print(f"20 random graphs and their copies, {name}: {min(values):.3f} to {max(values):.3f}")
subject = found.pop("NeighborhoodSubgraphPairwiseDistance")
assert all(np.allclose(values, 1) for values in found.values()), "changed: the controls"
if turned > 0.5 or max(subject) > 0.5:
    raise SystemExit("changed: the numbers of the nodes matter less")
print("as described: a graph and its copy in another order are unlike")
PYTHON
