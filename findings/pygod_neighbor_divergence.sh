#!/usr/bin/env bash
# PyGOD 1.1.0, nn.functional.KL_neighbor_loss and W2_neighbor_loss: the losses of GADNR in mini-batches.
#
# Expected: how far the Gaussian of the decoded neighbours is from that of the real ones: their Kullback-Leibler
#   divergence or the square of their Wasserstein distance, as the page says. Both are 0 for equal ones and above 0
#   for others, and as losses they have a gradient, as the code for one batch has it.
# Real: in KL the logarithm of the two determinants is turned round: decoded neighbours that all lie near their mean
#   have a "divergence" far below 0. In W2 the statement ends with its first line: the distance of the means is all,
#   and the covariances, on lines of their own, are computed and dropped. Both detach their inputs. Nothing is said.
# Why it matters: the loss is added to the others, and no weight learns from it, however large its factor is: batches
#   train another model than one batch. The scores of the nodes are made of it, too, and a node whose neighbourhood
#   is decoded into a point is scored as more normal than one whose neighbourhood is decoded without any error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1 networkx==3.6.1 scikit-learn==1.9.1
"$folder/venv/bin/pip" install --quiet torch-geometric==2.8.1
"$folder/venv/bin/pip" install --quiet pygod==1.1.0
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
from pygod.nn.functional import KL_neighbor_loss, W2_neighbor_loss
from scipy.linalg import sqrtm
from torch.distributions import MultivariateNormal, kl_divergence

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
n, width = 40, 4
real = torch.randn(n, width)


def gaussian(points):
    """The Gaussian that the KL loss fits, with 1 added to the variances."""
    return MultivariateNormal(points.mean(dim=0), torch.cov(points.T) + torch.eye(width))


def wasserstein(one, two):
    means = (one.mean(dim=0) - two.mean(dim=0)).square().sum()
    first, second = torch.cov(one.T), torch.cov(two.T)
    root = torch.from_numpy(sqrtm(first.numpy()))
    cross = torch.from_numpy(sqrtm((root @ second @ root).numpy()).real)
    return means + torch.trace(first + second - 2 * cross)


for scale in (0.1, 0.5, 1.0, 2.0, 4.0):
    decoded = real.mean(dim=0) + scale * (real - real.mean(dim=0))
    found = KL_neighbor_loss(decoded, real, n, "cpu").item()
    right = kl_divergence(gaussian(decoded), gaussian(real)).item()
    logs = torch.logdet(gaussian(decoded).covariance_matrix) - torch.logdet(gaussian(real).covariance_matrix)
    w2, w2_right = W2_neighbor_loss(decoded, real, n, "cpu").item(), wasserstein(decoded, real).item()
    print(f"deviations times {scale:g}: KL {found:6.2f}, by definition {right:5.2f};", end=" ")
    print(f"W2 {w2:.2f}, by definition {w2_right:5.2f}")
    assert abs(right + logs.item() - found) < 1e-9, "changed: the determinants"
    if scale != 1 and abs(found - right) < 1e-9:
        raise SystemExit("changed: KL is the divergence")
    if scale != 1 and abs(w2 - w2_right) < 1e-9:
        raise SystemExit("changed: W2 is the distance")
    assert abs(w2) < 1e-12 and (found < -1) == (scale < 1), "changed: its sign, or the means"
moved = real + 1
assert abs(W2_neighbor_loss(moved, real, n, "cpu").item() - width) < 1e-9, "changed: the distance of the means"
assert abs(KL_neighbor_loss(moved, real, n, "cpu") - kl_divergence(gaussian(moved), gaussian(real))) < 1e-9
decoded = torch.randn(n, width, requires_grad=True)
has = [loss(decoded, real, n, "cpu").requires_grad for loss in (KL_neighbor_loss, W2_neighbor_loss)]
print(f"does KL depend on the decoded neighbours, for autograd: {has[0]}; W2: {has[1]}")
if any(has):
    raise SystemExit("changed: there is a gradient")
print("as described: KL turned round, W2 of the means alone, and no gradient")
PYTHON
