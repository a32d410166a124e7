#!/usr/bin/env bash
# cytoscape 3.35.0 (npm, Cytoscape.js), betweennessCentrality with a weight, of a graph with parallel edges.
#
# Expected: shortest paths take the shortest of the edges between two nodes, as those of dijkstra, floydWarshall and
#   closenessCentrality beside it do; the order in which edges were added says nothing.
# Real: of the edges that join two nodes the one that was added first is taken, whatever it weighs. In an undirected
#   graph it is, from each end, the first that has its source there: one pair can be near from one end and far from the
#   other.
# Why it matters: graphs of routes, of transactions and of literature have several edges between two nodes. Whether a
#   node is on no shortest path or on most depends on the order of a file, and nothing says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit cytoscape@3.35.0 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const cytoscape = require("cytoscape");

const ids = [..."abcde"];
const weight = (edge) => edge.data("length");

function made(edges) {
  const nodes = ids.map((id) => ({ data: { id } }));
  const lines = edges.map(([source, target, length]) => ({ data: { source, target, length } }));
  return cytoscape({ headless: true, elements: [...nodes, ...lines] });
}

// by trying all paths, each unordered pair from both ends, where length(u, v) is what one step costs
function betweenness(length) {
  const scores = Object.fromEntries(ids.map((id) => [id, 0]));
  for (const start of ids)
    for (const end of ids) {
      if (start === end) continue;
      let [best, paths] = [Infinity, []];
      const go = (path, total) => {
        const last = path[path.length - 1];
        if (last === end && total < best) [best, paths] = [total, []];
        if (last === end && total === best) paths.push(path);
        if (last === end) return;
        for (const next of ids) if (!path.includes(next)) go([...path, next], total + length(last, next));
      };
      go([start], 0);
      if (best < Infinity) for (const path of paths) path.slice(1, -1).forEach((id) => (scores[id] += 1 / paths.length));
    }
  return ids.map((id) => scores[id]);
}

const between = (edges, u, v) => edges.filter(([s, t]) => (s === u && t === v) || (s === v && t === u));
const least = (edges) => (u, v) => Math.min(Infinity, ...between(edges, u, v).map((edge) => edge[2]));
const first = (edges) => (u, v) => {
  const all = between(edges, u, v);
  return ([...all.filter((edge) => edge[0] === u), ...all][0] || [u, v, Infinity])[2];
};

const rest = [["b", "c", 1], ["a", "d", 2], ["d", "c", 2], ["c", "e", 1]];
const results = {};
for (const [name, pair] of Object.entries({
  "one edge of 1": [["a", "b", 1]],
  "edges of 1 and 5": [["a", "b", 1], ["a", "b", 5]],
  "edges of 5 and 1": [["a", "b", 5], ["a", "b", 1]],
  "5 from a to b, 1 from b to a": [["a", "b", 5], ["b", "a", 1]],
})) {
  const edges = [...pair, ...rest];
  const elements = made(edges).elements();
  const scores = elements.betweennessCentrality({ weight });
  const found = ids.map((id) => scores.betweenness(elements.getElementById(id)));
  const right = betweenness(least(edges));
  results[name] = { found, right };
  console.log(`${name}: betweenness of ${ids} ${found}, right is ${right}`);
  const root = elements.getElementById("a");
  const goal = elements.getElementById("c");
  const far = elements.dijkstra({ root, weight }).distanceTo(goal);
  const also = elements.floydWarshall({ weight }).distance(root, goal);
  assert.deepEqual([far, also], [2, 2], "changed: the other functions");
  assert.deepEqual(right, results["one edge of 1"].right, "the oracle");
  assert.deepEqual(found, betweenness(first(edges)), "changed: another edge is taken");
}
const { right } = results["one edge of 1"];
assert.deepEqual(results["edges of 1 and 5"].found, right, "changed: the control");
for (const name of ["edges of 5 and 1", "5 from a to b, 1 from b to a"])
  assert.notDeepEqual(results[name].found, right, "changed: the shortest edge is taken");
console.log("as described: the first of parallel edges is taken, not the shortest");
JAVASCRIPT
node check.js
