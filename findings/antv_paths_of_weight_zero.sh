#!/usr/bin/env bash
# @antv/algorithm 0.1.26 (npm), findShortestPath and dijkstra with weightPropertyName.
#
# Expected: an edge of weight 0 has the length 0, the one that Dijkstra's algorithm allows below all others.
# Real: it has the length 1, as an edge without a weight has: whether there is one is asked by its truth. Lengths of
#   10^-9 are taken as they are, so that the length of a path jumps by 1 as one of its edges goes to 0.
# Why it matters: distances from 0 on are common: points that occur twice, stations of one place, costs that are waived.
#   The free edge is then the dearest where lengths are below 1, and path, length and every ranking by them are another's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit @antv/algorithm@0.1.26 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { dijkstra, findShortestPath } = require("@antv/algorithm");

const ids = ["a", "b", "c", "d"];
const data = (edges) => ({
  nodes: ids.map((id) => ({ id })),
  edges: edges.map(([source, target, weight]) => ({ source, target, weight })),
});

// lengths from a, by trying all orders of the nodes between
function shortest(edges, target, seen = ["a"]) {
  const last = seen[seen.length - 1];
  if (last === target) return 0;
  let best = Infinity;
  for (const [u, v, length] of edges)
    for (const [here, there] of [[u, v], [v, u]])
      if (here === last && !seen.includes(there))
        best = Math.min(best, length + shortest(edges, target, [...seen, there]));
  return best;
}

const results = {};
for (const free of [0.1, 1e-9, 0]) {
  const edges = [["a", "b", free], ["b", "c", 0.25], ["c", "d", free], ["a", "d", 0.5]];
  const { length, path } = findShortestPath(data(edges), "a", "d", false, "weight");
  results[free] = { length, path: path.join("-") };
  console.log(`edges of ${free}: from a to d by ${path.join("-")}, length ${length}; right is ${shortest(edges, "d")}`);
  for (const id of ids) {
    const own = dijkstra(data(edges), "a", false, "weight").length[id];
    const read = shortest(edges.map(([u, v, w]) => [u, v, w === 0 ? 1 : w]), id);
    assert(Math.abs(own - read) < 1e-12, "changed: a weight of 0 is not 1");
    if (free > 0) assert(Math.abs(own - shortest(edges, id)) < 1e-12, "changed: the control");
  }
}
assert.equal(results[1e-9].path, "a-b-c-d", "changed: the control");
assert.deepEqual(results[0], { length: 0.5, path: "a-d" }, "changed: the free edges are taken");
console.log("as described: an edge of weight 0 is one of length 1");
JAVASCRIPT
node check.js
