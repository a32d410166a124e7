#!/usr/bin/env bash
# data-structure-typed 2.6.2 (npm), bellmanFord of an UndirectedGraph.
#
# Expected: the distances from a node, along edges that go both ways, as dijkstra and floydWarshall of the class have them.
# Real: an edge is followed from the end that was named first to the one that was named second, and never back. Nodes that
#   are reached against this order are at Number.MAX_SAFE_INTEGER, which stands for "not reached", or at the length of a
#   way round.
# Why it matters: the distance between two nodes is another one from either side, by the order in which the two ends of an
#   edge were named. On a path whose edges all name the later node first nothing is reached at all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit data-structure-typed@2.6.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { DirectedGraph, UndirectedGraph } = require("data-structure-typed");

let seed = 1;
const random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;
const names = [..."abcdefgh"];

function build(Class, edges) {
  const graph = new Class();
  names.forEach((name) => graph.addVertex(name));
  edges.forEach((edge) => graph.addEdge(...edge));
  return graph;
}

// distances of all pairs by the rule of the triangle, repeated
function truth(edges, both) {
  const table = (value) => Object.fromEntries(names.map((name) => [name, value(name)]));
  const far = table((from) => table((to) => (from === to ? 0 : Infinity)));
  for (const [from, to, weight] of edges) {
    far[from][to] = weight;
    if (both) far[to][from] = weight;
  }
  for (const over of names)
    for (const from of names)
      for (const to of names) far[from][to] = Math.min(far[from][to], far[from][over] + far[over][to]);
  return far;
}

const value = (far) => (far === Number.MAX_SAFE_INTEGER ? Infinity : far);
const read = (distances) => Object.fromEntries([...distances].map(([node, far]) => [node.key, value(far)]));

for (const turned of [false, true]) {
  const edges = names.slice(1).map((name, place) => (turned ? [name, names[place], 1] : [names[place], name, 1]));
  const graph = build(UndirectedGraph, edges);
  const [found, other] = [read(graph.bellmanFord("a").distMap), read(graph.dijkstra("a", undefined, true, true).distMap)];
  console.log(`a path, each edge ${turned ? "from the later to the earlier" : "from the earlier to the later"} node:`,
    `${Object.values(found).join(" ")}; dijkstra has ${Object.values(other).join(" ")}`);
  assert.deepStrictEqual(other, truth(edges, true).a, "the oracle");
  if (turned && found.h === 7) throw new Error("changed: edges are followed both ways");
  assert(found.h === (turned ? Infinity : 7), "changed: what is reached");
}

let [wrong, pairs, uneven, never] = [0, 0, 0, 0];
for (let draw = 0; draw < 100; draw++) {
  const edges = [];
  for (const from of names) for (const to of names) if (from < to && random() < 0.4)
    edges.push(random() < 0.5 ? [from, to, 1 + Math.floor(9 * random())] : [to, from, 1 + Math.floor(9 * random())]);
  const far = truth(edges, true), oneWay = truth(edges, false);
  const [graph, directed] = [build(UndirectedGraph, edges), build(DirectedGraph, edges)];
  const found = Object.fromEntries(names.map((from) => [from, read(graph.bellmanFord(from).distMap)]));
  for (const from of names) {
    assert.deepStrictEqual(read(graph.dijkstra(from, undefined, true, true).distMap), far[from], "the oracle: dijkstra");
    assert.deepStrictEqual(read(directed.bellmanFord(from).distMap), oneWay[from], "changed: directed graphs, the control");
    assert.deepStrictEqual(found[from], oneWay[from], "changed: what comes instead");
    for (const to of names) if (from !== to && far[from][to] < Infinity)
      pairs++, (wrong += found[from][to] !== far[from][to]), (never += found[from][to] === Infinity), (uneven += found[from][to] !== found[to][from]);
  }
}
console.log(`100 graphs of eight nodes: ${wrong} of ${pairs} distances are wrong, ${never} of them said not to be reached; ${uneven} differ by direction`);
assert(wrong > pairs / 2, "changed: how many");
console.log("as described: an undirected edge is followed one way");
JAVASCRIPT
node check.js
