#!/usr/bin/env bash
# k-shortest-path 0.0.5 (npm), ksp of a graph whose weights are the labels of its edges, as in the example of its page.
#
# Expected: the k shortest paths without loops by Yen's algorithm, as its page says: of all such paths the k shortest ones,
#   in that order. Those of a graph do not depend on whether the weights are read from its edges or by a function.
# Real: the algorithm takes edges out of a copy of the graph and puts them back, but without their weight: the label that
#   is set is a field that no edge has. From then on these edges lead nowhere. Where a weightFunc reads the weights of
#   one's own graph, from which nothing is taken, all is right.
# Why it matters: it is a path that begins like one of those found that is lost, the small detour at the end, which is
#   what alternatives are mostly. Other paths, which are longer, take its place, or fewer than k come, as if there were
#   no more. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphlib@2.1.8 k-shortest-path@0.0.5 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { Graph } = require("graphlib");
const { ksp } = require("k-shortest-path");

function made(edges) {
  const graph = new Graph();
  edges.forEach(([source, target, weight]) => graph.setEdge(source, target, weight));
  return graph;
}

// the lengths of all paths without loops
function lengths(graph, target, path, length = 0) {
  const last = path[path.length - 1];
  if (last === target) return [length];
  const next = (graph.successors(last) || []).filter((node) => !path.includes(node));
  return next.flatMap((node) => lengths(graph, target, [...path, node], length + graph.edge(last, node)));
}

const shortest = (graph, source, target, k) => lengths(graph, target, [source]).sort((a, b) => a - b).slice(0, k);
const found = (...settings) => ksp(...settings).map(({ totalCost }) => totalCost);

// from a to d: a-b-c-d has 3, a-b-d 4, a-c-d 6, a-d 9
const small = made([["a", "b", 1], ["b", "c", 1], ["c", "d", 1], ["b", "d", 3], ["a", "c", 5], ["a", "d", 9]]);
const own = (edge) => small.edge(edge);
console.log("four paths from a to d:", found(small, "a", "d", 4), "with a weightFunc:", found(small, "a", "d", 4, own),
  "right is", shortest(small, "a", "d", 4));
assert.deepEqual(found(small, "a", "d", 4, own), [3, 4, 6, 9], "changed: the control");

let seed = 1;
const random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;
const counts = { wrong: 0, fewer: 0, longer: 0, control: 0 };
for (let draw = 0; draw < 300; draw++) {
  const edges = [["0", "5", 1000]]; // there is one path at least
  for (let i = 0; i < 6; i++)
    for (let j = 0; j < 6; j++)
      if (i !== j && !(i === 0 && j === 5) && random() < 0.45) edges.push([`${i}`, `${j}`, Math.ceil(1000 * random())]);
  const graph = made(edges);
  const right = shortest(graph, "0", "5", 5);
  const costs = found(graph, "0", "5", 5);
  assert.equal(costs[0], right[0], "changed: the shortest one");
  assert(costs.every((cost, i) => cost >= right[i]), "changed: none is too short");
  counts.wrong += costs.join() !== right.join();
  counts.fewer += costs.length < right.length;
  counts.longer += costs.some((cost, i) => cost > right[i]);
  counts.control += found(graph, "0", "5", 5, (edge) => graph.edge(edge)).join() !== right.join();
}
console.log(`of 300 random graphs ${counts.wrong} have other five shortest paths: ${counts.longer} longer ones,`,
  `${counts.fewer} fewer; with a weightFunc ${counts.control}`);
assert.equal(counts.control, 0, "changed: the control");
assert(counts.wrong > 60 && counts.fewer > 20 && counts.longer > 20, "changed: how often paths are lost");
assert.notDeepEqual(found(small, "a", "d", 4), [3, 4, 6, 9], "changed: the example");
console.log("as described: an edge that was taken out comes back without its weight");
JAVASCRIPT
node check.js
