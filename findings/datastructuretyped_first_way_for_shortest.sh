#!/usr/bin/env bash
# data-structure-typed 2.6.2 (npm), getMinPathBetween of DirectedGraph and UndirectedGraph without weights.
#
# Expected: the path of the fewest steps: the "minimum path" by "hop count", as its page says. getMinCostBetween beside it
#   has the number of these steps.
# Real: the ways are gone through in depth, by the order in which the edges were added, and the first one that ends at the
#   target is kept; the target is then marked as seen, and no other is looked at. It may go through every node of the graph.
# Why it matters: two functions of one class contradict each other, and a path is another one when the same edges come in
#   another order. Distances, betweenness and whatever is made of shortest paths are those of walks at random.
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

function build(Class, names, edges) {
  const graph = new Class();
  names.forEach((name) => graph.addVertex(name));
  edges.forEach(([from, to]) => graph.addEdge(from, to, 1));
  return graph;
}

function steps(graph, from) {
  const far = new Map([[from, 0]]);
  for (const node of far.keys())
    for (const near of graph.getNeighbors(node)) if (!far.has(near.key)) far.set(near.key, far.get(node) + 1);
  return far;
}

const path = (graph, from, to, ...more) => graph.getMinPathBetween(from, to, ...more).map((node) => node.key);

for (const edges of [[["a", "c"], ["a", "b"], ["b", "c"]], [["a", "b"], ["b", "c"], ["a", "c"]]]) {
  const graph = build(DirectedGraph, ["a", "b", "c"], edges);
  console.log(`${edges.map((ends) => ends.join(" to ")).join(", ")}: from a to c ${path(graph, "a", "c").join(", ")};`,
    `getMinCostBetween says ${graph.getMinCostBetween("a", "c")}, with weights of 1 ${path(graph, "a", "c", true).join(", ")}`);
}
const last = build(DirectedGraph, ["a", "b", "c"], [["a", "b"], ["b", "c"], ["a", "c"]]);
if (path(last, "a", "c").length === 2) throw new Error("changed: the path is the shortest");
assert.deepStrictEqual(path(last, "a", "c"), ["a", "b", "c"], "changed: which one comes");

const names = [..."abcdefghij"];
for (const Class of [DirectedGraph, UndirectedGraph]) {
  let [wrong, pairs, sum, right] = [0, 0, 0, 0];
  for (let draw = 0; draw < 50; draw++) {
    const allowed = (from, to) => (Class === DirectedGraph ? from !== to : from < to);
    const edges = names.flatMap((from) => names.filter((to) => allowed(from, to) && random() < 0.3).map((to) => [from, to]));
    edges.sort(() => random() - 0.5);
    const graph = build(Class, names, edges);
    for (const from of names)
      for (const [to, far] of steps(graph, from)) {
        if (from === to) continue;
        const found = path(graph, from, to);
        assert(found[0] === from && found[found.length - 1] === to, "changed: no path at all");
        assert(graph.getMinCostBetween(from, to) === far && path(graph, from, to, true).length - 1 === far, "the control: with weights");
        pairs++, (sum += found.length - 1), (right += far), (wrong += found.length - 1 > far);
      }
  }
  const mean = (value) => (value / pairs).toFixed(2);
  console.log(`50 graphs of ten nodes, ${Class.name}: ${wrong} of ${pairs} paths are too long,`,
    `${mean(sum)} steps on average, right is ${mean(right)}`);
  assert(wrong > pairs / 3, "changed: how many");
}
console.log("as described: the first way that is found is returned");
JAVASCRIPT
node check.js
