// graphpoly::conv_network and its gradient: several layers of a sum over neighbours and linear maps,
// a ReLU between two of them.
#include "layers.h"

namespace graphpoly {
namespace {

// What a network holds of each layer: weight, bias, root.
constexpr size_t kMaps = 3;
// What is kept of each: what was mapped where that is a sum, and the result behind the ReLU.
constexpr size_t kKept = 2;

struct Layer {
  const Tensor& weight;
  const OptionalTensor &bias, &root;
  // fewer channels are summed where the map comes before the sum
  bool maps_first() const { return !root && weight.size(0) < weight.size(1); }
};

size_t num_layers(const char* op, const std::vector<OptionalTensor>& maps) {
  check(!maps.empty() && maps.size() % kMaps == 0, op, ": maps: expected three of each layer");
  for (size_t i = 0; i < maps.size(); i += kMaps) {
    check(maps[i].has_value() && maps[i]->dim() == 2, op, ": maps: expected weight [C, F]");
  }
  return maps.size() / kMaps;
}

Layer layer_of(const std::vector<OptionalTensor>& maps, size_t layer) {
  const OptionalTensor* m = &maps[layer * kMaps];
  return {*m[0], m[1], m[2]};
}

std::vector<Tensor> conv_network(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x,
                                 std::vector<OptionalTensor> maps, bool mean) {
  const size_t layers = num_layers("conv_network", maps);
  check(rowptr.dim() == 1 && x.dim() == 2 && x.size(0) == rowptr.size(0) - 1,
        "conv_network: x: expected shape [R, F]");
  const auto sum = [&](const Tensor& t) {
    return spmm_sum(rowptr, col, weight, t, std::nullopt, std::nullopt, std::nullopt, mean);
  };
  std::vector<Tensor> found;
  found.reserve(layers * kKept);
  for (size_t layer = 0; layer < layers; ++layer) {
    const Layer held = layer_of(maps, layer);
    const bool rectify = layer + 1 < layers;
    if (held.maps_first()) {
      found.push_back(torch::stable::new_empty(x, {0, x.size(1)}));
      x = sum(linear(x, held.weight, std::nullopt, std::nullopt, std::nullopt));
      add_to_rows(x, held.bias, rectify);
    } else {
      found.push_back(sum(x));
      OptionalTensor y;
      if (held.root) y = x;
      x = run_maps(found.back(), held.weight, y, held.root, held.bias, rectify);
    }
    found.push_back(x);
  }
  return found;
}

// The gradients of x, and of weight, bias and root of each layer.
std::vector<Tensor> conv_network_backward(Tensor rowptr, Tensor colptr, Tensor row, Tensor tperm,
                                          OptionalTensor weight, Tensor x,
                                          std::vector<OptionalTensor> maps,
                                          std::vector<Tensor> kept, Tensor grad, bool mean,
                                          bool to_x) {
  const char* const op = "conv_network_backward";
  const size_t layers = num_layers(op, maps);
  check(kept.size() == layers * kKept, op, ": kept: expected two of each layer");
  check(rowptr.dim() == 1 && grad.dim() == 2 && grad.size(0) == rowptr.size(0) - 1, op,
        ": grad: expected shape [R, C]");
  weight = turned_weight(op, weight, row, tperm, mean ? OptionalTensor(rowptr) : std::nullopt, x);
  std::vector<Tensor> found(1 + kMaps * layers);
  for (size_t layer = layers; layer-- > 0;) {
    const Layer held = layer_of(maps, layer);
    const Tensor& sums = kept[layer * kKept];
    const Tensor& given = layer > 0 ? kept[layer * kKept - 1] : x;
    OptionalTensor result, through, through_root;  // the last two where something goes further
    if (layer + 1 < layers) result = kept[layer * kKept + 1];
    const bool further = layer > 0 || to_x;
    if (further) through = held.weight, through_root = held.root;
    Tensor* to = &found[1 + kMaps * layer];
    Tensor back;
    if (held.maps_first()) {
      to[1] = std::get<2>(turn_map_back(grad, std::nullopt, std::nullopt, !!held.bias, result));
      const Tensor mapped = sum_onto(colptr, row, weight, grad, std::nullopt);
      std::tie(back, to[0], std::ignore) = map_backward(mapped, given, through, false);
      to[2] = torch::stable::new_empty(grad, {0, 0});
    } else {
      std::tie(back, to[0], to[1]) = turn_map_back(grad, sums, through, !!held.bias, result);
      OptionalTensor own;
      if (held.root) {
        std::tie(own.emplace(), to[2], std::ignore) =
            map_backward(grad, given, through_root, false);
      } else {
        to[2] = torch::stable::new_empty(grad, {0, 0});
      }
      if (further) back = sum_onto(colptr, row, weight, back, own);
    }
    grad = std::move(back);
  }
  found[0] = to_x ? std::move(grad) : torch::stable::new_empty(x, {0, x.size(1)});
  return found;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("conv_network", TORCH_BOX(&graphpoly::conv_network));
  m.impl("conv_network_backward", TORCH_BOX(&graphpoly::conv_network_backward));
}
