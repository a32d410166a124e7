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

// weight[tperm]
Tensor turned(const Tensor& weight, const Tensor& tperm) {
  const Tensor from = dense(weight), place = dense(tperm);
  return dispatch_types(kLayerBackward, weight.scalar_type(), tperm.scalar_type(),
                        [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    constexpr int64_t kPiece = 16384;
    const int64_t count = place.size(0);
    Tensor out = make_output<T>(weight, {count});
    const T* const w = from.template const_data_ptr<T>();
    const I* const p = place.template const_data_ptr<I>();
    T* const to = out.template mutable_data_ptr<T>();
    parallel_items((count + kPiece - 1) / kPiece, count, [&](int64_t piece) {
      const int64_t last = std::min(count, (piece + 1) * kPiece);
      for (int64_t e = piece * kPiece; e < last; ++e) to[e] = w[p[e]];
    });
    return out;
  });
}

std::tuple<Tensor, Tensor, Tensor> gcn_layer_backward(Tensor grad, OptionalTensor sum,
                                                      OptionalTensor map, OptionalTensor weight,
                                                      OptionalTensor colptr, OptionalTensor row,
                                                      OptionalTensor tperm, bool bias) {
  auto [to_x, to_map, to_bias] = map_backward(grad, sum, map, bias);
  if (map) {
    check(colptr && row && tperm, kLayerBackward, ": colptr, row, tperm: expected beside map");
    check(tperm->dim() == 1 && row->dim() == 1 && tperm->size(0) == row->size(0), kLayerBackward,
          ": row and tperm: expected shape [E]");
    check_weight(kLayerBackward, weight, tperm->size(0), grad);
    if (weight) weight = turned(*weight, *tperm);
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
