#!/usr/bin/env bash
# TorchKGE 0.17.7, sampling.UniformNegativeSampler and sampling.BernoulliNegativeSampler.
#
# Expected: "either the head or the tail of a triplet is replaced by another entity at random", as their pages say of the
#   papers (Bordes et al. 2013, Wang et al. 2014): any entity of the graph, each with the same chance.
# Real: the numbers are drawn from 1 on. Entity 0 never is in a negative triplet unless the true one has it: as its head,
#   where the tail is replaced, or the reverse. Which entity that is goes by the alphabet, since names are sorted.
#   PositionalNegativeSampler beside them draws it like any other. Nothing is said.
# Why it matters: negatives are what says that a triplet is false. For one entity nothing ever does: as a candidate it is
#   ranked by what it was pulled to alone, among others that were pushed away as well. In graphs of few entities, those
#   of a test or of a lesson, it is a good part of all negatives: with two entities every replacement is the other one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.13.0
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pandas==2.3.3 tqdm==4.70.1
"$folder/venv/bin/pip" install --quiet --no-deps torchkge==0.17.7
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import pandas as pd
import torch
from torchkge.data_structures import KnowledgeGraph
from torchkge.sampling import BernoulliNegativeSampler, PositionalNegativeSampler, UniformNegativeSampler

torch.manual_seed(0)
SIZE, ROUNDS = 10, 400


def ring(size):
    """Every entity is followed by the next one."""
    facts = [(f"entity {i:02}", "before", f"entity {(i + 1) % size:02}") for i in range(size)]
    return KnowledgeGraph(df=pd.DataFrame(facts, columns=["from", "rel", "to"]))


def replacements(sampler, kg):
    """How often each entity takes the place of another one, as a head and as a tail."""
    heads, tails = torch.zeros(2, kg.n_ent, dtype=torch.long)
    for _ in range(ROUNDS):
        head, tail = sampler.corrupt_batch(kg.head_idx, kg.tail_idx, kg.relations)
        heads += torch.bincount(head[head != kg.head_idx], minlength=kg.n_ent)
        tails += torch.bincount(tail[tail != kg.tail_idx], minlength=kg.n_ent)
    return heads.tolist(), tails.tolist()


kg = ring(SIZE)
for kind in (UniformNegativeSampler, BernoulliNegativeSampler, PositionalNegativeSampler):
    heads, tails = replacements(kind(kg), kg)
    print(f"{kind.__name__}, {ROUNDS} rounds: entities put in as heads {heads}, as tails {tails}")
    assert min(heads[1:]) > 100 and min(tails[1:]) > 100, "changed: the others"
    if kind is PositionalNegativeSampler:
        assert heads[0] > 100 and tails[0] > 100, "changed: the control"
    elif heads[0] or tails[0]:
        raise SystemExit("changed: entity 0 is drawn")
    assert kg.ent2ix["entity 00"] == 0, "changed: the order of entities"

pair = ring(2)
heads, tails = replacements(UniformNegativeSampler(pair), pair)
print(f"two entities: put in as heads {heads}, as tails {tails}")
assert heads[0] == tails[0] == 0 < min(heads[1], tails[1]), "changed: two entities"
print("as described: entity 0 replaces none")
PYTHON
