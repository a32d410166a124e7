#!/usr/bin/env bash
# ngraph.path 1.6.1 (npm), aStar, aGreedy and nba with a distance or a blocked that asks for the direction.
#
# Expected: distance(fromNode, toNode, link) is the length of going from the one to the other, and blocked(fromNode, toNode,
#   link) says whether that is barred: these are the names on its page and in its types. In an oriented graph they are the
#   ends of the link, and the path found is the shortest one. nba is the one that "guarantees optimal shortest path".
# Real: aStar asks for the way back: fromNode is where the link ends, and toNode where it begins. nba and aGreedy, which
#   search from both sides, ask for the way forth in one half and for the way back in the other, so that what nba finds is
#   the shortest path of neither. Where the length is taken from the ends of the link, all is right.
# Why it matters: climbing, headwind and the one-way streets of a day are lengths that depend on the direction. The route
#   up a hill is the one that is best for going down, a road closed one way is taken, and the other way it is left out.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit ngraph.graph@20.1.2 ngraph.path@1.6.1 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const createGraph = require("ngraph.graph");
const path = require("ngraph.path");

let seed = 1;
const random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;
const climb = (from, to) => 1 + Math.max(0, to.data.height - from.data.height) ** 2; // the steeper the worse

// both ways between some of the nodes, each at its height
function hills(n) {
  const graph = createGraph();
  for (let i = 0; i < n; i++) graph.addNode(i, { height: 10 * random() });
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) if (random() < 0.35) graph.addLink(i, j), graph.addLink(j, i);
  return graph;
}

// the shortest lengths of all pairs
function shortest(graph, length) {
  const nodes = [];
  graph.forEachNode((node) => void nodes.push(node));
  const d = nodes.map((u) => nodes.map((v) => (u === v ? 0 : graph.getLink(u.id, v.id) ? length(u, v) : Infinity)));
  for (let k = 0; k < d.length; k++)
    for (let i = 0; i < d.length; i++) for (let j = 0; j < d.length; j++) d[i][j] = Math.min(d[i][j], d[i][k] + d[k][j]);
  return d;
}

function walked(found, from) {
  const nodes = found[0].id === from ? found : [...found].reverse(); // found has the target first
  return nodes.slice(1).reduce((sum, node, i) => sum + climb(nodes[i], node), 0);
}

const finders = { aStar: path.aStar, nba: path.nba };
for (const [name, finder] of Object.entries(finders))
  for (const byLink of [false, true]) {
    let [pairs, longer, neither] = [0, 0, 0];
    for (let draw = 0; draw < 100; draw++) {
      const graph = hills(9);
      const right = shortest(graph, climb);
      const turned = shortest(graph, (u, v) => climb(v, u)); // each step has the length of the way back
      const ofLink = (from, to, link) => climb(graph.getNode(link.fromId), graph.getNode(link.toId));
      const search = finder(graph, { oriented: true, distance: byLink ? ofLink : climb });
      for (let i = 0; i < 9; i++)
        for (let j = 0; j < 9; j++) {
          const found = i === j ? [] : search.find(i, j);
          if (!found.length) continue;
          const [forth, back] = [walked(found, i) > right[i][j] + 1e-9, walked(found, j) > turned[i][j] + 1e-9];
          pairs++;
          longer += forth;
          neither += forth && back;
        }
    }
    console.log(`${name}, length by the ${byLink ? "link" : "nodes"}: ${longer} of ${pairs} paths are not the shortest,`,
      `${neither} not that of the way back either`);
    if (byLink) assert.equal(longer, 0, "changed: the control");
    else assert(longer > pairs / 5, "changed: from and to are those of the way");
    if (!byLink) assert.equal(neither > 0, name === "nba", "changed: whose shortest path it is");
  }

const graph = createGraph();
["a", "b", "c"].forEach((name) => graph.addNode(name));
[["a", "b"], ["b", "a"], ["a", "c"], ["c", "a"], ["c", "b"], ["b", "c"]].forEach(([from, to]) => graph.addLink(from, to));
const search = path.aStar(graph, { oriented: true, blocked: (from, to) => from.id === "a" && to.id === "b" });
const [there, back] = [search.find("a", "b"), search.find("b", "a")].map((found) => found.length - 1);
console.log(`aStar, barred from a to b: from a to b in ${there} steps, from b to a in ${back}; right is 2 and 1`);
assert.deepEqual([there, back], [1, 2], "changed: what is barred");
console.log("as described: the length of a step is asked for the way back");
JAVASCRIPT
node check.js
