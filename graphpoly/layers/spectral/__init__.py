"""Polynomial filters of one operator: one engine, many bases."""

from graphpoly.layers.spectral.bern_conv import BernConv
from graphpoly.layers.spectral.cheb_ii_conv import ChebIIConv
from graphpoly.layers.spectral.favard_conv import FavardConv
from graphpoly.layers.spectral.fe_conv import FEConv
from graphpoly.layers.spectral.fixed_basis_conv import FixedBasisConv
from graphpoly.layers.spectral.gpr_conv import GPRConv
from graphpoly.layers.spectral.jacobi_conv import JacobiConv
from graphpoly.layers.spectral.krylov_conv import KrylovConv
from graphpoly.layers.spectral.legendre_conv import LegendreConv
from graphpoly.layers.spectral.matrix_function_conv import MatrixFunctionConv
from graphpoly.layers.spectral.operator_conv import OperatorConv
from graphpoly.layers.spectral.opt_basis_conv import OptBasisConv
from graphpoly.layers.spectral.p_laplacian_conv import PLaplacianConv
from graphpoly.layers.spectral.pdf_conv import PDFConv
from graphpoly.layers.spectral.polynomial_conv import PolynomialConv
from graphpoly.layers.spectral.tfg_conv import TFGConv
from graphpoly.layers.spectral.uni_filter_conv import UniFilterConv

__all__ = [
    "BernConv",
    "ChebIIConv",
    "FEConv",
    "FavardConv",
    "FixedBasisConv",
    "GPRConv",
    "JacobiConv",
    "KrylovConv",
    "LegendreConv",
    "MatrixFunctionConv",
    "OperatorConv",
    "OptBasisConv",
    "PDFConv",
    "PLaplacianConv",
    "PolynomialConv",
    "TFGConv",
    "UniFilterConv",
]
