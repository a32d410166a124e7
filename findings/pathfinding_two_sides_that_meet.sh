#!/usr/bin/env bash
# pathfinding 0.4.18 (npm, PathFinding.js), BiDijkstraFinder and BiBreadthFirstFinder where diagonal moves are allowed.
#
# Expected: the shortest path, diagonal steps counted as the root of 2, and for BiBreadthFirstFinder the fewest steps: its
#   page has both among the finders that "are guaranteed to find the shortest path". A search from both ends is done when
#   no way over any other cell can be shorter, not when the two sides meet (Pohl 1971).
# Real: both return the first path there is, as soon as a cell of one side has a neighbor that the other side has seen.
#   Sides go on by one cell after the other, and a cell that lies on a way round may be seen first. The searches from one
#   end, DijkstraFinder and BreadthFirstFinder, are exact; so are both where there are no diagonal moves.
# Why it matters: the search from both ends is taken for the same result, only faster. In grids with three cells in ten
#   blocked a path in six is longer than need be, and from the other end it may have another length.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-fund --no-audit pathfinding@0.4.18 >/dev/null
cat > check.js <<'JAVASCRIPT'
const assert = require("assert");
const fs = require("fs");
const PF = require("pathfinding");

let seed = 1;
const random = () => (seed = (16807 * seed) % 2147483647) / 2147483647;
const { Always, IfAtMostOneObstacle, OnlyWhenNoObstacles, Never } = PF.DiagonalMovement;

function blocked(size, share) {
  const rows = [...Array(size)].map(() => [...Array(size)].map(() => Number(random() < share)));
  rows[0][0] = rows[size - 1][size - 1] = 0;
  return rows;
}

// the least sum of all ways, by Bellman and Ford over the moves that the grid allows
function shortest(rows, movement, step) {
  const size = rows.length, grid = new PF.Grid(rows), far = rows.map((row) => row.map(() => Infinity));
  far[0][0] = 0;
  for (let changed = true; changed; ) {
    changed = false;
    for (let y = 0; y < size; y++)
      for (let x = 0; x < size; x++)
        if (far[y][x] < Infinity)
          for (const near of grid.getNeighbors(grid.getNodeAt(x, y), movement)) {
            const way = far[y][x] + step(near.x - x, near.y - y);
            if (way < far[near.y][near.x] - 1e-9) (far[near.y][near.x] = way), (changed = true);
          }
  }
  return far[size - 1][size - 1];
}

const length = (path) => (path.length ? PF.Util.pathLength(path) : Infinity);
const page = fs.readFileSync("node_modules/pathfinding/README.md", "utf8");
for (const finder of ["BiDijkstraFinder", "BiBreadthFirstFinder"]) assert(page.includes("`" + finder + "` *"), "the words of its page");
assert(page.includes("guaranteed to find the shortest path"), "the words of its page");

const kinds = [
  ["BiDijkstraFinder", "DijkstraFinder", Math.hypot, length],
  ["BiBreadthFirstFinder", "BreadthFirstFinder", () => 1, (path) => (path.length ? path.length - 1 : Infinity)],
];
for (const [both, one, step, measure] of kinds)
  for (const [name, movement] of Object.entries({ Never, Always, IfAtMostOneObstacle, OnlyWhenNoObstacles })) {
    let [wrong, ways, most, turned] = [0, 0, 1, 0];
    for (let draw = 0; draw < 300; draw++) {
      const rows = blocked(12, 0.3), right = shortest(rows, movement, step);
      const find = (finder, ...ends) => measure(new PF[finder]({ diagonalMovement: movement }).findPath(...ends, new PF.Grid(rows)));
      if (right === Infinity) continue;
      ways++;
      assert(Math.abs(find(one, 0, 0, 11, 11) - right) < 1e-6, "the oracle: the search from one end");
      const found = find(both, 0, 0, 11, 11);
      assert(found > right - 1e-6 && found < Infinity, "changed: too short, or no path");
      if (found > right + 1e-6) wrong++, (most = Math.max(most, found / right));
      if (Math.abs(find(both, 11, 11, 0, 0) - found) > 1e-6) turned++;
    }
    const more = Math.round(100 * most - 100);
    console.log(`${both}, ${name}: ${wrong} of ${ways} paths are not the shortest, by up to ${more} %; ${turned} are others from the other end`);
    if (!wrong && name === "Always") throw new Error("changed: the paths are the shortest");
    assert(name === "Never" ? !wrong : wrong > 0, "changed: where it is wrong");
  }
console.log("as described: the search ends where the two sides meet");
JAVASCRIPT
node check.js
