// graphpoly::gin_layer and its gradient: a row and the sum of its neighbours, through a perceptron.
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
      perceptron(sum, weight, bias, scale, shift, mean, var, last, last_bias, norm, eps);
  return {out, sum, before, active, center, spread};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> gin_layer_backward(
    Tensor, Tensor, OptionalTensor colptr, OptionalTensor row, OptionalTensor, Tensor,
    Tensor weight, OptionalTensor bias, OptionalTensor scale, OptionalTensor shift, Tensor last,
    Tensor sum, Tensor before, Tensor active, Tensor mean, Tensor var, Tensor grad, double root,
    int64_t norm, double eps, bool to_x) {
  auto found = perceptron_backward(sum, weight, bias, scale, shift, last, before, active, mean, var,
                                   grad, norm, eps, to_x);
  if (to_x) {
    check(colptr && row, "gin_layer_backward: colptr, row: expected where x has a gradient");
    std::get<0>(found) = rooted_sum(*colptr, *row, std::get<0>(found), root);
  }
  return found;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("gin_layer", TORCH_BOX(&graphpoly::gin_layer));
  m.impl("gin_layer_backward", TORCH_BOX(&graphpoly::gin_layer_backward));
}
