#!/usr/bin/env bash
# @thi.ng/adjacency 2.5.53 with @thi.ng/sparse 0.3.120 (npm), laplacianMat and deformedLaplacian of an adjacency matrix.
#
# Expected: D - A, with the degrees on the diagonal, as its page says; rows sum to 0. The deformed one is I - n A +
#   n^2 (D - I), which is the same for n = 1.
# Real: the difference of two sparse matrices keeps only what the second one has: places that only the first has are
#   dropped. D - A is -A with nothing on the diagonal, and of the deformed one n^2 (D - I) is left, without an edge in it.
#   Sums are made in the same way. degreeMat and normalizedLaplacian, which need neither, are right.
# Why it matters: the eigenvalues are those of the adjacency with the other sign: the number of components, the cut by the
#   Fiedler vector and the number of spanning trees, which is what one takes a Laplacian for, come out wrong.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit @thi.ng/adjacency@2.5.53 @thi.ng/sparse@0.3.120 >/dev/null
cat > check.mjs <<'JAVASCRIPT'
import assert from "node:assert";
import { defAdjMatrix } from "@thi.ng/adjacency";
import { CSR } from "@thi.ng/sparse";

let seed = 1;
const random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;
const dense = (matrix) => [...Array(matrix.m).keys()].map((i) => [...Array(matrix.n).keys()].map((j) => matrix.at(i, j) + 0));
const show = (rows) => rows.map((row) => row.join(" ")).join(" | ");
const same = (one, other) => one.every((row, i) => row.every((value, j) => Math.abs(value - other[i][j]) < 1e-9));

function laplacian(nodes, edges) {
  const rows = [...Array(nodes)].map(() => Array(nodes).fill(0));
  for (const [u, v] of edges) rows[u][u]++, rows[v][v]++, rows[u][v]--, rows[v][u]--;
  return rows;
}

function determinant(rows) {
  const left = rows.map((row) => [...row]);
  let value = 1;
  for (let k = 0; k < left.length; k++) {
    const pivot = left.findIndex((row, i) => i >= k && Math.abs(row[k]) > 1e-12);
    if (pivot < 0) return 0;
    if (pivot > k) [left[k], left[pivot], value] = [left[pivot], left[k], -value];
    value *= left[k][k];
    for (let i = k + 1; i < left.length; i++) {
      const share = left[i][k] / left[k][k];
      for (let j = k; j < left.length; j++) left[i][j] -= share * left[k][j];
    }
  }
  return value;
}

const path = [[0, 1], [1, 2], [2, 3]];
const graph = defAdjMatrix(4, path, true);
const found = dense(graph.laplacianMat());
console.log(`a path of four: ${show(found)}`);
console.log(`right is        ${show(laplacian(4, path))}`);
if (same(found, laplacian(4, path))) throw new Error("changed: the Laplacian is right");
console.log(`deformed, n = 1 ${show(dense(graph.deformedLaplacian(1)))}`);
console.log(`I - A           ${show(dense(CSR.identity(4).sub(graph)))}, as the difference of two sparse matrices`);

for (let draw = 0; draw < 50; draw++) {
  const edges = [];
  for (let u = 0; u < 7; u++) for (let v = u + 1; v < 7; v++) if (random() < 0.5) edges.push([u, v]);
  if (!edges.length) continue;
  const [made, right] = [defAdjMatrix(7, edges, true), laplacian(7, edges)];
  const degrees = dense(made.degreeMat());
  assert(same(degrees, right.map((row, i) => row.map((value, j) => (i === j ? value : 0)))), "changed: the degrees, the control");
  assert(same(dense(made.laplacianMat()), dense(made).map((row) => row.map((value) => -value))), "changed: what comes instead");
  for (const n of [1, 0.5]) {
    const left = degrees.map((row, i) => row.map((value, j) => (i === j ? n * n * (value - 1) : 0)));
    const deformed = dense(made.deformedLaplacian(n)).filter((_, i) => right[i][i]); // of nodes that have an edge
    assert(same(deformed, left.filter((_, i) => right[i][i])), "changed: the deformed one");
  }
}

// Kirchhoff: the determinant without one node is the number of spanning trees, n^(n - 2) of the complete graph
for (const nodes of [4, 5, 6]) {
  const edges = [...Array(nodes).keys()].flatMap((u) => [...Array(u).keys()].map((v) => [v, u]));
  const trees = (rows) => Math.round(determinant(rows.slice(1).map((row) => row.slice(1))));
  const counted = trees(dense(defAdjMatrix(nodes, edges, true).laplacianMat()));
  console.log(`complete graph of ${nodes}: ${counted} spanning trees, right is ${nodes ** (nodes - 2)}`);
  assert(trees(laplacian(nodes, edges)) === nodes ** (nodes - 2) && counted !== nodes ** (nodes - 2), "the oracle");
}
console.log("as described: the degrees are dropped from the difference");
JAVASCRIPT
node check.mjs
