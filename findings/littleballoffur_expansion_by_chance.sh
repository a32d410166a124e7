#!/usr/bin/env bash
# littleballoffur 2.3.1, CommunityStructureExpansionSampler.
#
# Expected: of the nodes beside the sample the one "with the largest community expansion score" is added, as its page
#   says, the one with the most neighbours that are neither in the sample nor beside it (Maiya and Berger-Wolf, WWW
#   2010), so that the sample soon has a node of every community.
# Real: the largest score is compared with and never kept: it stays 0, every candidate passes, and the last one in the
#   shuffled list is taken. That is a random neighbour of the sample. And what is counted are all neighbours outside of
#   the sample, those beside it as well.
# Why it matters: the sampler is there for graphs with communities, of which it shall miss none. What is published under
#   its name is a random expansion that stays where it began, and a comparison of samplers has two of one kind.
# The library is installed without its bounds on other packages here, which have no wheels for today's Python.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 networkit==11.3
"$folder/venv/bin/pip" install --quiet pandas==2.3.3 six==1.17.0 tqdm==4.70.1 python-louvain==0.16
"$folder/venv/bin/pip" install --quiet --no-deps littleballoffur==2.3.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkx as nx
import numpy as np
from littleballoffur import CommunityStructureExpansionSampler


def beside(graph, nodes):
    return {near for node in nodes for near in graph[node]} - set(nodes)


def by_paper(graph, size, start):
    """The node that brings most nodes which are neither in the sample nor beside it, one after the other."""
    nodes = [start]
    while len(nodes) < size:
        rim = beside(graph, nodes)
        nodes.append(max(sorted(rim), key=lambda node: len(set(graph[node]) - set(nodes) - rim)))
    return nodes


def by_chance(graph, size, start, seed):
    nodes, rng = [start], np.random.default_rng(seed)
    while len(nodes) < size:
        nodes.append(int(rng.choice(sorted(beside(graph, nodes)))))
    return nodes


def sampled(graph, size, start, seed):
    return list(CommunityStructureExpansionSampler(number_of_nodes=size, seed=seed).sample(graph, start_node=start))


# a path of hubs, each with ten leaves: one node of the rim brings eleven new ones, all others none
path = nx.path_graph(6)
path.add_edges_from((hub, 6 + 10 * hub + leaf) for hub in range(6) for leaf in range(10))
hubs = [sum(node < 6 for node in sampled(path, 6, 0, seed)) for seed in range(50)]
print(f"six nodes of a path of six hubs with leaves: {np.mean(hubs):.1f} of them hubs, by the paper", end=" ")
print(f"{sum(node < 6 for node in by_paper(path, 6, 0))}")
if min(hubs) == 6:
    raise SystemExit("changed: the largest expansion is taken")

# twenty groups of ten nodes that are all joined, on a ring
ring = nx.connected_caveman_graph(20, 10)
reached = [[len({node // 10 for node in nodes}) for nodes in runs] for runs in (
    [sampled(ring, 20, 0, seed) for seed in range(50)],
    [by_chance(ring, 20, 0, seed) for seed in range(50)],
    [by_paper(ring, 20, 0)],
)]
found, chance, right = (np.mean(counts) for counts in reached)
print(f"twenty nodes of twenty groups on a ring: {found:.1f} groups, by chance {chance:.1f}, by the paper {right:.1f}")
assert abs(found - chance) < 1 and right > found + 2, "changed: it is not by chance"
print("as described: the next node is any neighbour")
PYTHON
