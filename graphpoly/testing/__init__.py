"""The public testing kit: the compliance battery, the graph zoo, one tolerance table.

Certify a layer of your own:

>>> from graphpoly.testing import check_layer
>>> from torch_geometric.nn import GraphConv
>>> report = check_layer(lambda: GraphConv(8, 4), only=["node_permutation", "edge_order"])
>>> report.passed
['node_permutation', 'edge_order']
"""

from graphpoly.testing.aggregations import aggregation_properties, check_aggregation
from graphpoly.testing.battery import check_layer, parametrize_with_checks, properties
from graphpoly.testing.models import check_model, model_properties
from graphpoly.testing.report import ComplianceError, Report, Result
from graphpoly.testing.tolerances import TOLERANCES, Tolerance, assert_close, difference, tolerance
from graphpoly.testing.transforms import check_transform, transform_properties
from graphpoly.testing.zoo import ZOO, graph_zoo

__all__ = [
    "TOLERANCES",
    "ZOO",
    "ComplianceError",
    "Report",
    "Result",
    "Tolerance",
    "aggregation_properties",
    "assert_close",
    "check_aggregation",
    "check_layer",
    "check_model",
    "check_transform",
    "difference",
    "graph_zoo",
    "model_properties",
    "parametrize_with_checks",
    "properties",
    "tolerance",
    "transform_properties",
]
