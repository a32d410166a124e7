// graphpoly::polynomial and graphpoly::polynomial_moments: z = sum_k theta_k p_k(A) x, and <y,
// p_k(A) x>.
//
// Each step is one pass over the operator: while the row of A p_{k-1} is in registers it becomes
// p_k. The recurrence reads p_{k-1} and p_{k-2} anyway, so that every third step adds three terms
// to z, and lets them meet y, in one go: z and y are read a third as often. p_k overwrites p_{k-2},
// so that two scratch blocks carry any K. Channels never mix: a block of them goes through all K
// steps before the next one starts, if the narrower block stays in the cache.
//
// With bfloat16 x, y, z and each p_k that later steps read are stored so, and a third block carries
// z in float32 until its last term; the recurrence and all sums are in float32 or wider.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

constexpr int64_t kTerms = 3;  // of the sum that one step can add

// One step for one block of channels. `stride` is the distance between rows.
template <class T>
struct StepArgs {
  using C = Computed<T>;
  const C* weight;
  const T* now;  // p_{k-1}, gathered
  int64_t now_stride;
  const T* before;  // p_{k-2}, or null for zeros
  int64_t before_stride;
  T* next;  // p_k, may be `before`; null at the last step
  int64_t next_stride;
  const T* y;  // null without moments
  T* out;      // z at the last step, else null
  C* z;        // the sum so far
  int64_t stride, z_stride;      // of out and y, and of z
  bool start;                    // z starts with this step
  const C* theta[kTerms];        // of p_k, p_{k-1}, p_{k-2}; null for what is not added now
  const C *scale, *shift, *lag;  // 1 / a_k, b_k, c_k; null for p_0
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "polynomial.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

// Rows of 512 bytes while such a block stays in the cache, rows of 256 beyond. Narrower blocks
// read the operator more often and use less of each line and page: at 64 bytes, where the block
// of a graph of 170 thousand nodes would fit, all K steps take 1.4 times as long as at 256.
template <class T>
int64_t block_width(int64_t num_rows) {
  constexpr int64_t kCacheBytes = int64_t{24} << 20;
  const int64_t bytes = num_rows * kPanelBytes > kCacheBytes ? kPanelBytes / 2 : kPanelBytes;
  return bytes / static_cast<int64_t>(sizeof(T));
}

template <class T, class I>
void run_polynomial(const Rows<I>& a, const Computed<T>* weight, const T* x, const T* y,
                    const Computed<T>* theta, const Computed<T>* recurrence, int64_t order,
                    int64_t channels, T* out, Computed<T>* moments) {
  using C = Computed<T>;
  constexpr bool kWhole = std::is_same_v<T, C>;  // sums so far stand where the result will
  const int64_t num_rows = a.num_rows;
  const C *a_k = recurrence, *b_k = a_k + order * channels, *c_k = b_k + order * channels;
  std::vector<C> scale(static_cast<size_t>(order * channels));
  for (size_t i = 0; i < scale.size(); ++i) scale[i] = C(1) / a_k[i];

  const int64_t width = Panels(channels, block_width<T>(num_rows), 64 / sizeof(T)).width;
  const Scratch<T> first(order > 1 ? num_rows * width : 0);
  const Scratch<T> second(order > 2 ? num_rows * width : 0);
  const Scratch<C> so_far(!kWhole && order >= kTerms ? num_rows * width : 0);
  const auto bounds = balanced_ranges(a, width);
  const int64_t ranges = static_cast<int64_t>(bounds.size()) - 1;
  // partial sums of each range, added in the order of the ranges whoever computed them
  std::vector<double> partial(moments ? static_cast<size_t>(ranges * width * kTerms) : 0);

  for (int64_t c = 0; c < channels; c += width) {
    const int64_t block = std::min(width, channels - c);
    const int64_t work = (a.num_entries + num_rows) * block;
    T* buffer[2] = {first.data(), second.data()};
    StepArgs<T> step{};
    step.weight = weight, step.y = y ? y + c : nullptr, step.stride = channels;
    if constexpr (kWhole) step.z = out + c, step.z_stride = channels;
    else step.z = so_far.data(), step.z_stride = block;
    step.now = x + c, step.now_stride = channels;
    step.start = true;
    int64_t added = 0;  // terms in z so far
    for (int64_t k = std::min<int64_t>(order, 1); k <= order; ++k) {
      if (k > 0) {
        const int64_t at = (k - 1) * channels + c;
        step.scale = scale.data() + at, step.shift = b_k + at, step.lag = c_k + at;
      }
      const int64_t terms = k == order || k + 1 - added == kTerms ? k + 1 - added : 0;
      for (int64_t t = 0; t < kTerms; ++t) {
        step.theta[t] = t < terms ? theta + (k - t) * channels + c : nullptr;
      }
      step.next = k < order ? buffer[(k - 1) % 2] : nullptr, step.next_stride = block;
      step.out = k == order ? out + c : nullptr;
      parallel_items(ranges, work, [&](int64_t r) {
        double* sums = moments ? partial.data() + r * kTerms * width : nullptr;
        GRAPHPOLY_CALL(polynomial_step, a, step, bounds[r], bounds[r + 1], block, sums, width);
      });
      for (int64_t t = 0; t < (moments ? terms : 0); ++t) {
        for (int64_t j = 0; j < block; ++j) {
          double sum = 0;
          for (int64_t r = 0; r < ranges; ++r) sum += partial[(r * kTerms + t) * width + j];
          moments[(k - t) * channels + c + j] = static_cast<C>(sum);
        }
      }
      added += terms;
      step.start = step.start && terms == 0;
      step.before = step.now, step.before_stride = step.now_stride;
      step.now = step.next, step.now_stride = step.next_stride;
    }
  }
}

std::tuple<Tensor, Tensor> evaluate(const char* op, Tensor rowptr, Tensor col,
                                    OptionalTensor weight, Tensor x, Tensor theta,
                                    Tensor recurrence, OptionalTensor y) {
  check_rows(op, rowptr, col);
  check(x.dim() == 2 && x.size(0) == rowptr.size(0) - 1, op, ": x: expected shape [",
        rowptr.size(0) - 1, ", F]");
  const int64_t channels = x.size(1);
  check(theta.dim() == 2 && theta.size(0) > 0 && theta.size(1) == channels, op,
        ": theta: expected shape [K+1, ", channels, "]");
  const int64_t order = theta.size(0) - 1;
  check(recurrence.dim() == 3 && recurrence.size(0) == 3 && recurrence.size(1) == order &&
            recurrence.size(2) == channels,
        op, ": recurrence: expected shape [3, ", order, ", ", channels, "]");
  check_weight(op, weight, col.size(0), x);
  check_computed(op, "theta", theta, x);
  check_computed(op, "recurrence", recurrence, x);
  if (y) {
    check_like(op, "y", *y, x);
    check(y->dim() == 2 && y->size(0) == x.size(0) && y->size(1) == channels, op,
          ": y: expected the shape of x");
  }
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x), y = dense(y);
  theta = dense(theta), recurrence = dense(recurrence);
  return dispatch_stored(op, x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using C = Computed<T>;
    using I = decltype(i);
    const auto a = rows_view<I>(op, rowptr, col);
    Tensor z = make_output<T>(x, {a.num_rows, channels});
    Tensor moments = y ? make_output<C>(x, {order + 1, channels}) : z;
    run_polynomial<T, I>(a, weight ? weight->const_data_ptr<C>() : nullptr, values<T>(x),
                         y ? values<T>(*y) : nullptr, theta.const_data_ptr<C>(),
                         recurrence.const_data_ptr<C>(), order, channels, mutable_values<T>(z),
                         y ? moments.mutable_data_ptr<C>() : nullptr);
    return std::make_tuple(z, moments);
  });
}

Tensor polynomial(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, Tensor theta,
                  Tensor recurrence, OptionalTensor, OptionalTensor, OptionalTensor) {
  return std::get<0>(
      evaluate("polynomial", rowptr, col, weight, x, theta, recurrence, std::nullopt));
}

std::tuple<Tensor, Tensor> polynomial_moments(Tensor rowptr, Tensor col, OptionalTensor weight,
                                              Tensor x, Tensor theta, Tensor recurrence, Tensor y,
                                              OptionalTensor, OptionalTensor, OptionalTensor) {
  return evaluate("polynomial_moments", rowptr, col, weight, x, theta, recurrence, y);
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("polynomial", TORCH_BOX(&graphpoly::polynomial));
  m.impl("polynomial_moments", TORCH_BOX(&graphpoly::polynomial_moments));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// sums[0..L) += y * p, summed in double
template <int L, class V>
GRAPHPOLY_INLINE void accumulate(double* sums, const V& y, const V& p) {
  if constexpr (std::is_same_v<V, Halves<L>>) {
    accumulate<L / 2>(sums, y.even, p.even), accumulate<L / 2>(sums + L / 2, y.odd, p.odd);
  } else {
    const V product = y * p;
    if constexpr (L == 1) {
      *sums += product;
    } else {
      typedef Vec<double, L> D;
      store(sums, load<D>(sums) + __builtin_convertvector(product, D));
    }
  }
}

template <class T, class I, int L, int N>
struct StepTile {
  using C = Computed<T>;
  typedef Values<T, L> V;

  static GRAPHPOLY_INLINE void take(V (&to)[N], const C* from, int64_t channel, int64_t width) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      to[v] = from ? load_computed<T, L, N>(from + channel, v, width) : V{};
    }
  }

  // sums: <y, p_{k-t}> of this range, [block] for each term, `apart` from each other
  static void run(int64_t channel, int64_t width, const Rows<I> a, const StepArgs<T> s,
                  int64_t first, int64_t last, double* sums, int64_t apart) {
    // a slot for each lane, so that the shifted last vector does not count a channel twice
    alignas(64) double slots[kTerms][N * L] = {};
    V scale[N], shift[N], lag[N], theta[kTerms][N];
    take(scale, s.scale, channel, width), take(shift, s.shift, channel, width);
    take(lag, s.lag, channel, width);
    for (int t = 0; t < kTerms; ++t) take(theta[t], s.theta[t], channel, width);
    for (int64_t i = first; i < last; ++i) {
      V p[N] = {};
      const T* here = s.now + i * s.now_stride + channel;
      const T* before = s.before ? s.before + i * s.before_stride + channel : nullptr;
      if (s.scale) {
        RowSum<T, I, L, N>::add(p, s.now + channel, s.now_stride, width, a, s.weight, a.rowptr[i],
                                a.rowptr[i + 1]);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) p[v] -= shift[v] * load_at<L, N>(here, v, width);
        if (before) {
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) p[v] -= lag[v] * load_at<L, N>(before, v, width);
        }
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) p[v] *= scale[v];
      } else {
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) p[v] = load_at<L, N>(here, v, width);
      }
      if (s.next) {
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) p[v] = as_stored<T, L>(p[v]);
      }
      if (s.theta[0]) {
        C* so_far = s.z + i * s.z_stride + channel;
        const T* y = s.y ? s.y + i * s.stride + channel : nullptr;
        V z[N] = {};
        if (!s.start) {
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) z[v] = load_computed<T, L, N>(so_far, v, width);
        }
        if (s.theta[2]) add_term(z, slots[2], theta[2], y, before, width);
        if (s.theta[1]) add_term(z, slots[1], theta[1], y, here, width);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          z[v] += theta[0][v] * p[v];
          if (y) accumulate<L>(slots[0] + v * L, load_at<L, N>(y, v, width), p[v]);
        }
        if (s.out) {
          T* out = s.out + i * s.stride + channel;
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) store_at<L, N>(out, v, width, z[v]);
        } else {
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) store_computed<T, L, N>(so_far, v, width, z[v]);
        }
      }
      if (s.next) {
        T* next = s.next + i * s.next_stride + channel;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) store_at<L, N>(next, v, width, p[v]);
      }
    }
    for (int64_t t = 0; t < kTerms && s.y && s.theta[t]; ++t) {
      for (int v = 0; v < N; ++v) {
        double* to = sums + t * apart + channel + place<L, N>(v, width);
        for (int l = 0; l < L; ++l) to[channel_of<T, L>(l)] = slots[t][v * L + l];
      }
    }
  }

  static GRAPHPOLY_INLINE void add_term(V (&z)[N], double* slots, const V (&theta)[N], const T* y,
                                        const T* p, int64_t width) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      const V value = load_at<L, N>(p, v, width);
      z[v] += theta[v] * value;
      if (y) accumulate<L>(slots + v * L, load_at<L, N>(y, v, width), value);
    }
  }
};

template <class T, class I>
void polynomial_step(const Rows<I>& a, const StepArgs<T>& s, int64_t first, int64_t last,
                     int64_t channels, double* sums, int64_t apart) {
  run_tiles<StepTile, T, I>(0, channels, a, s, first, last, sums, apart);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
