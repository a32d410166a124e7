#!/usr/bin/env bash
# graph-data-structure 4.5.0 (npm), weights after removeEdge and removeNode, and in cloneGraph.
#
# Expected: "if no weight was previously set on this edge, then the value 1 is returned", as the page says: an edge that
#   is added without a weight has 1, and a copy of a graph has the weights of the graph.
# Real: removeEdge and removeNode leave the weights where they are, and an edge that is added later between the same two
#   nodes has that of the one that was removed. Its properties are gone, as they should be. cloneGraph takes a weight of
#   0 for none: in the copy it is 1.
# Why it matters: a graph that is edited gives other shortest paths than the same graph made anew, and a copy others
#   than what it was copied from: a way that costs nothing costs as much as any. serializeGraph writes the wrong
#   weights.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graph-data-structure@4.5.0 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { Graph, cloneGraph, serializeGraph, deserializeGraph, shortestPath } = require("graph-data-structure");

const path = (graph) => {
  const { nodes, weight } = shortestPath(graph, "a", "c");
  return `${nodes.join(" to ")}, ${weight}`;
};

function made(edges) {
  const graph = new Graph();
  edges.forEach((edge) => graph.addEdge(...edge));
  return graph;
}

for (const remove of ["edge", "node"]) {
  const graph = made([["a", "b", 10], ["b", "c", 1], ["a", "c", 5]]);
  if (remove === "edge") graph.removeEdge("a", "b");
  else graph.removeNode("b").addEdge("b", "c", 1);
  assert(!graph.hasEdge("a", "b"), "changed: the edge is removed");
  graph.addEdge("a", "b");
  const anew = made([["b", "c", 1], ["a", "c", 5], ["a", "b"]]);
  console.log(`${remove} removed, a to b added without a weight: ${graph.getEdgeWeight("a", "b")},`,
    `made anew ${anew.getEdgeWeight("a", "b")}; shortest path ${path(graph)}, made anew ${path(anew)}`);
  if (graph.getEdgeWeight("a", "b") === 1) throw new Error("changed: weights are removed with the edge");
  assert.deepEqual([graph.getEdgeWeight("a", "b"), anew.getEdgeWeight("a", "b")], [10, 1], "changed: the weights");
  assert(path(graph) === "a to c, 5" && path(anew) === "a to b to c, 2", "changed: the paths");
  assert.equal(serializeGraph(graph).links.find((link) => link.target === "b").weight, 10, "changed: what is written");
}

const free = made([["a", "b", 0], ["b", "c", 0], ["a", "c", 1.5]]);
const copies = { cloneGraph: cloneGraph(free), "serializeGraph and back": deserializeGraph(serializeGraph(free)) };
console.log(`two edges of 0 and one of 1.5: ${path(free)}`);
for (const [name, copy] of Object.entries(copies)) console.log(`   by ${name}: ${path(copy)}`);
assert.equal(path(free), "a to b to c, 0", "the oracle");
assert.equal(path(copies["serializeGraph and back"]), path(free), "changed: the control");
if (path(copies.cloneGraph) === path(free)) throw new Error("changed: weights of 0 are copied");
assert.equal(path(copies.cloneGraph), "a to c, 1.5", "changed: what comes instead");
console.log("as described: an edge has the weight of one that was removed, and 0 is copied as 1");
JAVASCRIPT
node check.js
