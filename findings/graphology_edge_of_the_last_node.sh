#!/usr/bin/env bash
# graphology-metrics 2.4.2 (npm), closeness and betweenness centrality of a graph with a self-loop or with parallel edges.
#
# Expected: the centralities of the graph (Freeman 1979, Brandes 2001). A loop is on no shortest path and changes nothing;
#   a parallel edge changes no distance. The order in which nodes were added says nothing.
# Real: the neighbours of all nodes lie in one array, whose end is where they would end if each edge gave two of them. An
#   undirected loop gives one, and parallel edges one in all: what is left of the array belongs to the node that was added
#   last, and is 0, the number of the node that was added first. So the last has the first for a neighbour, whether the
#   graph has that edge or not. In betweenness with weights, the default, it has the length 0, and only loops matter.
# Why it matters: one loop, as graphs of links, of calls and of citations have, or one edge that occurs twice, and there
#   are short cuts that are none. The ends of a path, which lie between no two nodes, have a share of the betweenness.
#   Where nodes are added in another order the values are others, those of any node. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-indices@0.17.0 \
  graphology-shortest-path@2.1.0 graphology-metrics@2.4.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { MultiUndirectedGraph, MultiDirectedGraph, UndirectedGraph } = require("graphology");
const { closeness, betweenness } = require("graphology-metrics/centrality");

function made(Class, order, edges) {
  const graph = new Class();
  order.forEach((node) => graph.addNode(node));
  edges.forEach(([u, v]) => graph.addEdge(u, v));
  return graph;
}

// steps from each node to each, and how many shortest ways there are, by powers of the adjacency matrix
function ways(graph) {
  const nodes = graph.nodes().sort();
  const near = (u, v) => u !== v && graph.outboundNeighbors(u).includes(v);
  const steps = nodes.map((u) => nodes.map((v) => (u === v ? 0 : Infinity)));
  const count = nodes.map((u) => nodes.map((v) => (u === v ? 1 : 0)));
  let power = count.map((row) => [...row]);
  for (let k = 1; k < nodes.length; k++) {
    power = power.map((row) => nodes.map((v) => row.reduce((sum, x, w) => sum + (near(nodes[w], v) ? x : 0), 0)));
    power.forEach((row, u) => row.forEach((x, v) => x && steps[u][v] === Infinity && ((steps[u][v] = k), (count[u][v] = x))));
  }
  return { nodes, steps, count };
}

function right(graph) {
  const { nodes, steps, count } = ways(graph);
  const near = {}, between = {};
  nodes.forEach((node, i) => {
    const to = steps.map((row) => row[i]).filter((d) => d > 0 && d < Infinity);
    near[node] = to.length ? to.length / to.reduce((a, b) => a + b) : 0;
    between[node] = 0;
    nodes.forEach((_, s) => nodes.forEach((_, t) => {
      if (s === i || t === i || s === t || steps[s][t] === Infinity || steps[s][i] + steps[i][t] !== steps[s][t]) return;
      between[node] += (count[s][i] * count[i][t]) / count[s][t] / (graph.type === "undirected" ? 2 : 1);
    }));
  });
  return { near, between };
}

const same = (a, b) => Object.keys(b).every((key) => Math.abs(a[key] - b[key]) < 1e-9);
const shown = (values) => Object.keys(values).sort().map((key) => +values[key].toFixed(3)).join(" ");
const order = ["a", "b", "c", "d", "e"];
const path = [["a", "b"], ["b", "c"], ["c", "d"], ["d", "e"]];
const cases = [
  ["a path", UndirectedGraph, path, [true, true, true]],
  ["with a loop at c", UndirectedGraph, [...path, ["c", "c"]], [false, false, false]],
  ["with a second edge a-b", MultiUndirectedGraph, [...path, ["a", "b"]], [false, false, true]],
  ["directed, with a second edge a-b", MultiDirectedGraph, [...path, ["a", "b"]], [false, false, true]],
];
for (const [name, Class, edges, expected] of cases) {
  const graph = made(Class, order, edges);
  const truth = right(graph);
  const found = [
    closeness(graph),
    betweenness(graph, { getEdgeWeight: null, normalized: false }),
    betweenness(graph, { normalized: false }),
  ];
  console.log(`${name}: closeness ${shown(found[0])}, right is ${shown(truth.near)}`);
  console.log(`   betweenness ${shown(found[1])}, with weights ${shown(found[2])}, right is ${shown(truth.between)}`);
  assert.deepEqual(
    [same(found[0], truth.near), same(found[1], truth.between), same(found[2], truth.between)], expected, `changed: ${name}`);
}

const loop = [...path, ["c", "c"]];
const [forward, other] = [order, ["b", "a", "d", "e", "c"]].map((nodes) => made(UndirectedGraph, nodes, loop));
console.log(`the loop, nodes added as b a d e c: closeness ${shown(closeness(other))}`);
assert(same(closeness(other), right(other).near), "changed: b and c are neighbours, so that there is such an edge");
assert(!same(closeness(forward), closeness(other)), "changed: the order is no matter");

// the directed path is closed to a ring, in which all are alike
const closed = made(MultiDirectedGraph, order, [...path, ["e", "a"]]);
const directed = made(MultiDirectedGraph, order, [...path, ["a", "b"]]);
const between = (graph) => betweenness(graph, { getEdgeWeight: null, normalized: false });
assert(same(between(directed), right(closed).between), "changed: what comes instead");
console.log("as described: the node added last has an edge to the one added first");
JAVASCRIPT
node check.js
