// graphpoly::multi_aggregate: sum, mean, variance, standard deviation, minimum and maximum of each
// row, any selection of them, from one gathering of its source rows; and its gradient, which reads
// the transpose once.
//
// The variance is summed around the mean, in a second walk over a row that the first has just
// brought into the cache. The gradient of an extreme belongs to one entry: its place in the row is
// kept in one byte where the row is short enough, since gathering whole indices for every entry
// would double the traffic; the bytes of one lane of all vectors of a tile share a word.
//
// bfloat16 is read and written as it is, and computed in float32. The mean and the deviation that
// its gradient needs are rounded in the result: it makes them again.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

enum Kind { kSum, kMean, kVar, kStd, kMin, kMax, kKinds };

constexpr double kLeastVariance = 1e-5;  // below it a deviation is 0 and has no gradient

// Where each kind stands in the output, -1 where it was not asked for.
struct Plan {
  std::array<int64_t, kKinds> slot;
  int64_t count;

  Plan(const char* op, const std::vector<int64_t>& kinds)
      : count(static_cast<int64_t>(kinds.size())) {
    slot.fill(-1);
    for (int64_t s = 0; s < count; ++s) {
      check(kinds[s] >= 0 && kinds[s] < kKinds, op, ": aggregations: got ", kinds[s],
            ", expected 0 to ", kKinds - 1);
      check(slot[kinds[s]] < 0, op, ": aggregations: ", kinds[s], " is there twice");
      slot[kinds[s]] = s;
    }
  }
  bool has(Kind kind) const { return slot[kind] >= 0; }
  bool spread() const { return has(kVar) || has(kStd); }
  bool extremes() const { return has(kMin) || has(kMax); }
};

template <class S, class I>
struct AggregateArgs {
  using T = Computed<S>;
  const T* weight;
  const S* x;
  S* out;  // [R, count, F]
  I* arg_max;
  I* arg_min;
  int64_t channels;
  Plan plan;
  T *mean = nullptr, *std = nullptr;  // [R, F] beside the result, or null
  int64_t stride = 0;                 // between their rows
};

// Integers as wide as the values, so that a comparison of values selects among them.
template <class T>
using Mask = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

template <class T>
struct RowView {  // of a matrix whose rows may stand apart
  const T* data = nullptr;
  int64_t stride = 0;
};

constexpr int kMostVectors = 4;  // of a tile: each channel takes a sum and two for each extreme
constexpr int64_t kShort = 255;  // entries of a row whose places fit a byte, one to spare

template <class S, class I>
struct GradArgs {
  using T = Computed<S>;
  const I* rowptr;  // of the operator itself
  const I* tperm;
  const T* weight;
  const S* x;
  const S* grad;  // [R, count, F]
  RowView<T> mean, std;
  const I* arg_max;
  const I* arg_min;
  S* out;
  T* terms;        // [R, 2, panel]: constant and linear coefficient of a message
  Mask<T>* place;  // [R, 2, lanes]: place of the maximum and of the minimum, in short rows
  int64_t channels;
  int64_t panel, panel_width;  // the channels that this pass is about, one tile
  int64_t lanes;               // of a whole vector
  Plan plan;
  Rows<I> rows;  // the operator itself, whose mean and deviation `middle` makes in `terms` first
  AggregateArgs<S, I> middle;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "multi_aggregate.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

std::tuple<Tensor, Tensor, Tensor, Tensor> multi_aggregate(Tensor rowptr, Tensor col,
                                                           OptionalTensor weight, Tensor x,
                                                           OptionalTensor, OptionalTensor,
                                                           OptionalTensor,
                                                           std::vector<int64_t> aggregations) {
  constexpr const char* kName = "multi_aggregate";
  check_rows(kName, rowptr, col);
  check(x.dim() == 2, kName, ": x: expected shape [C, F]");
  check_weight(kName, weight, col.size(0), x);
  const Plan plan(kName, aggregations);
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x);
  return dispatch_stored(kName, x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using S = decltype(t);
    using T = Computed<S>;
    using I = decltype(i);
    const auto a = rows_view<I>(kName, rowptr, col);
    const int64_t channels = x.size(1);
    const auto width = [&](bool wanted) { return wanted ? channels : int64_t{0}; };
    const bool keeps_mean = std::is_same_v<S, T> && plan.spread() && !plan.has(kMean);
    Tensor out = make_output<S>(x, {a.num_rows, plan.count, channels});
    Tensor mean = make_output<S>(x, {a.num_rows, width(keeps_mean)});
    Tensor arg_max = make_output<I>(col, {a.num_rows, width(plan.has(kMax))});
    Tensor arg_min = make_output<I>(col, {a.num_rows, width(plan.has(kMin))});
    const AggregateArgs<S, I> args{
        weight ? weight->const_data_ptr<T>() : nullptr,
        values<S>(x),
        mutable_values<S>(out),
        plan.has(kMax) ? arg_max.mutable_data_ptr<I>() : nullptr,
        plan.has(kMin) ? arg_min.mutable_data_ptr<I>() : nullptr,
        channels,
        plan,
        keeps_mean ? mean.mutable_data_ptr<T>() : nullptr,
        nullptr,
        channels};
    parallel_rows<S>(a, channels, [&](int64_t r0, int64_t r1, int64_t c, int64_t panel) {
      GRAPHPOLY_CALL(multi_aggregate, a, args, r0, r1, c, panel);
    });
    return std::make_tuple(out, mean, arg_max, arg_min);
  });
}

int64_t vector_bytes() {
#ifdef GRAPHPOLY_X86
  switch (simd_level()) {
    case Simd::avx512: return 64;
    case Simd::avx2: return 32;
    default: return 16;
  }
#else
  return 16;
#endif
}

// A [R, F] tensor whose rows are dense; `hold` keeps the copy where they are not.
template <class T>
RowView<T> row_view(const char* name, const OptionalTensor& t, const Tensor& x, int64_t num_rows,
                    Tensor& hold) {
  if (!t.has_value()) return {};
  constexpr const char* kName = "multi_aggregate_backward";
  check(t->dim() == 2 && t->size(0) == num_rows && t->size(1) == x.size(1), kName, ": ", name,
        ": expected shape [R, F]");
  check_like(kName, name, *t, x);
  hold = t->stride(1) == 1 ? *t : torch::stable::contiguous(*t);
  return {hold.const_data_ptr<T>(), hold.stride(0)};
}

Tensor multi_aggregate_backward(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x,
                                Tensor grad, OptionalTensor mean, OptionalTensor std,
                                OptionalTensor arg_max, OptionalTensor arg_min, Tensor colptr,
                                Tensor row, Tensor tperm, std::vector<int64_t> aggregations) {
  constexpr const char* kName = "multi_aggregate_backward";
  check_rows(kName, rowptr, col);
  check_rows(kName, colptr, row);
  const int64_t num_rows = rowptr.size(0) - 1, num_entries = col.size(0);
  const Plan plan(kName, aggregations);
  check(x.dim() == 2 && x.size(0) == colptr.size(0) - 1, kName, ": x: expected shape [C, F]");
  check(grad.dim() == 3 && grad.size(0) == num_rows && grad.size(1) == plan.count &&
            grad.size(2) == x.size(1),
        kName, ": grad: expected shape [R, A, F]");
  check(row.size(0) == num_entries && tperm.dim() == 1 && tperm.size(0) == num_entries, kName,
        ": row and tperm: expected shape [E]");
  check(tperm.scalar_type() == col.scalar_type() && row.scalar_type() == col.scalar_type(), kName,
        ": index tensors differ in dtype");
  for (const auto* arg : {&arg_max, &arg_min}) {
    const bool wanted = plan.has(arg == &arg_max ? kMax : kMin);
    check(!wanted || arg->has_value(), kName, ": the winners of an extreme are missing");
    if (!wanted) continue;
    check((*arg)->dim() == 2 && (*arg)->size(0) == num_rows && (*arg)->size(1) == x.size(1) &&
              (*arg)->scalar_type() == col.scalar_type(),
          kName, ": arg_max, arg_min: expected shape [R, F] and the dtype of col");
  }
  const bool made_again = x.scalar_type() == ScalarType::BFloat16;
  check(made_again || !plan.spread() || mean.has_value(), kName, ": mean is missing");
  check(made_again || !plan.has(kStd) || std.has_value(), kName, ": std is missing");
  check_weight(kName, weight, num_entries, x);
  check_like(kName, "grad", grad, x);
  rowptr = dense(rowptr), colptr = dense(colptr), row = dense(row), tperm = dense(tperm);
  weight = dense(weight), x = dense(x), grad = dense(grad);
  arg_max = dense(arg_max), arg_min = dense(arg_min);
  return dispatch_stored(kName, x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using S = decltype(t);
    using T = Computed<S>;
    using I = decltype(i);
    const auto forward = rows_view<I>(kName, rowptr, col);
    const auto back = rows_view<I>(kName, colptr, row);
    const int64_t channels = x.size(1);
    Tensor out = make_output<S>(x, {x.size(0), channels}), held_mean = out, held_std = out;
    const int64_t lanes = vector_bytes() / static_cast<int64_t>(sizeof(T));
    const Panels panels(channels, kMostVectors * lanes, lanes);
    const bool terms = plan.has(kSum) || plan.has(kMean) || plan.spread();
    Scratch<T> term_scratch(terms ? num_rows * 2 * panels.width : 0);
    Scratch<Mask<T>> place_scratch(plan.extremes() ? num_rows * 2 * lanes : 0);
    GradArgs<S, I> args{rowptr.const_data_ptr<I>(),
                        tperm.const_data_ptr<I>(),
                        weight ? weight->const_data_ptr<T>() : nullptr,
                        values<S>(x),
                        values<S>(grad),
                        made_again ? RowView<T>{}
                                   : row_view<T>("mean", mean, x, num_rows, held_mean),
                        made_again ? RowView<T>{}
                                   : row_view<T>("std", std, x, num_rows, held_std),
                        plan.has(kMax) ? arg_max->const_data_ptr<I>() : nullptr,
                        plan.has(kMin) ? arg_min->const_data_ptr<I>() : nullptr,
                        mutable_values<S>(out),
                        term_scratch.data(),
                        place_scratch.data(),
                        channels,
                        0,
                        0,
                        lanes,
                        plan,
                        forward,
                        {weight ? weight->const_data_ptr<T>() : nullptr, nullptr, nullptr, nullptr,
                         nullptr, channels, Plan(kName, {})}};
    for (int64_t p = 0; p < panels.count; ++p) {
      args.panel = panels.begin(p), args.panel_width = panels.size(p);
      if (made_again && plan.spread()) {
        args.middle.x = args.x + args.panel, args.middle.stride = 2 * args.panel_width;
        args.middle.mean = args.terms, args.middle.std = args.terms + args.panel_width;
      }
      const auto row_bounds = balanced_ranges(forward, args.panel_width);
      const int64_t work = (num_entries + num_rows) * args.panel_width;
      parallel_items(static_cast<int64_t>(row_bounds.size()) - 1, work, [&](int64_t r) {
        GRAPHPOLY_CALL(prepare, args, row_bounds[r], row_bounds[r + 1]);
      });
      const auto col_bounds = balanced_ranges(back, args.panel_width);
      parallel_items(static_cast<int64_t>(col_bounds.size()) - 1, work, [&](int64_t r) {
        GRAPHPOLY_CALL(collect, back, args, col_bounds[r], col_bounds[r + 1]);
      });
    }
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("multi_aggregate", TORCH_BOX(&graphpoly::multi_aggregate));
  m.impl("multi_aggregate_backward", TORCH_BOX(&graphpoly::multi_aggregate_backward));
}

#else  // the kernels

#include "bfloat16_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class To, int L, class From>
GRAPHPOLY_INLINE Vec<To, L> convert(const From& v) {
  if constexpr (L == 1) return static_cast<To>(v);
  else return __builtin_convertvector(v, Vec<To, L>);
}

template <class T, int L>
GRAPHPOLY_INLINE Vec<T, L> square_root(const Vec<T, L>& v) {
  T lane[L];
  store(lane, v);
#pragma GCC unroll 16
  for (int l = 0; l < L; ++l) {
    lane[l] = sizeof(T) == 4 ? static_cast<T>(__builtin_sqrtf(static_cast<float>(lane[l])))
                             : static_cast<T>(__builtin_sqrt(static_cast<double>(lane[l])));
  }
  return load<Vec<T, L>>(lane);
}

template <class S, bool Spread, bool Extremes>
struct Aggregates {
  template <class T, class I, int L, int N>
  struct Tile {
    typedef Vec<T, L> V;
    typedef Vec<Mask<T>, L> M;

    // A NaN beats every number, and the first NaN stays. Rows are searched again for that where
    // their sum is none.
    static __attribute__((noinline)) void find_nan(V (&high)[N], V (&low)[N], M (&at_high)[N],
                                                   M (&at_low)[N], const S* x, int64_t width,
                                                   const Rows<I>& a,
                                                   const AggregateArgs<S, I>& args, int64_t begin,
                                                   int64_t end) {
      for (int64_t e = end; e-- > begin;) {
        const S* from = x + int64_t{a.col[e]} * args.channels;
        const T w = args.weight ? args.weight[e] : T(1);
        const M here = M{} + static_cast<Mask<T>>(e - begin);
        for (int v = 0; v < N; ++v) {
          const V value = w * lanes_at<V, L, N>(from, v, width);
          high[v] = value != value ? value : high[v], low[v] = value != value ? value : low[v];
          at_high[v] = value != value ? here : at_high[v];
          at_low[v] = value != value ? here : at_low[v];
        }
      }
    }

    static GRAPHPOLY_INLINE bool any_nan(const V (&sum)[N]) {
      M odd = {};
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) odd = sum[v] != sum[v] ? M{} + 1 : odd;
      Mask<T> lane[L], any = 0;
      store(lane, odd);
#pragma GCC unroll 16
      for (int l = 0; l < L; ++l) any |= lane[l];
      return any != 0;
    }

    static __attribute__((noinline)) void run(int64_t channel, int64_t width, const Rows<I>& a,
                                              const AggregateArgs<S, I>& args,
                                              int64_t first, int64_t last) {
      constexpr T kInfinity = std::numeric_limits<T>::infinity();
      constexpr int kBytes = N * L * static_cast<int>(sizeof(S));
      constexpr int64_t kAhead = entries_ahead(2 * kBytes);
      const int64_t final_entry = a.num_entries - 1, channels = args.channels;
      const S* x = args.x + channel;
      for (int64_t i = first; i < last; ++i) {
        const int64_t begin = a.rowptr[i], end = a.rowptr[i + 1];
        const bool empty = begin == end;
        V sum[N] = {}, mean[N], around[N] = {}, high[N], low[N];
        M at_high[N] = {}, at_low[N] = {};  // counted from the first entry of the row
        if constexpr (Extremes) {
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) high[v] = V{} - kInfinity, low[v] = V{} + kInfinity;
        }
        for (int64_t e = begin; e < end; ++e) {
          const int64_t soon = e + kAhead < final_entry ? e + kAhead : final_entry;
          prefetch<kBytes>(x + int64_t{a.col[soon]} * channels);
          const S* from = x + int64_t{a.col[e]} * channels;
          const T w = args.weight ? args.weight[e] : T(1);
          [[maybe_unused]] const M here = M{} + static_cast<Mask<T>>(e - begin);
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) {
            const V value = w * lanes_at<V, L, N>(from, v, width);
            sum[v] += value;
            if constexpr (Extremes) {
              at_high[v] = value > high[v] ? here : at_high[v];
              high[v] = value > high[v] ? value : high[v];
              at_low[v] = value < low[v] ? here : at_low[v];
              low[v] = value < low[v] ? value : low[v];
            }
          }
        }
        if constexpr (Extremes) {
          if (any_nan(sum)) {  // on copies: arrays that others may write are kept in memory
            V most[N], least[N];
            M at_most[N], at_least[N];
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) {
              most[v] = high[v], least[v] = low[v];
              at_most[v] = at_high[v], at_least[v] = at_low[v];
            }
            find_nan(most, least, at_most, at_least, x, width, a, args, begin, end);
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) {
              high[v] = most[v], low[v] = least[v];
              at_high[v] = at_most[v], at_low[v] = at_least[v];
            }
          }
        }
        const T count = static_cast<T>(empty ? 1 : end - begin);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) mean[v] = sum[v] / count;
        if constexpr (Spread) {
          V rest[N] = {};  // what rounding left of the sum around the mean
          for (int64_t e = begin; e < end; ++e) {
            const S* from = x + int64_t{a.col[e]} * channels;
            const T w = args.weight ? args.weight[e] : T(1);
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) {
              const V apart = w * lanes_at<V, L, N>(from, v, width) - mean[v];
              rest[v] += apart;
              around[v] += apart * apart;
            }
          }
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) {
            const V var = (around[v] - rest[v] * rest[v] / count) / count;
            around[v] = var < T(0) ? V{} : var;
          }
        }

        S* out = args.out + i * args.plan.count * channels + channel;
        const auto write = [&](Kind kind, const V (&values)[N]) {
          if (!args.plan.has(kind)) return;
          S* to = out + args.plan.slot[kind] * channels;
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) store_lanes_at<L, N>(to, v, width, values[v]);
        };
        write(kSum, sum);
        write(kMean, mean);
        if constexpr (Spread) {
          write(kVar, around);
          const auto keep = [&](T* all, const V (&values)[N]) {
            if (!all) return;
            T* to = all + i * args.stride + channel;
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) store_lanes_at<L, N>(to, v, width, values[v]);
          };
          keep(args.mean, mean);
          if (args.plan.has(kStd) || args.std) {
            const T least = static_cast<T>(kLeastVariance);
            const V least_root = square_root<T, L>(V{} + least);
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) {
              const V root = square_root<T, L>(around[v] < least ? V{} + least : around[v]);
              around[v] = root <= least_root ? V{} : root;
            }
            write(kStd, around);
            keep(args.std, around);
          }
        }
        if constexpr (Extremes) {
          if (empty) {
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) high[v] = V{}, low[v] = V{};
          }
          write(kMax, high);
          write(kMin, low);
          const I base = static_cast<I>(empty ? a.num_entries : begin);
          const int64_t at = i * channels + channel;
#pragma GCC unroll 8
          for (int v = 0; v < N; ++v) {
            const Vec<I, L> most = convert<I, L>(at_high[v]) + base;
            const Vec<I, L> least = convert<I, L>(at_low[v]) + base;
            if (args.arg_max) store_lanes_at<L, N>(args.arg_max + at, v, width, most);
            if (args.arg_min) store_lanes_at<L, N>(args.arg_min + at, v, width, least);
          }
        }
      }
    }
  };
};

template <class S, class I>
void multi_aggregate(const Rows<I>& a, const AggregateArgs<S, I>& args, int64_t first,
                     int64_t last, int64_t channel, int64_t channels) {
  const auto run = [&]<class Which>(Which) {
    run_tiles<Which::template Tile, Computed<S>, I, kMostVectors>(channel, channels, a, args, first,
                                                                  last);
  };
  if (args.plan.spread()) {
    if (args.plan.extremes()) run(Aggregates<S, true, true>{});
    else run(Aggregates<S, true, false>{});
  } else {
    if (args.plan.extremes()) run(Aggregates<S, false, true>{});
    else run(Aggregates<S, false, false>{});
  }
}

template <class T, class I, int L, int N>
struct PlaceTile {
  typedef Vec<Mask<T>, L> M;

  static void run(int64_t channel, int64_t width, const auto& args, int64_t first,
                  int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = args.rowptr[i];
      if (args.rowptr[i + 1] - begin > kShort) continue;
      const int64_t at = i * args.channels + args.panel + channel;
      const auto mark = [&](const I* arg, Mask<T>* places) {
        if (!arg) return;
        M word = {};
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          const Vec<I, L> entry = load_at<L, N>(arg + at, v, width);
          const M place = convert<Mask<T>, L>(entry - static_cast<I>(begin));
          word |= ((place >= 0) & (place < Mask<T>{kShort}) ? place : M{} + Mask<T>{kShort})
                  << (8 * v);
        }
        store(places, word);
      };
      mark(args.arg_max, args.place + i * 2 * args.lanes);
      mark(args.arg_min, args.place + (i * 2 + 1) * args.lanes);
    }
  }
};

// What a row gives back to a message m of it is  terms[0] + terms[1] m  plus what its extremes
// give to their winners.
template <class S, class I>
void prepare(const GradArgs<S, I>& args, int64_t first, int64_t last) {
  using T = Computed<S>;
  const Plan& plan = args.plan;
  const int64_t width = args.panel_width;
  if constexpr (!std::is_same_v<S, T>) {
    if (args.middle.mean) {
      run_tiles<Aggregates<S, true, false>::template Tile, T, I, kMostVectors>(
          0, width, args.rows, args.middle, first, last);
    }
  }
  for (int64_t i = first; i < last; ++i) {
    const int64_t begin = args.rowptr[i], end = args.rowptr[i + 1];
    if (begin == end) continue;  // nobody reads it
    const T each = T(1) / static_cast<T>(end - begin);
    const S* grad = args.grad + i * plan.count * args.channels + args.panel;
    const auto slot = [&](Kind kind) {
      return plan.has(kind) ? grad + plan.slot[kind] * args.channels : nullptr;
    };
    const S *sum = slot(kSum), *mean = slot(kMean), *var = slot(kVar), *std = slot(kStd);
    if (!args.terms) continue;
    T* constant = args.terms + i * 2 * width;
    T* linear = constant + width;
    if (var || std) {  // the mean and the deviation may stand where the terms will
      const bool again = args.middle.mean;
      const T* middle = again ? constant : args.mean.data + i * args.mean.stride + args.panel;
      if (std) {
        const T* root = again ? linear : args.std.data + i * args.std.stride + args.panel;
        for (int64_t c = 0; c < width; ++c) {
          linear[c] = root[c] == T(0) ? T(0) : computed(std[c]) * each / root[c];
        }
      } else {
        for (int64_t c = 0; c < width; ++c) linear[c] = T(0);
      }
      if (var) {
        for (int64_t c = 0; c < width; ++c) linear[c] += 2 * each * computed(var[c]);
      }
      for (int64_t c = 0; c < width; ++c) constant[c] = -linear[c] * middle[c];
    } else {
      for (int64_t c = 0; c < width; ++c) constant[c] = T(0);
    }
    if (mean) {
      for (int64_t c = 0; c < width; ++c) constant[c] += computed(mean[c]) * each;
    }
    if (sum) {
      for (int64_t c = 0; c < width; ++c) constant[c] += computed(sum[c]);
    }
  }
  if (args.place) run_tiles<PlaceTile, T, I, kMostVectors>(0, width, args, first, last);
}

template <class S, bool Terms, bool Spread, bool Extremes>
struct Collects {
  template <class T, class I, int L, int N>
  struct Tile {
    typedef Vec<T, L> V;
    typedef Vec<Mask<T>, L> M;

    // Adds what one extreme of row i gives to entry `entry`, the one at `from_begin` of the row.
    static GRAPHPOLY_INLINE void add(V (&sum)[N], T w, const S* grad, const Mask<T>* places,
                                     const I* arg, bool is_short, int64_t from_begin,
                                     int64_t entry, int64_t width) {
      if (is_short) {
        const M wanted = M{} + static_cast<Mask<T>>(from_begin), word = load<M>(places);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          const M won = (word >> (8 * v)) & Mask<T>{255};
          const V value = w * lanes_at<V, L, N>(grad, v, width);
          sum[v] += won == wanted ? value : V{};
        }
      } else {
        const Vec<I, L> wanted = Vec<I, L>{} + static_cast<I>(entry);
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          const auto won = load_at<L, N>(arg, v, width) == wanted;
          const V value = w * lanes_at<V, L, N>(grad, v, width);
          sum[v] += convert<Mask<T>, L>(won) ? value : V{};
        }
      }
    }

    // channel counts from the start of the panel, and is 0: a panel is one tile
    static __attribute__((noinline)) void run(int64_t channel, int64_t width, const Rows<I>& back,
                                              const GradArgs<S, I>& args,
                                              int64_t first, int64_t last) {
      const int64_t final_entry = back.num_entries - 1, channels = args.channels;
      const int64_t panel_width = args.panel_width, grad_stride = args.plan.count * channels;
      const T* const terms = args.terms + channel;
      const S* const grad = args.grad + args.panel + channel;
      const S* const high = grad + args.plan.slot[kMax] * channels;
      const S* const low = grad + args.plan.slot[kMin] * channels;
      constexpr int kTermBytes = N * static_cast<int>(sizeof(V));
      constexpr int kGradBytes = N * L * static_cast<int>(sizeof(S));
      constexpr int64_t kAhead =
          entries_ahead((Terms + Spread) * kTermBytes + 2 * Extremes * kGradBytes);
      for (int64_t j = first; j < last; ++j) {
        V constant[N] = {}, linear[N] = {};
        for (int64_t t = back.rowptr[j]; t < int64_t{back.rowptr[j + 1]}; ++t) {
          const int64_t soon = t + kAhead < final_entry ? t + kAhead : final_entry;
          const int64_t later = back.col[soon], i = back.col[t], entry = args.tperm[t];
          const T w = args.weight ? args.weight[entry] : T(1);
          if constexpr (Terms) {
            prefetch<kTermBytes>(terms + later * 2 * panel_width);
            if constexpr (Spread) prefetch<kTermBytes>(terms + (later * 2 + 1) * panel_width);
            const T* from = terms + i * 2 * panel_width;
#pragma GCC unroll 8
            for (int v = 0; v < N; ++v) {
              constant[v] += w * lanes_at<V, L, N>(from, v, width);
              if constexpr (Spread) {
                linear[v] += w * w * lanes_at<V, L, N>(from + panel_width, v, width);
              }
            }
          }
          if constexpr (Extremes) {
            prefetch<static_cast<int>(sizeof(M))>(args.place + later * 2 * args.lanes);
            prefetch<static_cast<int>(sizeof(M))>(args.place + (later * 2 + 1) * args.lanes);
            const int64_t begin = args.rowptr[i];
            const bool is_short = args.rowptr[i + 1] - begin <= kShort;
            const int64_t arg_at = i * channels + args.panel + channel;
            if (args.arg_max) {
              prefetch<kGradBytes>(high + later * grad_stride);
              add(constant, w, high + i * grad_stride, args.place + i * 2 * args.lanes,
                  args.arg_max + arg_at, is_short, entry - begin, entry, width);
            }
            if (args.arg_min) {
              prefetch<kGradBytes>(low + later * grad_stride);
              add(constant, w, low + i * grad_stride, args.place + (i * 2 + 1) * args.lanes,
                  args.arg_min + arg_at, is_short, entry - begin, entry, width);
            }
          }
        }
        const int64_t at = j * channels + args.panel + channel;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) {
          if constexpr (Spread) constant[v] += linear[v] * lanes_at<V, L, N>(args.x + at, v, width);
        }
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) store_lanes_at<L, N>(args.out + at, v, width, constant[v]);
      }
    }
  };
};

template <class S, class I>
void collect(const Rows<I>& back, const GradArgs<S, I>& args, int64_t first, int64_t last) {
  const auto run = [&]<class Which>(Which) {
    run_tiles<Which::template Tile, Computed<S>, I, kMostVectors>(0, args.panel_width, back, args,
                                                                  first, last);
  };
  if (args.plan.spread()) {
    if (args.plan.extremes()) run(Collects<S, true, true, true>{});
    else run(Collects<S, true, true, false>{});
  } else if (args.terms) {
    if (args.plan.extremes()) run(Collects<S, true, false, true>{});
    else run(Collects<S, true, false, false>{});
  } else {
    run(Collects<S, false, false, true>{});
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
