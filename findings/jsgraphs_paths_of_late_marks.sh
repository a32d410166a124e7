#!/usr/bin/env bash
# js-graph-algorithms 1.0.18 (npm), BreadthFirstSearch: pathTo.
#
# Expected: a path with as few edges as there can be, which is what a search in breadth finds.
# Real: a node is marked where it is taken out of the queue, not where it goes in. Until then each node that comes
#   before it and is next to it writes itself down as the way to it, those of its own distance, too. The last one
#   stays: the path goes through it and has edges too many. Which nodes are reached is right.
# Why it matters: in a triangle the node next to the source is two edges away. In denser graphs paths to half of the
#   nodes are too long, some several times as long as they need to be; where each step costs, nothing shows it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit js-graph-algorithms@1.0.18 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { Graph, BreadthFirstSearch } = require("js-graph-algorithms");

// distances from a node, level by level
function distances(neighbors, source) {
  const found = new Map([[source, 0]]);
  for (let level = [source]; level.length; )
    level = level.flatMap((u) =>
      neighbors[u].filter((v) => !found.has(v) && found.set(v, found.get(u) + 1))
    );
  return found;
}

// what marking at the exit of the queue makes of it
function late(neighbors, source) {
  const [way, marked, queue] = [new Map(), new Set(), [source]];
  while (queue.length) {
    const u = queue.shift();
    marked.add(u);
    for (const v of neighbors[u]) if (!marked.has(v)) way.set(v, u), queue.push(v);
  }
  const length = (v) => (v === source ? 0 : 1 + length(way.get(v)));
  return length;
}

function build(size, edges) {
  const graph = new Graph(size);
  const neighbors = Array.from({ length: size }, () => []);
  for (const [u, v] of edges) graph.addEdge(u, v), neighbors[u].push(v), neighbors[v].push(u);
  return [graph, neighbors];
}

const [triangle] = build(3, [[0, 1], [0, 2], [1, 2]]);
const path = new BreadthFirstSearch(triangle, 0).pathTo(2);
console.log(`a triangle, from 0 to 2: ${path.join(" - ")}; right is 0 - 2`);
if (path.length === 2) throw new Error("changed: the path of a triangle");

let state = 1;
const random = () => (state = (48271 * state) % 2147483647) / 2147483647;
for (const share of [0.1, 0.3, 0.5]) {
  let [longer, total, worst] = [0, 0, 1];
  for (let trial = 0; trial < 20; trial++) {
    const size = 30;
    const edges = [];
    for (let u = 0; u < size; u++) for (let v = 0; v < u; v++) if (random() < share) edges.push([u, v]);
    const [graph, neighbors] = build(size, edges);
    const search = new BreadthFirstSearch(graph, 0);
    const right = distances(neighbors, 0);
    const instead = late(neighbors, 0);
    for (let v = 1; v < size; v++) {
      assert.strictEqual(search.hasPathTo(v), right.has(v), "changed: the control, what is reached");
      if (!right.has(v)) continue;
      const length = search.pathTo(v).length - 1;
      assert.strictEqual(length, instead(v), "changed: what comes instead");
      longer += length > right.get(v);
      worst = Math.max(worst, length / right.get(v));
      total++;
    }
  }
  console.log(`20 graphs of 30 nodes, ${100 * share} % of the edges: ${longer} of ${total} paths too long, up to ${worst} times`);
  assert(longer > 0.2 * total, "changed: how many are too long");
}

// where nodes of one distance are never next to each other all is right
const [grid, around] = build(25, Array.from({ length: 25 }, (_, i) => [[i, i + 1], [i, i + 5]])
  .flat().filter(([u, v]) => v < 25 && (v - u === 5 || v % 5)));
const search = new BreadthFirstSearch(grid, 0);
for (const [v, distance] of distances(around, 0))
  if (v) assert.strictEqual(search.pathTo(v).length - 1, distance, "changed: the control, a grid");
console.log("as described: paths go through nodes that are no nearer");
JAVASCRIPT
node check.js
