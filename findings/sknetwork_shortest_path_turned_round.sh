#!/usr/bin/env bash
# scikit-network 0.33.5, path.get_shortest_path(..., force_bipartite=True).
#
# Expected: what its page says of a matrix that is taken for a biadjacency matrix: the graph of the shortest paths from
#   the source, which is a row, over rows and columns, of shape (n_row + n_col, n_row + n_col). With source_row= it is
#   so, and source is another name for that.
# Real: the argument is handed on to get_distances by its place, which is that of transpose. The distances are those of
#   the transposed matrix, from the column of that number, and the graph is not made bipartite. A square matrix gives a
#   result of its own shape; of any other the distances of the columns are laid on the rows and the other way round.
#   Nothing is said.
# Why it matters: users and items, as many of one as of the other, or a matrix of words and documents: the paths lead
#   from an item in place of a user, or along edges backwards, and what is reached is something else. The flag is there
#   for square matrices, which are taken for graphs otherwise.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet scikit-network==0.33.5
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from scipy.sparse import csr_matrix
from sknetwork.path import get_distances, get_shortest_path


def edges(graph):
    return sorted((int(tail), int(head)) for tail, head in zip(*graph.nonzero()))


def by_search(matrix, row):
    """Breadth first from a row: the edges from each node to those one step further away, columns behind the rows."""
    whole = np.block([[np.zeros((len(matrix),) * 2), matrix], [matrix.T, np.zeros((matrix.shape[1],) * 2)]])
    distance, layer = {row: 0}, [row]
    while layer:
        near = [(node, other) for node in layer for other in np.flatnonzero(whole[node]) if other not in distance]
        layer = sorted({int(other) for _, other in near})
        distance |= {other: distance[near[0][0]] + 1 for other in layer}
    pairs = [(tail, head) for tail in distance for head in distance if whole[tail, head]]
    return sorted((tail, head) for tail, head in pairs if distance[head] == distance[tail] + 1), len(whole)


for name, matrix in (
    ("three users, four items", [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1]]),
    ("three users, three items", [[1, 1, 0], [0, 1, 0], [0, 0, 1]]),
    ("four users, four items", [[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]]),
):
    matrix = np.array(matrix)
    sparse = csr_matrix(matrix)
    right, size = by_search(matrix, 0)
    for arguments in ({"source_row": 0}, {"source": 0, "force_bipartite": True}):
        found = get_shortest_path(sparse, **arguments)
        print(f"{name}, {arguments}: {found.shape[0]} nodes, {edges(found)}")
        as_said = edges(found) == right and found.shape == (size, size)
        if "source_row" in arguments:
            assert as_said, "changed: the control"
        elif as_said:
            raise SystemExit("changed: the flag does what it says")
    turned = get_distances(sparse, 0, transpose=True)
    turned = np.hstack(turned) if isinstance(turned, tuple) else turned
    assert all(turned[tail] < turned[head] for tail, head in edges(found)), "changed: it is not the transposed matrix"
print("as described: the matrix is turned round, and not made bipartite")
PYTHON
