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

}  // namespace graphpoly
