#!/usr/bin/env bash
# graphology-graphml 0.5.2 (npm), parse of files with a default of a key or with edges of a direction of their own.
#
# Expected: as the GraphML Primer says, an edge without the value of a key has the default of the key, and an edge says by
#   directed="true" or "false" if it is other than the edgedefault of the graph. Whether a value is written at an edge or
#   is the default is no matter.
# Real: values at edges and nodes are cast to the type of the key, defaults are not: a weight of 5 comes as the text "5".
#   To graphology's weights what is no number is 1. And directed="true" is seen in an undirected graph, directed="false" is
#   not in a directed one: such an edge runs one way.
# Why it matters: writers leave out what is the default, and that is most edges then. In distances, degrees, PageRank and
#   modularity each of them weighs 1 beside the written ones, whatever the default says; where one adds up values oneself
#   JavaScript joins texts. A street with traffic both ways is closed in one of them. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-graphml@0.5.2 \
  graphology-shortest-path@2.1.0 graphology-metrics@2.4.2 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const Graph = require("graphology");
const graphml = require("graphology-graphml");
const { dijkstra, bidirectional } = require("graphology-shortest-path");
const { weightedDegree } = require("graphology-metrics/node");

const file = (edgedefault, fallback, edges) => `<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="w" for="edge" attr.name="weight" attr.type="double">${fallback}</key>
<graph edgedefault="${edgedefault}"><node id="a"/><node id="b"/><node id="c"/>${edges}</graph></graphml>`;
const weight = (value) => `<data key="w">${value}</data>`;
const edge = (source, target, inner = "", more = "") => `<edge source="${source}" target="${target}"${more}>${inner}</edge>`;

// a-b and b-c have 5, a-c has 8: the direct way is the shorter one
const short = file("undirected", "<default>5</default>", edge("a", "b") + edge("b", "c") + edge("a", "c", weight(8)));
const long = file("undirected", "", edge("a", "b", weight(5)) + edge("b", "c", weight(5)) + edge("a", "c", weight(8)));
const found = [long, short].map((text) => {
  const graph = graphml.parse(Graph, text);
  return {
    weights: graph.mapEdges((_, { weight }) => weight),
    path: dijkstra.bidirectional(graph, "a", "c").join("-"),
    degree: weightedDegree(graph, "b"),
  };
});
console.log("5 written at the edges:", JSON.stringify(found[0]));
console.log("5 as the default:      ", JSON.stringify(found[1]));
assert.deepEqual(found[0], { weights: [5, 5, 8], path: "a-c", degree: 10 }, "changed: the control");
assert.notDeepEqual(found[1], found[0], "changed: a default is a number");
assert.deepEqual(found[1], { weights: ["5", "5", 8], path: "a-b-c", degree: 2 }, "changed: what comes instead");

const ways = (edgedefault, directed) => {
  const graph = graphml.parse(Graph, file(edgedefault, "", edge("a", "b") + edge("b", "c", "", ` directed="${directed}"`)));
  return [["b", "c"], ["c", "b"]].map((pair) => bidirectional(graph, ...pair) !== null);
};
for (const [edgedefault, directed, right] of [
  ["undirected", true, [true, false]],
  ["undirected", false, [true, true]],
  ["directed", true, [true, false]],
  ["directed", false, [true, true]],
]) {
  const own = ways(edgedefault, directed);
  console.log(`directed="${directed}" where edgedefault="${edgedefault}": there and back ${own}; right is ${right}`);
  const expected = edgedefault === "directed" && !directed ? [true, false] : right;
  assert.deepEqual(own, expected, "changed: the direction of an edge");
}
console.log("as described: a default is a text, and no edge of a directed graph is undirected");
JAVASCRIPT
node check.js
