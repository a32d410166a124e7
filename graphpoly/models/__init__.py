"""Whole networks made of layers."""

from graphpoly.models import settings as settings
from graphpoly.models.algorithm_net import AlgorithmNet
from graphpoly.models.baselines import GCNII, MLP, Linkx
from graphpoly.models.co_gnn import CoGNN
from graphpoly.models.comparator_net import ComparatorNet
from graphpoly.models.decoupled_gnn import (
    GPRGNN,
    TFGNN,
    BernNet,
    ChebNetII,
    DecoupledGNN,
    LegendreNet,
)
from graphpoly.models.egnn import EGNN
from graphpoly.models.fe_gnn import FEGNN
from graphpoly.models.forward_gnn import ForwardGNN
from graphpoly.models.gcorn import GCORN
from graphpoly.models.grafenne import GRAFENNE
from graphpoly.models.graph_mamba import GraphMamba
from graphpoly.models.graph_mlp_mixer import GraphMLPMixer
from graphpoly.models.graph_vit import GraphViT
from graphpoly.models.gspn import GSPN
from graphpoly.models.jacobi_gnn import JacobiGNN
from graphpoly.models.laser_gnn import LASERGNN
from graphpoly.models.matrix_function_gnn import MatrixFunctionGNN
from graphpoly.models.molecule_gnn import AssociationGNN, MoleculeGNN
from graphpoly.models.mpnn import MPNN
from graphpoly.models.ncn import NCN
from graphpoly.models.ncnc import NCNC
from graphpoly.models.p_laplacian_gnn import PLaplacianGNN
from graphpoly.models.path_molecule import PathMolecule
from graphpoly.models.path_nn import PathNN
from graphpoly.models.pdf_net import PDFNet
from graphpoly.models.pointer_network import PointerNetwork
from graphpoly.models.polynomial_gnn import FavardGNN, OptBasisGNN, PolynomialGNN
from graphpoly.models.polynormer import Polynormer
from graphpoly.models.ppgn import PPGN
from graphpoly.models.ppgn_plus_plus import PPGNPlusPlus
from graphpoly.models.precomputed_opt_basis_gnn import PrecomputedOptBasisGNN
from graphpoly.models.residual_gnn import ResidualGNN
from graphpoly.models.rni_gnn import RNIGNN
from graphpoly.models.scrawl import SCRaWl
from graphpoly.models.self_training import comparator_value, train_comparator
from graphpoly.models.sheaf_nn import SheafNN
from graphpoly.models.uni_filter_gnn import UniFilterGNN
from graphpoly.pretrained import Pretrained, from_pretrained

__all__ = [
    "EGNN",
    "FEGNN",
    "GCNII",
    "GCORN",
    "GPRGNN",
    "GRAFENNE",
    "GSPN",
    "LASERGNN",
    "MLP",
    "MPNN",
    "NCN",
    "NCNC",
    "PPGN",
    "RNIGNN",
    "TFGNN",
    "AlgorithmNet",
    "AssociationGNN",
    "BernNet",
    "ChebNetII",
    "CoGNN",
    "ComparatorNet",
    "DecoupledGNN",
    "FavardGNN",
    "ForwardGNN",
    "GraphMLPMixer",
    "GraphMamba",
    "GraphViT",
    "JacobiGNN",
    "LegendreNet",
    "Linkx",
    "MatrixFunctionGNN",
    "MoleculeGNN",
    "OptBasisGNN",
    "PDFNet",
    "PLaplacianGNN",
    "PPGNPlusPlus",
    "PathMolecule",
    "PathNN",
    "PointerNetwork",
    "PolynomialGNN",
    "Polynormer",
    "PrecomputedOptBasisGNN",
    "Pretrained",
    "ResidualGNN",
    "SCRaWl",
    "SheafNN",
    "UniFilterGNN",
    "comparator_value",
    "from_pretrained",
    "train_comparator",
]
