"""Every form of a layer, not the registered one alone, says how far it looks."""

import pytest

from graphpoly.layers import CooperativeConv, PDFConv, PLaplacianConv, SheafConv
from graphpoly.layers.sheaf.maps import MAPS
from graphpoly.models import SheafNN
from graphpoly.testing import check_layer, check_model

SHEAVES = [
    {"maps": maps, "edge_strength": strength, "normalization": normalization}
    for maps in MAPS
    for strength in (False, True)
    for normalization in ("augmented", "sym", None)
    if (maps, normalization) != ("general", "sym")
]
FORMS = {
    **{f"sheaf {form}": lambda form=form: SheafConv(8, 4, **form) for form in SHEAVES},
    **{
        f"p-Laplacian {normalization} {loops}": lambda n=normalization, s=loops: PLaplacianConv(
            8, 4, steps=3, p=1.5, normalization=n, add_self_loops=s
        )
        for normalization in ("sym", "rw", None)
        for loops in (False, True)
    },
    **{
        f"pair filter {hops} {loops}": lambda h=hops, s=loops: PDFConv(
            8, 4, powers=(1, 2), hops=h, add_self_loops=s
        )
        for hops in (1, 2, None)
        for loops in (False, True)
    },
    **{
        f"cooperative {base} {action}": lambda b=base, a=action: CooperativeConv(
            8, 4, b, action_base=a
        )
        for base in ("mean", "kept_mean", "gcn")
        for action in ("mean", "gin", "gat", "gcn")
    },
}


@pytest.mark.parametrize("form", FORMS)
def test_num_hops(form):
    # loops of weight 0 are those of PyG's layers where these are bases
    only = ["num_hops"] if form.startswith("cooperative") else ["num_hops", "zero_weight_loops"]
    check_layer(FORMS[form], only=only)


@pytest.mark.parametrize("form", [{"maps": maps} for maps in MAPS] + [{"edge_strength": True}])
def test_num_hops_of_a_network(form):
    check_model(lambda: SheafNN(8, 8, 4, 2, **form), only=["num_hops"])
