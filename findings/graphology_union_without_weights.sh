#!/usr/bin/env bash
# graphology-operators 1.6.1 (npm), disjointUnion of graphs with attributes of edges.
#
# Expected: the disjoint union of the given graphs: both, with new names of nodes and edges, as its page says. The weights
#   of the edges are kept, as the attributes of the nodes are, and as union, subgraph and reverse beside it keep them.
# Real: the attributes of an edge are not handed on. What takes their place is the name of its target, letter by letter,
#   under the attributes "0", "1" and so on. As there is no weight, each edge counts for 1.
# Why it matters: distances, weighted degrees, PageRank, modularity and the groups found of a union are those of a graph
#   without weights. A component of the union has other shortest paths than the graph that it came from.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-operators@1.6.1 \
  graphology-shortest-path@2.1.0 graphology-metrics@2.4.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { DirectedGraph, UndirectedGraph } = require("graphology");
const { disjointUnion, reverse, subgraph, union } = require("graphology-operators");
const { dijkstra } = require("graphology-shortest-path");
const weightedSize = require("graphology-metrics/graph/weighted-size");

function made(Class, names, edges) {
  const graph = new Class();
  names.forEach((name) => graph.addNode(name, { label: name }));
  edges.forEach(([source, target, weight]) => graph.addEdge(source, target, { weight }));
  return graph;
}

for (const Class of [UndirectedGraph, DirectedGraph]) {
  const first = made(Class, ["ann", "bob", "cleo"], [["ann", "bob", 2], ["bob", "cleo", 3], ["ann", "cleo", 10]]);
  const second = made(Class, ["dan", "eve"], [["dan", "eve", 0.5]]);
  const both = disjointUnion(first, second);
  const total = weightedSize(first) + weightedSize(second);
  console.log(`${Class.name}: weights ${total}, of the union ${weightedSize(both)}; of union ${weightedSize(union(first, second))}`);
  assert.equal(weightedSize(union(first, second)), total, "changed: the control");
  assert.equal(weightedSize(reverse(first)), 15, "changed: the control");
  assert.equal(weightedSize(subgraph(first, first.nodes())), 15, "changed: the control");
  const attributes = both.mapEdges((edge, values) => values);
  console.log("   attributes of the edges:", JSON.stringify(attributes));
  assert.deepEqual(both.mapNodes((node, { label }) => label), ["ann", "bob", "cleo", "dan", "eve"], "changed: nodes");
  assert.equal(both.size, 4, "changed: the number of edges");
  assert(attributes.every((values) => !("weight" in values)), "changed: weights are kept");
  const letters = (name) => ({ ...name });
  assert.deepEqual(attributes, ["bob", "cleo", "cleo", "eve"].map(letters), "changed: what comes instead");
  assert.equal(weightedSize(both), both.size, "changed: each edge counts for 1");
  const labels = (graph, path) => path.map((node) => graph.getNodeAttribute(node, "label")).join("-");
  const path = labels(first, dijkstra.bidirectional(first, "ann", "cleo"));
  const again = labels(both, dijkstra.bidirectional(both, "0", "2"));
  console.log(`   the shortest path from ann to cleo: ${path}, in the union ${again}`);
  assert.deepEqual([path, again], ["ann-bob-cleo", "ann-cleo"], "changed: the path");
}
console.log("as described: the edges of a disjoint union have no attributes but the letters of a name");
JAVASCRIPT
node check.js
