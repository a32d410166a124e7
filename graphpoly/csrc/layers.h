// The operators that a whole layer is made of, called past the dispatcher, which takes as long as
// the work on a small graph. Arguments are those of the schemas in graphpoly/ops/library.py.
#pragma once

#include "common.h"

namespace graphpoly {

Tensor spmm_sum(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, OptionalTensor colptr,
                OptionalTensor row, OptionalTensor tperm, bool mean);

// spmm_sum of a square matrix of ones, and `root` times each row itself.
Tensor rooted_sum(Tensor rowptr, Tensor col, Tensor x, double root);

// spmm_sum, and a row of `onto` on top of each.
Tensor sum_onto(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, OptionalTensor onto);

// What the transpose multiplies by: weight[tperm], or ones, divided by the number of entries of each
// row where `rowptr` is given; nothing without both.
OptionalTensor turned_weight(const char* op, const OptionalTensor& weight, const Tensor& row,
                             const Tensor& tperm, const OptionalTensor& rowptr,
                             const Tensor& like);

Tensor linear(Tensor x, Tensor weight, OptionalTensor y, OptionalTensor other,
              OptionalTensor bias);

// linear, and where `rectify` a ReLU behind it.
Tensor run_maps(Tensor x, Tensor weight, OptionalTensor y, OptionalTensor other,
                OptionalTensor bias, bool rectify);

// Adds `bias` to each row of a dense x, in place, with a ReLU behind it where `rectify`.
void add_to_rows(Tensor x, OptionalTensor bias, bool rectify);

// The gradients of x, weight and bias of one map; empty without weight, x and `bias`.
std::tuple<Tensor, Tensor, Tensor> map_backward(Tensor grad, OptionalTensor x,
                                                OptionalTensor weight, bool bias);

// map_backward; of a ReLU behind the map where its result is given, whose gradient `grad` then is and
// is written over.
std::tuple<Tensor, Tensor, Tensor> turn_map_back(Tensor grad, OptionalTensor x,
                                                 OptionalTensor weight, bool bias,
                                                 OptionalTensor result);

// perceptron, and where `rectify` a ReLU behind it.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> run_perceptron(
    Tensor x, Tensor weight, OptionalTensor bias, OptionalTensor scale, OptionalTensor shift,
    OptionalTensor mean, OptionalTensor var, Tensor last, OptionalTensor last_bias, int64_t norm,
    double eps, bool rectify);

// perceptron_backward; of a ReLU behind it where its result is given, whose gradient `grad` then is
// and is written over.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> turn_perceptron_back(
    Tensor x, Tensor weight, OptionalTensor scale, Tensor last, Tensor before, Tensor active,
    Tensor mean, Tensor var, Tensor grad, int64_t norm, double eps, bool to_x,
    OptionalTensor result);

// head_scores of x [N, H, C] with two vectors [1, H, C], as attention takes them: [N, H, 1].
std::tuple<Tensor, Tensor> deep_head_scores(Tensor x, Tensor first, Tensor second);

// The gradients of the vectors; that of x is added to `onto`, a dense tensor.
std::tuple<Tensor, Tensor> deep_head_scores_backward(Tensor x, Tensor first, Tensor second,
                                                     Tensor of_first, Tensor of_second,
                                                     Tensor onto);

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
