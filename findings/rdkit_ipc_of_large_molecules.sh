#!/usr/bin/env bash
# RDKit 2026.9.1, Chem.GraphDescriptors.Ipc and AvgIpc (both of Descriptors.descList) of molecules of about 80 atoms and more.
#
# Expected: the information content of the coefficients of the characteristic polynomial of the adjacency matrix, as its
#   page says. They are whole numbers. Of a chain of n atoms they are C(n - k, k), whose sum is a Fibonacci number.
# Real: the coefficients come from the method of Le Verrier and Faddeev in double precision, each made of the ones before
#   it. From where they no longer fit in 53 bits the last ones are of rounding alone, and grow: for 150 atoms in a chain
#   the sum is about a million times too large, and nearly all of it is in coefficients that are wrong.
# Why it matters: peptides, macrocycles, lipids and polymers are that large. AvgIpc, which was made so that the size does
#   not matter, then says how the sum was rounded. It goes up with the chain and then down, and no warning is given.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 rdkit==2026.9.1
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
from math import comb, log2

import numpy as np
from rdkit import Chem
from rdkit.Chem.GraphDescriptors import AvgIpc, Ipc


def coefficients(molecule):
    """The same method with whole numbers of any size: every division is exact."""
    A = Chem.GetAdjacencyMatrix(molecule).astype(object)
    one = np.array([[int(i == j) for j in range(len(A))] for i in range(len(A))], dtype=object)
    power, found = one * 0, [1]
    for k in range(1, len(A) + 1):
        power = A.dot(power) + found[-1] * one
        found.append(-A.dot(power).trace() // k)
    return [abs(int(value)) for value in found]


def right(values):
    total = sum(values)
    mean = -sum(value / total * log2(value / total) for value in values if value)
    return mean, mean * total


chain = Chem.MolFromSmiles("C" * 40)
assert [c for c in coefficients(chain) if c] == [comb(40 - k, k) for k in range(21)], "the oracle"

for atoms in (20, 40, 60, 100, 150):
    mean, total = right([comb(atoms - k, k) for k in range(atoms // 2 + 1)])
    molecule = Chem.MolFromSmiles("C" * atoms)
    print(f"chain of {atoms}: AvgIpc {AvgIpc(molecule):.4f}, right is {mean:.4f}; Ipc {Ipc(molecule):.4g}, right is {total:.4g}")
    if atoms <= 60:
        assert np.isclose(AvgIpc(molecule), mean, rtol=1e-9) and np.isclose(Ipc(molecule), total, rtol=1e-9), "the control"
    elif np.isclose(AvgIpc(molecule), mean, rtol=1e-3):
        raise SystemExit("changed: long chains are right")
assert Ipc(molecule) > 1e5 * total and AvgIpc(molecule) < mean / 3, "changed: how wrong it is"

stearic = "C" * 17
for name, smiles, large in (
    ("cholesterol", "CC(C)CCCC(C)C1CCC2C1(CCC3C2CC=C4C3(CCC(C4)O)C)C", False),
    (
        "ciclosporin",
        "CCC1C(=O)N(CC(=O)N(C(C(=O)NC(C(=O)N(C(C(=O)NC(C(=O)NC(C(=O)N(C(C(=O)N(C(C(=O)N(C(C(=O)N(C(C(=O)N1)C(C(C)CC=CC)O)C)"
        "C(C)C)C)CC(C)C)C)CC(C)C)C)C)C)CC(C)C)C)C(C)C)CC(C)C)C)C",
        True,
    ),
    ("ten phenylalanines", "N" + "C(Cc1ccccc1)C(=O)N" * 9 + "C(Cc1ccccc1)C(=O)O", True),
    ("thirty glycines", "N" + "CC(=O)N" * 29 + "CC(=O)O", True),
    ("a fat of three chains", "C(OC(=O){0})C(OC(=O){0})COC(=O){0}".format(stearic), False),
    ("a cardiolipin", "C(OC(=O){0})C(OC(=O){0})COP(=O)(O)OCC(O)COP(=O)(O)OCC(OC(=O){0})COC(=O){0}".format(stearic), True),
):
    molecule = Chem.MolFromSmiles(smiles)
    mean, _ = right(coefficients(molecule))
    found = AvgIpc(molecule)
    print(f"{name}, {molecule.GetNumAtoms()} atoms: AvgIpc {found:.4f}, right is {mean:.4f}")
    assert np.isclose(found, mean, rtol=1e-2) != large, "changed: where it is wrong"
print("as described: the last coefficients are of rounding")
PYTHON
