// graphpoly::perceptron and its gradient: two linear maps with a ReLU between them, and where it is
// wanted the normalisation of a batch before it. What lies between is written once and read while it
// is in the caches.
#ifndef GRAPHPOLY_SIMD

#include "layers.h"
#include "product.h"

namespace graphpoly {
namespace {

// What a channel of a row goes through between the maps: (value - center) * rate * scale + shift.
template <class T>
struct Norm {
  const T *center, *rate;  // nothing where there is no norm
  const T *scale, *shift;  // or nothing for 1 and 0
};

template <class T>
struct Between {
  Norm<T> norm;
  const T* hidden;  // before the norm, nothing where there is none
  T* active;        // after the ReLU
  T* grad;          // of what is before the ReLU, and then of what is before the norm
  T *sum, *product;  // over rows, of grad and of grad times what was normalised
  int64_t channels;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "perceptron.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr const char* kPerceptron = "perceptron";
constexpr const char* kBackward = "perceptron_backward";
enum class Kind { none, batch, given };  // whose moments the norm takes

template <class T>
void call_moments(const T* x, int64_t rows, int64_t channels, T* mean, T* square) {
  GRAPHPOLY_CALL(moments<T>, x, rows, channels, mean, square);
}

template <class T>
void call_activate(const Between<T>& between, int64_t first, int64_t count) {
  GRAPHPOLY_CALL(activate<T>, between, first, count);
}

template <class T>
void call_stop(const Between<T>& between, int64_t first, int64_t count) {
  GRAPHPOLY_CALL(stop<T>, between, first, count);
}

template <class T>
void call_turn_back(const Between<T>& between, int64_t rows, int64_t first, int64_t count) {
  GRAPHPOLY_CALL(turn_back<T>, between, rows, first, count);
}

void check_maps(const char* op, const Tensor& x, const Tensor& weight, const Tensor& last) {
  check(x.dim() == 2 && weight.dim() == 2 && last.dim() == 2, op,
        ": x, weight and last: expected two dimensions");
  check(weight.size(1) == x.size(1) && last.size(1) == weight.size(0), op,
        ": weight and last: expected shapes [H, F] and [C, H] for x [N, F]");
  check_like(op, "weight", weight, x);
  check_like(op, "last", last, x);
}

// Mean and variance of each channel from those of ranges of rows, in double.
template <class T>
void join_moments(const RowRanges& ranges, int64_t channels, const T* mean, const T* square,
                  T* center, T* variance) {
  std::vector<double> total(channels, 0), spread(channels, 0);
  for (int64_t range = 0; range < ranges.count; ++range) {
    const double size = static_cast<double>(ranges.size(range));
    for (int64_t c = 0; c < channels; ++c) total[c] += size * mean[range * channels + c];
  }
  const double rows = static_cast<double>(ranges.rows);
  for (int64_t c = 0; c < channels; ++c) total[c] /= rows;
  for (int64_t range = 0; range < ranges.count; ++range) {
    const double size = static_cast<double>(ranges.size(range));
    for (int64_t c = 0; c < channels; ++c) {
      const double apart = mean[range * channels + c] - total[c];
      spread[c] += square[range * channels + c] + size * apart * apart;
    }
  }
  for (int64_t c = 0; c < channels; ++c) {
    center[c] = static_cast<T>(total[c]);
    variance[c] = static_cast<T>(spread[c] / rows);
  }
}

template <class T>
void rates(const T* var, double eps, int64_t channels, T* rate) {
  for (int64_t c = 0; c < channels; ++c) {
    rate[c] = static_cast<T>(1 / std::sqrt(static_cast<double>(var[c]) + eps));
  }
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> perceptron(
    Tensor x, Tensor weight, OptionalTensor bias, OptionalTensor scale, OptionalTensor shift,
    OptionalTensor mean, OptionalTensor var, Tensor last, OptionalTensor last_bias, int64_t norm,
    double eps) {
  return run_perceptron(x, weight, bias, scale, shift, mean, var, last, last_bias, norm, eps,
                        false);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> perceptron_backward(
    Tensor x, Tensor weight, OptionalTensor, OptionalTensor scale, OptionalTensor, Tensor last,
    Tensor before, Tensor active, Tensor mean, Tensor var, Tensor grad, int64_t norm, double eps,
    bool to_x) {
  return turn_perceptron_back(x, weight, scale, last, before, active, mean, var, grad, norm, eps,
                              to_x, std::nullopt);
}

}  // namespace

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> run_perceptron(
    Tensor x, Tensor weight, OptionalTensor bias, OptionalTensor scale, OptionalTensor shift,
    OptionalTensor mean, OptionalTensor var, Tensor last, OptionalTensor last_bias, int64_t kind,
    double eps, bool rectify) {
  check_maps(kPerceptron, x, weight, last);
  check(kind >= 0 && kind <= 2, kPerceptron, ": kind: expected 0, 1 or 2");
  const int64_t rows = x.size(0), inner = x.size(1), hidden = weight.size(0);
  const int64_t channels = last.size(0);
  check_channels(kPerceptron, "bias", bias, hidden, x);
  check_channels(kPerceptron, "scale", scale, hidden, x);
  check_channels(kPerceptron, "shift", shift, hidden, x);
  check_channels(kPerceptron, "mean", mean, hidden, x);
  check_channels(kPerceptron, "var", var, hidden, x);
  check_channels(kPerceptron, "last_bias", last_bias, channels, x);
  const auto norm = static_cast<Kind>(kind);
  check(norm != Kind::given || (mean && var), kPerceptron, ": mean and var: expected both");
  x = dense(x), weight = dense(weight), last = dense(last);
  bias = dense(bias), scale = dense(scale), shift = dense(shift), last_bias = dense(last_bias);
  mean = dense(mean), var = dense(var);
  return dispatch_types(kPerceptron, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const bool normed = norm != Kind::none;
    Tensor before = make_output<T>(x, {normed ? rows : 0, hidden});
    Tensor active = make_output<T>(x, {rows, hidden});
    Tensor center = make_output<T>(x, {normed ? hidden : 0});
    Tensor spread = make_output<T>(x, {normed ? hidden : 0});
    Tensor out = make_output<T>(x, {rows, channels});
    const Columns<T> first(weight.const_data_ptr<T>(), inner, hidden);
    const Columns<T> second(last.const_data_ptr<T>(), hidden, channels);
    const T* const from = x.const_data_ptr<T>();
    T* const middle = normed ? before.mutable_data_ptr<T>() : active.mutable_data_ptr<T>();
    T *const m = center.mutable_data_ptr<T>(), *const v = spread.mutable_data_ptr<T>();
    const Scratch<T> rate(normed ? hidden : 0);
    const auto first_map = [&](int64_t row, int64_t count) {
      first.multiply(call_product<T>, Product<T>{from + row * inner, inner, 1, nullptr, 0,
                                                 values<T>(bias), 0, middle + row * hidden, hidden,
                                                 count, inner});
    };
    const Between<T> between{{normed ? m : nullptr, rate.data(), values<T>(scale), values<T>(shift)},
                             middle, active.mutable_data_ptr<T>(), nullptr, nullptr, nullptr,
                             hidden};
    T* const to = out.mutable_data_ptr<T>();
    const Between<T> outer{{}, to, to, nullptr, nullptr, nullptr, channels};
    const auto second_map = [&](int64_t row, int64_t count) {
      call_activate(between, row, count);
      second.multiply(call_product<T>, Product<T>{between.active + row * hidden, hidden, 1, nullptr,
                                                  0, values<T>(last_bias), 0, to + row * channels,
                                                  channels, count, hidden});
      if (rectify) call_activate(outer, row, count);
    };
    const int64_t work = dense_work(rows, inner, hidden);
    if (norm == Kind::batch) {
      const RowRanges ranges(rows, hidden);
      const Scratch<T> parts(2 * ranges.count * hidden);
      T* const squares = parts.data() + ranges.count * hidden;
      parallel_items(ranges.count, work, [&](int64_t range) {
        const int64_t begin = ranges.begin(range), size = ranges.size(range);
        for (int64_t row = 0; row < size; row += kBlockOfRows) {
          first_map(begin + row, std::min(kBlockOfRows, size - row));
        }
        call_moments(middle + begin * hidden, size, hidden,
                       parts.data() + range * hidden, squares + range * hidden);
      });
      join_moments(ranges, hidden, parts.data(), squares, m, v);
    } else if (norm == Kind::given) {
      std::copy_n(values<T>(mean), hidden, m);
      std::copy_n(values<T>(var), hidden, v);
    }
    if (normed) rates(v, eps, hidden, rate.data());
    parallel_blocks(rows, work, [&](int64_t row, int64_t count) {
      if (norm != Kind::batch) first_map(row, count);
      second_map(row, count);
    });
    return std::tuple(out, before, active, center, spread);
  });
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> turn_perceptron_back(
    Tensor x, Tensor weight, OptionalTensor scale, Tensor last, Tensor before, Tensor active,
    Tensor mean, Tensor var, Tensor grad, int64_t kind, double eps, bool to_x,
    OptionalTensor result) {
  check_maps(kBackward, x, weight, last);
  const int64_t rows = x.size(0), inner = x.size(1), hidden = weight.size(0);
  const int64_t channels = last.size(0);
  const auto norm = static_cast<Kind>(kind);
  const bool normed = norm != Kind::none;
  check(active.dim() == 2 && active.size(0) == rows && active.size(1) == hidden, kBackward,
        ": active: expected shape [N, H]");
  check(!normed || (before.dim() == 2 && before.size(0) == rows && before.size(1) == hidden),
        kBackward, ": before: expected shape [N, H]");
  check(grad.dim() == 2 && grad.size(0) == rows && grad.size(1) == channels, kBackward,
        ": grad: expected shape [N, C]");
  for (const Tensor& t : {before, active, mean, var, grad}) {
    check_like(kBackward, "what was kept", t, x);
  }
  if (normed) {
    check_channels(kBackward, "mean", mean, hidden, x);
    check_channels(kBackward, "var", var, hidden, x);
  }
  check_channels(kBackward, "scale", scale, hidden, x);
  if (result) {
    check_like(kBackward, "result", *result, x);
    check(result->dim() == 2 && result->size(0) == rows && result->size(1) == channels, kBackward,
          ": result: expected shape [N, C]");
    result = dense(*result);
  }
  x = dense(x), weight = dense(weight), last = dense(last), before = dense(before);
  active = dense(active), grad = dense(grad), scale = dense(scale);
  mean = dense(mean), var = dense(var);
  return dispatch_types(kBackward, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    Tensor for_x = make_output<T>(x, {to_x ? rows : 0, inner});
    Tensor for_weight = make_output<T>(x, {hidden, inner}), for_bias = make_output<T>(x, {hidden});
    Tensor for_scale = make_output<T>(x, {normed ? hidden : 0});
    Tensor for_shift = make_output<T>(x, {normed ? hidden : 0});
    Tensor for_last = make_output<T>(x, {channels, hidden});
    Tensor for_last_bias = make_output<T>(x, {channels});
    const auto multiply = [](int64_t width, const Product<T>& p) { call_product(width, p); };
    const T* const g = grad.const_data_ptr<T>();
    const Columns<T> upper(last.const_data_ptr<T>(), hidden, channels, hidden, rows);
    const Columns<T> lower(weight.const_data_ptr<T>(), inner, to_x ? hidden : 0, inner, rows);
    const Scratch<T> turned(rows * hidden);
    const RowRanges ranges(rows, hidden);
    const Scratch<T> sums(normed ? 2 * ranges.count * hidden : 0);
    const Scratch<T> rate(normed ? hidden : 0);
    if (normed) rates(var.const_data_ptr<T>(), eps, hidden, rate.data());
    Between<T> between{{normed ? mean.const_data_ptr<T>() : nullptr, rate.data(), values<T>(scale),
                        nullptr},
                       before.const_data_ptr<T>(), const_cast<T*>(active.const_data_ptr<T>()),
                       turned.data(), nullptr, nullptr, hidden};
    const WeightGradient<T> of_last(g, active.const_data_ptr<T>(), rows, channels, hidden,
                                    for_last.mutable_data_ptr<T>(),
                                    for_last_bias.mutable_data_ptr<T>());
    const WeightGradient<T> of_first(turned.data(), x.const_data_ptr<T>(), rows, hidden, inner,
                                     for_weight.mutable_data_ptr<T>(),
                                     for_bias.mutable_data_ptr<T>());
    const Between<T> outer{{}, nullptr, const_cast<T*>(values<T>(result)), const_cast<T*>(g),
                           nullptr, nullptr, channels};
    // on a small batch each range goes all the way, while its rows are in the caches
    const bool whole = of_last.reads(ranges) && of_first.reads(ranges);
    T* const to = for_x.mutable_data_ptr<T>();
    const auto before_the_middle = [&](int64_t row, int64_t count) {
      if (normed) call_turn_back(between, norm == Kind::batch ? rows : 0, row, count);
      if (!to_x) return;
      lower.multiply(multiply, Product<T>{turned.data() + row * hidden, hidden, 1, nullptr, 0,
                                          nullptr, 0, to + row * inner, inner, count, hidden});
    };
    const auto to_the_end = [&](int64_t range) {
      before_the_middle(ranges.begin(range), ranges.size(range));
      of_first.sum(range, multiply);
    };
    parallel_items(ranges.count, dense_work(rows, channels, hidden), [&](int64_t range) {
      const int64_t begin = ranges.begin(range), size = ranges.size(range);
      for (int64_t row = 0; row < size; row += kBlockOfRows) {
        const int64_t at = begin + row, count = std::min(kBlockOfRows, size - row);
        if (result) call_stop(outer, at, count);
        upper.multiply(multiply, Product<T>{g + at * channels, channels, 1, nullptr, 0, nullptr, 0,
                                            turned.data() + at * hidden, hidden, count, channels});
      }
      Between<T> part = between;
      part.sum = normed ? sums.data() + range * hidden : nullptr;
      part.product = normed ? part.sum + ranges.count * hidden : nullptr;
      call_stop(part, begin, size);
      if (whole) of_last.sum(range, multiply);
      if (whole && !normed) to_the_end(range);
    });
    if (!whole) of_last.sum_all(multiply);
    of_last.finish();
    if (normed) {
      between.sum = for_shift.mutable_data_ptr<T>();
      between.product = for_scale.mutable_data_ptr<T>();
      join(between.sum, sums.data(), hidden, ranges.count);
      join(between.product, sums.data() + ranges.count * hidden, hidden, ranges.count);
    }
    const int64_t work = dense_work(rows, hidden, inner);
    if (whole) {
      if (normed) parallel_items(ranges.count, work, to_the_end);
    } else {
      if (normed || to_x) parallel_blocks(rows, work, before_the_middle);
      of_first.sum_all(multiply);
    }
    of_first.finish();
    return std::tuple(for_x, for_weight, for_bias, for_scale, for_shift, for_last, for_last_bias);
  });
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("perceptron", TORCH_BOX(&graphpoly::perceptron));
  m.impl("perceptron_backward", TORCH_BOX(&graphpoly::perceptron_backward));
}

#else  // the kernels


namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// Mean and sum of squared distances from it, of each channel.
template <class T, class I, int L, int N>
struct MomentsTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const T* x, int64_t rows, int64_t channels,
                  T* mean, T* square) {
    V sum[N] = {};
    const T* from = x + channel;
    for (int64_t r = 0; r < rows; ++r, from += channels) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sum[v] += load_at<L, N>(from, v, width);
    }
    V spread[N] = {};
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) sum[v] = sum[v] / static_cast<T>(rows);
    from = x + channel;
    for (int64_t r = 0; r < rows; ++r, from += channels) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const V apart = load_at<L, N>(from, v, width) - sum[v];
        spread[v] += apart * apart;
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      store_at<L, N>(mean + channel, v, width, sum[v]);
      store_at<L, N>(square + channel, v, width, spread[v]);
    }
  }
};

template <class T>
void moments(const T* x, int64_t rows, int64_t channels, T* mean, T* square) {
  run_tiles<MomentsTile, T, int64_t>(0, channels, x, rows, channels, mean, square);
}

// The numbers of one tile of channels, as the norm needs them.
template <class T, int L, int N>
struct Rule {
  typedef Vec<T, L> V;
  V center[N], scale[N], shift[N];

  GRAPHPOLY_INLINE Rule(const Norm<T>& norm, int64_t channel, int64_t width) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      center[v] = load_at<L, N>(norm.center + channel, v, width);
      scale[v] = load_at<L, N>(norm.rate + channel, v, width);
      if (norm.scale) scale[v] = scale[v] * load_at<L, N>(norm.scale + channel, v, width);
      shift[v] = norm.shift ? load_at<L, N>(norm.shift + channel, v, width) : V{};
    }
  }
};

// The norm and the ReLU; what is no number passes both.
template <class T, class I, int L, int N>
struct ActivateTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Between<T> b, int64_t first,
                  int64_t count) {
    const T* from = b.hidden + first * b.channels + channel;
    T* to = b.active + first * b.channels + channel;
    if (b.norm.center) {
      const Rule<T, L, N> rule(b.norm, channel, width);
      for (int64_t r = 0; r < count; ++r, from += b.channels, to += b.channels) {
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          const V value =
              (load_at<L, N>(from, v, width) - rule.center[v]) * rule.scale[v] + rule.shift[v];
          store_at<L, N>(to, v, width, value < T(0) ? V{} : value);
        }
      }
      return;
    }
    for (int64_t r = 0; r < count; ++r, from += b.channels, to += b.channels) {
      V value[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) value[v] = load_at<L, N>(from, v, width);
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(to, v, width, value[v] < T(0) ? V{} : value[v]);
    }
  }
};

template <class T>
void activate(const Between<T>& between, int64_t first, int64_t count) {
  run_tiles<ActivateTile, T, int64_t, 4>(0, between.channels, between, first, count);
}

// Nothing goes back where the ReLU gave 0; with a norm, the sums that its gradient is made of.
template <class T, class I, int L, int N>
struct StopTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Between<T> b, int64_t first,
                  int64_t count) {
    const int64_t start = first * b.channels + channel;
    V sum[N] = {}, product[N] = {}, center[N] = {}, rate[N] = {};
    if (b.norm.center) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        center[v] = load_at<L, N>(b.norm.center + channel, v, width);
        rate[v] = load_at<L, N>(b.norm.rate + channel, v, width);
      }
    }
    for (int64_t r = 0, at = start; r < count; ++r, at += b.channels) {
      V grad[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const V value = load_at<L, N>(b.active + at, v, width);
        const V given = load_at<L, N>(b.grad + at, v, width);
        grad[v] = value <= T(0) ? V{} : given;
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(b.grad + at, v, width, grad[v]);
      if (!b.norm.center) continue;
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const V apart = (load_at<L, N>(b.hidden + at, v, width) - center[v]) * rate[v];
        sum[v] += grad[v];
        product[v] += grad[v] * apart;
      }
    }
    if (!b.norm.center) return;
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      store_at<L, N>(b.sum + channel, v, width, sum[v]);
      store_at<L, N>(b.product + channel, v, width, product[v]);
    }
  }
};

template <class T>
void stop(const Between<T>& between, int64_t first, int64_t count) {
  run_tiles<StopTile, T, int64_t, 4>(0, between.channels, between, first, count);
}

// Back through the norm; `rows` is 0 where its moments were given.
template <class T, class I, int L, int N>
struct TurnBackTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Between<T> b, int64_t rows, int64_t first,
                  int64_t count) {
    const Rule<T, L, N> rule(b.norm, channel, width);
    V sum[N] = {}, product[N] = {};
    if (rows > 0) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        const V rate = load_at<L, N>(b.norm.rate + channel, v, width);
        sum[v] = load_at<L, N>(b.sum + channel, v, width) / static_cast<T>(rows);
        product[v] = load_at<L, N>(b.product + channel, v, width) / static_cast<T>(rows) * rate;
      }
    }
    for (int64_t r = 0, at = first * b.channels + channel; r < count; ++r, at += b.channels) {
      V grad[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        grad[v] = load_at<L, N>(b.grad + at, v, width);
        if (rows > 0) {
          const V apart = load_at<L, N>(b.hidden + at, v, width) - rule.center[v];
          grad[v] = grad[v] - sum[v] - apart * product[v];
        }
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        store_at<L, N>(b.grad + at, v, width, grad[v] * rule.scale[v]);
      }
    }
  }
};

template <class T>
void turn_back(const Between<T>& between, int64_t rows, int64_t first, int64_t count) {
  run_tiles<TurnBackTile, T, int64_t, 4>(0, between.channels, between, rows, first, count);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
