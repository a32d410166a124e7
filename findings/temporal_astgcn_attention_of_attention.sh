#!/usr/bin/env bash
# torch-geometric-temporal 0.56.2, nn.attention.astgcn.ChebConvAttention, and with it ASTGCNBlock and ASTGCN.
#
# Expected: the graph convolution with spatial attention of the paper that it names (Guo et al., AAAI 2019): the sum over
#   k of (T_k(L) * S) x W_k, where each Chebyshev polynomial of the scaled Laplacian L is multiplied, entry by entry, by
#   the attention S.
# Real: the signal is multiplied by the diagonal of S first, and that is what the later terms start from: the term of
#   k = 1 is (L * S) (I * S) x, with attention twice, and those from k = 2 on follow by the recurrence with L alone, in
#   which the attention between nodes further apart has no say. The term of k = 0 is right, and with S of ones all are.
# Why it matters: S is a softmax over all nodes, with entries of 1 / N or so: what a neighbour says is N times too weak
#   beside what a node says itself, hundreds of times in a city of as many sensors. Further hops are not attended to, in
#   a model that is named after its attention, and comparisons of K measure something else.
# The module is loaded by itself here, since the package imports torch-sparse for another layer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/pip" install --quiet --no-deps torch-geometric-temporal==0.56.2
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location

import torch

PLACE = find_spec("torch_geometric_temporal").submodule_search_locations[0]
SPEC = spec_from_file_location("astgcn", f"{PLACE}/nn/attention/astgcn.py")
astgcn = sys.modules["astgcn"] = module_from_spec(SPEC)
SPEC.loader.exec_module(astgcn)

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
N = 20
drawn = (torch.rand(N, N) < 0.2).triu(1)
drawn[torch.arange(N - 1), torch.arange(1, N)] = True
adjacency = (drawn | drawn.T).double()
edge_index = adjacency.nonzero().T
scale = adjacency.sum(dim=1) ** -0.5
laplacian = -scale[:, None] * adjacency * scale  # 2 L / lambda_max - I, with the largest eigenvalue taken to be 2
eye = torch.eye(N)
chebyshev = [eye, laplacian, 2 * laplacian @ laplacian - eye]


def terms_of_paper(attention, x):
    return [(polynomial * attention) @ x for polynomial in chebyshev]


def terms_of_recurrence(attention, x):
    found = [(eye * attention) @ x]
    found.append((laplacian * attention) @ found[0])
    found.append(2 * laplacian @ found[1] - found[0])
    return found


x = torch.randn(N, 4)
scores = torch.randn(N, N)
attentions = {"ones": torch.ones(N, N), "softmax": scores.softmax(dim=0), "softmax of the symmetric": (scores + scores.T).softmax(dim=0)}
for name, attention in attentions.items():
    for k in range(3):
        conv = astgcn.ChebConvAttention(4, 5, k + 1, normalization="sym", bias=False)
        with torch.no_grad():
            conv._weight[:k] = 0  # the term of k alone
            found = conv(x[None], edge_index, attention[None])[0]
            right, made = (terms(attention, x)[k] @ conv._weight[k] for terms in (terms_of_paper, terms_of_recurrence))
            turned = terms_of_paper(attention.T, x)[k] @ conv._weight[k]
        same = torch.allclose(found, right)
        print(f"attention {name}, k = {k}: by the paper {same}; the mean size is {found.abs().mean():.4f}, there {right.abs().mean():.4f}")
        if same != (k == 0 or name == "ones"):
            raise SystemExit("changed: the term")
        assert same or not torch.allclose(found, turned), "changed: the term, with the attention the other way"
        assert torch.allclose(found, made), "changed: what the term is made of"
print("as described: attention twice at one hop, and only at the start of further ones")
PYTHON
