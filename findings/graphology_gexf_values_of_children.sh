#!/usr/bin/env bash
# graphology-gexf 0.13.2 (npm), parse of nodes in nodes.
#
# Expected: the values of a node are those in its own <attvalues>. GEXF lets nodes hold nodes, which have values of
#   their own; NetworkX reads both.
# Real: all values somewhere inside the element of a node are taken for its own, those of the nodes that it holds, too,
#   one over the other. The last one wins: a group has the values of the last node in it, and attributes that it has not
#   at all. The same holds for viz:size, viz:position and viz:color, of which the first one inside is taken.
# Why it matters: files of hierarchies, which is what this is for, come back with groups whose values are of members.
#   Nothing is said, and the members are right, so that sizes and weights of groups look like data.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet networkx==3.6.1
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-gexf@0.13.2 >/dev/null
cat > groups.gexf <<'XML'
<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://www.gexf.net/1.2draft" xmlns:viz="http://www.gexf.net/1.2draft/viz" version="1.2">
  <graph defaultedgetype="undirected">
    <attributes class="node">
      <attribute id="0" title="people" type="integer"/>
      <attribute id="1" title="founded" type="integer"/>
    </attributes>
    <nodes>
      <node id="town" label="Town">
        <attvalues><attvalue for="0" value="9000"/></attvalues>
        <nodes>
          <node id="mill" label="Mill">
            <attvalues><attvalue for="0" value="12"/><attvalue for="1" value="1780"/></attvalues>
            <viz:size value="2.5"/>
          </node>
          <node id="inn" label="Inn"><attvalues><attvalue for="0" value="3"/></attvalues></node>
        </nodes>
      </node>
      <node id="farm" label="Farm"><attvalues><attvalue for="0" value="5"/></attvalues></node>
    </nodes>
    <edges><edge id="0" source="town" target="farm"/><edge id="1" source="mill" target="inn"/></edges>
  </graph>
</gexf>
XML
venv/bin/python - > right.json <<'PYTHON'
import json

import networkx as nx

graph = nx.read_gexf("groups.gexf")
keep = {"people", "founded", "viz"}
print(json.dumps({node: {k: v for k, v in data.items() if k in keep} for node, data in graph.nodes(data=True)}))
PYTHON
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const fs = require("fs");
const Graph = require("graphology");
const gexf = require("graphology-gexf");

const text = fs.readFileSync("groups.gexf", "utf8");
const right = JSON.parse(fs.readFileSync("right.json", "utf8"));
const graph = gexf.parse(Graph, text);
for (const node of ["town", "mill", "inn", "farm"])
  console.log(`${node}: ${JSON.stringify(graph.getNodeAttributes(node))}, in NetworkX ${JSON.stringify(right[node])}`);
assert.deepStrictEqual(right.town, { people: 9000 }, "the oracle: what stands in the file");
assert.deepStrictEqual(graph.nodes(), ["town", "mill", "inn", "farm"], "changed: the control, the nodes");
for (const node of ["mill", "inn", "farm"])
  for (const key of ["people", "founded"])
    assert.strictEqual(graph.getNodeAttribute(node, key), right[node][key], "changed: the control, the members");

const town = graph.getNodeAttributes("town");
if (town.people === 9000) throw new Error("changed: the values of the group");
assert.deepStrictEqual(town, { label: "Town", people: 3, founded: 1780, size: 2.5 }, "changed: what comes instead");

// the same nodes side by side
const flat = gexf.parse(Graph, text.replace("<nodes>\n          <node", "</node>\n          <node").replace("</nodes>\n      </node>", ""));
console.log("the same nodes side by side, town:", JSON.stringify(flat.getNodeAttributes("town")));
assert.deepStrictEqual(flat.getNodeAttributes("town"), { label: "Town", people: 9000 }, "changed: the control, flat");
console.log("as described: a group has the values of its members");
JAVASCRIPT
node check.js
