#!/usr/bin/env bash
# graphlib-dot 0.6.4 (npm), read: "edge [...]" and "node [...]" in a subgraph.
#
# Expected: what the language has: a default that is set in a subgraph holds in it, from there to its closing brace, and
#   what stands behind the brace has the defaults from before. Graphviz itself, run here as @viz-js/viz, has it so.
# Real: the defaults of a subgraph are a copy of the outer ones in which "edge" and "node" are the same objects. What is
#   set inside is set outside, too, and holds for all that comes after the subgraph.
# Why it matters: files of clusters, each with its own weight of edges, are what subgraphs are there for. Edges between
#   clusters get the weight of the last cluster; what one computes from the graph is that of another file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit graphlib@2.1.8 graphlib-dot@0.6.4 @viz-js/viz@3.28.0 >/dev/null
cat > check.mjs <<'JAVASCRIPT'
import assert from "assert";
import dot from "graphlib-dot";
import graphlib from "graphlib";
import { instance } from "@viz-js/viz";

const viz = await instance();

// {"a b": weight} by Graphviz and by graphlib-dot
function graphviz(text) {
  const drawn = viz.renderJSON(text);
  const name = (place) => drawn.objects[place].name;
  return Object.fromEntries(drawn.edges.map((e) => [`${name(e.tail)} ${name(e.head)}`, e.weight ?? ""]));
}
function graphlibDot(graph) {
  return Object.fromEntries(graph.edges().map((e) => [`${e.v} ${e.w}`, graph.edge(e).weight ?? ""]));
}

const clusters = `digraph {
  edge [weight=1]
  subgraph cluster_left { edge [weight=9]; a -> b; b -> c }
  subgraph cluster_right { d -> e; edge [weight=5]; e -> f }
  c -> d; f -> a
}`;
const right = graphviz(clusters);
const found = graphlibDot(dot.read(clusters));
console.log("two clusters, weights by Graphviz:", JSON.stringify(right));
console.log("                  by graphlib-dot:", JSON.stringify(found));
assert.deepStrictEqual(right, { "a b": "9", "b c": "9", "d e": "1", "e f": "5", "c d": "1", "f a": "1" });
if (JSON.stringify(found) === JSON.stringify(right)) throw new Error("changed: the weights are right");
assert.deepStrictEqual(found, { "a b": "9", "b c": "9", "d e": "9", "e f": "5", "c d": "5", "f a": "5" });

const path = (text) =>
  graphlib.alg.dijkstra(dot.read(text), "a", (e) => Number(dot.read(text).edge(e).weight)).d.distance;
console.log(`from a to d, by the shortest path in graphlib: ${path(clusters)}, right is 19`);
assert.strictEqual(path(clusters), 9 + 9 + 5, "changed: the path");

// defaults that no subgraph sets, and those of nodes
const plain = "digraph { edge [weight=2]; a -> b; edge [weight=3]; b -> c; subgraph { c -> d [weight=7] } d -> e }";
assert.deepStrictEqual(graphlibDot(dot.read(plain)), graphviz(plain), "changed: the control");
const nodes = dot.read("digraph { subgraph { node [group=left]; a } b }");
console.log("node b behind the subgraph of a:", JSON.stringify(nodes.node("b")));
assert.deepStrictEqual(nodes.node("b"), { group: "left" }, "changed: nodes");
const other = viz.renderJSON("digraph { subgraph { node [group=left]; a } b }").objects.find((o) => o.name === "b");
assert(!other.group, "the oracle: Graphviz has no group for b");

// random files: each edge behind the first subgraph has the last default that was set anywhere
let state = 1;
const draw = (n) => (state = (48271 * state) % 2147483647) % n;
let [wrong, total] = [0, 0];
for (let trial = 0; trial < 200; trial++) {
  let [text, last, counter] = ["digraph { edge [weight=1]; ", 1, 0];
  const expected = {};
  const edge = () => {
    expected[`n${counter} n${counter + 1}`] = `${last}`;
    text += `n${counter} -> n${counter + 1}; `;
    counter += 2;
  };
  for (let part = 0; part < 4; part++) {
    text += `subgraph s${part} { `;
    for (let i = 0; i < 3; i++) draw(2) ? edge() : (text += `edge [weight=${(last = 2 + draw(8))}]; `);
    text += "} ";
    edge();
  }
  text += "}";
  const [one, two] = [graphlibDot(dot.read(text)), graphviz(text)];
  assert.deepStrictEqual(one, expected, "changed: what comes instead");
  for (const key in two) {
    wrong += one[key] !== two[key];
    total++;
  }
}
console.log(`200 random files of four subgraphs: ${wrong} of ${total} edges have another weight than in Graphviz`);
assert(wrong > total / 4, "changed: how many are wrong");
console.log("as described: what a subgraph sets holds outside of it");
JAVASCRIPT
node check.mjs
