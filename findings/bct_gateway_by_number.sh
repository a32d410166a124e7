#!/usr/bin/env bash
# bctpy 0.6.1, gateway_coef_sign.
#
# Expected: the gateway coefficient of the paper that it names (Vargas and Wahl 2014), made of strengths and of modules:
#   a node has the same one under any number. participation_coef_sign beside it, whose refinement it is, keeps to that.
# Real: three places read numbers of nodes or of modules where others are meant. The neighbours of a node in a module
#   are found as places within the module, and the centralities of the nodes of the whole graph with these numbers are
#   summed up. The strength of a module towards each other one is summed over all of them. And what is counted twice is
#   halved in the row of one node, the one with the number of the module; where the module has fewer, that is an
#   IndexError. Nothing else is said.
# Why it matters: two runs of one network with its regions in another order, by hemisphere or by name, have other
#   hubs, and no order gives the coefficient. Its neighbour the participation coefficient is right, so that the two
#   differ for a reason that is none.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1
"$folder/venv/bin/pip" install --quiet bctpy==0.6.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import bct
import networkx as nx
import numpy as np

random = np.random.default_rng(0)


def definition(weights, modules):
    """1 - sum over modules of (k_iS / k_i)^2 (1 - share of what the module of i sends there * centrality there)^2."""
    strength = weights.sum(axis=1)
    member = modules[:, None] == np.unique(modules)
    to_module = weights @ member  # k_iS
    between = member.T @ to_module
    np.fill_diagonal(between, np.diag(between) / 2)
    share = to_module / np.maximum(between[np.argmax(member, axis=1)], 1e-300)
    near = (weights > 0) @ (strength[:, None] * member) / (strength @ member).max()
    return 1 - ((to_module / strength[:, None]) ** 2 * (1 - share * near) ** 2).sum(axis=1)


def orders(function, weights, modules):
    """The coefficients in twenty orders of the nodes, and the largest difference that an order makes to a node."""
    values = []
    for _ in range(20):
        order = random.permutation(len(weights))
        found = function(weights[np.ix_(order, order)].copy(), modules[order])
        values.append(found[np.argsort(order)])
    return np.array(values), np.ptp(values, axis=0).max()


for sizes in ([6, 6, 6], [10, 5, 15], [9] * 6):
    graph = nx.stochastic_block_model(sizes, 0.7 * np.eye(len(sizes)) + 0.15, seed=1)
    weights = np.triu(nx.to_numpy_array(graph) * random.random((len(graph), len(graph))), 1)
    weights += weights.T
    modules = np.repeat(np.arange(len(sizes)), sizes)
    assert (weights.sum(axis=1) > 0).all()
    found, moved = orders(lambda w, m: bct.gateway_coef_sign(w, m)[0], weights, modules)
    control = orders(lambda w, m: bct.participation_coef_sign(w, m)[0], weights, modules)[1]
    right, none = orders(definition, weights, modules)
    off = np.abs(found - right[0]).max(axis=1)
    print(f"modules of {sizes}: a node's coefficient differs by up to {moved:.2f} from order to order,", end=" ")
    print(f"its participation coefficient by {control:.0e}; from the definition by {off.min():.2f} at the least")
    if moved < 1e-9:
        raise SystemExit("changed: the order is no matter")
    assert control < 1e-9 and none < 1e-9, "changed: the controls"
    assert moved > 0.01 and off.min() > 0.01, "changed: by how much"
print("as described: the coefficient of a node depends on the order of the nodes")
PYTHON
