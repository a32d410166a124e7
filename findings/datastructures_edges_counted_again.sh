#!/usr/bin/env bash
# @datastructures-js/graph 5.3.1 (npm), getEdgesCount of Graph and DirectedGraph.
#
# Expected: "the number of edges in the graph", as the code says of it.
# Real: addEdge counts one more each time, also where the edge is there and only gets another weight. The same graph has
#   as many edges as there were calls; removing them leaves a rest, in a graph without edges. In an undirected graph a
#   loop is taken away by half: what is left is half an edge.
# Why it matters: to add an edge again is how a weight is changed, there is no other call for it, and lists of edges
#   name an undirected edge from both ends as often as not. Density and mean degree come out twice what they are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit @datastructures-js/graph@5.3.1 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { DirectedGraph, Graph } = require("@datastructures-js/graph");

function empty(Kind, size) {
  const graph = new Kind();
  for (let node = 0; node < size; node++) graph.addVertex(node, null);
  return graph;
}

// pairs, asked for one by one
function right(graph, size) {
  let count = 0;
  for (let u = 0; u < size; u++)
    for (let v = graph instanceof Graph ? u : 0; v < size; v++) count += graph.hasEdge(u, v);
  return count;
}

for (const Kind of [Graph, DirectedGraph]) {
  const graph = empty(Kind, 2);
  graph.addEdge(0, 1, 5);
  graph.addEdge(0, 1, 7);
  console.log(`${Kind.name}: an edge whose weight was changed to ${graph.getWeight(0, 1)}: ${graph.getEdgesCount()} edges`);
  if (graph.getEdgesCount() === 1) throw new Error("changed: the count");
  assert(graph.getEdgesCount() === 2 && graph.getWeight(0, 1) === 7, "changed: the count or the weight");
  graph.removeEdge(0, 1);
  console.log(`  and none behind its removal: ${graph.getEdgesCount()}, though hasEdge says ${graph.hasEdge(0, 1)}`);
  assert(graph.getEdgesCount() === 1 && right(graph, 2) === 0, "changed: the count behind a removal");
}
const loop = empty(Graph, 1);
loop.addEdge(0, 0);
loop.removeEdge(0, 0);
console.log(`a loop added and taken away: ${loop.getEdgesCount()} edges`);
assert(loop.getEdgesCount() === 0.5 && !loop.hasEdge(0, 0), "changed: a loop");

let state = 1;
const random = () => (state = (48271 * state) % 2147483647) / 2147483647;
let [found, truth, calls] = [0, 0, 0];
for (let trial = 0; trial < 20; trial++) {
  const size = 20;
  const [once, twice] = [empty(Graph, size), empty(Graph, size)];
  for (let u = 0; u < size; u++)
    for (let v = 0; v < u; v++) {
      if (random() > 0.2) continue;
      once.addEdge(u, v);
      twice.addEdge(u, v);
      twice.addEdge(v, u);
      calls += 2;
    }
  assert.strictEqual(once.getEdgesCount(), right(once, size), "changed: the control, each edge once");
  assert.strictEqual(right(twice, size), right(once, size), "changed: the control, both have the same edges");
  found += twice.getEdgesCount();
  truth += right(twice, size);
}
console.log(`20 graphs by lists that name both ends: ${found} edges, right is ${truth}`);
assert(found === calls && found === 2 * truth, "changed: how many are counted");
console.log("as described: calls are counted, not edges");
JAVASCRIPT
node check.js
