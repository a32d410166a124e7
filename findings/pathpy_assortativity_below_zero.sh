#!/usr/bin/env bash
# pathpy 2.2.0, algorithms.modularity.assortativity_coeff and q_max.
#
# Expected: the coefficient that its name says (Newman 2003, as in his book): the modularity of a partition over the
#   largest that these degrees allow, 1 - sum_ij k_i k_j delta_ij / (2m)^2. It is 1 where no edge leaves its group, and
#   of the partition that is handed over, as with attribute_assortativity_coefficient of NetworkX.
# Real: q_max is without the 1, minus the share that is expected within groups, and always below 0. The coefficient of
#   two cliques that nothing joins is -1, and a graph with communities has a negative one whatever they are. The
#   partition is not read either: one is searched for, at random, in its place.
# Why it matters: the sign says the opposite: the clearest communities are reported as perfect mixing across groups, and a
#   graph in which every edge joins two groups has the value of the best partition that was found.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==1.26.4 scipy==1.11.4 networkx==3.4.2
"$folder/venv/bin/pip" install --quiet pathpy==2.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
import pathpy
from pathpy.algorithms.modularity import assortativity_coeff, find_communities, q, q_max

pathpy.utils.Log.set_min_severity(pathpy.utils.Severity.ERROR)


def coefficient(graph, groups, seed=0):
    network = pathpy.Network(directed=False)
    for u, v in graph.edges:
        network.add_edge(str(u), str(v))
    named = {str(node): group for node, group in groups.items()}
    parts = [{node for node in graph if groups[node] == group} for group in set(groups.values())]
    assert np.isclose(q(network, named), nx.community.modularity(graph, parts)), "changed: the control"
    degrees = np.array([sum(graph.degree(node) for node in part) for part in parts])
    expected = ((degrees / (2 * graph.size())) ** 2).sum()
    if np.isclose(q_max(network, named), 1 - expected):
        raise SystemExit("changed: the largest modularity")
    assert np.isclose(q_max(network, named), -expected), "changed: what comes instead"
    nx.set_node_attributes(graph, groups, "group")
    right = nx.attribute_assortativity_coefficient(graph, "group")
    assert np.isclose(q(network, named) / (1 - expected), right), "the definitions differ"
    np.random.seed(seed)
    found = assortativity_coeff(network, named)
    np.random.seed(seed)
    own, best = find_communities(network)
    assert np.isclose(found, best / q_max(network, own)), "changed: what is divided"
    return found, right


apart = nx.disjoint_union(nx.complete_graph(6), nx.complete_graph(6))
joined = nx.connected_caveman_graph(4, 6)
crossing = nx.complete_bipartite_graph(6, 6)
results = {}
for name, graph in (("two cliques apart", apart), ("four cliques in a ring", joined), ("bipartite", crossing)):
    results[name] = coefficient(graph, {node: node // 6 for node in graph})
    print("{}: pathpy {:+.3f}, the coefficient of its groups {:+.3f}".format(name, *results[name]))
assert [round(right, 3) for _, right in results.values()][::2] == [1, -1], "the examples"
if max(found for found, _ in results.values()) > 1e-9:
    raise SystemExit("changed: a coefficient above 0")
other = coefficient(joined, {node: node % 3 for node in joined})
print(f"four cliques in a ring, by another partition: pathpy {other[0]:+.3f}, its coefficient {other[1]:+.3f}")
assert other[0] == results["four cliques in a ring"][0] and other[1] < 0, "changed: the partition counts"
print("as described: communities have a coefficient below 0, and the partition is not read")
PYTHON
