// graphpoly::edge_message and its gradient: SiLU(V SiLU(W [x_i, x_j, e] + b) + c) for each entry
// (i, j), and the sums of it over the rows.
//
// What both ends say is made once for each node. A block of entries goes all the way while it is in
// the caches; backward it goes again, from what the ends say and what was kept before the last SiLU.
#ifndef GRAPHPOLY_SIMD

#include "layers.h"
#include "product.h"

namespace graphpoly {
namespace {

// Rows before a SiLU and behind it.
template <class T>
struct Through {
  const T* before;
  T* active;
  int64_t row_of_active, rows;
};

// Rows before a SiLU, the gradient behind it and what of it goes back; each may take another's place.
template <class T>
struct Back {
  const T* before;
  int64_t row_of_before;
  const T* grad;          // or nothing
  const T* sums;          // added to it, a row of them for each target; or nothing
  const int64_t* target;  // of each row
  T* active;              // behind the SiLU, rows as far apart as before it; or nothing
  T* back;
  int64_t channels, rows;
};

// What the targets and sources of entries say, [N, 2 H], and where the sum of the two goes.
template <class T>
struct Ends {
  const T* ends;
  const int64_t *target, *source;
  T* sum;
  int64_t row_of_sum, channels, rows;
};

// Rows that belong to entries, and where those of the entries of each row are added up.
template <class T>
struct Summed {
  const T* from;
  T* to;
  int64_t row_of_to, channels;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "edge_message.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr const char* kForward = "edge_message";
constexpr const char* kBackward = "edge_message_backward";
constexpr int64_t kMostRows = 4 * kBlockOfRows;

// What both directions are given, checked and laid out.
struct Given {
  Tensor rowptr, col, x, carried, weight, last;
  OptionalTensor bias, last_bias;
  int64_t nodes, entries, inner, carries, hidden, channels, stride, block;

  Given(const char* op, const Tensor& rowptr_, const Tensor& col_, const Tensor& x_,
        const Tensor& carried_, const Tensor& weight_, const OptionalTensor& bias_,
        const Tensor& last_, const OptionalTensor& last_bias_) {
    check_rows(op, rowptr_, col_);
    for (const Tensor& t : {x_, carried_, weight_, last_}) {
      check(t.dim() == 2, op, ": x, carried, weight and last: expected two dimensions");
      check_like(op, "carried, weight and last", t, x_);
    }
    nodes = x_.size(0), inner = x_.size(1), entries = col_.size(0), carries = carried_.size(1);
    hidden = weight_.size(0), channels = last_.size(0), stride = padded(hidden);
    check(rowptr_.size(0) == nodes + 1, op, ": x: expected a row for each row");
    check(carried_.size(0) == entries, op, ": carried: expected a row for each entry");
    check(weight_.size(1) == 2 * inner + carries, op, ": weight: expected shape [H, ",
          2 * inner + carries, "]");
    check(last_.size(1) == hidden, op, ": last: expected shape [P, ", hidden, "]");
    check_channels(op, "bias", bias_, hidden, x_);
    check_channels(op, "last_bias", last_bias_, channels, x_);
    rowptr = dense(rowptr_), col = dense(col_), x = dense(x_), carried = dense(carried_);
    weight = dense(weight_), last = dense(last_), bias = dense(bias_), last_bias = dense(last_bias_);
    // gradients of large matrices are worth more entries each time that they are gone through
    block = std::clamp<int64_t>(numbers() >> 15, 1, kMostRows / kBlockOfRows) * kBlockOfRows;
  }

  int64_t numbers() const { return hidden * (channels + carries); }

  // The columns of `weight` that read the ends, one matrix below the other: [2 H, F].
  template <class T>
  Tensor maps() const {
    Tensor both = make_output<T>(x, {2 * hidden, inner});
    const T* const from = weight.const_data_ptr<T>();
    T* const to = both.mutable_data_ptr<T>();
    for (int64_t end = 0; end < 2; ++end) {
      for (int64_t h = 0; h < hidden; ++h) {
        std::copy_n(from + h * weight.size(1) + end * inner, inner, to + (end * hidden + h) * inner);
      }
    }
    return both;
  }

  // What they add, of which the targets have all.
  template <class T>
  OptionalTensor shifts() const {
    if (!bias) return std::nullopt;
    Tensor both = make_output<T>(x, {2 * hidden});
    T* const to = both.mutable_data_ptr<T>();
    std::copy_n(bias->const_data_ptr<T>(), hidden, to);
    std::fill_n(to + hidden, hidden, T(0));
    return both;
  }

  // The columns of `weight` that read what is carried, as rows [D, H].
  template <class T>
  void turn_edge(T* to) const {
    const T* const from = weight.const_data_ptr<T>() + 2 * inner;
    for (int64_t d = 0; d < carries; ++d) {
      for (int64_t h = 0; h < hidden; ++h) to[d * hidden + h] = from[h * weight.size(1) + d];
    }
  }

  // The matrix [H, 2 F + D] whose columns are those of maps() and turn_edge().
  template <class T>
  void join_maps(T* to, const T* both, const T* edge) const {
    for (int64_t h = 0; h < hidden; ++h) {
      for (int64_t end = 0; end < 2; ++end, to += inner) {
        std::copy_n(both + (end * hidden + h) * inner, inner, to);
      }
      for (int64_t d = 0; d < carries; ++d) *to++ = edge[d * hidden + h];
    }
  }
};

// Both ends of the entries of a block, of entries that are gone through in their order.
template <class I>
class Pairs {
 public:
  Pairs(const Rows<I>& a, int64_t first)
      : a_(a),
        row_(std::upper_bound(a.rowptr, a.rowptr + a.num_rows + 1, static_cast<I>(first)) -
             a.rowptr - 1) {}

  void move(int64_t first, int64_t count) {
    for (int64_t e = 0; e < count; ++e) {
      while (int64_t{a_.rowptr[row_ + 1]} <= first + e) ++row_;
      target_[e] = row_, source_[e] = a_.col[first + e];
    }
  }
  const int64_t* target() const { return target_.data(); }
  const int64_t* source() const { return source_.data(); }

 private:
  const Rows<I>& a_;
  int64_t row_;
  std::array<int64_t, kMostRows> target_, source_;
};

// What comes out of the first map, before its SiLU, of a block of entries.
template <class T, class I>
void run_first(const Given& given, const T* ends, const T* edge, const Pairs<I>& pairs,
               int64_t first, int64_t rows, T* to) {
  const int64_t hidden = given.hidden, stride = given.stride, carries = given.carries;
  const Ends<T> both{ends, pairs.target(), pairs.source(), to, stride, hidden, rows};
  GRAPHPOLY_CALL(add_ends, both);
  if (carries == 0) return;
  const T* const carried = given.carried.template const_data_ptr<T>() + first * carries;
  call_product(hidden, Product<T>{carried, carries, 1, edge, hidden, to, stride, to, stride, rows,
                                  carries});
}

template <class I>
Rows<I> in_order(const Rows<I>& a) {
  return {a.rowptr, nullptr, a.num_rows, a.num_entries};
}

template <class T, class I>
void sum_rows(const Rows<I>& a, const Summed<T>& sums) {
  parallel_rows<T>(a, sums.channels, [&](int64_t r0, int64_t r1, int64_t c, int64_t width) {
    GRAPHPOLY_CALL(sum_rows, a, sums, r0, r1, c, width);
  });
}

std::tuple<Tensor, Tensor, Tensor, Tensor> edge_message(
    Tensor rowptr, Tensor col, Tensor x, Tensor carried, Tensor weight, OptionalTensor bias,
    Tensor last, OptionalTensor last_bias, OptionalTensor, OptionalTensor, OptionalTensor, bool sum,
    bool keep) {
  const Given given(kForward, rowptr, col, x, carried, weight, bias, last, last_bias);
  const int64_t entries = given.entries, hidden = given.hidden, channels = given.channels;
  const auto type = x.scalar_type(), index = col.scalar_type();
  return dispatch_types(kForward, type, index, [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>(kForward, given.rowptr, given.col);
    Tensor ends = linear(given.x, given.maps<T>(), std::nullopt, std::nullopt, given.shifts<T>());
    Tensor message = make_output<T>(x, {entries, channels});
    Tensor before = make_output<T>(x, {keep ? entries : 0, channels});
    Tensor sums = make_output<T>(x, {sum ? given.nodes : 0, channels});
    const Scratch<T> maps((channels + given.carries) * hidden);
    T *const second = maps.data(), *const edge = second + channels * hidden;
    turn(second, given.last.template const_data_ptr<T>(), channels, hidden);
    given.turn_edge(edge);
    const T *const both = ends.const_data_ptr<T>(), *const shift = values<T>(given.last_bias);
    T* const out = message.mutable_data_ptr<T>();
    T* const held = keep ? before.mutable_data_ptr<T>() : nullptr;
    const RowRanges ranges(entries, given.numbers());
    parallel_items(ranges.count, dense_work(entries, hidden, channels), [&](int64_t range) {
      const Scratch<T> room(given.block * (given.stride + (held ? 0 : channels)));
      T *const inside = room.data(), *const apart = inside + given.block * given.stride;
      const int64_t begin = ranges.begin(range), end = begin + ranges.size(range);
      Pairs<I> pairs(a, begin);
      for (int64_t first = begin; first < end; first += given.block) {
        const int64_t rows = std::min(given.block, end - first);
        pairs.move(first, rows);
        run_first(given, both, edge, pairs, first, rows, inside);
        const Through<T> middle{inside, inside, given.stride, rows};
        GRAPHPOLY_CALL(activate, hidden, middle);
        T* const result = held ? held + first * channels : apart;
        call_product(channels, Product<T>{inside, given.stride, 1, second, channels, shift, 0,
                                          result, channels, rows, hidden});
        const Through<T> outside{result, out + first * channels, channels, rows};
        GRAPHPOLY_CALL(activate, channels, outside);
      }
    });
    if (sum) sum_rows(in_order(a), Summed<T>{out, sums.mutable_data_ptr<T>(), channels, channels});
    return std::tuple(message, sums, ends, before);
  });
}

// The gradients of x, carried, weight, bias, last and last_bias.
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor> edge_message_backward(
    Tensor rowptr, Tensor col, Tensor x, Tensor carried, Tensor weight, OptionalTensor bias,
    Tensor last, OptionalTensor last_bias, Tensor colptr, Tensor row, Tensor tperm, Tensor ends,
    Tensor before, OptionalTensor grad, OptionalTensor of_sums, bool to_x, bool to_carried) {
  const Given given(kBackward, rowptr, col, x, carried, weight, bias, last, last_bias);
  const int64_t nodes = given.nodes, entries = given.entries, carries = given.carries;
  const int64_t inner = given.inner, hidden = given.hidden, channels = given.channels;
  const auto check_shape = [&](const char* name, const OptionalTensor& t, int64_t rows,
                               int64_t width) {
    check(!t || (t->dim() == 2 && t->size(0) == rows && t->size(1) == width), kBackward, ": ", name,
          ": expected shape [", rows, ", ", width, "]");
    if (t) check_like(kBackward, name, *t, x);
  };
  check_shape("ends", ends, nodes, 2 * hidden), check_shape("before", before, entries, channels);
  check_shape("grad", grad, entries, channels), check_shape("of_sums", of_sums, nodes, channels);
  check_rows(kBackward, colptr, tperm);
  check(colptr.size(0) == nodes + 1 && colptr.scalar_type() == col.scalar_type(), kBackward,
        ": colptr: expected the transpose of the rows");
  ends = dense(ends), before = dense(before), grad = dense(grad), of_sums = dense(of_sums);
  colptr = dense(colptr), tperm = dense(tperm);
  return dispatch_types(kBackward, x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>(kBackward, given.rowptr, given.col);
    const auto turned = rows_view<I>(kBackward, colptr, tperm);
    Tensor for_carried = make_output<T>(x, {to_carried ? entries : 0, carries});
    Tensor for_weight = make_output<T>(x, {hidden, 2 * inner + carries});
    Tensor for_bias = make_output<T>(x, {bias ? hidden : 0});
    Tensor for_last = make_output<T>(x, {channels, hidden});
    Tensor for_last_bias = make_output<T>(x, {channels});
    Tensor for_ends = make_output<T>(x, {nodes, 2 * hidden});
    const Scratch<T> through(entries * hidden), edges(2 * carries * hidden);
    T *const back = through.data(), *const edge = edges.data();
    T* const by_rows = edge + carries * hidden;
    given.turn_edge(edge);
    turn(by_rows, edge, carries, hidden);
    const bool few = are_few<T>(carries, hidden);
    const T *const both = ends.const_data_ptr<T>(), *const kept = before.const_data_ptr<T>();
    const T *const upper = given.last.template const_data_ptr<T>(), *const g = values<T>(grad);
    const T* const carry = given.carried.template const_data_ptr<T>();
    const T* const spread = values<T>(of_sums);
    T* const to = to_carried ? for_carried.mutable_data_ptr<T>() : nullptr;
    const int64_t to_edge = channels * hidden, to_shift = to_edge + carries * hidden;
    const int64_t size = to_shift + channels;
    const RowRanges ranges(entries, given.numbers());
    const Scratch<T> parts(ranges.count * size), all(size);
    const T one = 1;
    parallel_items(ranges.count, 3 * dense_work(entries, hidden, channels), [&](int64_t range) {
      const Scratch<T> room(given.block * (given.stride + channels));
      T *const inside = room.data(), *const outside = inside + given.block * given.stride;
      T* const sums = parts.data() + range * size;
      std::fill_n(sums, size, T(0));
      const int64_t begin = ranges.begin(range), end = begin + ranges.size(range);
      Pairs<I> pairs(a, begin);
      for (int64_t first = begin; first < end; first += given.block) {
        const int64_t rows = std::min(given.block, end - first);
        T* const here = back + first * hidden;
        pairs.move(first, rows);
        run_first(given, both, edge, pairs, first, rows, inside);
        const Back<T> outer{kept + first * channels, channels, g ? g + first * channels : nullptr,
                            spread, pairs.target(), nullptr, outside, channels, rows};
        GRAPHPOLY_CALL(turn_back, outer);
        call_product(hidden, Product<T>{outside, channels, 1, upper, hidden, nullptr, 0, here,
                                        hidden, rows, channels});
        const Back<T> middle{inside, given.stride, here, nullptr, nullptr, inside, here, hidden,
                             rows};
        GRAPHPOLY_CALL(turn_back, middle);
        call_product(hidden, Product<T>{outside, 1, channels, inside, given.stride, sums, hidden,
                                        sums, hidden, channels, rows});
        T* sum = sums + to_shift;
        call_product(channels,
                     Product<T>{&one, 0, 0, outside, channels, sum, 0, sum, 0, 1, rows});
        if (carries == 0) continue;
        sum = sums + to_edge;
        call_product(hidden, Product<T>{carry + first * carries, 1, carries, here, hidden, sum,
                                        hidden, sum, hidden, carries, rows});
        if (!to) continue;
        Product<T> p{here, hidden, 1, by_rows, carries, nullptr, 0, to + first * carries, carries,
                     rows, hidden};
        if (!few) {
          call_product(carries, p);
          continue;
        }
        p.b = edge, p.row_of_b = hidden;
        call_dots(carries, p);
      }
    });
    join(all.data(), parts.data(), size, ranges.count);
    T* const ends_back = for_ends.mutable_data_ptr<T>();
    sum_rows(in_order(a), Summed<T>{back, ends_back, 2 * hidden, hidden});
    sum_rows(turned, Summed<T>{back, ends_back + hidden, 2 * hidden, hidden});
    OptionalTensor maps;
    if (to_x) maps = given.maps<T>();
    auto [for_x, for_maps, for_shifts] = map_backward(for_ends, given.x, maps, bias.has_value());
    if (!to_x) for_x = make_output<T>(x, {0, inner});
    given.join_maps(for_weight.mutable_data_ptr<T>(), for_maps.template const_data_ptr<T>(),
                    all.data() + to_edge);
    const auto give = [](const Tensor& t, const T* sum) {
      std::copy_n(sum, t.numel(), t.mutable_data_ptr<T>());
    };
    if (bias) give(for_bias, for_shifts.template const_data_ptr<T>());
    give(for_last, all.data()), give(for_last_bias, all.data() + to_shift);
    return std::tuple(for_x, for_carried, for_weight, for_bias, for_last, for_last_bias);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("edge_message", TORCH_BOX(&graphpoly::edge_message));
  m.impl("edge_message_backward", TORCH_BOX(&graphpoly::edge_message_backward));
}

#else  // the kernels

#include "arithmetic_simd.h"
#include "activations_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, class I, int L, int N>
struct EndsTile {
  static void run(int64_t channel, int64_t width, const Ends<T> pair) {
    const T* const own = pair.ends + channel;
    const T* const other = own + pair.channels;
    T* to = pair.sum + channel;
    for (int64_t r = 0; r < pair.rows; ++r, to += pair.row_of_sum) {
      const T* const one = own + pair.target[r] * 2 * pair.channels;
      const T* const two = other + pair.source[r] * 2 * pair.channels;
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        store_at<L, N>(to, v, width, load_at<L, N>(one, v, width) + load_at<L, N>(two, v, width));
      }
    }
  }
};

template <class T>
void add_ends(const Ends<T>& pair) {
  run_tiles<EndsTile, T, int64_t, 4>(0, pair.channels, pair);
}

// `before` may be `active`: all of a row of a tile is read first.
template <class T, class I, int L, int N>
struct ThroughTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Through<T> p) {
    for (int64_t r = 0; r < p.rows; ++r) {
      const int64_t at = r * p.row_of_active + channel;
      V value[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        value[v] = Silu::at<T, L>(load_at<L, N>(p.before + at, v, width), V{}).value;
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store_at<L, N>(p.active + at, v, width, value[v]);
    }
  }
};

template <class T>
void activate(int64_t channels, const Through<T>& p) {
  run_tiles<ThroughTile, T, int64_t, 4>(0, channels, p);
}

template <class T, class I, int L, int N>
struct BackTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Back<T> p) {
    for (int64_t r = 0; r < p.rows; ++r) {
      const int64_t of_before = r * p.row_of_before + channel, at = r * p.channels + channel;
      V value[N], back[N];
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        V grad{};
        if (p.grad) grad = load_at<L, N>(p.grad + at, v, width);
        if (p.sums) grad += load_at<L, N>(p.sums + p.target[r] * p.channels + channel, v, width);
        const auto found = Silu::at<T, L>(load_at<L, N>(p.before + of_before, v, width), grad);
        value[v] = found.value, back[v] = found.back;
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        if (p.active) store_at<L, N>(p.active + of_before, v, width, value[v]);
        store_at<L, N>(p.back + at, v, width, back[v]);
      }
    }
  }
};

template <class T>
void turn_back(const Back<T>& p) {
  run_tiles<BackTile, T, int64_t, 4>(0, p.channels, p);
}

// `col` of the rows says where what belongs to an entry lies; null where they are in order.
template <class T, class I, int L, int N>
struct SumTile {
  typedef Vec<T, L> V;

  static void run(int64_t channel, int64_t width, const Rows<I> a, const Summed<T> sums,
                  int64_t first, int64_t last) {
    const T* const from = sums.from + channel;
    for (int64_t i = first; i < last; ++i) {
      V sum[N] = {};
      for (int64_t e = a.rowptr[i]; e < int64_t{a.rowptr[i + 1]}; ++e) {
        const T* const row = from + (a.col ? int64_t{a.col[e]} : e) * sums.channels;
#pragma GCC unroll 8
        for (int v = 0; v < N; ++v) sum[v] += load_at<L, N>(row, v, width);
      }
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) {
        store_at<L, N>(sums.to + i * sums.row_of_to + channel, v, width, sum[v]);
      }
    }
  }
};

template <class T, class I>
void sum_rows(const Rows<I>& a, const Summed<T>& sums, int64_t first, int64_t last, int64_t channel,
              int64_t channels) {
  run_tiles<SumTile, T, I, 4>(channel, channels, a, sums, first, last);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
