"""PyG's own layers on our kernels: same parameters, same results, less time.

>>> import torch
>>> from torch_geometric.nn import GCN
>>> from graphpoly.acceleration import accelerate, restore
>>> model = GCN(8, 16, num_layers=2, out_channels=3)
>>> print(accelerate(model))
convs.0  GCNConv  accelerated
convs.1  GCNConv  accelerated
>>> model(torch.randn(4, 8), torch.tensor([[0, 1, 2], [1, 2, 3]])).shape
torch.Size([4, 3])
>>> restore(model)
['convs.0', 'convs.1']
"""

from graphpoly.acceleration.swap import Report, accelerate, restore
from graphpoly.acceleration.whole_operator import undivided, whole_operator

__all__ = ["Report", "accelerate", "restore", "undivided", "whole_operator"]
