#!/usr/bin/env bash
# graphology-metrics 2.4.2 (npm), betweenness and edge betweenness centrality where two nodes have many shortest paths.
#
# Expected: for each pair of nodes the share of their shortest paths that pass a node (Brandes 2001, whom the code names).
#   Shares lie between 0 and 1.
# Real: paths are counted in a Uint32Array: 2^32 of them are none. A share is then one of two remainders, and may be any
#   number. From corner to corner of a grid of k by k there are as many paths as ways to choose k - 1 of 2k - 2 steps:
#   2333606220 for k = 18, 9075135300 for k = 19. With weights, the default, the source counts twice, and 2^31 is enough.
# Why it matters: street networks, images and lattices are such graphs, and 324 nodes suffice. At k = 20 single nodes have
#   five times their value, and the rest of the ranking goes with them. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-indices@0.17.0 \
  graphology-shortest-path@2.1.0 graphology-metrics@2.4.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { UndirectedGraph } = require("graphology");
const { betweenness, edgeBetweenness } = require("graphology-metrics/centrality");

function grid(k) {
  const graph = new UndirectedGraph();
  for (let i = 0; i < k * k; i++) graph.addNode(i);
  for (let i = 0; i < k; i++)
    for (let j = 0; j < k; j++) {
      if (j + 1 < k) graph.addEdge(i * k + j, i * k + j + 1);
      if (i + 1 < k) graph.addEdge(i * k + j, i * k + j + k);
    }
  return graph;
}

const choose = (n, k) => (k === 0 ? 1 : (choose(n, k - 1) * (n - k + 1)) / k);

// the shortest paths between two places of a grid are the ways to order their steps
function right(k, x, y) {
  const paths = (a, b, c, d) => choose(Math.abs(a - c) + Math.abs(b - d), Math.abs(a - c));
  const between = (a, b, c) => Math.min(a, c) <= b && b <= Math.max(a, c);
  let sum = 0;
  for (let s = 0; s < k * k; s++)
    for (let t = s + 1; t < k * k; t++) {
      const [a, b, c, d] = [Math.floor(s / k), s % k, Math.floor(t / k), t % k];
      if ((a === x && b === y) || (c === x && d === y) || !between(a, x, c) || !between(b, y, d)) continue;
      sum += (paths(a, b, x, y) * paths(x, y, c, d)) / paths(a, b, c, d);
    }
  return sum;
}

for (const k of [10, 17, 18, 19, 20]) {
  const graph = grid(k);
  const truth = right(k, 0, 1);
  const found = [null, "weight"].map((getEdgeWeight) => betweenness(graph, { getEdgeWeight, normalized: false }));
  const next = found.map((values) => values[1]);
  const shown = next.map((x) => x.toFixed(3)).join(" and with weights ");
  console.log(`${k} by ${k}, ${choose(2 * k - 2, k - 1)} paths: beside a corner ${shown}, right is ${truth.toFixed(3)}`);
  const far = [0, 0];
  for (let i = 0; i < k * k; i++) {
    const value = right(k, Math.floor(i / k), i % k);
    found.forEach((values, kind) => (far[kind] = Math.max(far[kind], Math.abs(values[i] / value - 1))));
  }
  console.log(`   the largest error of all nodes is ${far.map((x) => `${(100 * x).toFixed(1)} %`).join(" and ")}`);
  assert.deepEqual(far.map((x) => x < 1e-6), [k < 19, k < 18], "changed: the counts of paths");
  if (k === 20) assert(next.every((value) => value > 4.5 * truth), "changed: five times its value");
}

// each path of d steps passes d edges, so that all edges together have the sum of the distances
for (const k of [10, 20]) {
  const values = edgeBetweenness(grid(k), { getEdgeWeight: null, normalized: false });
  const sum = Object.values(values).reduce((a, b) => a + b);
  const distances = (k ** 3 * (k * k - 1)) / 3;
  console.log(`${k} by ${k}: the sum over all edges is ${sum.toFixed(0)}, that of the distances ${distances}`);
  assert.equal(Math.abs(sum / distances - 1) < 1e-6, k === 10, "changed: edge betweenness");
}
console.log("as described: shortest paths are counted modulo 2^32");
JAVASCRIPT
node check.js
