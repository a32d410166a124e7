#!/usr/bin/env bash
# NetworKit 11.3, community.IsolatedInterpartitionExpansion.
#
# Expected: the formula of its page: "the weight of the cut divided by number of nodes in the partition or in the rest of
#   the graph, whatever is smaller", which is edge_expansion in NetworkX. IsolatedInterpartitionConductance beside it
#   divides by the volume as its page says.
# Real: getValue and getValues return the weight of the cut, and nothing is divided. getUnweightedAverage,
#   getWeightedAverage, getMaximumValue and getMinimumValue of the same object are those of the divided values.
# Why it matters: expansion "can be larger than 1", so that nothing shows. A large part looks worse than a small one
#   that is tied to the rest much more closely, and the part with the largest value is not that of getMaximumValue.
#   Divide by the smaller of the two numbers of nodes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet networkit==11.3
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import networkit as nk
import networkx as nx
import numpy as np

blocks = [100, 10, 30]
inner, outer = 0.4, 0.003
planted = nx.stochastic_block_model(blocks, inner * np.eye(3) + outer * (1 - np.eye(3)), seed=2)
weighted = planted.copy()
nx.set_edge_attributes(weighted, {edge: 0.5 + edge[0] % 4 for edge in weighted.edges}, "weight")
parts = np.repeat(np.arange(3), blocks)
for name, graph, weight in (("planted blocks", planted, None), ("with weights", weighted, "weight")):
    made = nk.nxadapter.nx2nk(graph, weightAttr=weight)
    partition = nk.structures.Partition(len(graph), parts.tolist())
    values, summary = [], []
    for kind in (nk.community.IsolatedInterpartitionExpansion, nk.community.IsolatedInterpartitionConductance):
        measure = kind(made, partition)
        measure.run()
        assert measure.getValues() == [measure.getValue(part) for part in range(3)]
        values.append(measure.getValues())
        summary.append([measure.getUnweightedAverage(), measure.getMaximumValue(), measure.getMinimumValue()])
    sets = [set(np.flatnonzero(parts == part).tolist()) for part in range(3)]
    cuts = [nx.cut_size(graph, nodes, weight=weight) for nodes in sets]
    right = [nx.edge_expansion(graph, nodes, weight=weight) for nodes in sets]
    assert np.allclose(values[1], [nx.conductance(graph, nodes, weight=weight) for nodes in sets]), "changed: conductance"
    assert np.allclose(summary[0], [np.mean(right), max(right), min(right)]), "changed: the mean and the largest value"
    assert np.allclose(summary[1], [np.mean(values[1]), max(values[1]), min(values[1])]), "changed: the control"
    for part, size in enumerate(blocks):
        print(f"{name}, {size} nodes: expansion {values[0][part]:g}, by its page {right[part]:.3f}")
        assert np.isclose(right[part], cuts[part] / min(size, len(graph) - size))
    print(f"  its largest value is {max(values[0]):g} by getValues and {summary[0][1]:.3f} by getMaximumValue")
    if not np.allclose(values[0], cuts):
        raise SystemExit("changed: it is divided")
    if weight is None:
        assert np.argmax(values[0]) != np.argmax(right), "changed: the order of the parts"
print("as described: the value of a part is its cut")
PYTHON
