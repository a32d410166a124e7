// graphpoly::linear and its gradient: x W^T + y V^T + b, on matrices small enough for the caches.
//
// A vendor's library is written for large matrices. Here rows are many and channels a few dozen: the
// small matrix is turned once, a block of rows goes through registers, and sums over rows are kept
// for ranges of them.
#ifndef GRAPHPOLY_SIMD

#include "layers.h"
#include "product.h"

namespace graphpoly {
namespace {

// Dense rows, and what becomes of them where they are.
template <class T>
struct Rectified {
  T* rows;
  const T* start;   // added to each row, or nothing
  const T* result;  // of the ReLU whose gradient the rows are, or nothing where they go through it
  int64_t channels;
};

}  // namespace
}  // namespace graphpoly

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
void call_rectify(const Rectified<T>& rows, int64_t first, int64_t count) {
  GRAPHPOLY_CALL(rectify<T>, rows, first, count);
}

template <class T>
void call_shift(const Rectified<T>& rows, int64_t first, int64_t count) {
  GRAPHPOLY_CALL(shift<T>, rows, first, count);
}

}  // namespace

Tensor linear(Tensor x, Tensor weight, OptionalTensor y, OptionalTensor other,
              OptionalTensor bias) {
  return run_maps(x, weight, y, other, bias, false);
}

Tensor run_maps(Tensor x, Tensor weight, OptionalTensor y, OptionalTensor other,
                OptionalTensor bias, bool rectify) {
  check_pair(kLinear, x, weight, y, other);
  const int64_t rows = x.size(0), channels = weight.size(0), inner = x.size(1);
  check_channels(kLinear, "bias", bias, channels, x);
  x = dense(x), weight = dense(weight), y = dense(y), other = dense(other), bias = dense(bias);
  return dispatch_types(kLinear, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t more = y ? y->size(1) : 0, work = dense_work(rows, inner + more, channels);
    Tensor out = make_output<T>(x, {rows, channels});
    const Rectified<T> behind{out.mutable_data_ptr<T>(), nullptr, nullptr, channels};
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
        if (rectify) call_rectify(behind, r, count);
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
      if (beside) {
        second.multiply(call_product<T>, Product<T>{beside + r * more, more, 1, nullptr, 0, block,
                                                    channels, block, channels, count, more});
      }
      if (rectify) call_rectify(behind, r, count);
    });
    return out;
  });
}

void add_to_rows(Tensor x, OptionalTensor bias, bool rectify) {
  check(x.dim() == 2 && x.is_contiguous(), "add_to_rows: x: expected dense rows");
  check_channels("add_to_rows", "bias", bias, x.size(1), x);
  if (!bias && !rectify) return;
  bias = dense(bias);
  dispatch_types("add_to_rows", x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const Rectified<T> rows{x.mutable_data_ptr<T>(), values<T>(bias), nullptr, x.size(1)};
    parallel_blocks(x.size(0), x.numel(), [&](int64_t r, int64_t count) {
      if (rectify) return call_rectify(rows, r, count);
      call_shift(rows, r, count);
    });
  });
}

std::tuple<Tensor, Tensor, Tensor> map_backward(Tensor grad, OptionalTensor x,
                                                OptionalTensor weight, bool bias) {
  return turn_map_back(grad, x, weight, bias, std::nullopt);
}

std::tuple<Tensor, Tensor, Tensor> turn_map_back(Tensor grad, OptionalTensor x,
                                                 OptionalTensor weight, bool bias,
                                                 OptionalTensor result) {
  check(grad.dim() == 2, kLinearBackward, ": grad: expected shape [N, C]");
  const int64_t rows = grad.size(0), channels = grad.size(1);
  check(!x || (x->dim() == 2 && x->size(0) == rows), kLinearBackward,
        ": x and y: expected as many rows as grad");
  check(!weight || (weight->dim() == 2 && weight->size(0) == channels), kLinearBackward,
        ": weight and other: expected as many rows as grad has channels");
  check(!result || (result->dim() == 2 && result->size(0) == rows && result->size(1) == channels &&
                    grad.is_contiguous()),
        kLinearBackward, ": result: expected the shape of a dense grad");
  for (const OptionalTensor& t : {x, weight, result}) {
    if (t) check_like(kLinearBackward, "x, y, weight and other", *t, grad);
  }
  grad = dense(grad), x = dense(x), weight = dense(weight), result = dense(result);
  return dispatch_types(kLinearBackward, grad.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t inner = x ? x->size(1) : 0, given = weight ? weight->size(1) : 0;
    Tensor to_x = make_output<T>(grad, {weight ? rows : 0, given});
    Tensor to_weight = make_output<T>(grad, {x ? channels : 0, inner});
    Tensor to_bias = make_output<T>(grad, {bias ? channels : 0});
    const T* const g = grad.const_data_ptr<T>();
    const Columns<T> map(values<T>(weight), given, weight ? channels : 0, given, rows);
    const Rectified<T> behind{const_cast<T*>(g), nullptr, values<T>(result), channels};
    T* const to = to_x.mutable_data_ptr<T>();
    const auto each_row = [&](int64_t r, int64_t count) {
      if (result) call_rectify(behind, r, count);
      if (!weight) return;
      map.multiply(call_product<T>, Product<T>{g + r * channels, channels, 1, nullptr, 0, nullptr,
                                               0, to + r * given, given, count, channels});
    };
    const int64_t work = dense_work(rows, channels, std::max(given, inner));
    const bool goes = result || weight;
    if (!x && !bias) {
      if (goes) parallel_blocks(rows, work, each_row);
      return std::tuple(to_x, to_weight, to_bias);
    }
    const WeightGradient<T> gradient(g, values<T>(x), rows, channels, inner,
                                     to_weight.mutable_data_ptr<T>(),
                                     bias ? to_bias.mutable_data_ptr<T>() : nullptr);
    const auto multiply = [](int64_t width, const Product<T>& p) { call_product(width, p); };
    const RowRanges ranges(rows, channels * inner);
    if (goes && ranges.are_short() && gradient.reads(ranges)) {
      parallel_items(ranges.count, work, [&](int64_t range) {
        each_row(ranges.begin(range), ranges.size(range));
        gradient.sum(range, multiply);
      });
    } else {
      if (goes) parallel_blocks(rows, work, each_row);
      gradient.sum_all(multiply);
    }
    gradient.finish();
    return std::tuple(to_x, to_weight, to_bias);
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

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// What is no number passes, there and back.
template <class T, class I, int L, int N>
struct RectifyTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Rectified<T> r, int64_t first,
                  int64_t count) {
    V start[N] = {};
    if (r.start) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) start[v] = load_at<L, N>(r.start + channel, v, width);
    }
    const int64_t begin = first * r.channels + channel;
    for (int64_t i = 0, at = begin; i < count; ++i, at += r.channels) {
      V value[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const V given = load_at<L, N>(r.rows + at, v, width) + start[v];
        if (r.result) {
          const V result = load_at<L, N>(r.result + at, v, width);
          value[v] = result <= T(0) ? V{} : given;
        } else {
          value[v] = given < T(0) ? V{} : given;
        }
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(r.rows + at, v, width, value[v]);
    }
  }
};

template <class T>
void rectify(const Rectified<T>& rows, int64_t first, int64_t count) {
  run_tiles<RectifyTile, T, int64_t, 4>(0, rows.channels, rows, first, count);
}

template <class T>
void shift(const Rectified<T>& r, int64_t first, int64_t count) {
  for (int64_t i = first; i < first + count; ++i) {
    T* const row = r.rows + i * r.channels;
    for (int64_t c = 0; c < r.channels; ++c) row[c] += r.start[c];
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
