#!/usr/bin/env bash
# pgmpy 1.1.2, get_ancestors, get_descendants and get_reachable_nodes of base.MAG and base.AncestralBase.
#
# Expected: the "set of ancestor nodes including the starting node", as the page says, for any node, which is a Hashable
#   there. So it is where names are of one letter, as those of all examples are.
# Real: the name is taken for a list of nodes to begin with, and a text is a list of its letters. The ancestors of
#   "cancer" are c, a, n, e and r, none of them a node, and no ancestor of it; where a node is called as a letter of the
#   name is, its ancestors come too. A tuple gives the ancestors of what is in it.
# Why it matters: variables of data have names, and the sets are what one adjusts for, or holds against another graph. A
#   set comes that is as large as one would think, and nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==3.0.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet statsmodels==0.15.0 scikit-base==1.2.0 opt_einsum==3.4.0 huggingface_hub==2.4.0
"$folder/venv/bin/pip" install --quiet pgmpy==1.1.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import random
from itertools import combinations

import networkx as nx
from pgmpy.base import MAG

chain = MAG([("smoking", "tar", "-", ">"), ("tar", "cancer", "-", ">")])
found = chain.get_ancestors("cancer")
print("smoking to tar to cancer, ancestors of cancer:", sorted(found), "right is ['cancer', 'smoking', 'tar']")
print("   descendants of smoking:", sorted(chain.get_descendants("smoking")))
if found == {"smoking", "tar", "cancer"}:
    raise SystemExit("changed: the name is a node")
assert found == set("cancer") and chain.get_descendants("smoking") == set("smoking"), "changed: what comes instead"
assert chain.get_reachable_nodes("tar", v_type=">") == set("tar"), "changed: reachable nodes"

other = MAG([("B", "A", "-", ">"), ("A", "CA", "-", ">")])
print("B to A to CA, ancestors of CA:", sorted(other.get_ancestors("CA")))
assert other.get_ancestors("CA") == {"A", "B", "C"}, "changed: a node that is a letter of the name"

numbers = random.Random(0)
names = {"letters": list("abcdefgh"), "words": "age sex dose rate time cost risk mood".split()}
for kind, nodes in names.items():
    right = of = 0
    for _ in range(50):
        edges = [pair for pair in combinations(nodes, 2) if numbers.random() < 0.3]
        graph = MAG([(u, v, "-", ">") for u, v in edges])
        directed = nx.DiGraph(edges)
        for node in directed:
            right += graph.get_ancestors(node) == nx.ancestors(directed, node) | {node}
            right += graph.get_descendants(node) == nx.descendants(directed, node) | {node}
            of += 2
    print(f"50 random graphs whose nodes are {kind}: {right} of {of} sets are those of NetworkX")
    assert right == (of if kind == "letters" else 0), "changed: the counts"
print("as described: ancestors are those of the letters of a name")
PYTHON
