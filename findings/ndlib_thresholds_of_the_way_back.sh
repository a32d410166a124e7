#!/usr/bin/env bash
# ndlib 6.0.1, compartments.EdgeStochastic in a CompositeModel of a directed graph, with a threshold for each edge.
#
# Expected: an infected node reaches another over the edge from it with the probability of that edge. The neighbours
#   that are looked at are the predecessors, and IndependentCascadesModel of the same library has thresholds so.
# Real: the threshold is looked up from the node to its predecessor first, and where there is an edge that way too, it
#   is that one's. Only where there is none it is the one on which the infection comes.
# Why it matters: in directed graphs whose edges have answers, follows, trips and trade, who infects whom is turned
#   round: an edge that lets nothing through does, and one that lets all through does not, for those pairs alone. The
#   numbers look like those of any run.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1 igraph==1.0.0
"$folder/venv/bin/pip" install --quiet tqdm==4.70.1 future==1.0.0 decorator==5.3.1 six==1.17.0
"$folder/venv/bin/pip" install --quiet --no-deps netdispatch==0.1.0 dynetx==0.3.2 ndlib==6.0.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import ndlib.models.CompositeModel as composite
import ndlib.models.ModelConfig as configuration
import networkx as nx
import numpy as np
from ndlib.models.compartments import EdgeStochastic
from ndlib.models.epidemics import IndependentCascadesModel


def composed(graph, seed):
    np.random.seed(seed)
    model = composite.CompositeModel(graph)
    model.add_status("Susceptible")
    model.add_status("Infected")
    model.add_rule("Susceptible", "Infected", EdgeStochastic(triggering_status="Infected"))
    return model


def infected(kind, thresholds, start, rounds=400):
    """How often each node is infected one step after the first."""
    graph = nx.DiGraph(list(thresholds))
    counts = dict.fromkeys(graph, 0)
    for seed in range(rounds):
        model = kind(graph, seed=seed)
        setting = configuration.Configuration()
        setting.add_model_initial_configuration("Infected", [start])
        for edge, threshold in thresholds.items():
            setting.add_edge_configuration("threshold", edge, threshold)
        model.set_initial_status(setting)
        for _ in range(2):  # the first is the state at the start
            model.iteration()
        for node in graph:
            counts[node] += model.status[node] == 1
    return {node: counts[node] / rounds for node in graph if node != start}


kinds = {"IndependentCascadesModel": IndependentCascadesModel, "EdgeStochastic": composed}
for forth, back in ((1.0, 0.0), (0.0, 1.0), (1.0, None)):
    thresholds = {("a", "b"): forth} | ({} if back is None else {("b", "a"): back})
    for name, kind in kinds.items():
        found = infected(kind, thresholds, "a")["b"]
        print(f"{name}, a -> b {forth:g}, b -> a {back}: a infects b in {found:.0%}, right is {forth:.0%}")
        if name == "EdgeStochastic" and back is not None:
            if found == forth:
                raise SystemExit("changed: the edge on which the infection comes")
            assert found == back, "changed: what is looked up"
        else:
            assert found == forth, "changed: the controls"

numbers = np.random.default_rng(0)
edges = [("hub", node) for node in range(20)] + [(node, "hub") for node in range(20)]
thresholds = {edge: float(numbers.random()) for edge in edges}
for name, kind in kinds.items():
    found = infected(kind, thresholds, "hub")
    to, back = (np.array([thresholds[edge] for edge in part]) for part in (edges[:20], edges[20:]))
    found = np.array([found[node] for node in range(20)])
    away = np.abs(found - to).mean(), np.abs(found - back).mean()
    print(f"a hub and 20 nodes, {name}: {away[0]:.3f} away from the edges out, {away[1]:.3f} from those back")
    assert (away[1] < 0.05 < away[0]) == (name == "EdgeStochastic") and min(away) < 0.05, "changed: whose thresholds"
print("as described: the threshold of the way back is taken where there is one")
PYTHON
