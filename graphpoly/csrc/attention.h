// What the passes of attention share on the host side: the arguments, checked, and the memory that
// a range of rows works in. The vector part is attention_simd.h.
#pragma once

#include "common.h"
#include "hashing.h"

#include <cmath>

namespace graphpoly {

// Entries of a row are taken a block at a time. A block's features stay in the first cache while
// its scores, its weights and its sums are made from them.
constexpr int64_t kBlockEntries = 64, kBlockBytes = 16384;
constexpr int64_t kLookAhead = 12;  // entries between a prefetch and its use
constexpr int64_t kChunkLanes = 2048;  // entries times heads of short rows that are taken at once

// S: what is stored of the features, Q: of what scores are made of. All is computed in T.
template <class S, class Q>
struct Attention {
  using T = Computed<S>;
  using Score = Q;
  int64_t heads, depth, width, num_sources;
  const Q *target, *source;
  const S* value;
  const Q* edge;
  const T* att;
  bool additive;
  T scale, slope;
  // dropout: a mask of bits >> 8 >= threshold, and what is kept is multiplied by `keep`
  bool drop = false;
  uint32_t first = 0, second = 0;
  int32_t threshold = 0;
  T keep = 1;

  int64_t edge_depth() const { return additive ? depth : 1; }
  int64_t block() const {
    const int64_t bytes = heads * std::max(width, depth) * static_cast<int64_t>(sizeof(T));
    return std::max<int64_t>(8, std::min(kBlockEntries, kBlockBytes / std::max<int64_t>(bytes, 1)) / 8 * 8);
  }
  int64_t channels() const { return heads * (width + depth); }
  // Enough for every array that a pass takes from its arena, of any instruction set.
  size_t arena_bytes() const {
    const int64_t flat = (block() + 16) * (2 * heads + 16), row = 2 * heads * (width + depth + 1) + 32;
    const int64_t chunk = 5 * (kChunkLanes + 64);
    return static_cast<size_t>(16 * flat + 16 * row + chunk) * sizeof(double) + (size_t{1} << 14);
  }
  // Whether attention_short.h covers it.
  bool is_short() const {
    return std::is_same_v<Q, T> && additive && depth == 1 && !att &&
           (heads == 1 || heads == 2 || heads == 4 || heads == 8);
  }
};

// Integers of either type. A pass reads each once for all heads and channels, and code of its own for
// both would take as long again to compile.
class Indices {
 public:
  Indices() = default;
  explicit Indices(const int32_t* data) : narrow_(data) {}
  explicit Indices(const int64_t* data) : wide_(data) {}

  int64_t operator[](int64_t i) const { return wide_ ? wide_[i] : narrow_[i]; }
  explicit operator bool() const { return wide_ || narrow_; }

 private:
  const int32_t* narrow_ = nullptr;
  const int64_t* wide_ = nullptr;
};

struct IndexRows {
  Indices rowptr, col;
  int64_t num_entries;

  template <class I>
  IndexRows(const Rows<I>& a) : rowptr(a.rowptr), col(a.col), num_entries(a.num_entries) {}
};

// Rows [first, last) of an operator, as attention_short.h reads them.
struct RowSpan {
  int64_t first, last;
  const int64_t* start;  // [last - first + 1]: where the entries of each begin
  const int64_t *other, *place;  // of the entries from start[0]; kLookAhead more of `other`

  int64_t begin() const { return start[0]; }
  int64_t end() const { return start[last - first]; }
};

// Calls run(span) for spans of whole rows, none of more than `most` entries or rows but those of
// one long row.
template <class I, class F>
void for_spans(const Rows<I>& a, const I* place, int64_t most, int64_t first, int64_t last,
               const F& run) {
  std::vector<int64_t> start, other, places;
  for (int64_t i = first; i < last;) {
    const int64_t begin = a.rowptr[i];
    int64_t next = i + 1;
    while (next < last && next - i < most && a.rowptr[next + 1] - begin <= most) ++next;
    const int64_t end = a.rowptr[next];
    start.assign(a.rowptr + i, a.rowptr + next + 1);
    other.assign(a.col + begin, a.col + std::min(end + kLookAhead, a.num_entries));
    other.resize(static_cast<size_t>(end - begin + kLookAhead), other.empty() ? 0 : other.back());
    if (place) places.assign(place + begin, place + end);
    run(RowSpan{i, next, start.data(), other.data(), places.data()});
    i = next;
  }
}

// What the two passes of the gradient of short rows share.
template <class S>
struct ShortGrad {
  using T = Computed<S>;
  const S *grad, *out;
  const T* lse;
  T *to_target, *to_source;
  S* to_value;
  T *alpha, *slope;  // [E, H]: weights, and gradients of the arguments of the scores
};

// The tensors behind an Attention, dense and alive.
struct AttentionInputs {
  Tensor rowptr, col, target, source, value;
  OptionalTensor edge, att, seed;

  AttentionInputs(const char* op, const Tensor& rowptr_, const Tensor& col_, const Tensor& target_,
                  const Tensor& source_, const Tensor& value_, const OptionalTensor& edge_,
                  const OptionalTensor& att_, const OptionalTensor& seed_, bool additive)
      : rowptr(dense(rowptr_)), col(dense(col_)), target(dense(target_)), source(dense(source_)),
        value(dense(value_)), edge(dense(edge_)), att(dense(att_)), seed(dense(seed_)) {
    check_rows(op, rowptr, col);
    check(value.dim() == 3 && source.dim() == 3 && target.dim() == 3, op,
          ": target, source and value: expected three dimensions");
    const int64_t num_rows = rowptr.size(0) - 1, heads = value.size(1), depth = source.size(2);
    check(source.size(0) == value.size(0) && source.size(1) == heads, op,
          ": source: expected shape [C, H, D] where value has shape [C, H, F]");
    check(target.size(0) == num_rows && target.size(1) == heads && target.size(2) == depth, op,
          ": target: expected shape [", num_rows, ", ", heads, ", ", depth, "]");
    if (source.scalar_type() != value.scalar_type()) check_computed(op, "source", source, value);
    check_like(op, "target", target, source);
    if (edge) {
      const int64_t wide = additive ? depth : 1;
      check(edge->dim() == 3 && edge->size(0) == col.size(0) && edge->size(1) == heads &&
                edge->size(2) == wide,
            op, ": edge: expected shape [", col.size(0), ", ", heads, ", ", wide, "]");
      check_like(op, "edge", *edge, source);
    }
    if (att) {
      check(additive && att->dim() == 2 && att->size(0) == heads && att->size(1) == depth, op,
            ": att: expected shape [H, D] and an additive score");
      check_computed(op, "att", *att, value);
    }
    if (seed) {
      check(seed->numel() == 1 && seed->scalar_type() == ScalarType::Long, op,
            ": seed: expected one int64");
    }
  }

  // Calls f(S{}, Q{}, I{}) with the types of features, of what scores are made of, and of indices.
  template <class F>
  decltype(auto) dispatch(const char* op, const F& f) const {
    return dispatch_stored(op, value.scalar_type(), col.scalar_type(), [&](auto s, auto i) {
      using T = Computed<decltype(s)>;
      if constexpr (!std::is_same_v<decltype(s), T>) {
        if (source.scalar_type() == value.scalar_type()) return f(s, s, i);
      }
      return f(s, T{}, i);
    });
  }

  template <class S, class Q>
  Attention<S, Q> view(bool additive, double scale, double slope, double dropout) const {
    using T = Computed<S>;
    Attention<S, Q> at{value.size(1), source.size(2), value.size(2), value.size(0),
                       values<Q>(target), values<Q>(source), values<S>(value),
                       edge ? values<Q>(*edge) : nullptr,
                       att ? att->const_data_ptr<T>() : nullptr, additive, static_cast<T>(scale),
                       static_cast<T>(slope)};
    if (seed) {
      const auto bits = static_cast<uint64_t>(*seed->const_data_ptr<int64_t>());
      at.drop = true;
      at.first = mix_bits(static_cast<uint32_t>(bits));
      at.second = mix_bits(static_cast<uint32_t>(bits >> 32) + at.first + kGolden);
      at.threshold = static_cast<int32_t>(std::floor(dropout * (1 << 24) + 0.5));
      at.keep = dropout < 1 ? static_cast<T>(1 / (1 - dropout)) : T(0);
    }
    return at;
  }
};

}  // namespace graphpoly
