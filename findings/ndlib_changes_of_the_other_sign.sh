#!/usr/bin/env bash
# ndlib 6.0.1, status_delta of iterations of opinions.MajorityRuleModel, SznajdModel, VoterModel and QVoterModel.
#
# Expected: the "delta of nodes per status w.r.t the previous configuration", as the page says: the difference of two
#   node_counts, which are in the same iterations. In the epidemic models of the library it is.
# Real: majority rule and Sznajd add one for the opinion that a node gives up, and take one off that which it takes on:
#   the sign is the other one throughout. The voter models count a node that is talked to even where it has that opinion
#   already: one comes and one goes at each step though nobody changes.
# Why it matters: it is the second curve of build_trends, the one that DiffusionPrevalence draws: an opinion that wins
#   loses there. The changes do not add up to the counts beside them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1 igraph==1.0.0
"$folder/venv/bin/pip" install --quiet tqdm==4.70.1 future==1.0.0 decorator==5.3.1 six==1.17.0
"$folder/venv/bin/pip" install --quiet --no-deps netdispatch==0.1.0 dynetx==0.3.2 ndlib==6.0.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import ndlib.models.epidemics as epidemics
import ndlib.models.ModelConfig as configuration
import ndlib.models.opinions as opinions
import networkx as nx
import numpy as np


def run(model, steps=200, **parameters):
    """Changes of the number of nodes of status 1, by the counts and as they are said to be."""
    setting = configuration.Configuration()
    for name, value in parameters.items():
        setting.add_model_parameter(name, value)
    model.set_initial_status(setting)
    (trends,) = model.build_trends(model.iteration_bunch(steps))
    counts, said = trends["trends"]["node_count"][1], trends["trends"]["status_delta"][1]
    return np.diff(counts), np.array(said[1:])


graph = nx.random_regular_graph(6, 100, seed=1)
models = {
    "SIS": (epidemics.SISModel, dict(beta=0.05, fraction_infected=0.4, **{"lambda": 0.2})),
    "majority rule": (opinions.MajorityRuleModel, dict(q=5, fraction_infected=0.6)),
    "Sznajd": (opinions.SznajdModel, dict(fraction_infected=0.6)),
    "voter": (opinions.VoterModel, dict(fraction_infected=0.6)),
    "q-voter": (opinions.QVoterModel, dict(q=2, fraction_infected=0.6)),
}
for name, (model, parameters) in models.items():
    right, found = run(model(graph, seed=1), **parameters)
    steps = np.sum(right != found)
    print(f"{name}: the status has {right.sum():+d} nodes after 200 steps, by status_delta {found.sum():+d};", end=" ")
    print(f"{steps} steps differ")
    if name == "SIS":
        assert steps == 0, "changed: the control"
    elif steps == 0:
        raise SystemExit(f"changed: {name} is right")
    elif name in ("majority rule", "Sznajd"):
        assert (found == -right).all() and right.sum() != 0, "changed: the sign"
    else:
        moved = right != 0
        assert (found[moved] == right[moved]).all() and (found[~moved] != 0).any(), "changed: steps without a change"
print("as described: changes have the other sign, or are there though nobody changes")
PYTHON
