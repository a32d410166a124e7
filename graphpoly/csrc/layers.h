// The operators that a whole layer is made of, called past the dispatcher, which takes as long as
// the work on a small graph. Arguments are those of the schemas in graphpoly/ops/library.py.
#pragma once

#include "common.h"

namespace graphpoly {

Tensor spmm_sum(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, OptionalTensor colptr,
                OptionalTensor row, OptionalTensor tperm, bool mean);

Tensor linear(Tensor x, Tensor weight, OptionalTensor y, OptionalTensor other,
              OptionalTensor bias);

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> linear_backward(
    Tensor grad, OptionalTensor x, OptionalTensor weight, OptionalTensor y, OptionalTensor other,
    bool bias);

std::tuple<Tensor, Tensor> head_scores(Tensor x, Tensor first, OptionalTensor second);

// With the gradient of x added to `onto`, a dense tensor, which is then the first result.
std::tuple<Tensor, Tensor, Tensor> add_head_scores_backward(Tensor x, Tensor first,
                                                            Tensor second, Tensor of_first,
                                                            Tensor of_second, Tensor onto);

std::tuple<Tensor, Tensor> attention(Tensor rowptr, Tensor col, Tensor target, Tensor source,
                                     Tensor value, OptionalTensor edge, OptionalTensor att,
                                     OptionalTensor seed, OptionalTensor colptr, OptionalTensor row,
                                     OptionalTensor tperm, bool additive, double scale,
                                     double slope, double dropout);

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> attention_backward(
    Tensor rowptr, Tensor col, Tensor target, Tensor source, Tensor value, OptionalTensor edge,
    OptionalTensor att, OptionalTensor seed, Tensor colptr, Tensor row, Tensor tperm, bool additive,
    double scale, double slope, double dropout, Tensor out, Tensor lse, Tensor grad,
    bool edge_grad);

}  // namespace graphpoly
