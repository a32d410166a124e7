import torch
import torch.nn.functional as F

from graphpoly.layers.polynormer import PolynormerGlobal
from graphpoly.testing import assert_close


def test_equals_the_equation_head_by_head():
    layer = PolynormerGlobal(6, heads=2, relu=True).double()
    torch.nn.init.normal_(layer.gate.weight)
    x = torch.randn(7, 6, dtype=torch.float64)
    key, value = layer.lin_key(x).sigmoid(), layer.lin_value(x)
    heads = []
    for part in (slice(0, 3), slice(3, 6)):  # the channels of a head stand together
        score = key[:, part] @ key[:, part].T
        heads.append(score / score.sum(1, keepdim=True) @ value[:, part])
    attended = F.layer_norm(torch.cat(heads, 1), (6,))
    expected = layer.lin_out(attended * (layer.lin_gate(x) + layer.gate.weight.sigmoid())).relu()
    assert_close(layer(x), expected)


def test_heads_of_both_stages_hold_the_same_channels():
    """What a local head writes, the global head of the same number reads, and no other."""
    layer = PolynormerGlobal(6, heads=3).double()
    with torch.no_grad():
        for lin in (layer.lin_key, layer.lin_value):
            lin.weight.copy_(torch.eye(6))
    x = torch.randn(5, 6, dtype=torch.float64)
    other = x.clone()
    other[:, 2:4] += 1  # the second of three heads, as GAT lays them out
    change = (layer.attend(other, None, None) - layer.attend(x, None, None)).abs().amax(0)
    assert (change > 1e-9).tolist() == [False, False, True, True, False, False]
