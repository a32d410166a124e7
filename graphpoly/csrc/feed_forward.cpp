// graphpoly::feed_forward and its gradient: V drop(f(norm(W x + b))) + c, row by row, where f is a
// function of numbers and the norm one of rows. A block of rows goes all the way while it is in the
// caches; backward it goes again, from what was kept of W x + b or from x.
#ifndef GRAPHPOLY_SIMD

#include "hashing.h"
#include "product.h"

namespace graphpoly {
namespace {

enum class Function { relu, silu, gelu };

// Which of the numbers that come out of the function are dropped: see dropout.cpp.
template <class T>
struct Drops {
  uint32_t first, second;
  int32_t threshold;
  T keep;  // 0 where nothing is dropped and nothing scaled
};

// A block of rows between the maps. They are `stride` apart, whole registers.
template <class T>
struct Inside {
  T* hidden;                // before the norm, and then what the last map reads
  T* grad;                  // of what the last map reads, and then of what is before the norm
  T* row;                   // room for one
  const T *scale, *shift;   // nothing where there is no norm
  T *to_scale, *to_shift;   // sums
  int64_t begin, rows, width, stride;
  Function function;
  Drops<T> drops;
  T eps;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "feed_forward.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr const char* kForward = "feed_forward";
constexpr const char* kBackward = "feed_forward_backward";

template <class T>
void copy_rows(T* to, int64_t to_stride, const T* from, int64_t from_stride, int64_t width,
               int64_t rows) {
  for (int64_t r = 0; r < rows; ++r) std::copy_n(from + r * from_stride, width, to + r * to_stride);
}

// What both directions are given, checked and laid out.
struct Given {
  Tensor x, last;
  OptionalTensor weight, bias, scale, shift;
  uint64_t seed = 0;
  double p, eps;
  int64_t rows, inner, hidden, channels, stride, block;
  Function function;

  Given(const char* op, const Tensor& x_, const OptionalTensor& weight_,
        const OptionalTensor& bias_, const OptionalTensor& scale_, const OptionalTensor& shift_,
        const Tensor& last_, const OptionalTensor& seed_, int64_t function_, double p_, double eps_)
      : p(p_), eps(eps_) {
    check(x_.dim() == 2 && last_.dim() == 2, op, ": x and last: expected two dimensions");
    rows = x_.size(0), inner = x_.size(1), channels = last_.size(0), hidden = last_.size(1);
    if (weight_) {
      check(weight_->dim() == 2 && weight_->size(0) == hidden && weight_->size(1) == inner, op,
            ": weight: expected shape [", hidden, ", ", inner, "]");
      check_like(op, "weight", *weight_, x_);
    }
    check(weight_ || (inner == hidden && !bias_), op,
          ": last: expected as many columns as x, and no bias, without a weight");
    check(scale_.has_value() == shift_.has_value(), op, ": scale and shift: expected both");
    check(function_ >= 0 && function_ <= 2, op, ": function: expected 0, 1 or 2");
    check(p >= 0 && p <= 1, op, ": p: got ", p, ", expected a probability");
    check(p == 0 || seed_.has_value(), op, ": seed: expected one int64");
    check_like(op, "last", last_, x_);
    check_channels(op, "bias", bias_, hidden, x_);
    check_channels(op, "scale", scale_, hidden, x_);
    check_channels(op, "shift", shift_, hidden, x_);
    x = dense(x_), weight = dense(weight_), bias = dense(bias_);
    scale = dense(scale_), shift = dense(shift_), last = dense(last_);
    if (p > 0) {
      check(seed_->numel() == 1 && seed_->scalar_type() == ScalarType::Long, op,
            ": seed: expected one int64");
      seed = static_cast<uint64_t>(*dense(*seed_).const_data_ptr<int64_t>());
    }
    function = static_cast<Function>(function_);
    stride = padded(hidden);
    // gradients of large matrices are worth more rows each time that they are gone through
    const int64_t large = numbers() >> 15;
    block = kBlockOfRows * std::clamp<int64_t>(large, 1, 4);
  }

  int64_t numbers() const { return hidden * (channels + (weight ? inner : 0)); }

  template <class T>
  Inside<T> inside() const {
    Inside<T> in{};
    in.width = hidden, in.stride = stride, in.function = function;
    in.eps = static_cast<T>(eps);
    if (p > 0) {
      in.drops.first = mix_bits(static_cast<uint32_t>(seed));
      in.drops.second = mix_bits(static_cast<uint32_t>(seed >> 32) + in.drops.first + kGolden);
      in.drops.threshold = static_cast<int32_t>(std::floor(p * (1 << 24) + 0.5));
      in.drops.keep = p < 1 ? static_cast<T>(1 / (1 - p)) : T(1);
    }
    return in;
  }
};

// Scale and shift with room for whole registers.
template <class T>
void pad_norm(Inside<T>& in, const Given& given, T* room) {
  if (!given.scale) return;
  std::fill_n(room, 2 * given.stride, T(0));
  std::copy_n(values<T>(given.scale), given.hidden, room);
  std::copy_n(values<T>(given.shift), given.hidden, room + given.stride);
  in.scale = room, in.shift = room + given.stride;
}

std::tuple<Tensor, Tensor> feed_forward(Tensor x, OptionalTensor weight, OptionalTensor bias,
                                        OptionalTensor scale, OptionalTensor shift, Tensor last,
                                        OptionalTensor last_bias, OptionalTensor seed,
                                        int64_t function, double p, double eps, bool keep) {
  const Given given(kForward, x, weight, bias, scale, shift, last, seed, function, p, eps);
  const int64_t rows = given.rows, inner = given.inner, hidden = given.hidden;
  const int64_t channels = given.channels, stride = given.stride;
  check_channels(kForward, "last_bias", last_bias, channels, x);
  last_bias = dense(last_bias);
  return dispatch_types(kForward, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    Tensor out = make_output<T>(x, {rows, channels});
    Tensor kept = make_output<T>(x, {keep ? rows : 0, hidden});
    const bool few = are_few<T>(channels, hidden);
    const Scratch<T> room((weight ? hidden * inner : 0) + (channels + 2) * stride);
    T *const norms = room.data(), *const second = norms + 2 * stride;
    T* const first = second + channels * stride;
    const T* const upper = given.last.template const_data_ptr<T>();
    if (!few) turn(second, upper, channels, hidden);
    if (weight) turn(first, values<T>(given.weight), hidden, inner);
    Inside<T> whole = given.inside<T>();
    pad_norm(whole, given, norms);
    const T* const from = given.x.template const_data_ptr<T>();
    T *const to = out.mutable_data_ptr<T>(), *const held = keep ? kept.mutable_data_ptr<T>() : nullptr;
    const RowRanges ranges(rows, given.numbers());
    parallel_items(ranges.count, dense_work(rows, inner, hidden), [&](int64_t range) {
      const Scratch<T> block(given.block * stride);
      Inside<T> in = whole;
      in.hidden = block.data();
      const int64_t end = ranges.begin(range) + ranges.size(range);
      for (in.begin = ranges.begin(range); in.begin < end; in.begin += in.rows) {
        in.rows = std::min(given.block, end - in.begin);
        const T* const start = from + in.begin * inner;
        if (weight) {
          call_product(hidden, Product<T>{start, inner, 1, first, hidden, values<T>(given.bias), 0,
                                          in.hidden, stride, in.rows, inner});
        } else {
          copy_rows(in.hidden, stride, start, inner, inner, in.rows);
        }
        if (held) copy_rows(held + in.begin * hidden, hidden, in.hidden, stride, hidden, in.rows);
        GRAPHPOLY_CALL(activate<T>, in);
        T* const result = to + in.begin * channels;
        if (few) {
          call_dots(channels, Product<T>{in.hidden, stride, 1, upper, hidden,
                                         values<T>(last_bias), 0, result, channels, in.rows,
                                         hidden});
        } else {
          call_product(channels, Product<T>{in.hidden, stride, 1, second, channels,
                                            values<T>(last_bias), 0, result, channels, in.rows,
                                            hidden});
        }
      }
    });
    return std::tuple(out, kept);
  });
}

// Sums over rows, one after the other: of the first map and its bias, of the last and its, of the
// norm.
struct Sums {
  int64_t bias, last, last_bias, scale, shift, size;
  explicit Sums(const Given& g, bool mapped)
      : bias(mapped ? g.hidden * g.inner : 0),
        last(bias + (mapped ? g.hidden : 0)),
        last_bias(last + g.channels * g.hidden),
        scale(last_bias + g.channels),
        shift(scale + g.stride),
        size(shift + g.stride) {}
};

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> feed_forward_backward(
    Tensor x, OptionalTensor weight, OptionalTensor bias, OptionalTensor scale,
    OptionalTensor shift, Tensor last, OptionalTensor seed, Tensor kept, Tensor grad,
    int64_t function, double p, double eps, bool to_x) {
  const Given given(kBackward, x, weight, bias, scale, shift, last, seed, function, p, eps);
  const int64_t rows = given.rows, inner = given.inner, hidden = given.hidden;
  const int64_t channels = given.channels, stride = given.stride;
  const bool mapped = weight.has_value(), normed = scale.has_value();
  check(grad.dim() == 2 && grad.size(0) == rows && grad.size(1) == channels, kBackward,
        ": grad: expected shape [N, C]");
  check(kept.dim() == 2 && (kept.size(0) == 0 || kept.size(0) == rows) && kept.size(1) == hidden,
        kBackward, ": kept: expected shape [N, H] or [0, H]");
  for (const Tensor& t : {kept, grad}) check_like(kBackward, "kept and grad", t, x);
  kept = dense(kept), grad = dense(grad);
  return dispatch_types(kBackward, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    Tensor for_x = make_output<T>(x, {to_x ? rows : 0, inner});
    Tensor for_weight = make_output<T>(x, {mapped ? hidden : 0, inner});
    Tensor for_bias = make_output<T>(x, {mapped ? hidden : 0});
    Tensor for_scale = make_output<T>(x, {normed ? hidden : 0});
    Tensor for_shift = make_output<T>(x, {normed ? hidden : 0});
    Tensor for_last = make_output<T>(x, {channels, hidden});
    Tensor for_last_bias = make_output<T>(x, {channels});
    const Sums sums(given, mapped);
    const RowRanges ranges(rows, given.numbers());
    const Scratch<T> room(given.numbers() - channels * hidden + 2 * stride);
    const Scratch<T> parts(ranges.count * sums.size);
    if (mapped && kept.size(0) == 0) turn(room.data(), values<T>(given.weight), hidden, inner);
    Inside<T> whole = given.inside<T>();
    pad_norm(whole, given, room.data() + given.numbers() - channels * hidden);
    const T *const from = given.x.template const_data_ptr<T>(), *const g = grad.const_data_ptr<T>();
    const T *const upper = given.last.template const_data_ptr<T>();
    const T *const lower = values<T>(given.weight);
    const T *const held = kept.size(0) > 0 ? kept.const_data_ptr<T>() : nullptr;
    T *const to = to_x ? for_x.mutable_data_ptr<T>() : nullptr;
    const T one = 1;
    parallel_items(ranges.count, 3 * dense_work(rows, inner, hidden), [&](int64_t range) {
      const Scratch<T> blocks((2 * given.block + 1) * stride);
      Inside<T> in = whole;
      in.hidden = blocks.data(), in.grad = in.hidden + given.block * stride;
      in.row = in.grad + given.block * stride;
      T* const total = parts.data() + range * sums.size;
      in.to_scale = total + sums.scale, in.to_shift = total + sums.shift;
      std::fill_n(total, sums.size, T(0));
      const int64_t end = ranges.begin(range) + ranges.size(range);
      for (in.begin = ranges.begin(range); in.begin < end; in.begin += in.rows) {
        in.rows = std::min(given.block, end - in.begin);
        const T *const start = from + in.begin * inner, *const back = g + in.begin * channels;
        if (held || !mapped) {
          const T* const ready = held ? held + in.begin * hidden : start;
          copy_rows(in.hidden, stride, ready, hidden, hidden, in.rows);
        } else {
          call_product(hidden, Product<T>{start, inner, 1, room.data(), hidden,
                                          values<T>(given.bias), 0, in.hidden, stride, in.rows,
                                          inner});
        }
        call_product(hidden, Product<T>{back, channels, 1, upper, hidden, nullptr, 0, in.grad,
                                        stride, in.rows, channels});
        GRAPHPOLY_CALL(turn_back<T>, in);
        T* sum = total + sums.last;
        call_product(hidden, Product<T>{back, 1, channels, in.hidden, stride, sum, hidden, sum,
                                        hidden, channels, in.rows});
        sum = total + sums.last_bias;
        call_product(channels, Product<T>{&one, 0, 0, back, channels, sum, 0, sum, 0, 1, in.rows});
        if (mapped) {
          call_product(inner, Product<T>{in.grad, 1, stride, start, inner, total, inner, total,
                                         inner, hidden, in.rows});
          sum = total + sums.bias;
          call_product(hidden, Product<T>{&one, 0, 0, in.grad, stride, sum, 0, sum, 0, 1, in.rows});
        }
        if (!to) continue;
        if (mapped) {
          call_product(inner, Product<T>{in.grad, stride, 1, lower, inner, nullptr, 0,
                                         to + in.begin * inner, inner, in.rows, hidden});
        } else {
          copy_rows(to + in.begin * inner, inner, in.grad, stride, inner, in.rows);
        }
      }
    });
    const Scratch<T> all(sums.size);
    join(all.data(), parts.data(), sums.size, ranges.count);
    const auto give = [](const Tensor& t, const T* sum) {
      std::copy_n(sum, t.numel(), t.mutable_data_ptr<T>());
    };
    give(for_weight, all.data()), give(for_bias, all.data() + sums.bias);
    give(for_last, all.data() + sums.last), give(for_last_bias, all.data() + sums.last_bias);
    give(for_scale, all.data() + sums.scale), give(for_shift, all.data() + sums.shift);
    return std::tuple(for_x, for_weight, for_bias, for_scale, for_shift, for_last, for_last_bias);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("feed_forward", TORCH_BOX(&graphpoly::feed_forward));
  m.impl("feed_forward_backward", TORCH_BOX(&graphpoly::feed_forward_backward));
}

#else  // the kernels

#include "arithmetic_simd.h"
#include "activations_simd.h"

#include "feed_forward_simd.h"

#endif
