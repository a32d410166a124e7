#!/usr/bin/env bash
# louvain 1.2.0 (npm).
#
# Expected: the method of Blondel et al. (2008), whom its page names: communities become nodes, and these are joined as
#   long as that raises modularity. It ends where no two communities joined would raise it, as graphology's does.
# Real: as communities become nodes, the list in which an edge would find the one before it is emptied after each edge.
#   Every edge is a new one and weighs as much as all before it together: k edges between two communities sum up to 1 +
#   2 + ... + k. Modularity is computed with a total that is far too large, falls, and the level is thrown away.
# Why it matters: what comes is the first pass alone, more communities and less modularity, the same every time, so that
#   it looks as stable as a good one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit louvain@1.2.0 graphology@0.26.0 graphology-types@0.24.8 \
  graphology-communities-louvain@2.0.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const ours = require("louvain").jLouvain;
const { UndirectedGraph } = require("graphology");
const graphology = require("graphology-communities-louvain");

let state = 1;
const random = () => (state = (48271 * state) % 2147483647) / 2147483647;

function modularity(edges, of) {
  const [inside, degree] = [{}, {}];
  for (const { source, target } of edges) {
    for (const end of [source, target]) degree[of[end]] = (degree[of[end]] || 0) + 1;
    if (of[source] === of[target]) inside[of[source]] = (inside[of[source]] || 0) + 1;
  }
  const parts = Object.keys(degree).map((c) => (inside[c] || 0) / edges.length - (degree[c] / 2 / edges.length) ** 2);
  return parts.reduce((a, b) => a + b, 0);
}

// the most that two communities can win that are joined
function gain(edges, of) {
  const names = [...new Set(Object.values(of))];
  const joined = (a, b) => Object.fromEntries(Object.entries(of).map(([node, c]) => [node, c === b ? a : c]));
  const values = names.flatMap((a) => names.map((b) => modularity(edges, joined(a, b))));
  return Math.max(...values) - modularity(edges, of);
}

const nodes = (n) => [...Array(n).keys()].map(String);
const methods = {
  louvain: (edges, n) => ours().nodes(nodes(n)).edges(edges.map((edge) => ({ ...edge })))(),
  graphology: (edges, n) => {
    const graph = new UndirectedGraph();
    nodes(n).forEach((node) => graph.addNode(node));
    edges.forEach(({ source, target }) => graph.addEdge(source, target));
    return graphology(graph, { randomWalk: false });
  },
};

// groups of which each has two halves that are closer still
const groups = [];
for (let i = 0; i < 48; i++)
  for (let j = 0; j < i; j++) {
    const near = Math.floor(i / 6) === Math.floor(j / 6) ? 0.9 : Math.floor(i / 12) === Math.floor(j / 12) ? 0.4 : 0.03;
    if (random() < near) groups.push({ source: String(j), target: String(i), weight: 1 });
  }
const gains = {};
for (const [name, method] of Object.entries(methods)) {
  const of = method(groups, 48);
  gains[name] = gain(groups, of);
  const [number, value] = [new Set(Object.values(of)).size, modularity(groups, of)];
  console.log(`4 groups of 2 halves, ${name}: ${number} communities, modularity ${value.toFixed(3)},`,
    `joining two of them wins ${gains[name].toFixed(3)}`);
}

const counts = { louvain: [0, 0], graphology: [0, 0] };
for (let round = 0; round < 100; round++) {
  const edges = [];
  for (let i = 0; i < 30; i++)
    for (let j = 0; j < i; j++) if (random() < 0.1) edges.push({ source: String(j), target: String(i), weight: 1 });
  for (const [name, method] of Object.entries(methods)) {
    const of = method(edges, 30);
    counts[name][0] += gain(edges, of) > 1e-9;
    counts[name][1] += modularity(edges, of) / 100;
  }
}
for (const [name, [open, mean]] of Object.entries(counts))
  console.log(`100 random graphs, ${name}: ${open} in which two communities should be joined, mean ${mean.toFixed(3)}`);
if (counts.louvain[0] === 0) throw new Error("changed: communities are joined");
assert(counts.louvain[0] > 30 && counts.graphology[0] === 0, "changed: the counts");
assert(gains.louvain > 0.01 && gains.graphology < 1e-9, "changed: the groups");
console.log("as described: communities are not joined though that raises modularity");
JAVASCRIPT
node check.js
