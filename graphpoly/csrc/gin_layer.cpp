// graphpoly::gin_layer and its gradient: a row and the sum of its neighbours, through a perceptron.
// graphpoly::gin_network and its gradient: several such layers, a ReLU between two of them.
#include "layers.h"

namespace graphpoly {
namespace {

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gin_layer(
    Tensor rowptr, Tensor col, Tensor x, Tensor weight, OptionalTensor bias, OptionalTensor scale,
    OptionalTensor shift, OptionalTensor mean, OptionalTensor var, Tensor last,
    OptionalTensor last_bias, OptionalTensor, OptionalTensor, OptionalTensor, double root,
    int64_t norm, double eps) {
  Tensor sum = rooted_sum(rowptr, col, x, root);
  const auto [out, before, active, center, spread] =
      run_perceptron(sum, weight, bias, scale, shift, mean, var, last, last_bias, norm, eps, false);
  return {out, sum, before, active, center, spread};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gin_layer_backward(
    Tensor, Tensor, OptionalTensor colptr, OptionalTensor row, OptionalTensor, Tensor,
    Tensor weight, OptionalTensor, OptionalTensor scale, OptionalTensor, Tensor last, Tensor sum,
    Tensor before, Tensor active, Tensor mean, Tensor var, Tensor grad, double root, int64_t norm,
    double eps, bool to_x) {
  auto found = turn_perceptron_back(sum, weight, scale, last, before, active, mean, var, grad, norm,
                                    eps, to_x, std::nullopt);
  if (to_x) {
    check(colptr && row, "gin_layer_backward: colptr, row: expected where x has a gradient");
    std::get<0>(found) = rooted_sum(*colptr, *row, std::get<0>(found), root);
  }
  return found;
}

// What a network holds of each layer: weight, bias, scale, shift, mean, var, last, last_bias.
constexpr size_t kMaps = 8;
// What is kept of each: sum, before, active, mean, var, and the result behind the ReLU.
constexpr size_t kKept = 6;

size_t num_layers(const char* op, const std::vector<OptionalTensor>& maps) {
  check(!maps.empty() && maps.size() % kMaps == 0, op, ": maps: expected eight of each layer");
  for (size_t i = 0; i < maps.size(); i += kMaps) {
    check(maps[i].has_value() && maps[i + 6].has_value(), op, ": maps: expected weight and last");
  }
  return maps.size() / kMaps;
}

std::vector<Tensor> gin_network(Tensor rowptr, Tensor col, Tensor x,
                                std::vector<OptionalTensor> maps, double root, int64_t norm,
                                double eps) {
  const size_t layers = num_layers("gin_network", maps);
  std::vector<Tensor> found;
  found.reserve(layers * kKept);
  for (size_t layer = 0; layer < layers; ++layer) {
    const OptionalTensor* m = &maps[layer * kMaps];
    Tensor sum = rooted_sum(rowptr, col, x, root);
    auto [out, before, active, mean, var] = run_perceptron(
        sum, *m[0], m[1], m[2], m[3], m[4], m[5], *m[6], m[7], norm, eps, layer + 1 < layers);
    x = out;
    for (Tensor* each : {&sum, &before, &active, &mean, &var, &out}) {
      found.push_back(std::move(*each));
    }
  }
  return found;
}

// The gradients of x, and of weight, bias, scale, shift, last and last_bias of each layer.
std::vector<Tensor> gin_network_backward(OptionalTensor colptr, OptionalTensor row,
                                         std::vector<OptionalTensor> maps,
                                         std::vector<Tensor> kept, Tensor grad, double root,
                                         int64_t norm, double eps, bool to_x) {
  const size_t layers = num_layers("gin_network_backward", maps);
  check(kept.size() == layers * kKept, "gin_network_backward: kept: expected six of each layer");
  check((colptr && row) || (layers == 1 && !to_x),
        "gin_network_backward: colptr, row: expected where a sum has a gradient");
  std::vector<Tensor> found(1 + 6 * layers);
  for (size_t layer = layers; layer-- > 0;) {
    const OptionalTensor* m = &maps[layer * kMaps];
    const Tensor* k = &kept[layer * kKept];
    const bool further = layer > 0 || to_x;
    auto [back, weight, bias, scale, shift, last, last_bias] = turn_perceptron_back(
        k[0], *m[0], m[2], *m[6], k[1], k[2], k[3], k[4], grad, norm, eps, further,
        layer + 1 < layers ? OptionalTensor(k[5]) : std::nullopt);
    grad = further ? rooted_sum(*colptr, *row, back, root) : std::move(back);
    Tensor* to = &found[1 + 6 * layer];
    for (Tensor* each : {&weight, &bias, &scale, &shift, &last, &last_bias}) {
      *to++ = std::move(*each);
    }
  }
  found[0] = std::move(grad);
  return found;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("gin_layer", TORCH_BOX(&graphpoly::gin_layer));
  m.impl("gin_layer_backward", TORCH_BOX(&graphpoly::gin_layer_backward));
  m.impl("gin_network", TORCH_BOX(&graphpoly::gin_network));
  m.impl("gin_network_backward", TORCH_BOX(&graphpoly::gin_network_backward));
}
