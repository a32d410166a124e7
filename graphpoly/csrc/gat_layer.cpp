// graphpoly::gat_layer and its gradient: a linear map, the scores of its heads, attention, a bias.
#include "layers.h"

namespace graphpoly {
namespace {

using torch::stable::view;

constexpr const char* kLayer = "gat_layer";
constexpr const char* kLayerBackward = "gat_layer_backward";

void check_vectors(const char* op, const Tensor& source, const Tensor& target, const Tensor& x) {
  for (const Tensor& t : {source, target}) {
    check(t.dim() == 3 && t.size(0) == 1 && t.size(1) == source.size(1) &&
              t.size(2) == source.size(2),
          op, ": source and target: expected shape [1, H, C]");
    check_like(op, "source and target", t, x);
  }
}

// x [N, H, C] as rows of H C channels, and a bias if any.
Tensor with_bias(const Tensor& x, const OptionalTensor& bias) {
  const int64_t rows = x.size(0), channels = x.size(1) * x.size(2);
  if (bias) {
    check(bias->dim() == 1 && bias->size(0) == channels, kLayer, ": bias: expected shape [",
          channels, "]");
    check_like(kLayer, "bias", *bias, x);
  }
  const OptionalTensor added = dense(bias);
  return dispatch_types(kLayer, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    constexpr int64_t kRowsOfAnItem = 256;
    Tensor out = make_output<T>(x, {rows, channels});
    const T* const from = x.const_data_ptr<T>();
    const T* const b = added ? added->template const_data_ptr<T>() : nullptr;
    T* const to = out.mutable_data_ptr<T>();
    const int64_t items = (rows + kRowsOfAnItem - 1) / kRowsOfAnItem;
    parallel_items(items, rows * channels / 8, [&](int64_t item) {
      const int64_t last = std::min(rows, (item + 1) * kRowsOfAnItem);
      for (int64_t i = item * kRowsOfAnItem; i < last; ++i) {
        const T* __restrict row = from + i * channels;
        T* __restrict sum = to + i * channels;
        for (int64_t c = 0; c < channels; ++c) sum[c] = b ? row[c] + b[c] : row[c];
      }
    });
    return out;
  });
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gat_layer(
    Tensor rowptr, Tensor col, Tensor x, Tensor map, Tensor source, Tensor target,
    OptionalTensor bias, OptionalTensor seed, OptionalTensor colptr, OptionalTensor row,
    OptionalTensor tperm, double slope, double dropout) {
  check_vectors(kLayer, source, target, x);
  const int64_t heads = source.size(1), channels = source.size(2);
  check(map.dim() == 2 && map.size(0) == heads * channels, kLayer, ": map: expected shape [",
        heads * channels, ", F]");
  Tensor value = linear(x, map, std::nullopt, std::nullopt, std::nullopt);
  value = view(value, {x.size(0), heads, channels});
  auto [of_source, of_target] = deep_head_scores(value, source, target);
  auto [attended, lse] =
      attention(rowptr, col, of_target, of_source, value, std::nullopt, std::nullopt, seed, colptr,
                row, tperm, true, 1.0, slope, dropout);
  return {with_bias(attended, bias), value, of_source, of_target, attended, lse};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> gat_layer_backward(
    Tensor rowptr, Tensor col, Tensor x, Tensor map, Tensor source, Tensor target,
    OptionalTensor seed, Tensor colptr, Tensor row, Tensor tperm, Tensor value, Tensor of_source,
    Tensor of_target, Tensor attended, Tensor lse, Tensor grad, double slope, double dropout,
    bool to_x, bool bias) {
  check(value.dim() == 3, kLayerBackward, ": value: expected shape [N, H, C]");
  const int64_t rows = value.size(0), heads = value.size(1), channels = value.size(2);
  check_vectors(kLayerBackward, source, target, value);
  check(source.size(1) == heads && source.size(2) == channels, kLayerBackward,
        ": source: expected shape [1, ", heads, ", ", channels, "]");
  check(grad.dim() == 2 && grad.size(0) == rows && grad.size(1) == heads * channels,
        kLayerBackward, ": grad: expected shape [", rows, ", ", heads * channels, "]");
  value = dense(value), grad = dense(grad);
  auto [for_target, for_source, for_value, edge, att] = attention_backward(
      rowptr, col, of_target, of_source, value, std::nullopt, std::nullopt, seed, colptr, row,
      tperm, true, 1.0, slope, dropout, attended, lse, view(grad, {rows, heads, channels}), false);
  auto [to_source, to_target] =
      deep_head_scores_backward(value, source, target, for_source, for_target, for_value);
  auto [for_x, to_map, none] = map_backward(view(for_value, {rows, heads * channels}), x,
                                            to_x ? OptionalTensor(map) : std::nullopt, false);
  Tensor to_bias = std::get<2>(map_backward(grad, std::nullopt, std::nullopt, bias));
  return {for_x, to_map, to_source, to_target, to_bias};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("gat_layer", TORCH_BOX(&graphpoly::gat_layer));
  m.impl("gat_layer_backward", TORCH_BOX(&graphpoly::gat_layer_backward));
}
