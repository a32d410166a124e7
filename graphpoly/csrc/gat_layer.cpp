// graphpoly::gat_layer and its gradient: a linear map, the scores of its heads, attention, a bias.
// graphpoly::gat_network and its gradient: several such layers, a ReLU between two of them.
#include "layers.h"
#include "product.h"

namespace graphpoly {
namespace {

using torch::stable::view;

constexpr const char* kLayer = "gat_layer";
constexpr const char* kLayerBackward = "gat_layer_backward";
constexpr const char* kNetwork = "gat_network";
constexpr const char* kNetworkBackward = "gat_network_backward";
constexpr int64_t kRowsOfAnItem = 256;

void check_vectors(const char* op, const Tensor& source, const Tensor& target, const Tensor& x) {
  for (const Tensor& t : {source, target}) {
    check(t.dim() == 3 && t.size(0) == 1 && t.size(1) == source.size(1) &&
              t.size(2) == source.size(2),
          op, ": source and target: expected shape [1, H, C]");
    check_like(op, "source and target", t, x);
  }
}

template <class F>
void each_row(int64_t rows, int64_t channels, const F& f) {
  const int64_t items = (rows + kRowsOfAnItem - 1) / kRowsOfAnItem;
  parallel_items(items, rows * channels / 8, [&](int64_t item) {
    const int64_t last = std::min(rows, (item + 1) * kRowsOfAnItem);
    for (int64_t i = item * kRowsOfAnItem; i < last; ++i) f(i);
  });
}

// x [N, H, C] as rows of all heads or of their mean, a bias if any, and where `rectify` a ReLU.
Tensor finish(const char* op, const Tensor& x, const OptionalTensor& bias, bool average,
              bool rectify) {
  const int64_t rows = x.size(0), heads = x.size(1), wide = heads * x.size(2);
  const int64_t channels = average ? x.size(2) : wide;
  check_channels(op, "bias", bias, channels, x);
  const OptionalTensor added = dense(bias);
  return dispatch_types(op, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    Tensor out = make_output<T>(x, {rows, channels});
    const T* const from = x.const_data_ptr<T>();
    const T* const b = values<T>(added);
    T* const to = out.mutable_data_ptr<T>();
    each_row(rows, wide, [&](int64_t i) {
      const T* __restrict row = from + i * wide;
      T* __restrict sum = to + i * channels;
      if (average) {
        std::fill_n(sum, channels, T(0));
        for (int64_t h = 0; h < heads; ++h) {
          for (int64_t c = 0; c < channels; ++c) sum[c] += row[h * channels + c];
        }
        for (int64_t c = 0; c < channels; ++c) sum[c] = sum[c] / static_cast<T>(heads);
        for (int64_t c = 0; b && c < channels; ++c) sum[c] += b[c];
      } else {
        for (int64_t c = 0; c < channels; ++c) sum[c] = b ? row[c] + b[c] : row[c];
      }
      for (int64_t c = 0; rectify && c < channels; ++c) sum[c] = sum[c] < T(0) ? T(0) : sum[c];
    });
    return out;
  });
}

// The gradient [N, C] of a mean over heads, for each of them: [N, H, C].
Tensor spread(const char* op, const Tensor& grad, int64_t heads) {
  const int64_t rows = grad.size(0), channels = grad.size(1);
  return dispatch_types(op, grad.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    Tensor out = make_output<T>(grad, {rows, heads, channels});
    const T* const from = grad.const_data_ptr<T>();
    T* const to = out.mutable_data_ptr<T>();
    each_row(rows, heads * channels, [&](int64_t i) {
      for (int64_t h = 0; h < heads; ++h) {
        for (int64_t c = 0; c < channels; ++c) {
          to[(i * heads + h) * channels + c] = from[i * channels + c] / static_cast<T>(heads);
        }
      }
    });
    return out;
  });
}

using Layer = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

Layer run_layer(const char* op, const Tensor& rowptr, const Tensor& col, const Tensor& x,
                const Tensor& map, const Tensor& source, const Tensor& target,
                const OptionalTensor& bias, const OptionalTensor& seed, double slope,
                double dropout, bool average, bool rectify) {
  check_vectors(op, source, target, x);
  const int64_t heads = source.size(1), channels = source.size(2);
  check(map.dim() == 2 && map.size(0) == heads * channels, op, ": map: expected shape [",
        heads * channels, ", F]");
  Tensor value = linear(x, map, std::nullopt, std::nullopt, std::nullopt);
  value = view(value, {x.size(0), heads, channels});
  auto [of_source, of_target] = deep_head_scores(value, source, target);
  auto [attended, lse] =
      attention(rowptr, col, of_target, of_source, value, std::nullopt, std::nullopt, seed,
                std::nullopt, std::nullopt, std::nullopt, true, 1.0, slope, dropout);
  Tensor out = finish(op, attended, bias, average, rectify);
  return {out, value, of_source, of_target, attended, lse};
}

Layer gat_layer(Tensor rowptr, Tensor col, Tensor x, Tensor map, Tensor source, Tensor target,
                OptionalTensor bias, OptionalTensor seed, OptionalTensor, OptionalTensor,
                OptionalTensor, double slope, double dropout) {
  return run_layer(kLayer, rowptr, col, x, map, source, target, bias, seed, slope, dropout, false,
                   false);
}

// The gradients of x, map, source and target, where that of the sums of attention is `grad`
// [N, H, C].
std::tuple<Tensor, Tensor, Tensor, Tensor> turn_layer_back(
    const char* op, const Tensor& rowptr, const Tensor& col, const Tensor& x, const Tensor& map,
    const Tensor& source, const Tensor& target, const OptionalTensor& seed, const Tensor& colptr,
    const Tensor& row, const Tensor& tperm, Tensor value, const Tensor& of_source,
    const Tensor& of_target, const Tensor& attended, const Tensor& lse, const Tensor& grad,
    double slope, double dropout, bool to_x) {
  check(value.dim() == 3, op, ": value: expected shape [N, H, C]");
  const int64_t rows = value.size(0), heads = value.size(1), channels = value.size(2);
  check_vectors(op, source, target, value);
  check(source.size(1) == heads && source.size(2) == channels, op,
        ": source: expected shape [1, ", heads, ", ", channels, "]");
  value = dense(value);
  auto [for_target, for_source, for_value, edge, att] = attention_backward(
      rowptr, col, of_target, of_source, value, std::nullopt, std::nullopt, seed, colptr, row,
      tperm, true, 1.0, slope, dropout, attended, lse, grad, false);
  auto [to_source, to_target] =
      deep_head_scores_backward(value, source, target, for_source, for_target, for_value);
  auto [for_x, to_map, none] = map_backward(view(for_value, {rows, heads * channels}), x,
                                            to_x ? OptionalTensor(map) : std::nullopt, false);
  return {for_x, to_map, to_source, to_target};
}

// The gradient of rows of all heads, dense, as [N, H, C].
Tensor by_head(const char* op, const Tensor& grad, const Tensor& source, int64_t rows) {
  const int64_t heads = source.size(1), channels = source.size(2);
  check(grad.dim() == 2 && grad.size(0) == rows && grad.size(1) == heads * channels, op,
        ": grad: expected shape [", rows, ", ", heads * channels, "]");
  return view(dense(grad), {rows, heads, channels});
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> gat_layer_backward(
    Tensor rowptr, Tensor col, Tensor x, Tensor map, Tensor source, Tensor target,
    OptionalTensor seed, Tensor colptr, Tensor row, Tensor tperm, Tensor value, Tensor of_source,
    Tensor of_target, Tensor attended, Tensor lse, Tensor grad, double slope, double dropout,
    bool to_x, bool bias) {
  check(value.dim() == 3, kLayerBackward, ": value: expected shape [N, H, C]");
  check_vectors(kLayerBackward, source, target, value);
  auto [for_x, to_map, to_source, to_target] = turn_layer_back(
      kLayerBackward, rowptr, col, x, map, source, target, seed, colptr, row, tperm, value,
      of_source, of_target, attended, lse, by_head(kLayerBackward, grad, source, value.size(0)),
      slope, dropout, to_x);
  Tensor to_bias = std::get<2>(map_backward(grad, std::nullopt, std::nullopt, bias));
  return {for_x, to_map, to_source, to_target, to_bias};
}

// What a network holds of each layer: map, source, target, bias.
constexpr size_t kMaps = 4;
// What is kept of each: value, of_source, of_target, attended, lse, and the result behind the ReLU.
constexpr size_t kKept = 6;

size_t num_layers(const char* op, const std::vector<OptionalTensor>& maps) {
  check(!maps.empty() && maps.size() % kMaps == 0, op, ": maps: expected four of each layer");
  for (size_t i = 0; i < maps.size(); i += kMaps) {
    check(maps[i] && maps[i + 1] && maps[i + 2], op, ": maps: expected map, source and target");
  }
  return maps.size() / kMaps;
}

std::vector<Tensor> gat_network(Tensor rowptr, Tensor col, Tensor x,
                                std::vector<OptionalTensor> maps, double slope, bool average) {
  const size_t layers = num_layers(kNetwork, maps);
  std::vector<Tensor> found;
  found.reserve(layers * kKept);
  for (size_t layer = 0; layer < layers; ++layer) {
    const OptionalTensor* m = &maps[layer * kMaps];
    const bool last = layer + 1 == layers;
    auto [out, value, of_source, of_target, attended, lse] =
        run_layer(kNetwork, rowptr, col, x, *m[0], *m[1], *m[2], m[3], std::nullopt, slope, 0.0,
                  average && last, !last);
    x = out;
    for (Tensor* each : {&value, &of_source, &of_target, &attended, &lse, &out}) {
      found.push_back(std::move(*each));
    }
  }
  return found;
}

// The gradients of x, and of map, source, target and bias of each layer.
std::vector<Tensor> gat_network_backward(Tensor rowptr, Tensor col, Tensor colptr, Tensor row,
                                         Tensor tperm, Tensor x, std::vector<OptionalTensor> maps,
                                         std::vector<Tensor> kept, Tensor grad, double slope,
                                         bool average, bool to_x) {
  const char* const op = kNetworkBackward;
  const size_t layers = num_layers(op, maps);
  check(kept.size() == layers * kKept, op, ": kept: expected six of each layer");
  check(x.dim() == 2, op, ": x: expected shape [N, F]");
  const int64_t rows = x.size(0);
  std::vector<Tensor> found(1 + kMaps * layers);
  for (size_t layer = layers; layer-- > 0;) {
    const OptionalTensor* m = &maps[layer * kMaps];
    const Tensor* k = &kept[layer * kKept];
    const Tensor& source = *m[1];
    const bool last = layer + 1 == layers, mean = last && average;
    check_vectors(op, source, *m[2], x);
    OptionalTensor result;
    if (!last) result = k[5];
    Tensor* to = &found[1 + kMaps * layer];
    to[3] = std::get<2>(turn_map_back(grad, std::nullopt, std::nullopt, !!m[3], result));
    if (mean) {
      check(grad.size(0) == rows && grad.size(1) == source.size(2), op,
            ": grad: expected shape [", rows, ", ", source.size(2), "]");
    }
    const Tensor deep =
        mean ? spread(op, dense(grad), source.size(1)) : by_head(op, grad, source, rows);
    std::tie(grad, to[0], to[1], to[2]) = turn_layer_back(
        op, rowptr, col, layer > 0 ? kept[layer * kKept - 1] : x, *m[0], source, *m[2],
        std::nullopt, colptr, row, tperm, k[0], k[1], k[2], k[3], k[4], deep, slope, 0.0,
        layer > 0 || to_x);
  }
  found[0] = to_x ? std::move(grad) : torch::stable::new_empty(x, {0, x.size(1)});
  return found;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("gat_layer", TORCH_BOX(&graphpoly::gat_layer));
  m.impl("gat_layer_backward", TORCH_BOX(&graphpoly::gat_layer_backward));
  m.impl("gat_network", TORCH_BOX(&graphpoly::gat_network));
  m.impl("gat_network_backward", TORCH_BOX(&graphpoly::gat_network_backward));
}
