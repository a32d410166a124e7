#!/usr/bin/env bash
# pagerank.js 1.0.2 (npm), rank called a second time.
#
# Expected: the ranks of the graph that was linked: the same for the same arguments, and they add up to 1.
# Real: rank divides the weights of the edges by the sum of their source, in place, and leaves the sums as they were:
#   the next call divides once more. The ranks of a second call are those of a graph whose nodes lose most of what they
#   have: they add up to less than 1, the less, the larger the weights are. Links that are added in between have their
#   whole weight beside those that were divided.
# Why it matters: to try several dampings, a finer tolerance, or the graph with some more links is what one calls it
#   again for, and the module keeps one graph for the whole program. Each call has another ranking, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit pagerank.js@1.0.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const pagerank = require("pagerank.js");

function ranks(damping) {
  const found = {};
  pagerank.rank(damping, 1e-12, (node, rank) => (found[node] = rank));
  return found;
}
function link(edges) {
  for (const edge of edges) pagerank.link(...edge);
}

// by its equation, a thousand times
function right(edges, damping) {
  const nodes = [...new Set(edges.flatMap(([u, v]) => [`${u}`, `${v}`]))];
  const out = Object.fromEntries(nodes.map((node) => [node, 0]));
  for (const [u, , weight] of edges) out[u] += weight;
  let rank = Object.fromEntries(nodes.map((node) => [node, 1 / nodes.length]));
  for (let step = 0; step < 1000; step++) {
    const lost = nodes.reduce((sum, node) => sum + (out[node] ? 0 : rank[node]), 0);
    const next = Object.fromEntries(nodes.map((node) => [node, (1 - damping + damping * lost) / nodes.length]));
    for (const [u, v, weight] of edges) next[v] += (damping * rank[u] * weight) / out[u];
    rank = next;
  }
  return rank;
}
const gap = (one, two) => Math.max(...Object.keys(two).map((node) => Math.abs(one[node] - two[node])));
const sum = (found) => Object.values(found).reduce((total, rank) => total + rank, 0);
const show = (found) => Object.entries(found).map(([node, rank]) => `${node} ${rank.toFixed(3)}`).join(", ");
const order = (found) => Object.keys(found).sort((u, v) => found[v] - found[u]).join("");

// the graph of its own README
const readme = [[1, 2, 1], [1, 3, 2], [2, 3, 3], [2, 4, 4], [3, 1, 5]];
link(readme);
for (const call of ["first", "second", "third"]) {
  const found = ranks(0.85);
  console.log(`that of the README, ${call} call: ${show(found)}; they add up to ${sum(found).toFixed(3)}`);
  if (call === "first") assert(gap(found, right(readme, 0.85)) < 1e-9, "changed: the control, the first call");
  else if (gap(found, right(readme, 0.85)) < 1e-6) throw new Error("changed: a later call is right");
  if (call === "second") assert(sum(found) < 0.7, "changed: the sum of the second call");
}

let state = 1;
const random = () => (state = (48271 * state) % 2147483647) / 2147483647;
let [other, wrong] = [0, 0];
for (let trial = 0; trial < 50; trial++) {
  const edges = [];
  for (let u = 0; u < 9; u++) for (let v = 0; v < 9; v++) if (u !== v && random() < 0.3) edges.push([u, v, 0.5 + 4 * random()]);
  pagerank.reset();
  link(edges);
  assert(gap(ranks(0.85), right(edges, 0.85)) < 1e-9, "changed: the control, the first call");
  const found = ranks(0.7);
  wrong += gap(found, right(edges, 0.7)) > 1e-3;
  other += order(found) !== order(right(edges, 0.7));
  pagerank.reset();
  link(edges);
  assert(gap(ranks(0.7), right(edges, 0.7)) < 1e-9, "changed: the control, a call after reset");
}
console.log(`50 random graphs, first .85 and then .7: ${wrong} have other ranks, ${other} another order`);
assert(wrong === 50 && other > 25, "changed: how many are wrong");

pagerank.reset();
link(readme);
ranks(0.85);
link([[3, 4, 5]]);
const more = right([...readme, [3, 4, 5]], 0.85);
const found = ranks(0.85);
console.log(`one link more, from 3 to 4: ${show(found)}; right is ${show(more)}`);
assert(gap(found, more) > 0.01, "changed: a link more");
console.log("as described: weights are divided again by each call");
JAVASCRIPT
node check.js
