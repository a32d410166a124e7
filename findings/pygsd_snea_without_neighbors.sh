#!/usr/bin/env bash
# torch-geometric-signed-directed 1.2.0, nn.signed.SNEAConv, and with it nn.signed.SNEA.
#
# Expected: the formula of its docstring, which is that of the paper (Li et al., AAAI 2020): node i adds up the features
#   of its neighbours j, each with its attention a_ij.
# Real: what is multiplied by the attention and added up are the features of node i itself, once for each neighbour. The
#   attention sums to 1, so that the first layer returns a linear map of the node's own features, whatever the graph is.
#   In further layers the attention of all positive neighbours together weighs the one half of the node's own features
#   against the other half; a node without a negative neighbour has nothing from anybody in a network of any depth.
# Why it matters: a graph network that passes no messages still trains: the loss is made of the edges, and the default
#   input, singular vectors of the matrix, has the graph in it. It stands in comparisons as an attention over neighbours,
#   and what is said there of signed attention was measured on little more than a perceptron.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1 torch-geometric-signed-directed==1.2.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from torch.autograd.functional import jacobian
from torch_geometric_signed_directed.nn.signed import SNEAConv

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
N = 8


def both_ways(pairs):
    pairs = torch.tensor(pairs).T
    return torch.cat([pairs, pairs.flip(0)], dim=1)


def attended(own, others, positive, negative, attention):
    """Each node's sum of its neighbours' features by their attention, of `others` where an edge is negative."""
    rows = []
    for i in range(N):
        near = [own[j] for j, k in positive.T.tolist() if k == i] + [own[i]]
        far = [others[j] for j, k in negative.T.tolist() if k == i]
        sides = [own[i]] * len(near) + [others[i]] * len(far)
        pairs = [torch.cat(pair) for pair in zip(near + far, sides)]
        weight = torch.tanh(attention(torch.stack(pairs))).softmax(dim=0)
        rows.append((weight * torch.stack(near + far)).sum(dim=0))
    return torch.stack(rows)


def by_definition(conv, x, positive, negative):
    """The layer as its docstring has it, from the layer's own weights."""
    none = torch.empty(2, 0, dtype=torch.long)
    if conv.first_aggr:
        b, u = conv.lin_b(x), conv.lin_u(x)
        return torch.cat([attended(b, b, positive, none, conv.alpha_b), attended(u, u, negative, none, conv.alpha_u)], dim=1)
    b, u = x.chunk(2, dim=1)
    return torch.cat(
        [
            attended(conv.lin_b(b), conv.lin_b(u), positive, negative, conv.alpha_b),
            attended(conv.lin_u(u), conv.lin_u(b), positive, negative, conv.alpha_u),
        ],
        dim=1,
    )


ring = both_ways([(i, (i + 1) % N) for i in range(N)])
star = both_ways([(0, i) for i in range(1, N)])
enemies = both_ways([(1, 7), (1, 6)])
first, second = SNEAConv(3, 4, first_aggr=True), SNEAConv(4, 4, first_aggr=False)
x = torch.randn(N, 3)
own = torch.cat([first.lin_b(x), first.lin_u(x)], dim=1)
for name, positive in (("a ring", ring), ("a star", star)):
    found, right = first(x, positive, enemies), by_definition(first, x, positive, enemies)
    print(f"one layer on {name}: {(found - own).abs().max():.0e} from a map of the node's own features,", end=" ")
    print(f"{(found - right).abs().max():.2f} from the formula")
    if not torch.allclose(found, own):
        raise SystemExit("changed: whose features are added up")
    assert (found - right).abs().max() > 0.1, "changed: the control"


def two(layer):
    """How much a node's output of two layers moves with the features of each node, on the ring."""
    slopes = jacobian(lambda x: layer(second, torch.tanh(layer(first, x, ring, enemies)), ring, enemies), x)
    return slopes.abs().sum(dim=(1, 3))


found, right = two(lambda conv, *inputs: conv(*inputs)), two(by_definition)
strangers = ~torch.eye(N, dtype=torch.bool)
friends = [i for i in range(N) if i not in enemies]
print(f"two layers on the ring: node 3 moves by {found[3, 3]:.2f} with its own features and by", end=" ")
print(f"{found[3][strangers[3]].sum():.0e} with all others, by the formula {right[3][strangers[3]].sum():.2f}")
assert found[friends][strangers[friends]].max() < 1e-12, "changed: nodes with friends alone"
assert (right[friends] > 0.01).sum(dim=1).min() >= 5, "changed: the control"
share = found[1][strangers[1]].sum() / found[1].sum(), right[1][strangers[1]].sum() / right[1].sum()
print(f"node 1, which has two enemies: {share[0]:.0%} of its movement is due to others, by the formula {share[1]:.0%}")
assert share[0] < share[1] / 2, "changed: nodes with enemies"
print("as described: a node adds up its own features")
PYTHON
