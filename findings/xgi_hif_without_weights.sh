#!/usr/bin/env bash
# XGI 0.10.2, read_hif and from_hif_dict of a hypergraph with weights.
#
# Expected: what the schema of the Hypergraph Interchange Format has: a node, an edge and an incidence each have a
#   "weight", beside "attrs", and an incidence may have attributes. HyperNetX writes weights there, and nx-hif, which
#   reads the format for NetworkX, takes them from there.
# Real: only "attrs" of nodes and edges are read. Weights of nodes, edges and incidences, and whatever is said of an
#   incidence except its direction, are left out, without a word; what is written again does not have them. XGI's own
#   files come back whole, since it writes a weight among the attributes.
# Why it matters: the format is there to carry data from one library to another. Methods that weigh take 1 for an edge
#   that has no weight: degrees, matrices and centralities come out as those of the hypergraph without weights, and look
#   like results. Move "weight" into "attrs" before reading.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet xgi==0.10.2
"$folder/venv/bin/python" -W ignore - "$folder" <<'PYTHON'
import json
import sys
from copy import deepcopy

import xgi

FOLDER = sys.argv[1]
FILE = {
    "network-type": "undirected",
    "metadata": {},
    "nodes": [{"node": "u", "weight": 3.0}, {"node": "v", "weight": 0.5, "attrs": {"kind": "gene"}}],
    "edges": [{"edge": "a", "weight": 2.5}, {"edge": "b", "weight": 0.25, "attrs": {"year": 2001}}],
    "incidences": [
        {"edge": "a", "node": "u", "weight": 7.0, "attrs": {"role": "author"}},
        {"edge": "a", "node": "v"},
        {"edge": "a", "node": "w"},
        {"edge": "b", "node": "v"},
        {"edge": "b", "node": "w"},
    ],
}


def saved(data):
    with open(f"{FOLDER}/file.json", "w") as file:
        json.dump(data, file)
    return f"{FOLDER}/file.json"


graph = xgi.read_hif(saved(FILE))
assert graph.edges.members(dtype=dict) == {"a": {"u", "v", "w"}, "b": {"v", "w"}}
print(f"of the edges is left {graph.edges.attrs.asdict()}, of the nodes {graph.nodes.attrs.asdict()}")
if graph.edges.attrs.asdict() != {"a": {}, "b": {"year": 2001}}:
    raise SystemExit("changed: what is read of an edge")
assert graph.nodes.attrs.asdict() == {"u": {}, "v": {"kind": "gene"}, "w": {}}, "changed: what is read of a node"
again = json.dumps(xgi.to_hif_dict(graph))
assert "weight" not in again and "role" not in again, "changed: what is written again"

# The same file with its weights among the attributes.
moved = deepcopy(FILE)
for record in moved["edges"]:
    record.setdefault("attrs", {})["weight"] = record.pop("weight")
whole = xgi.read_hif(saved(moved))
for name, hypergraph in (("as the schema has it", graph), ("moved into attrs", whole)):
    degrees = hypergraph.nodes.degree(weight="weight").asdict()
    sums = {
        node: sum(hypergraph.edges[edge].get("weight", 1) for edge in hypergraph.nodes.memberships(node)) for node in "uvw"
    }
    assert degrees == sums, "changed: the weighted degree"
    print(f"weights {name}: weighted degrees {degrees}")
    plain = hypergraph.nodes.degree.asdict()
    assert (degrees == plain) == (hypergraph is graph), "changed: the weighted degree"
xgi.write_hif(whole, f"{FOLDER}/own.json")
assert xgi.read_hif(f"{FOLDER}/own.json").edges.attrs.asdict() == whole.edges.attrs.asdict(), "changed: its own file"
print("as described: weights of the format are not read")
PYTHON
