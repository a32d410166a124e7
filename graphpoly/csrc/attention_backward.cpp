// graphpoly::attention_backward: all gradients of graphpoly::attention in two passes.
//
// The pass over rows sums what belongs to targets, writes what belongs to single entries, and
// leaves (lse, <grad, out>) of each row for the second pass. That one runs over the rows of the
// transpose and sums what belongs to sources. Both make the scores again; seen from an entry they
// differ only in which end is at hand and which is gathered. Nobody writes what another one reads,
// and all sums are in the order of the entries.
//
// Where scores are simple and entries few beside the features, weights and gradients of scores are
// kept from one pass to the other, and rows go side by side: attention_short.h.
//
// Of bfloat16 <grad, out> is the weighted sum of <grad, value> over the row, for out is rounded: a
// long row is walked twice.
#ifndef GRAPHPOLY_SIMD

#include "attention.h"
#include "layers.h"

namespace graphpoly {
namespace {

// `mine` is the end at hand, `other` the gathered one.
template <class S, class Q>
struct GradArgs {
  using T = Computed<S>;
  const Q *mine, *other;                  // of the score, [., H, D]
  const S *mine_feature, *other_feature;  // grad and value, or the reverse
  bool over_rows;                         // or over the rows of the transpose
  Indices entry_of;                       // in the latter
  const S* out;                           // in the pass over rows
  const T* lse;
  T* stats;                               // [R, 2, H], written over rows, read over the transpose
  Q* grad_mine;
  S* grad_feature;                        // in the pass over the transpose
  Q* grad_edge;                           // or null
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "attention_backward.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

template <class S, class Q, class I>
void run_pass(const Rows<I>& a, const Attention<S, Q>& at, const GradArgs<S, Q>& args,
              Computed<S>* grad_att) {
  using T = Computed<S>;
  const auto bounds = balanced_ranges(a, at.channels());
  const int64_t ranges = static_cast<int64_t>(bounds.size()) - 1, size = at.heads * at.depth;
  const int64_t work = (a.num_entries + a.num_rows) * at.channels();
  // sums of each range, added in the order of the ranges whoever computed them
  std::vector<T> partial(grad_att ? static_cast<size_t>(ranges * size) : 0);
  parallel_items(ranges, work, [&](int64_t r) {
    const Scratch<char> memory(static_cast<int64_t>(at.arena_bytes()));
    GRAPHPOLY_CALL(attention_backward, a, at, args, bounds[r], bounds[r + 1], memory.data(),
                   grad_att ? partial.data() + r * size : nullptr);
  });
  if (!grad_att) return;
  for (int64_t k = 0; k < size; ++k) {
    double sum = 0;
    for (int64_t r = 0; r < ranges; ++r) sum += partial[static_cast<size_t>(r * size + k)];
    grad_att[k] = static_cast<T>(sum);
  }
}

template <class S, class I>
void run_short(const Rows<I>& a, const Rows<I>& turned, const I* tperm,
               const Attention<S, Computed<S>>& at, const ShortGrad<S>& g) {
  const int64_t most = kChunkLanes / at.heads;
  for (const Rows<I>* rows : {&a, &turned}) {
    const auto bounds = balanced_ranges(*rows, at.channels());
    const int64_t work = (a.num_entries + rows->num_rows) * at.channels();
    const bool over_rows = rows == &a;
    parallel_items(static_cast<int64_t>(bounds.size()) - 1, work, [&](int64_t r) {
      const Scratch<char> memory(static_cast<int64_t>(at.arena_bytes()));
      for_spans(*rows, over_rows ? nullptr : tperm, most, bounds[r], bounds[r + 1],
                [&](const RowSpan& span) {
                  if (over_rows) GRAPHPOLY_CALL(short_rows, span, at, g, memory.data());
                  else GRAPHPOLY_CALL(short_columns, span, at, g, memory.data());
                });
    });
  }
}

}  // namespace

Gradients attention_backward(Tensor rowptr, Tensor col, Tensor target, Tensor source, Tensor value,
                             OptionalTensor edge, OptionalTensor att, OptionalTensor seed,
                             Tensor colptr, Tensor row, Tensor tperm, bool additive, double scale,
                             double slope, double dropout, Tensor out, Tensor lse, Tensor grad,
                             bool edge_grad) {
  constexpr const char* kName = "attention_backward";
  const AttentionInputs in(kName, rowptr, col, target, source, value, edge, att, seed, additive);
  check_rows(kName, colptr, row);
  check(colptr.scalar_type() == rowptr.scalar_type() && tperm.scalar_type() == row.scalar_type(),
        kName, ": index tensors differ in dtype");
  check(colptr.size(0) == source.size(0) + 1 && row.size(0) == col.size(0) && tperm.dim() == 1 &&
            tperm.size(0) == col.size(0),
        kName, ": colptr, row, tperm: expected the transpose");
  const int64_t num_rows = rowptr.size(0) - 1;
  for (const Tensor& t : {out, grad}) {
    check(t.dim() == 3 && t.size(0) == num_rows && t.size(1) == value.size(1) &&
              t.size(2) == value.size(2),
          kName, ": out and grad: expected shape [R, H, F]");
    check_like(kName, "out and grad", t, value);
  }
  check(lse.dim() == 2 && lse.size(0) == num_rows && lse.size(1) == value.size(1), kName,
        ": lse: expected shape [R, H]");
  check_computed(kName, "lse", lse, value);
  check(!edge_grad || edge.has_value(), kName, ": edge_grad: there is no edge");
  colptr = dense(colptr), row = dense(row), tperm = dense(tperm);
  out = dense(out), lse = dense(lse), grad = dense(grad);
  return in.dispatch(kName, [&](auto s, auto q, auto i) {
    using S = decltype(s);
    using Q = decltype(q);
    using T = Computed<S>;
    using I = decltype(i);
    const auto a = rows_view<I>(kName, in.rowptr, in.col);
    const auto turned = rows_view<I>(kName, colptr, row);
    const auto at = in.view<S, Q>(additive, scale, slope, dropout);
    Tensor to_target = make_output<Q>(value, {num_rows, at.heads, at.depth});
    Tensor to_source = make_output<Q>(value, {at.num_sources, at.heads, at.depth});
    Tensor to_value = make_output<S>(value, {at.num_sources, at.heads, at.width});
    Tensor to_edge = edge_grad
        ? make_output<Q>(value, {a.num_entries, at.heads, at.edge_depth()})
        : make_output<Q>(value, {0});
    Tensor to_att =
        in.att ? make_output<T>(value, {at.heads, at.depth}) : make_output<T>(value, {0});
    if constexpr (std::is_same_v<Q, T>) {
      if (at.is_short() && 2 * a.num_entries <= at.num_sources * (at.width + 1) + num_rows) {
        const int64_t size = a.num_entries * at.heads;  // with that, no more than is returned
        const Scratch<T> alpha(size), slope(edge_grad ? 0 : size);
        const ShortGrad<S> g{values<S>(grad),
                             values<S>(out),
                             lse.const_data_ptr<T>(),
                             to_target.mutable_data_ptr<T>(),
                             to_source.mutable_data_ptr<T>(),
                             mutable_values<S>(to_value),
                             alpha.data(),
                             edge_grad ? to_edge.mutable_data_ptr<T>() : slope.data()};
        run_short(a, turned, tperm.const_data_ptr<I>(), at, g);
        return Gradients(to_target, to_source, to_value, to_edge, to_att);
      }
    }
    const Scratch<T> stats(num_rows * 2 * at.heads);
    GradArgs<S, Q> args{};
    args.over_rows = true, args.stats = stats.data();
    args.mine = at.target, args.other = at.source;
    args.mine_feature = values<S>(grad), args.other_feature = at.value;
    args.out = values<S>(out), args.lse = lse.const_data_ptr<T>();
    args.grad_mine = mutable_values<Q>(to_target);
    args.grad_edge = edge_grad ? mutable_values<Q>(to_edge) : nullptr;
    run_pass(a, at, args, at.att ? to_att.mutable_data_ptr<T>() : nullptr);
    std::swap(args.mine, args.other), std::swap(args.mine_feature, args.other_feature);
    args.over_rows = false, args.entry_of = Indices(tperm.const_data_ptr<I>());
    args.grad_mine = mutable_values<Q>(to_source);
    args.grad_feature = mutable_values<S>(to_value);
    args.grad_edge = nullptr;
    run_pass(turned, at, args, static_cast<T*>(nullptr));
    return Gradients(to_target, to_source, to_value, to_edge, to_att);
  });
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("attention_backward", TORCH_BOX(&graphpoly::attention_backward));
}

#else  // the kernels

#include "attention_simd.h"
#include "attention_short.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// Gradients of sum_d att_d leaky_relu(mine_d + x_d + edge_d), weighted entry by entry.
template <class T, class Q>
struct LeakyGrad {
  const T *mine, *att;  // as vectors
  const Q* edge;
  const int64_t* entries;
  T slope;
  T* grad_att;   // as vectors, or null
  Q* grad_edge;  // or null
};

template <class T, int L>
struct LeakySum {
  typedef Vec<T, L> V;

  template <int N, class Q>
  static GRAPHPOLY_INLINE void tile(T* sum, const Layout<T>& y, int64_t first, const Gather<Q>& x,
                                    const T* weight, int64_t pitch, const LeakyGrad<T, Q>& g) {
    V total[N], to_att[N], mine[N], att[N];
    int64_t offset[N], head[N];
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) {
      const int64_t k = (first + v) * L;
      total[v] = load<V>(sum + k), mine[v] = load<V>(g.mine + k), att[v] = load<V>(g.att + k);
      to_att[v] = g.grad_att ? load<V>(g.grad_att + k) : V{};
      offset[v] = y.offset[first + v], head[v] = y.head[first + v];
    }
    for (int64_t b = 0; b < x.count; ++b) {
      const Q* from = x.row(b);
      const T* w = weight + b * pitch;
      const int64_t entry = g.edge ? g.entries[b] * x.stride : 0;
#pragma GCC unroll 4
      for (int v = 0; v < N; ++v) {
        V z = mine[v] + load_lanes<V>(from + offset[v]);
        if (g.edge) z += load_lanes<V>(g.edge + entry + offset[v]);
        const V here = w[head[v]] * att[v];
        const V gated = z > T(0) ? here : g.slope * here;
        total[v] += gated;
        if (g.grad_edge) store_lanes(g.grad_edge + entry + offset[v], gated);
        if (g.grad_att) to_att[v] += w[head[v]] * leaky_relu(z, g.slope);
      }
    }
#pragma GCC unroll 4
    for (int v = 0; v < N; ++v) {
      store(sum + (first + v) * L, total[v]);
      if (g.grad_att) store(g.grad_att + (first + v) * L, to_att[v]);
    }
  }

  template <class Q>
  static void run(T* sum, const Layout<T>& y, const Gather<Q>& x, const T* weight, int64_t pitch,
                  const LeakyGrad<T, Q>& g) {
    for (int64_t k = 0; k < y.vectors;) {
      const int64_t left = y.vectors - k;
      if (left >= 4) tile<4>(sum, y, k, x, weight, pitch, g), k += 4;
      else if (left >= 2) tile<2>(sum, y, k, x, weight, pitch, g), k += 2;
      else tile<1>(sum, y, k, x, weight, pitch, g), k += 1;
    }
  }
};

template <class S, class Q>
struct Backward {
  using T = Computed<S>;
  typedef Vec<T, kLanes<T>> V;
  static constexpr bool kRounded = !std::is_same_v<S, T>;
  Workspace<Attention<S, Q>>& w;
  const GradArgs<S, Q>& args;
  const bool over_rows;
  T *lse, *mean;                // of the targets: patterns over rows, else [block, pitch]
  T *product, *weight, *slope;  // <grad, value>, kept alpha, gradient of the score
  T *mine_feature, *feature_sum, *score_sum, *att_sum;  // as vectors
  T *lane_sum, *lane_att, *lane_mean, *stats;

  Backward(Workspace<Attention<S, Q>>& w_, const GradArgs<S, Q>& args_)
      : w(w_), args(args_), over_rows(args_.over_rows) {
    lse = w.flat(), mean = w.flat(), product = w.flat(), weight = w.flat(), slope = w.flat();
    const int64_t wide = w.feature.vectors * w.feature.lanes;
    const int64_t deep = w.score.vectors * w.score.lanes;
    mine_feature = take(wide), feature_sum = take(wide);
    score_sum = take(deep), att_sum = take(deep);
    lane_sum = take(w.pattern), lane_att = take(w.pattern);
    lane_mean = take(w.pattern), stats = take(2 * w.at.heads);
  }

  T* take(int64_t count) { return w.arena.template take<T>(count); }

  // `feature` is the row's part of grad, or of value.
  GRAPHPOLY_INLINE void start_row(int64_t i) {
    const int64_t heads = w.at.heads, row = heads * w.at.width;
    const S* mine = args.mine_feature + i * row;
    w.start_row(args.mine + i * heads * w.at.depth);
    w.feature.spread(mine_feature, mine, true);
    for (int64_t q = 0; q < w.pattern; ++q) lane_sum[q] = T(0);
    for (int64_t k = 0; k < w.score.vectors * w.score.lanes; ++k) score_sum[k] = T(0);
    if (!over_rows) {
      for (int64_t k = 0; k < w.feature.vectors * w.feature.lanes; ++k) feature_sum[k] = T(0);
      return;
    }
    if constexpr (!kRounded) {
      const int64_t self = 0;
      const Gather<S> out{args.out + i * row, row, &self, 1, 0};
      const Pairing<T> pair{mine_feature, nullptr, nullptr, nullptr, T(0)};
      with_lanes<PairSum, T>(w.feature.lanes, stats + heads, w.pitch, w.feature, out, pair);
    }
    for (int64_t h = 0; h < heads; ++h) {
      // -inf where the weights are 0 anyway
      const T sum = args.lse[i * heads + h];
      stats[h] = sum == -std::numeric_limits<T>::infinity() ? T(0) : sum;
    }
    T* keep = args.stats + i * 2 * heads;
    for (int64_t h = 0; h < 2 * heads; ++h) keep[h] = stats[h];
    w.repeat(lse, stats), w.repeat(mean, stats + heads);
  }

  // Scores and products of a block of entries, whose features it returns.
  GRAPHPOLY_INLINE Gather<S> make_block(const IndexRows& a, int64_t begin, int64_t count) {
    const int64_t row = w.at.heads * w.at.width;
    const int64_t bytes = row * static_cast<int64_t>(sizeof(S));
    w.start_block(a, args.entry_of, begin, count);
    w.make_scores(args.other, count);
    const Gather<S> x{args.other_feature, row, w.ids, count, bytes < 1024 ? bytes : 1024};
    const Pairing<T> pair{mine_feature, nullptr, nullptr, nullptr, T(0)};
    with_lanes<PairSum, T>(w.feature.lanes, product, w.pitch, w.feature, x, pair);
    w.pad(product, count, 0);
    return x;
  }

  // <grad, y> of row i, whose entries are [begin, end), where y was rounded.
  GRAPHPOLY_INLINE void find_mean(const IndexRows& a, int64_t i, int64_t begin, int64_t end) {
    const int64_t heads = w.at.heads;
    for (int64_t q = 0; q < w.pattern; ++q) lane_mean[q] = T(0);
    for (int64_t e = begin; e < end; e += w.block) {
      const int64_t count = end - e < w.block ? end - e : w.block;
      make_block(a, e, count);
      for (int64_t j = 0, lanes = w.lanes_of(count); j < lanes; j += w.pattern) {
        for (int64_t q = 0; q < w.pattern; q += kLanes<T>) {
          V p = exponential<kLanes<T>>(load<V>(w.scores + j + q) - load<V>(lse + q));
          if (w.at.drop) p *= load<V>(w.keep + j + q);
          store(lane_mean + q, load<V>(lane_mean + q) + p * load<V>(product + j + q));
        }
      }
    }
    w.fold(stats + heads, lane_mean);
    T* keep = args.stats + i * 2 * heads + heads;
    for (int64_t h = 0; h < heads; ++h) keep[h] = stats[heads + h];
    w.repeat(mean, stats + heads);
  }

  // `made`: its scores and products are at hand.
  GRAPHPOLY_INLINE void add_block(const IndexRows& a, int64_t begin, int64_t count, bool made) {
    const Attention<S, Q>& at = w.at;
    const int64_t heads = at.heads, pitch = w.pitch;
    Gather<S> x{args.other_feature, heads * at.width, w.ids, count, 0};
    if (!made) x = make_block(a, begin, count);
    if (!over_rows) {
      copy_heads(lse, pitch, args.stats, 2 * heads, w.ids, count, heads), w.pad(lse, count, 0);
      copy_heads(mean, pitch, args.stats + heads, 2 * heads, w.ids, count, heads);
      w.pad(mean, count, 0);
    }
    add_lanes(w.lanes_of(count));
    if (!over_rows) {
      x.ahead = 0;
      with_lanes<WeightedSum, T>(w.feature.lanes, feature_sum, w.feature, x, weight, pitch);
    }
    if (args.grad_edge && at.edge_depth() == 1) {
      for (int64_t b = 0; b < count; ++b) {
        Q* to = args.grad_edge + (begin + b) * heads;
        for (int64_t h = 0; h < heads; ++h) store_lanes(to + h, slope[b * pitch + h]);
      }
    }
    if (w.simple) return;
    const Gather<Q> y{args.other, heads * at.depth, w.ids, count, 0};
    if (at.additive) {
      const LeakyGrad<T, Q> g{w.mine_score, w.att_full, at.edge, w.entries, at.slope,
                           over_rows && at.att ? att_sum : nullptr, args.grad_edge};
      with_lanes<LeakySum, T>(w.score.lanes, score_sum, w.score, y, slope, pitch, g);
    } else {
      with_lanes<WeightedSum, T>(w.score.lanes, score_sum, w.score, y, slope, pitch);
    }
  }

  // Weights and gradients of the scores of a block; of a simple score down to its argument.
  GRAPHPOLY_INLINE void add_lanes(int64_t lanes) {
    const Attention<S, Q>& at = w.at;
    const int64_t step = over_rows ? 0 : 1;
    for (int64_t j = 0; j < lanes; j += w.pattern) {
      for (int64_t q = 0; q < w.pattern; q += kLanes<T>) {
        const V p = exponential<kLanes<T>>(load<V>(w.scores + j + q) - load<V>(lse + step * j + q));
        V kept = p, d = load<V>(product + j + q);
        if (at.drop) {
          const V keep = load<V>(w.keep + j + q);
          kept = p * keep, d = d * keep;
        }
        V s = p * (d - load<V>(mean + step * j + q));
        if (w.simple) {
          const V z = load<V>(w.argument + j + q);
          if (at.att && over_rows) {
            store(lane_att + q, load<V>(lane_att + q) + s * leaky_relu(z, at.slope));
          }
          s = z > T(0) ? s : at.slope * s;
          if (at.att) s = s * load<V>(w.att_pattern + q);
          store(lane_sum + q, load<V>(lane_sum + q) + s);
        }
        store(weight + j + q, kept), store(slope + j + q, s);
      }
    }
  }

  GRAPHPOLY_INLINE void finish_row(int64_t i) {
    const int64_t heads = w.at.heads;
    Q* to = args.grad_mine + i * heads * w.at.depth;
    if (w.simple) {
      w.fold(to, lane_sum);
    } else {
      if (!w.at.additive) {
        const int64_t size = w.score.vectors * w.score.lanes;
        for (int64_t k = 0; k < size; ++k) score_sum[k] *= w.at.scale;
      }
      w.score.collect(to, score_sum, nullptr);
    }
    if (!over_rows) {
      w.feature.collect(args.grad_feature + i * heads * w.at.width, feature_sum, nullptr);
    }
  }
};

template <class S, class Q>
void attention_backward(const IndexRows& a, const Attention<S, Q>& at, const GradArgs<S, Q>& args,
                        int64_t first, int64_t last, char* memory, Computed<S>* grad_att) {
  if (at.heads == 0) return;
  Workspace<Attention<S, Q>> w(at, memory);
  Backward<S, Q> back(w, args);
  for (int64_t i = first; i < last; ++i) {
    const int64_t end = a.rowptr[i + 1];
    back.start_row(i);
    bool made = false;
    if constexpr (Backward<S, Q>::kRounded) {
      if (args.over_rows) {
        back.find_mean(a, i, a.rowptr[i], end);
        made = end - a.rowptr[i] <= w.block;
      }
    }
    for (int64_t e = a.rowptr[i]; e < end; e += w.block) {
      back.add_block(a, e, end - e < w.block ? end - e : w.block, made);
    }
    back.finish_row(i);
  }
  if (!grad_att) return;
  if (w.simple) w.fold(grad_att, back.lane_att);
  else w.score.collect(grad_att, back.att_sum, nullptr);
}

// What belongs to targets and to entries.
template <class S>
void short_rows(const RowSpan& span, const Attention<S, Computed<S>>& at, const ShortGrad<S>& g,
                char* memory) {
  using T = Computed<S>;
  Arena arena(memory);
  const Layout<T> feature(arena, at.heads, at.width);
  T* mine = arena.take<T>(feature.vectors * feature.lanes);
  T* mean = arena.take<T>(kChunkLanes);
  T* product = arena.take<T>(kChunkLanes + kLanes<T>);
  T* argument = arena.take<T>(kChunkLanes + kLanes<T>);
  T* power = arena.take<T>(kChunkLanes + kLanes<T>);
  const int64_t most = kChunkLanes / at.heads;
  const auto walk = [&](bool only_mean) {
    int64_t begin = span.begin();
    do {  // all of it, or a part of a long row
      const int64_t end = std::min(span.end(), begin + most);
      const RowPairs<S> pairs{g.grad, g.out, at.value, product, mean, mine, begin, end, only_mean};
      with_lanes<PairRows, T>(feature.lanes, pairs, feature, span);
      with_heads<Slopes, T>(at.heads, span, at, g, pairs, argument, power);
      begin = end;
    } while (begin < span.end());
  };
  if (RowPairs<S>::kRounded && span.end() - span.begin() > most) walk(true);
  walk(false);
}

// What belongs to sources, which are the rows of the transpose.
template <class S>
void short_columns(const RowSpan& span, const Attention<S, Computed<S>>& at,
                   const ShortGrad<S>& g, char* memory) {
  using T = Computed<S>;
  Arena arena(memory);
  const Layout<T> feature(arena, at.heads, at.width);
  with_heads<SourceSums, T>(at.heads, span, g);
  const RowSums<S> sums{g.to_value, g.grad, g.alpha, nullptr};
  with_lanes<WeighRows, T>(feature.lanes, sums, feature, span);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
