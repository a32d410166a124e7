#!/usr/bin/env bash
# mordredcommunity 2.0.7 (mordred), InformationContent of order 3 and more, and TIC, SIC, BIC, CIC, MIC and ZMIC of it.
#
# Expected: the entropy of the classes of atoms whose neighborhoods of m bonds are alike. It is a property of the
#   molecule, and atoms that a symmetry exchanges are alike for every m: the entropy of the orbits is the most there is.
# Real: the tree around an atom leaves out what was visited while one level is gone through, node after node. Where two
#   atoms of a level are bonded, as across from any atom of a ring of five, the one that comes first takes the other as
#   its child and not the other way round. Which one comes first is the order of the bonds in the file.
# Why it matters: one molecule has several values, by how its SMILES is written: features of a model differ between two
#   copies in a data set, and between training and use. Atoms that are the same count as different, and IC is above its
#   bound. Pyrrolidine, cyclopropyl and carbazole are parts of many drugs. Orders 0 to 2 and rings of six are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 networkx==3.6.1 six==1.17.0 packaging==26.2 rdkit==2026.9.1
"$folder/venv/bin/pip" install --quiet mordredcommunity==2.0.7
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from collections import Counter

import networkx as nx
import numpy as np
from mordred import Calculator
from mordred.InformationContent import ComplementaryIC, InformationContent
from rdkit import Chem

calculate = Calculator([kind(order) for kind in (InformationContent, ComplementaryIC) for order in range(6)])


def spelled(smiles):
    """Values of the molecule from 40 of its SMILES."""
    writings = Chem.MolToRandomSmilesVect(Chem.MolFromSmiles(smiles), 40, randomSeed=1)
    return np.array([[float(value) for value in calculate(Chem.MolFromSmiles(written))] for written in writings])


def bound(smiles):
    """Entropy of the orbits of all atoms, over every automorphism of the graph with its hydrogens."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    graph = nx.Graph()
    graph.add_nodes_from((atom.GetIdx(), {"Z": atom.GetAtomicNum()}) for atom in molecule.GetAtoms())
    for bond in molecule.GetBonds():
        graph.add_edge(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), kind=bond.GetBondTypeAsDouble())
    orbits = nx.utils.UnionFind(graph)
    matcher = nx.isomorphism.GraphMatcher(graph, graph, lambda a, b: a == b, lambda a, b: a == b)
    for symmetry in matcher.isomorphisms_iter():
        for pair in symmetry.items():
            orbits.union(*pair)
    shares = np.array([*Counter(orbits[node] for node in graph).values()]) / len(graph)
    return -(shares * np.log2(shares)).sum()


for name, smiles, ring in (
    ("cyclohexane", "C1CCCCC1", 6),
    ("dioxane", "C1COCCO1", 6),
    ("tetrahydropyran", "C1CCOCC1", 6),
    ("tetrahydrofuran", "C1CCOC1", 5),
    ("cyclopentanone", "C1CCC(=O)C1", 5),
    ("pyrrolidine", "C1CCNC1", 5),
    ("methylcyclopropane", "CC1CC1", 3),
):
    found, most = spelled(smiles)[:, :6], bound(smiles)
    print(f"{name}: IC5 is {found[:, 5].min():.3f} to {found[:, 5].max():.3f}, orbits allow {most:.3f}")
    assert np.ptp(found[:, :3], axis=0).max() < 1e-9 and found[:, :3].max() < most + 1e-9, "changed: orders 0 to 2"
    if ring == 5 and found[:, 3:].max() < most + 1e-9:
        raise SystemExit("changed: what a symmetry exchanges is alike")
    if ring == 6:
        assert found.max() < most + 1e-9 and np.ptp(found, axis=0).max() < 1e-9, "changed: the control"

differ = 0
for name, smiles in (
    ("carbazole", "c1ccc2c(c1)[nH]c1ccccc12"),
    ("diindolylmethane", "c1ccc2c(c1)c(c[nH]2)Cc1c[nH]c2ccccc12"),
    ("gliclazide", "Cc1ccc(cc1)S(=O)(=O)NC(=O)NN1CC2CCCC2C1"),
    ("ciprofloxacin", "C1CC1N2C=C(C(=O)C3=CC(=C(C=C32)N4CCNCC4)F)C(=O)O"),
    ("procyclidine", "OC(CCN1CCCC1)(c1ccccc1)C1CCCCC1"),
    ("aspirin", "CC(=O)Oc1ccccc1C(=O)O"),
):
    found = spelled(smiles)
    values = np.unique(found[:, 11].round(9))
    print(f"{name}: 40 of its SMILES, CIC5 is {values.min():.3f} to {values.max():.3f}")
    differ += len(values) > 1
assert len(values) == 1, "changed: aspirin, which has rings of six alone"
assert differ == 5, "changed: how many differ"
print("as described: the order of the bonds decides which atoms are alike")
PYTHON
