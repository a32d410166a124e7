"""PNAConv on one multi-aggregation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn import PNAConv, aggr
from torch_geometric.nn.dense.linear import Linear

from graphpoly.acceleration.accelerated import Accelerated, readable
from graphpoly.acceleration.operators import is_pairs, operator, uncovered_graph
from graphpoly.ops import CSR, multi_aggregate
from graphpoly.ops.hooks import is_hooked

__all__ = ["AcceleratedPNAConv"]

_NAMES: dict[type, str] = {
    aggr.SumAggregation: "sum",
    aggr.MeanAggregation: "mean",
    aggr.VarAggregation: "var",
    aggr.StdAggregation: "std",
    aggr.MinAggregation: "min",
    aggr.MaxAggregation: "max",
}
_SPREADS = ("var", "std")


class AcceleratedPNAConv(Accelerated, PNAConv):
    r""":class:`~torch_geometric.nn.PNAConv` with a message for each node in place of each edge.

    With one layer before the aggregation the message is :math:`m_{ij} = a_i + b_j`. Within a row
    :math:`a_i` is constant: it adds to the mean and the extremes of the :math:`b_j`, as often as
    there are entries to their sum, and not at all to their spread.
    """

    original = PNAConv

    @classmethod
    def uncovered(cls, conv: Any) -> str | None:
        """Say why no call of ``conv``, as it is configured, can be accelerated, or return None."""
        if conv.edge_dim is not None:
            return f"edge_dim={conv.edge_dim}: messages with edge features differ for each edge"
        if any(len(nn) != 1 or type(nn[0]) is not Linear for nn in conv.pre_nns):
            return "pre_layers: messages are no sums of a target's and a source's with more than 1"
        if any(nn[0].bias is None for nn in conv.pre_nns):
            return "pre_nns: a layer without a bias"
        if _aggregations(conv) is None:
            return "aggregators: accelerated are sum, mean, var, std, min and max, each once"
        return super().uncovered(conv)

    def forward(self, x: Tensor, edge_index: Any, edge_attr: Tensor | None = None) -> Tensor:
        """Run the layer."""
        adj = None
        if edge_attr is not None:
            self._declined("edge_attr: given to a layer without edge_dim")
        else:
            adj = self._operator(x, edge_index)
        if adj is None:
            return super().forward(x, edge_index, edge_attr)
        x = readable(x)
        if self.divide_input:
            x = x.view(-1, self.towers, self.F_in)
        else:
            x = x.view(-1, 1, self.F_in).expand(-1, self.towers, -1)
        out = self._aggregated(adj, x)
        out = torch.cat([x, self._scaled(out, adj)], dim=-1)
        outs = [nn(out[:, i]) for i, nn in enumerate(self.post_nns)]
        return self.lin(torch.cat(outs, dim=1))

    def _operator(self, x: Any, edge_index: Any) -> CSR | None:
        if not self._ready(x):
            return None
        if not is_pairs(edge_index):
            return self._declined(uncovered_graph(edge_index))
        if is_hooked(*self.pre_nns):
            return self._declined("hooks: pre_nns have some, and would not be called")
        if torch.is_autocast_enabled(x.device.type):
            return self._declined("autocast: messages would be of another type")
        adj = operator(edge_index, None, x.size(0), x.size(0))
        return adj or self._declined(uncovered_graph(edge_index))

    def _aggregated(self, adj: CSR, x: Tensor) -> Tensor:
        """Every aggregation of the messages, one after the other: ``[N, T, A F]``."""
        names = _aggregations(self)
        assert names is not None
        ours, theirs, bias = [], [], []
        for nn in self.pre_nns:
            of_target, of_source = nn[0].weight.split(self.F_in, dim=1)
            ours.append(of_target)
            theirs.append(of_source)
            bias.append(nn[0].bias)
        own = torch.einsum("ntf,tgf->ntg", x, torch.stack(ours)) + torch.stack(bias)
        sent = torch.einsum("ntf,tgf->ntg", x, torch.stack(theirs))
        found = multi_aggregate(adj, sent, names)
        count = adj.rowptr.diff().view(-1, 1, 1).to(x.dtype)
        own = own * (count > 0)
        parts = []
        for name, part in zip(names, found.unbind(1), strict=True):
            if name not in _SPREADS:
                part = part + (own * count if name == "sum" else own)
            parts.append(part)
        if set(names) <= set(_SPREADS):
            parts[0] = parts[0] + 0 * own  # gradients of 0, as PyG's are, in place of none
        return torch.cat(parts, dim=-1)

    def _scaled(self, out: Tensor, adj: CSR) -> Tensor:
        """The scalers of PyG's ``DegreeScalerAggregation``: ``[N, T, S A F]``."""
        scaler = self.aggr_module
        degree = adj.rowptr.diff().view(-1, 1, 1).to(out.dtype)
        least = degree.clamp(min=1)
        factors = {
            "identity": lambda: None,
            "amplification": lambda: (degree + 1).log() / scaler.avg_deg_log,
            "attenuation": lambda: scaler.avg_deg_log / (least + 1).log(),
            "linear": lambda: degree / scaler.avg_deg_lin,
            "inverse_linear": lambda: scaler.avg_deg_lin / least,
        }
        scaled = []
        for name in scaler.scaler:
            factor = factors[name]()
            scaled.append(out if factor is None else out * factor)
        return torch.cat(scaled, dim=-1)


def _aggregations(conv: Any) -> list[str] | None:
    """The names of the aggregations, or None if one of them is unknown here."""
    multi = conv.aggr_module.aggr
    modules = multi.aggrs if isinstance(multi, aggr.MultiAggregation) else [multi]
    if getattr(multi, "mode", "cat") != "cat":
        return None
    names = [_NAMES.get(type(module)) for module in modules]
    spreads = [module for module in modules if hasattr(module, "semi_grad")]
    spreads += [module.var_aggr for module in modules if hasattr(module, "var_aggr")]
    if any(module.semi_grad for module in spreads) or len(set(names)) < len(names):
        return None
    return None if None in names else names  # type: ignore[return-value]
