#!/usr/bin/env bash
# elementary-circuits-directed-graph 1.3.1 (npm).
#
# Expected: "finds all the elementary circuits of a directed graph", by the method of Johnson (1975), whom its page names.
# Real: whether a node lies on a circuit is told by its last neighbor alone: what the neighbors before it found is written
#   over. The node then stays blocked, and in the lists by which it would be freed later the neighbor stands in its own
#   list, in place of the node. Circuits over it are left out; none is made up. How many it is depends on the numbers of
#   the nodes, and complete graphs come out right.
# Why it matters: circuits are feedback in networks of genes, signals and trade, and their number by length is a measure of
#   its own. Three nodes are enough for one to be missing, and of seven nodes with half of the edges more than half are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit elementary-circuits-directed-graph@1.3.1 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const findCircuits = require("elementary-circuits-directed-graph");

let seed = 1;
const random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;

// every way from a node over larger ones back to it
function all(near) {
  const found = new Set();
  const go = (path) => {
    for (const next of near[path[path.length - 1]])
      if (next === path[0]) found.add(path.join("-"));
      else if (next > path[0] && !path.includes(next)) go([...path, next]);
  };
  near.forEach((_, node) => go([node]));
  return found;
}

// its own: the last node of each is the first again
const circuits = (near) => new Set(findCircuits(near.map((row) => [...row])).map((circuit) => circuit.slice(0, -1).join("-")));

const page = [[1], [2, 3], [4], [2], [0]];
assert.deepStrictEqual([...circuits(page)].sort(), [...all(page)].sort(), "changed: the example of its page, the control");

const small = [[1, 2], [0, 2], [1]];
console.log(`0 to 1 and 2, 1 to 0 and 2, 2 to 1: ${[...circuits(small)].join(", ")}; right is ${[...all(small)].join(", ")}`);
if (circuits(small).size === all(small).size) throw new Error("changed: all circuits are found");
assert(all(small).has("0-2-1") && !circuits(small).has("0-2-1"), "changed: which one is missing");

for (const nodes of [3, 4, 5, 6]) {
  const near = [...Array(nodes)].map((_, node) => [...Array(nodes).keys()].filter((other) => other !== node));
  let count = 0; // of k nodes out of n in (k - 1)! orders
  for (let k = 2, chosen = nodes, orders = 1; k <= nodes; orders *= k, k++) (chosen *= (nodes - k + 1) / k), (count += chosen * orders);
  const found = circuits(near).size;
  console.log(`complete graph of ${nodes}: ${found} circuits, right is ${Math.round(count)}`);
  assert(all(near).size === Math.round(count), "the oracle: the closed form");
  assert(found === Math.round(count), "changed: complete graphs");
}

for (const share of [0.2, 0.35, 0.5]) {
  let [missing, total, graphs, turned] = [0, 0, 0, 0];
  for (let draw = 0; draw < 300; draw++) {
    const near = [...Array(7)].map((_, node) => [...Array(7).keys()].filter((other) => other !== node && random() < share));
    const [found, right] = [circuits(near), all(near)];
    assert([...found].every((circuit) => right.has(circuit)), "changed: a circuit that is none");
    (missing += right.size - found.size), (total += right.size), (graphs += found.size < right.size);
    const back = near.map((_, node) => near[6 - node].map((other) => 6 - other)); // the same graph, counted from the end
    turned += circuits(back).size !== found.size;
  }
  console.log(`300 graphs of 7 nodes, ${share} of the edges: ${missing} of ${total} circuits are missing, in ${graphs} graphs;`,
    `${turned} have another number when the nodes are counted from the end`);
  assert(missing > 0 && turned > 0, "changed: how many");
}
console.log("as described: nodes stay blocked, and circuits over them are left out");
JAVASCRIPT
node check.js
