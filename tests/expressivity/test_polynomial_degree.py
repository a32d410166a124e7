from __future__ import annotations

import pytest

from graphpoly.expressivity import Determined, Probe, determined_polynomials, exact_degree
from tests.expressivity.models import Constant, Gin, Walks, refinement


def rows(model) -> list[Determined]:
    return determined_polynomials(Probe(model), weights=1, copies=3, graphs=40)


def test_sums_over_neighbours_determine_what_message_passing_computes() -> None:
    found = rows(Gin)
    # the table of the paper's bank of operations: of all, and of trees alone
    graphs = [(row.total, row.determined) for row in found if row.place == "graph"]
    nodes = [(row.total, row.determined) for row in found if row.place == "node"]
    assert graphs == [(1, 1), (1, 1), (3, 2), (5, 3), (12, 6), (30, 11)]
    assert nodes == [(1, 1), (2, 2), (5, 4), (13, 9), (37, 20), (114, 48)]
    assert all(row.determined == row.message_passing for row in found)
    assert exact_degree(found, "graph") == exact_degree(found, "node") == 2
    assert next(row for row in found if row.degree == 3).refuted_by == "ab,ac,bc->"


@pytest.mark.parametrize(("k", "degree"), [(1, 2), (2, 5)])
def test_refinement_determines_what_its_bank_computes(k, degree) -> None:
    found = rows(lambda: refinement(k))
    assert exact_degree(found, "graph") == degree
    assert exact_degree(found, "node") is None
    for row in found:
        assert row.determined == (row.message_passing if k == 1 else row.ppgn)


def test_closed_walks_do_not_even_determine_degrees() -> None:
    found = rows(Walks)
    assert exact_degree(found, "graph") == 1
    assert (found[1].refuted_by, found[1].determined) == ("ac,bc->", 0)
    # closed walks of length 2 and 3 are counted, so these are fitted
    assert (found[0].fitted, found[2].fitted) == (1, 1)
    assert found[5].fitted is None


def test_a_constant_determines_nothing() -> None:
    found = rows(Constant)
    assert exact_degree(found, "graph") == 0
    assert all(row.determined == 0 for row in found)
