// graphpoly::linear and its gradient: x W^T + y V^T + b, on matrices small enough for the caches.
//
// A vendor's library is written for large matrices. Here rows are many and channels a few dozen: the
// small matrix is turned once, a block of rows goes through registers, and sums over rows are kept
// for ranges of them.
#ifndef GRAPHPOLY_SIMD

#include "layers.h"
#include "product.h"

#include <bit>

#define GRAPHPOLY_KERNELS "linear.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr const char* kLinear = "linear";
constexpr const char* kLinearBackward = "linear_backward";

void check_map(const char* op, const Tensor& x, const Tensor& weight) {
  check(x.dim() == 2, op, ": x: expected shape [N, F]");
  check(weight.dim() == 2 && weight.size(1) == x.size(1), op, ": weight: expected shape [C, ",
        x.size(1), "]");
  check_like(op, "weight", weight, x);
}

void check_pair(const char* op, const Tensor& x, const Tensor& weight, const OptionalTensor& y,
                const OptionalTensor& other) {
  check_map(op, x, weight);
  check(y.has_value() == other.has_value(), op, ": y and other: expected both or neither");
  if (!y) return;
  check_map(op, *y, *other);
  check(y->size(0) == x.size(0) && other->size(0) == weight.size(0), op,
        ": y and other: expected as many rows as x and weight");
  check_like(op, "y", *y, x);
}

template <class T>
void call_product(int64_t channels, const Product<T>& p) {
  GRAPHPOLY_CALL(product<T>, channels, p);
}

template <class T>
void call_dots(int64_t channels, const Product<T>& p) {
  GRAPHPOLY_CALL(dots<T>, channels, p);
}

template <class T>
bool are_few(int64_t channels, int64_t inner) {
  bool few = false;
  GRAPHPOLY_CALL(count_as_few<T>, channels, inner, &few);
  return few;
}

}  // namespace

Tensor linear(Tensor x, Tensor weight, OptionalTensor y, OptionalTensor other,
              OptionalTensor bias) {
  check_pair(kLinear, x, weight, y, other);
  const int64_t rows = x.size(0), channels = weight.size(0), inner = x.size(1);
  check_channels(kLinear, "bias", bias, channels, x);
  x = dense(x), weight = dense(weight), y = dense(y), other = dense(other), bias = dense(bias);
  return dispatch_types(kLinear, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t more = y ? y->size(1) : 0, work = dense_work(rows, inner + more, channels);
    Tensor out = make_output<T>(x, {rows, channels});
    if (!y && are_few<T>(channels, inner)) {
      const int64_t stride = padded(inner);
      const Scratch<T> map(channels * stride);
      const T *const a = x.const_data_ptr<T>(), *const given = weight.const_data_ptr<T>();
      for (int64_t c = 0; c < channels; ++c) {
        std::copy_n(given + c * inner, inner, map.data() + c * stride);
      }
      const T* const start = values<T>(bias);
      T* const to = out.mutable_data_ptr<T>();
      parallel_blocks(rows, work, [&](int64_t r, int64_t count) {
        call_dots(channels, Product<T>{a + r * inner, inner, 1, map.data(), stride, start, 0,
                                       to + r * channels, channels, count, inner});
      });
      return out;
    }
    const Columns<T> map(weight.const_data_ptr<T>(), inner, channels);
    const Columns<T> second(values<T>(other), more, channels);
    const T* const from = x.const_data_ptr<T>();
    const T* const beside = y ? y->const_data_ptr<T>() : nullptr;
    const T* const start = values<T>(bias);
    T* const to = out.mutable_data_ptr<T>();
    parallel_blocks(rows, work, [&](int64_t r, int64_t count) {
      T* const block = to + r * channels;
      map.multiply(call_product<T>, Product<T>{from + r * inner, inner, 1, nullptr, 0, start, 0,
                                               block, channels, count, inner});
      if (!beside) return;
      second.multiply(call_product<T>, Product<T>{beside + r * more, more, 1, nullptr, 0, block,
                                                  channels, block, channels, count, more});
    });
    return out;
  });
}

namespace {

// The gradient of what a map is given: grad W.
template <class T>
Tensor input_gradient(const Tensor& grad, const OptionalTensor& weight) {
  if (!weight) return make_output<T>(grad, {0, 0});
  const int64_t rows = grad.size(0), channels = grad.size(1), inner = weight->size(1);
  Tensor out = make_output<T>(grad, {rows, inner});
  const Columns<T> map(weight->const_data_ptr<T>(), inner, channels, inner, rows);
  const T* const g = grad.const_data_ptr<T>();
  T* const to = out.mutable_data_ptr<T>();
  parallel_blocks(rows, dense_work(rows, channels, inner), [&](int64_t r, int64_t count) {
    map.multiply(call_product<T>, Product<T>{g + r * channels, channels, 1, nullptr, 0, nullptr, 0,
                                             to + r * inner, inner, count, channels});
  });
  return out;
}

// The gradients of a map, grad^T x, and of what is added behind it.
template <class T>
std::pair<Tensor, Tensor> map_gradient(const Tensor& grad, const OptionalTensor& x, bool bias) {
  const int64_t rows = grad.size(0), channels = grad.size(1), inner = x ? x->size(1) : 0;
  Tensor weight = make_output<T>(grad, {x ? channels : 0, inner});
  Tensor sums = make_output<T>(grad, {bias ? channels : 0});
  if (x || bias) {
    const WeightGradient<T> gradient(
        grad.const_data_ptr<T>(), x ? x->const_data_ptr<T>() : nullptr, rows, channels, inner,
        weight.mutable_data_ptr<T>(), bias ? sums.mutable_data_ptr<T>() : nullptr);
    gradient.sum_all([](int64_t width, const Product<T>& p) { call_product(width, p); });
    gradient.finish();
  }
  return {weight, sums};
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor> map_backward(Tensor grad, OptionalTensor x,
                                                OptionalTensor weight, bool bias) {
  check(grad.dim() == 2, kLinearBackward, ": grad: expected shape [N, C]");
  check(!x || (x->dim() == 2 && x->size(0) == grad.size(0)), kLinearBackward,
        ": x and y: expected as many rows as grad");
  check(!weight || (weight->dim() == 2 && weight->size(0) == grad.size(1)), kLinearBackward,
        ": weight and other: expected as many rows as grad has channels");
  for (const OptionalTensor& t : {x, weight}) {
    if (t) check_like(kLinearBackward, "x, y, weight and other", *t, grad);
  }
  grad = dense(grad), x = dense(x), weight = dense(weight);
  return dispatch_types(kLinearBackward, grad.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const auto [to_weight, to_bias] = map_gradient<T>(grad, x, bias);
    return std::tuple(input_gradient<T>(grad, weight), to_weight, to_bias);
  });
}

namespace {

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> linear_backward(
    Tensor grad, OptionalTensor x, OptionalTensor weight, OptionalTensor y, OptionalTensor other,
    bool bias) {
  const auto [to_x, to_weight, to_bias] = map_backward(grad, x, weight, bias);
  const auto [to_y, to_other, none] = map_backward(grad, y, other, false);
  return {to_x, to_weight, to_y, to_other, to_bias};
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("linear", TORCH_BOX(&graphpoly::linear));
  m.impl("linear_backward", TORCH_BOX(&graphpoly::linear_backward));
}

#else  // the kernels

#include "arithmetic_simd.h"
#include "dots_simd.h"
#include "product_simd.h"

#endif
