#!/usr/bin/env bash
# graph-data-structure 4.5.0 (npm), lowestCommonAncestors of an acyclic graph whose nodes have several parents.
#
# Expected: "an array containing the lowest common ancestors", as the page says: common ancestors of the two nodes,
#   edges leading to parents, that are not ancestors of another common one.
# Real: from the second node one way is followed up to the first common ancestor on it, whether or not another way has a
#   lower one. What is beside that way is added where it is common itself, and not followed where it is not. The list
#   has higher ones, lacks lowest ones, or both; with the nodes exchanged it is another.
# Why it matters: the merge base of two branches, the closest common term of an ontology and the first common cause are
#   asked for in this way. A root comes beside the true one, or in its place.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graph-data-structure@4.5.0 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const { Graph, lowestCommonAncestors } = require("graph-data-structure");

let state = 1;
const random = () => (state = (48271 * state) % 2147483647) / 2147483647;

function made(edges) {
  const graph = new Graph();
  edges.forEach(([child, parent]) => graph.addEdge(child, parent));
  return graph;
}

// a node and all that can be reached from it
function above(edges, node) {
  const found = new Set([node]);
  for (const other of found) edges.forEach(([child, parent]) => child === other && found.add(parent));
  return found;
}

function right(edges, first, second) {
  const [one, two] = [above(edges, first), above(edges, second)];
  const common = [...one].filter((node) => two.has(node));
  return common.filter((node) => !common.some((other) => other !== node && above(edges, other).has(node))).sort();
}

const commits = [
  ["fix", "base"], ["fix", "import"], ["import", "root"],
  ["feature", "work"], ["feature", "base"], ["work", "root"], ["base", "root"],
];
const found = lowestCommonAncestors(made(commits), "fix", "feature");
console.log(`fix and feature: ${found}, right is ${right(commits, "fix", "feature")}`);
if (found.join() === "base") throw new Error("changed: the lowest alone");
assert.deepEqual(found, ["root", "base"], "changed: what comes instead");
commits.push(["feature", "merge"], ["merge", "base"]);
commits.splice(commits.findIndex((edge) => edge.join() === "feature,base"), 1);
const other = lowestCommonAncestors(made(commits), "fix", "feature");
console.log(`with a merge between feature and base: ${other}, right is ${right(commits, "fix", "feature")}`);
assert.deepEqual(other, ["root"], "changed: the lowest is not followed");

const counts = { "one parent each": [0, 0, 0, 0], "several parents": [0, 0, 0, 0] };
for (const [kind, count] of Object.entries(counts))
  for (let round = 0; round < 300; round++) {
    const edges = [];
    for (let child = 1; child < 9; child++) {
      const parents = kind === "one parent each" ? 1 : 1 + Math.floor(2 * random());
      for (let i = 0; i < parents; i++) {
        const parent = Math.floor(child * random());
        if (!edges.some((edge) => edge[0] === child && edge[1] === parent)) edges.push([child, parent]);
      }
    }
    const [first, second] = [7, 8];
    const truth = right(edges, first, second);
    const lists = [[first, second], [second, first]].map((pair) => lowestCommonAncestors(made(edges), ...pair).sort());
    count[0] += lists[0].some((node) => !truth.includes(node));
    count[1] += truth.some((node) => !lists[0].includes(node));
    count[2] += lists[0].join() !== lists[1].join();
    count[3]++;
  }
for (const [kind, [higher, lacking, order, all]] of Object.entries(counts))
  console.log(`${all} random graphs, ${kind}: ${higher} lists have higher ones, ${lacking} lack lowest ones,`,
    `${order} are others with the nodes exchanged`);
assert.deepEqual(counts["one parent each"], [0, 0, 0, 300], "changed: the control, trees");
assert(Math.min(...counts["several parents"]) > 5, "changed: the counts");
console.log("as described: what one way meets first is taken for the lowest");
JAVASCRIPT
node check.js
