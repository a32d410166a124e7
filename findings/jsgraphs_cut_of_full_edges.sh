#!/usr/bin/env bash
# js-graph-algorithms 1.0.18 (npm), FordFulkerson: minCut.
#
# Expected: the edges from the nodes that the source still reaches to those that it does not: a cut, whose capacities
#   add up to the flow, as the theorem says by which the class calls itself.
# Real: all edges that are full, wherever they are. Their capacities add up to more than the flow, and which edges they
#   are hangs on how the flow was led. A path with one capacity throughout is cut at each of its edges. value is right.
# Why it matters: the cut is what one asks for to see where a net is narrow or what to sever. Most of what comes is not
#   narrow at all, and what it costs to cut is overstated, several times in longer nets.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit js-graph-algorithms@1.0.18 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { FlowEdge, FlowNetwork, FordFulkerson } = require("js-graph-algorithms");

function solve(size, edges) {
  const network = new FlowNetwork(size);
  const added = edges.map(([u, v, capacity]) => new FlowEdge(u, v, capacity));
  added.forEach((edge) => network.addEdge(edge));
  const flow = new FordFulkerson(network, 0, size - 1);
  return [flow.value, flow.minCut(network), added];
}

// over all sets of nodes that have the source and not the sink
function smallestCut(size, edges) {
  let best = Infinity;
  for (let inner = 0; inner < 2 ** (size - 2); inner++) {
    const side = (node) => node === 0 || (node < size - 1 && (inner >> (node - 1)) & 1);
    best = Math.min(best, edges.reduce((sum, [u, v, c]) => sum + (side(u) && !side(v) ? c : 0), 0));
  }
  return best;
}

const total = (cut) => cut.reduce((sum, edge) => sum + edge.capacity, 0);

const path = [0, 1, 2, 3, 4].map((u) => [u, u + 1, 3]);
const [value, cut] = solve(6, path);
console.log(`a path of 5 edges of capacity 3: a flow of ${value}, and a cut of ${cut.length} edges with ${total(cut)}`);
if (total(cut) === value) throw new Error("changed: the cut of a path");
assert(value === 3 && cut.length === 5, "changed: the flow or the cut");

// the network of its own README
const readme = [[0, 1, 10], [0, 2, 5], [0, 3, 15], [1, 4, 9], [1, 5, 15], [1, 2, 4], [2, 5, 8], [2, 3, 4], [3, 6, 16],
  [4, 5, 15], [4, 7, 10], [5, 7, 10], [5, 6, 15], [6, 2, 6], [6, 7, 10]];
const [shown, edges] = solve(8, readme);
console.log(`that of the README: a flow of ${shown}, ${edges.length} edges with ${total(edges)}; right is ${smallestCut(8, readme)}`);
assert(shown === smallestCut(8, readme), "changed: the control, the flow");

let state = 1;
const draw = (n) => (state = (48271 * state) % 2147483647) % n;
let [wrong, times, trials] = [0, 0, 100];
for (let trial = 0; trial < trials; trial++) {
  const size = 12;
  const random = [];
  for (let u = 0; u < size; u++)
    for (let v = Math.max(u - 1, 1); v < Math.min(u + 4, size); v++)
      if (u !== v && draw(10) < 6) random.push([u, v, 1 + draw(5)]);
  const [flow, found, all] = solve(size, random);
  assert.strictEqual(flow, smallestCut(size, random), "changed: the control, the flow");
  const full = all.filter((edge) => edge.flow === edge.capacity);
  assert.deepStrictEqual(new Set(found), new Set(full), "changed: what comes instead");
  wrong += total(found) !== flow;
  times += flow ? total(found) / flow / trials : 0;
}
console.log(`${trials} random networks: ${wrong} cuts are not the smallest, on average ${times.toFixed(1)} times the flow`);
assert(wrong > trials / 2, "changed: how many are wrong");
console.log("as described: all full edges, not those of the cut");
JAVASCRIPT
node check.js
