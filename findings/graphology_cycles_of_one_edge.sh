#!/usr/bin/env bash
# graphology-simple-path 0.2.0 (npm), the cycles of undirected graphs: allSimplePaths from a node to itself.
#
# Expected: "to get cycles, just pass same source & target", as its page says. A cycle of an undirected graph uses no
#   edge twice: a tree has none. Each has two directions, and NetworkX's simple_cycles has it once.
# Real: each edge of the node comes as a cycle, there and back again. allSimpleEdgePaths says it openly: the same edge
#   twice in one "path".
# Why it matters: whoever asks whether a node is in a cycle, or counts them, hears yes for each node that is not alone;
#   of cycles of three nodes and more each comes twice, so that no count of results is one of cycles.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-simple-path@0.2.0 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { DirectedGraph, UndirectedGraph } = require("graphology");
const { allSimpleEdgePaths, allSimplePaths } = require("graphology-simple-path");

// closed walks from a node, over all orders of nodes, that repeat neither a node nor an edge
function closed(graph, source) {
  const found = [];
  (function walk(path, used) {
    graph.forEachOutboundEdge(path[path.length - 1], (edge, _, s, t) => {
      const next = s === path[path.length - 1] ? t : s;
      if (used.includes(edge)) return;
      if (next === source) found.push([...path, next]);
      else if (!path.includes(next)) walk([...path, next], [...used, edge]);
    });
  })([source], []);
  return found;
}

const sorted = (paths) => paths.map((path) => path.join(" ")).sort();

const tree = new UndirectedGraph();
for (const end of ["a", "c", "d"]) tree.mergeEdgeWithKey(`b-${end}`, "b", end);
console.log("a star of three edges, cycles of its centre:", JSON.stringify(sorted(allSimplePaths(tree, "b", "b"))));
console.log("by edges:", JSON.stringify(allSimpleEdgePaths(tree, "b", "b")));
if (allSimplePaths(tree, "b", "b").length === 0) throw new Error("changed: a tree has no cycles");
assert(allSimpleEdgePaths(tree, "b", "b").every(([one, two]) => one === two), "changed: the edges");

let state = 1;
const random = () => (state = (48271 * state) % 2147483647) / 2147483647;
const counts = { undirected: [0, 0], directed: [0, 0] };
for (let trial = 0; trial < 40; trial++)
  for (const Graph of [UndirectedGraph, DirectedGraph]) {
    const graph = new Graph();
    for (let u = 0; u < 7; u++) graph.addNode(`${u}`);
    for (let u = 0; u < 7; u++)
      for (let v = 0; v < 7; v++)
        if (u !== v && (graph.type === "directed" || u < v) && random() < 0.35) graph.addEdge(`${u}`, `${v}`);
    graph.forEachNode((node) => {
      const found = sorted(allSimplePaths(graph, node, node));
      const right = sorted(closed(graph, node));
      const back = graph.type === "directed" ? [] : graph.neighbors(node).map((other) => `${node} ${other} ${node}`);
      assert.deepStrictEqual(found, [...right, ...back].sort(), "changed: the results");
      counts[graph.type][0] += found.length;
      counts[graph.type][1] += right.length;
    });
  }
for (const type in counts)
  console.log(`40 ${type} graphs, all nodes: ${counts[type][0]} results, ${counts[type][1]} without an edge twice`);
assert(counts.undirected[0] > counts.undirected[1], "changed: undirected graphs");
console.log("as described: each edge of the node is a cycle");
JAVASCRIPT
node check.js
