#!/usr/bin/env bash
# graphology-generators 0.11.2 (npm), erdosRenyi.sparse of a directed graph.
#
# Expected: a "binomial graph", as its page says: each of the n (n - 1) pairs is an edge with the same given probability,
#   the "density you try to approximate". erdosRenyi, the slow one beside it, has that.
# Real: the pairs are gone through row by row with steps of geometric length (Batagelj and Brandes 2005). The places where
#   both ends are one node are counted, and a step that lands on one goes on to the next place: the edge from a node to
#   the one with the next number is drawn twice. Its probability is 1 - (1 - p)^2. Undirected graphs are right.
# Why it matters: the nodes of a random graph are alike, here they lie on a path that is next to twice as dense as the
#   rest, and whatever sorts by number finds it. The graphs have (1 - p) / n more edges than asked for, 9 % of ten nodes
#   at p = 0.1: as the null model that a measure is held against it is too dense, and the smaller the graph the more.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-generators@0.11.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { DirectedGraph, UndirectedGraph } = require("graphology");
const { erdosRenyi } = require("graphology-generators/random");

let seed = 1;
const rng = () => (seed = (16807 * seed) % 2147483647) / 2147483647;

// shares of the draws in which a pair is an edge: to the next number, and the mean of all others
function shares(generator, Class, order, probability, draws) {
  let [next, others] = [0, 0];
  for (let draw = 0; draw < draws; draw++)
    generator(Class, { order, probability, rng }).forEachEdge((edge, attributes, source, target) => {
      if (target - source === 1 || (Class === UndirectedGraph && source - target === 1)) next++;
      else others++;
    });
  const pairs = (order * (order - 1)) / (Class === UndirectedGraph ? 2 : 1);
  return [next / draws / (order - 1), others / draws / (pairs - order + 1)];
}

const near = (found, right) => Math.abs(found - right) < 0.01;
for (const probability of [0.1, 0.3, 0.5]) {
  const twice = 1 - (1 - probability) ** 2;
  for (const [name, generator, Class] of [
    ["erdosRenyi", erdosRenyi, DirectedGraph],
    ["erdosRenyi.sparse, undirected", erdosRenyi.sparse, UndirectedGraph],
    ["erdosRenyi.sparse", erdosRenyi.sparse, DirectedGraph],
  ]) {
    const [next, others] = shares(generator, Class, 10, probability, 10000);
    console.log(`${name}, p = ${probability}: to the next node ${next.toFixed(3)}, to others ${others.toFixed(3)}`);
    assert(near(others, probability), "changed: the others");
    const right = name === "erdosRenyi.sparse" ? twice : probability;
    assert(near(next, right), `changed: the probability to the next node is not ${right}`);
  }
}
console.log("as described: the edge to the next node is drawn twice");
JAVASCRIPT
node check.js
