#!/usr/bin/env bash
# libpysal 4.14.1, graph.Graph.build_kernel(metric="haversine").
#
# Expected: weights by the great-circle distance of points that are given in degrees, longitude first: what lies without
#   (-180, 180) and (-90, 90) is refused. arcdist of libpysal.cg has these distances, and with k= the neighbours and
#   their distances are by them.
# Real: without k the degrees go to scikit-learn as they are, whose page asks for radians and for the latitude first. An
#   angle of 50 is taken for 50 radians, and the longitude for the latitude. A distance is any number up to pi. With k
#   it is in radians; a line there would make it kilometres, and its result is not kept.
# Why it matters: Paris is farther from Brussels than Rome is from Berlin, and of twelve capitals two have the nearest one
#   for the nearest. Weights, spatial lags and whatever autocorrelation is found by them are those of points strewn
#   about, and as all distances lie between 0 and pi the numbers look like radians. Nothing is said.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet geopandas==1.2.0 libpysal==4.14.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from geopandas import GeoSeries
from libpysal.cg import arcdist
from libpysal.graph import Graph

CITIES = {
    "Amsterdam": (4.90, 52.37), "Berlin": (13.40, 52.52), "Brussels": (4.35, 50.85), "Copenhagen": (12.57, 55.68),
    "Lisbon": (-9.14, 38.72), "London": (-0.13, 51.51), "Madrid": (-3.70, 40.42), "Paris": (2.35, 48.86),
    "Prague": (14.44, 50.08), "Rome": (12.50, 41.90), "Vienna": (16.37, 48.21), "Warsaw": (21.01, 52.23),
}  # fmt: skip
NAMES, DEGREES = list(CITIES), np.array(list(CITIES.values()))
POINTS = GeoSeries.from_xy(*DEGREES.T)


def haversine(latitude, longitude):
    """Distances in radians of points in radians."""
    a = np.sin((latitude[:, None] - latitude) / 2) ** 2
    b = np.sin((longitude[:, None] - longitude) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(a + np.cos(latitude[:, None]) * np.cos(latitude) * b))


def distances(**settings):
    graph = Graph.build_kernel(POINTS, metric="haversine", kernel="identity", taper=False, **settings)
    return graph.sparse.toarray()


right = haversine(np.radians(DEGREES[:, 1]), np.radians(DEGREES[:, 0]))
for i, first in enumerate(DEGREES):
    for j, second in enumerate(DEGREES):
        if i != j:
            assert np.isclose(arcdist(first, second, 1), right[i, j]), "changed: the control"

found = distances()
print("radians, by definition and found:")
for first, second in (("Paris", "London"), ("Paris", "Brussels"), ("Paris", "Warsaw"), ("Rome", "Berlin")):
    i, j = NAMES.index(first), NAMES.index(second)
    print(f"  {first} and {second}: {right[i, j]:.3f} and {found[i, j]:.3f}")
if np.allclose(found, right) or np.allclose(found, right * 6371, rtol=0.01):
    raise SystemExit("changed: the distances are those of the points")
assert np.allclose(found, haversine(DEGREES[:, 0], DEGREES[:, 1])), "changed: what comes instead"
pairs = np.triu_indices(len(NAMES), 1)
correlation = np.corrcoef(found[pairs], right[pairs])[0, 1]
nearest = [np.argmin(values + 10 * np.eye(len(NAMES)), axis=1) for values in (found, right)]
same = np.sum(nearest[0] == nearest[1])
print(f"correlation {correlation:.2f}; of {len(NAMES)} capitals {same} have the nearest one for the nearest")
assert abs(correlation) < 0.3 and same == 2, "changed: the size of the error"

some = distances(k=3)
print(f"with k=3 Paris and London: {some[NAMES.index('Paris'), NAMES.index('London')]:.3f}")
assert np.allclose(some[some > 0], right[some > 0]) and np.all((some > 0).sum(axis=1) == 3), "changed: with k"
assert all(nearest[1][i] in np.flatnonzero(row) for i, row in enumerate(some)), "changed: neighbours with k"
print("as described: degrees are taken for radians, and longitude for latitude")
PYTHON
