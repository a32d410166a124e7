// graphpoly::gcn_layer and its gradient: a sum over the entries of a row, a linear map, a bias.
#include "layers.h"

namespace graphpoly {
namespace {

constexpr const char* kLayer = "gcn_layer";
constexpr const char* kLayerBackward = "gcn_layer_backward";

std::tuple<Tensor, Tensor> gcn_layer(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x,
                                     Tensor map, OptionalTensor bias, OptionalTensor,
                                     OptionalTensor, OptionalTensor) {
  check_like(kLayer, "map", map, x);
  Tensor sum = spmm_sum(rowptr, col, weight, x, std::nullopt, std::nullopt, std::nullopt, false);
  return {linear(sum, map, std::nullopt, std::nullopt, bias), sum};
}

std::tuple<Tensor, Tensor, Tensor> gcn_layer_backward(Tensor grad, OptionalTensor sum,
                                                      OptionalTensor map, OptionalTensor weight,
                                                      OptionalTensor colptr, OptionalTensor row,
                                                      OptionalTensor tperm, bool bias) {
  auto [to_x, to_map, to_bias] = map_backward(grad, sum, map, bias);
  if (map) {
    check(colptr && row && tperm, kLayerBackward, ": colptr, row, tperm: expected beside map");
    weight = turned_weight(kLayerBackward, weight, *row, *tperm, std::nullopt, grad);
    to_x = spmm_sum(*colptr, *row, weight, to_x, std::nullopt, std::nullopt, std::nullopt, false);
  }
  return {to_x, to_map, to_bias};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("gcn_layer", TORCH_BOX(&graphpoly::gcn_layer));
  m.impl("gcn_layer_backward", TORCH_BOX(&graphpoly::gcn_layer_backward));
}
