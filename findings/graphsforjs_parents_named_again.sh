#!/usr/bin/env bash
# graphs-for-js 1.0.1 (npm), GraphUtil.findShortestPath.
#
# Expected: the path with the fewest edges, with or without weights, and their number: the length of a path is "the number
#   of edges", as its page says.
# Real: a node is marked when it leaves the queue, not when it enters it. While it waits, another node of the same round
#   takes its place as the parent of what it has found, and a node that waits itself may come to stand behind one that is
#   as far away. The path goes back along these parents, with a detour, and its length is that of the detour.
# Why it matters: the target is found in the right round, so that nothing looks wrong. In sparse graphs a few paths in a
#   hundred are too long, in larger and denser ones, where a node waits longer, a third.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphs-for-js@1.0.1 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { Graph, GraphUtil } = require("graphs-for-js");

let seed = 1;
const random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;

function build(directed, nodes, edges) {
  const graph = directed ? new Graph().noKey().directed.unweighted() : new Graph().noKey().undirected.unweighted();
  graph.insert(...Array(nodes).keys());
  edges.forEach(([from, to]) => graph.connect(from, to));
  return graph;
}

function steps(directed, nodes, edges, start) {
  const far = Array(nodes).fill(Infinity);
  far[start] = 0;
  for (let round = 0; round < nodes; round++)
    for (const [from, to] of edges) {
      far[to] = Math.min(far[to], far[from] + 1);
      if (!directed) far[from] = Math.min(far[from], far[to] + 1);
    }
  return far;
}

const square = [[0, 1], [0, 2], [1, 2], [2, 3]];
const { path, pathSize } = GraphUtil.findShortestPath(build(true, 4, square), 0, 3);
console.log(`0 to 1 and 2, 1 to 2, 2 to 3: from 0 to 3 ${path.join(", ")}, length ${pathSize}; right is 0, 2, 3, length 2`);
if (pathSize === 2) throw new Error("changed: the path is the shortest");
assert.deepStrictEqual(path, [0, 1, 2, 3], "changed: which one comes");

for (const directed of [true, false])
  for (const [nodes, share] of [[10, 0.15], [10, 0.3], [40, 0.1]]) {
    let [wrong, pairs, none] = [0, 0, 0];
    for (let draw = 0; draw < 20; draw++) {
      const edges = [];
      for (let from = 0; from < nodes; from++)
        for (let to = directed ? 0 : from + 1; to < nodes; to++) if (from !== to && random() < share) edges.push([from, to]);
      edges.sort(() => random() - 0.5);
      const graph = build(directed, nodes, edges);
      for (let start = 0; start < nodes; start++)
        steps(directed, nodes, edges, start).forEach((far, end) => {
          const found = GraphUtil.findShortestPath(graph, start, end);
          if (far === Infinity) return assert(found.pathSize === -1 && ++none, "changed: what is not reached");
          assert(found.path.length - 1 === found.pathSize && found.pathSize >= far, "changed: too short, or not its own length");
          assert(far > 1 || found.pathSize === far, "changed: neighbors, the control");
          if (far > 1) pairs++, (wrong += found.pathSize > far);
        });
    }
    console.log(`${directed ? "directed" : "undirected"}, ${nodes} nodes, ${share} of the edges: ${wrong} of ${pairs} paths of two edges or more are too long`);
    assert(wrong > 0, "changed: how many");
  }
console.log("as described: parents are named again while a node waits");
JAVASCRIPT
node check.js
