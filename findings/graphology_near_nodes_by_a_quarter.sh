#!/usr/bin/env bash
# graphology-metrics 2.4.2 (npm), layoutQuality.connectedCloseness: pEdgeOfDeltaMax.
#
# Expected: "probability that, considering two nodes closer than Delta, they are connected", as the code says of it, and
#   the paper (Jacomy 2023): the edges no longer than Delta, of the pairs of nodes no farther than that. Where all such
#   pairs are connected it is 1.
# Real: the pairs that are near are estimated as a share of n (n - 1), which counts each twice, and are doubled once
#   more unless graph.undirected says that there is one edge a pair: a graph has no such property. In an undirected
#   graph the probability is a quarter of itself, in a directed one, where a pair can have two edges, one half.
# Why it matters: it is what one reads off a drawing: how sure two nodes that are near are linked. Of a drawing that
#   shows cliques and nothing else it says that three of four near pairs are not.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-metrics@2.4.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { DirectedGraph, UndirectedGraph } = require("graphology");
const { connectedCloseness } = require("graphology-metrics/layout-quality");

let state = 1;
const rng = () => (state = (48271 * state) % 2147483647) / 2147483647;

// groups of nodes on circles of radius 1 that are 100 apart; within them a given share of the pairs is connected
function groups(Graph, count, size, share) {
  const graph = new Graph();
  for (let group = 0; group < count; group++)
    for (let i = 0; i < size; i++) {
      const angle = (2 * Math.PI * i) / size;
      graph.addNode(`${group} ${i}`, { x: 100 * group + Math.cos(angle), y: Math.sin(angle) });
      for (let j = 0; j < i; j++) {
        if (rng() < share) graph.addEdge(`${group} ${i}`, `${group} ${j}`);
        if (graph.type === "directed" && rng() < share) graph.addEdge(`${group} ${j}`, `${group} ${i}`);
      }
    }
  return graph;
}

// over all pairs of nodes, none left out; where a pair can have two edges, each is asked for
function right(graph, delta) {
  let [pairs, edges] = [0, 0];
  graph.forEachNode((u, a) =>
    graph.forEachNode((v, b) => {
      if (u === v || Math.hypot(a.x - b.x, a.y - b.y) > delta) return;
      pairs++;
      edges += graph.hasEdge(u, v);
    })
  );
  return edges / pairs;
}

for (const [Graph, factor] of [[UndirectedGraph, 4], [DirectedGraph, 2]])
  for (const [count, size, share] of [[2, 60, 1], [4, 40, 1], [3, 50, 0.5]]) {
    const graph = groups(Graph, count, size, share);
    const { deltaMax, ePercentOfDeltaMax, pEdgeOfDeltaMax } = connectedCloseness(graph, { rng });
    assert(ePercentOfDeltaMax > 0.99 && deltaMax < 98, "the oracle: all edges and the pairs of one group");
    const truth = right(graph, deltaMax);
    const name = `${graph.type}, ${count} groups of ${size}, ${100 * share} % connected`;
    console.log(`${name}: ${pEdgeOfDeltaMax.toFixed(3)}, right is ${truth.toFixed(3)}`);
    if (Math.abs(pEdgeOfDeltaMax - truth) < 0.1 * truth) throw new Error("changed: the probability");
    assert(Math.abs(factor * pEdgeOfDeltaMax - truth) < 0.1 * truth, "changed: what comes instead");
  }
console.log("as described: the probability is a quarter of itself, in directed graphs one half");
JAVASCRIPT
node check.js
