#!/usr/bin/env bash
# ngraph.louvain 2.0.0 of graphs by ngraph.coarsen 1.5.0 (npm), the hierarchy of its page.
#
# Expected: as communities become nodes modularity stays what it is: that of the coarse graph, each node by itself, is
#   what the level before ended with (Blondel et al. 2008: a loop has the weight of the edges within, from both ends).
# Real: ngraph.coarsen writes each edge within a community once, as its page says, and ngraph.louvain takes a loop as it
#   is, where an edge between two nodes has its weight at both: what lies within counts half. Modularity drops from one
#   level to the next, and each level asks for a gain in another one than the level before.
# Why it matters: the loop of its page, coarsen as long as something moves, goes on where joining makes it worse: the
#   last level has fewer communities and less modularity than the first, and newModularity does not show it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit ngraph.graph@20.1.2 ngraph.coarsen@1.5.0 ngraph.louvain@2.0.0 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const createGraph = require("ngraph.graph");
const coarsen = require("ngraph.coarsen");
const louvain = require("ngraph.louvain");

// by its definition, of a graph without loops: edges within, less what the degrees make expect
function modularity(graph, group) {
  const [degree, edges] = [{}, graph.getLinksCount()];
  let within = 0;
  graph.forEachLink(({ fromId, toId }) => {
    for (const node of [fromId, toId]) degree[group(node)] = (degree[group(node)] || 0) + 1;
    within += group(fromId) === group(toId);
  });
  return Object.values(degree).reduce((sum, d) => sum - (d / (2 * edges)) ** 2, within / edges);
}

// the loop of the page, and which community of the last level each node is in
function hierarchy(graph, doubled) {
  const first = louvain(graph);
  const coarse = coarsen(graph, first);
  if (doubled) coarse.forEachLink((link) => { if (link.fromId === link.toId) link.data *= 2; });
  const second = louvain(coarse);
  return { first, coarse, second, group: (node) => second.getClass(first.getClass(node)) };
}

let state = 1;
const random = () => (state = (48271 * state) % 2147483647) / 2147483647;
function planted(groups, size, inside, between) {
  const graph = createGraph();
  for (let u = 0; u < groups * size; u++) graph.addNode(u);
  for (let u = 0; u < groups * size; u++)
    for (let v = 0; v < u; v++)
      if (random() < (u % groups === v % groups ? inside : between)) graph.addLink(u, v);
  return graph;
}

const count = (graph, group) => {
  const found = new Set();
  graph.forEachNode((node) => { found.add(group(node.id)); });
  return found.size;
};

let [lower, worse, trials] = [0, 0, 40];
for (let trial = 0; trial < trials; trial++) {
  const graph = planted(8, 10, 0.6, 0.08);
  const { first, second, group } = hierarchy(graph);
  const before = modularity(graph, first.getClass);
  assert(Math.abs(first.newModularity - before) < 1e-5, "changed: the control, the first level");
  lower += second.originalModularity < before - 1e-5;
  const after = modularity(graph, group);
  worse += after < before - 1e-5;
  const right = hierarchy(graph, true);
  const level = modularity(graph, right.group);
  assert(Math.abs(right.second.originalModularity - before) < 1e-5, "changed: the control, loops from both ends");
  assert(Math.abs(right.second.newModularity - level) < 1e-5 && level > before - 1e-5, "changed: the control, the second level");
  if (trial < 3) {
    const short = (n) => n.toFixed(3);
    console.log(`${count(graph, first.getClass)} communities, modularity ${short(before)}; of the coarse graph ` +
      `${short(second.originalModularity)}, then ${short(second.newModularity)}; ${count(graph, group)} communities, ` +
      `right is ${short(after)}; with loops from both ends ${count(graph, right.group)}, ${short(level)}`);
  }
}
console.log(`${trials} graphs: ${lower} coarse graphs have another modularity, ${worse} end with less than they had`);
if (lower < trials) throw new Error("changed: the modularity of the coarse graph");
assert(worse > trials / 3, "changed: how many end with less");
console.log("as described: what lies within communities counts half in the next level");
JAVASCRIPT
node check.js
