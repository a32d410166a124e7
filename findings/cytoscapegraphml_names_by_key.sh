#!/usr/bin/env bash
# cytoscape-graphml 1.0.6 (npm), graphml(text): import of files with keys.
#
# Expected: what GraphML has: <data key="d1"> is the attribute whose name and type <key id="d1"> declares.
#   graphology-graphml reads the same file so, and NetworkX, which wrote it.
# Real: <key> is not read. An attribute is called by the id of its key, and all values are text. NetworkX numbers its
#   keys by where they first occur: d0 of one file is the age of a node, d0 of another the weight of an edge.
# Why it matters: nothing is said, and the algorithms of Cytoscape.js take what there is: of "weight" there is nothing,
#   and of "d1" the distances are strung together, so that the shorter way loses. Files of other programs lose what
#   their numbers mean; only those of the extension itself have names for ids.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet networkx==3.6.1
cd "$folder"
npm install --silent --no-fund --no-audit jsdom@26.1.0 jquery@3.7.1 cytoscape@3.33.1 cytoscape-graphml@1.0.6 >/dev/null
npm install --silent --no-fund --no-audit graphology@0.26.0 graphology-types@0.24.8 graphology-graphml@0.5.2 >/dev/null
venv/bin/python - <<'PYTHON'
import networkx as nx

graph = nx.Graph()
graph.add_node("a", age=3)
graph.add_weighted_edges_from([("a", "b", 9.0), ("b", "c", 9.5), ("a", "c", 20.0)])
nx.write_graphml(graph, "ages.graphml")
for node in graph:
    graph.nodes[node].clear()
nx.write_graphml(graph, "plain.graphml")
PYTHON
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const fs = require("fs");
const { JSDOM } = require("jsdom");

const { window } = new JSDOM("<html></html>");
Object.assign(global, { window, document: window.document, XMLSerializer: window.XMLSerializer });
console.warn = () => {}; // of styles
const cytoscape = require("cytoscape");
require("cytoscape-graphml")(cytoscape, require("jquery"));
const Graph = require("graphology");
const graphml = require("graphology-graphml");

function imported(name) {
  const cy = cytoscape({ headless: true });
  cy.graphml({ layoutBy: "grid" });
  cy.graphml(fs.readFileSync(name, "utf8"));
  return cy;
}
const values = ({ id, source, target, ...rest }) => rest;
const edgeOf = (cy, u, v) => cy.edges().filter((e) => `${e.source().id()}${e.target().id()}` === u + v)[0];

for (const [name, key] of [["ages.graphml", "d1"], ["plain.graphml", "d0"]]) {
  const cy = imported(name);
  const right = graphml.parse(Graph, fs.readFileSync(name, "utf8"));
  assert.strictEqual(right.getEdgeAttribute("a", "c", "weight"), 20, "the oracle, graphology");
  assert(cy.nodes().length === 3 && cy.edges().length === 3, "changed: the control, nodes and edges");
  const [found, other] = [values(edgeOf(cy, "a", "b").data()), values(edgeOf(cy, "a", "c").data())];
  console.log(`${name}, edge from a to b: ${JSON.stringify(found)}, from a to c: ${JSON.stringify(other)};`,
    `in graphology ${JSON.stringify(right.getEdgeAttributes("a", "b"))}, ${JSON.stringify(right.getEdgeAttributes("a", "c"))}`);
  if (found.weight === 9) throw new Error("changed: the weight is read");
  assert.deepStrictEqual(found, { [key]: "9.0" }, "changed: an edge");
  assert.deepStrictEqual(other, { [key]: "20.0" }, "changed: an edge");
}
const cy = imported("ages.graphml");
console.log("node a:", JSON.stringify(values(cy.$("#a").data())));
assert.deepStrictEqual(values(cy.$("#a").data()), { d0: "3" }, "changed: a node");

const distance = (graph, weight) => graph.elements().dijkstra({ root: "#a", weight }).distanceTo("#c");
const typed = cytoscape({ headless: true, elements: cy.elements().map((e) => e.json()) });
typed.edges().forEach((edge) => edge.data("weight", Number(edge.data("d1"))));
const right = distance(typed, (edge) => edge.data("weight"));
const [text, nothing] = ["d1", "weight"].map((key) => distance(cy, (edge) => edge.data(key)));
console.log(`from a to c, by "weight": ${nothing}, by "d1": ${JSON.stringify(text)}; right is ${right}`);
assert(right === 18.5, "the oracle, numbers by name");
assert(Number(text) !== 18.5 && nothing !== 18.5, "changed: the distance");

const back = cytoscape({ headless: true, elements: [{ data: { id: "u", size: 4 } }] });
const again = cytoscape({ headless: true });
again.graphml({ layoutBy: "grid" });
again.graphml(back.graphml());
assert.strictEqual(again.$("#u").data("size"), "4", "changed: its own files");
console.log("as described: attributes have the ids of their keys for names, and are text");
JAVASCRIPT
node check.js
