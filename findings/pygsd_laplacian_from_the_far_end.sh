#!/usr/bin/env bash
# torch-geometric-signed-directed 1.2.0, SignedData.set_signed_Laplacian_features.
#
# Expected: "features using eigenvectors of the signed Laplacian matrix", weighted so that smaller eigenvalues count for
#   more, "since smaller eigenvectors are more likely to be informative", as the code says. The smallest ones tell
#   communities from each other: of a balanced graph the smallest is 0, with the two sides as the signs of its vector
#   (Kunegis et al., SDM 2010).
# Real: ARPACK is asked for the largest eigenvalues, and they are divided by. Of a graph of 300 nodes the features are
#   the last two of 300 eigenvectors, those that go against the signs of the edges the most. Nothing is said.
# Why it matters: on a graph whose two sides the right vector shows without a mistake, k-means on these features is no
#   better than chance. They are the input of signed networks where nodes have none, and what such a network then
#   learns, it has to learn in spite of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1 torch-geometric-signed-directed==1.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from torch_geometric_signed_directed.data import SSBM, SignedData

N = 300


def agreement(features, labels):
    found = KMeans(len(set(labels)), n_init=10, random_state=0).fit_predict(features)
    return adjusted_rand_score(labels, found)


for sides, noise in ((2, 0.0), (2, 0.1), (3, 0.05)):
    np.random.seed(0)
    (positive, negative), labels = SSBM(N, sides, 0.15, noise, size_ratio=1)
    data = SignedData(A=(positive, negative), y=torch.from_numpy(labels))
    data.set_signed_Laplacian_features(2)

    matrix = (positive - negative).toarray()
    scale = 1 / np.sqrt(np.abs(matrix).sum(axis=1))
    values, vectors = np.linalg.eigh(np.eye(N) - scale[:, None] * matrix * scale)
    found = data.x.double().numpy()
    taken = np.abs(vectors.T @ (found / np.linalg.norm(found, axis=0))).argmax(axis=0).tolist()
    print(f"{sides} sides, {noise:.0%} noise: eigenvalues {values[0]:.2f} to {values[-1]:.2f}; taken are numbers {taken} of {N}")
    scores = [agreement(features, labels) for features in (found, vectors[:, :2])]
    print(f"  k-means agrees with the sides by {scores[0]:.2f}, on the first two eigenvectors by {scores[1]:.2f} (adjusted)")
    if min(taken) < 2:
        raise SystemExit("changed: the end that is taken")
    assert sorted(taken) == [N - 2, N - 1], "changed: the eigenvectors"
    assert np.allclose(np.linalg.norm(found, axis=0), 1 / values[taken], rtol=1e-3), "changed: what they are divided by"
    assert scores[0] < 0.1 and scores[1] > 0.9, "changed: the agreement"
print("as described: the last eigenvectors, where the first ones are meant")
PYTHON
