"""Mixers against their formulas and against themselves with fewer patches."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from graphpoly.models.patch_mixers import ATTENTIONS, AttentionBlock, MixerBlock

HELD = torch.tensor([True, False, True, True, False])
FEWER = HELD.nonzero().flatten()


def tokens(count=3):
    return torch.randn(count, 5, 8).double() * HELD.unsqueeze(1)


def overlaps(count=3):
    shared = torch.randint(0, 4, (count, 5, 5)).double()
    shared = (shared + shared.mT + 4 * torch.eye(5).double()) * HELD * HELD.unsqueeze(1)
    return shared


def test_a_mixer_with_empty_patches_is_one_with_fewer():
    block, smaller = MixerBlock(5, 8).double(), MixerBlock(3, 8).double()
    state = block.state_dict()
    for name in ("token_mlp.1.weight", "token_mlp.4.weight", "token_mlp.4.bias"):
        state[name] = state[name].index_select(1 if name == "token_mlp.1.weight" else 0, FEWER)
    smaller.load_state_dict(state)
    x = tokens()
    out = block(x, HELD.expand(3, 5))
    few = smaller(x[:, FEWER], torch.ones(3, 3, dtype=torch.bool))
    torch.testing.assert_close(out[:, FEWER], few)
    assert not out[:, ~HELD].any()


def test_a_mixer_is_its_formula():
    block = MixerBlock(5, 8).double()
    x = torch.randn(2, 5, 8).double()
    first, second = block.token_mlp[1], block.token_mlp[4]
    read = F.layer_norm(x, (8,), block.token_norm.weight, block.token_norm.bias)
    hidden = F.gelu(torch.einsum("hp,bpc->bhc", first.weight, read) + first.bias[:, None])
    mixed = x + torch.einsum("ph,bhc->bpc", second.weight, hidden) + second.bias[:, None]
    expected = mixed + block.channel_mlp(block.channel_norm(mixed))
    torch.testing.assert_close(block(x, torch.ones(2, 5, dtype=torch.bool)), expected)


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_attention_with_empty_patches_is_that_of_the_others(attention):
    block = AttentionBlock(8, 2, attention=attention).double()
    x, shared = tokens(), overlaps()
    out = block(x, shared, HELD.expand(3, 5))
    few = block(x[:, FEWER], shared[:, FEWER][:, :, FEWER], torch.ones(3, 3, dtype=torch.bool))
    torch.testing.assert_close(out[:, FEWER], few)
    assert not out[:, ~HELD].any()


@pytest.mark.parametrize("attention", ATTENTIONS)
def test_attention_is_its_formula(attention):
    block = AttentionBlock(8, 2, attention=attention).double()
    x, shared = torch.randn(2, 5, 8).double(), 1 + torch.rand(2, 5, 5).double()
    walk = shared / shared.sum(-1, keepdim=True)
    for _ in range(3):
        walk = walk @ walk
    read, parts = block.norm1(x), []
    for head in range(2):
        query, key, value = (
            lin(read)[..., 4 * head : 4 * head + 4]
            for lin in (block.lin_query, block.lin_key, block.lin_value)
        )
        score = query @ key.mT / 2
        if attention == "additive":
            score = score + block.lin_bias.weight[head] * shared
        by = {"graph": shared, "kernel": walk}
        score = score * by.get(attention, torch.ones(()))
        weight = score.exp() / score.exp().sum(-1, keepdim=True)
        parts.append((shared * weight if attention == "hadamard" else weight) @ value)
    mixed = x + block.lin_out(torch.cat(parts, -1))
    expected = mixed + block.lin2(block.lin1(block.norm2(mixed)).relu())
    found = block(x, shared, torch.ones(2, 5, dtype=torch.bool))
    torch.testing.assert_close(found, expected)


def test_standard_attention_is_that_of_torch():
    block = AttentionBlock(8, 2, attention="standard").double()
    theirs = nn.MultiheadAttention(8, 2, batch_first=True).double()
    maps = (block.lin_query, block.lin_key, block.lin_value)
    theirs.in_proj_weight.data.copy_(torch.cat([lin.weight for lin in maps]))
    biases = [lin.bias if lin.bias is not None else torch.zeros(8).double() for lin in maps]
    theirs.in_proj_bias.data.copy_(torch.cat(biases))
    theirs.out_proj.load_state_dict(block.lin_out.state_dict())
    x = tokens()
    held = HELD.expand(3, 5)
    read = block.norm1(x)
    attended = theirs(read, read, read, key_padding_mask=~held)[0] * HELD.unsqueeze(1)
    mixed = x + attended
    expected = mixed + block.lin2(block.lin1(block.norm2(mixed)).relu()) * HELD.unsqueeze(1)
    torch.testing.assert_close(block(x, overlaps(), held), expected)


def test_a_graph_without_patches_is_finite():
    for attention in ATTENTIONS:
        block = AttentionBlock(8, 2, attention=attention).double()
        x = torch.zeros(1, 5, 8).double().requires_grad_()
        out = block(x, torch.zeros(1, 5, 5).double(), torch.zeros(1, 5, dtype=torch.bool))
        out.sum().backward()
        assert bool(out.isfinite().all())
        assert bool(x.grad.isfinite().all())


def test_gradcheck():
    block = AttentionBlock(4, 2).double()
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    held, shared = torch.tensor([[True, False, True]]), torch.ones(1, 3, 3).double()
    assert torch.autograd.gradcheck(lambda value: block(value, shared, held), (x,))
