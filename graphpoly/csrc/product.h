// What the dense operators share on the host side: products of small matrices, how rows are cut, and
// the gradient of a matrix. The kernels are compiled in product.cpp.
#pragma once

#include "common.h"

namespace graphpoly {

constexpr int64_t kBlockOfRows = 60;    // of one product: ten times the rows that registers hold
constexpr int64_t kChunkOfSums = 132;   // rows of a matrix whose gradient one item sums
constexpr int64_t kSlabOfSums = 256;    // columns of it, where it has more such rows
constexpr int64_t kMostSums = 1 << 16;  // numbers of all partial sums, which stay in the caches
constexpr int64_t kLeastItems = 16;     // of such sums, where there are rows enough

template <class T>
const T* values(const OptionalTensor& t) {
  return t ? t->const_data_ptr<T>() : nullptr;
}

inline void check_channels(const char* op, const char* name, const OptionalTensor& t, int64_t channels,
                           const Tensor& x) {
  if (!t) return;
  check(t->dim() == 1 && t->size(0) == channels, op, ": ", name, ": expected shape [", channels,
        "]");
  check_like(op, name, *t, x);
}

// Numbers from one row to the next of those that begin with a line of the caches each: an odd number
// of lines, so that not all rows of a column are rivals for the same places.
inline int64_t padded(int64_t width) {
  constexpr int64_t kLine = 16;
  return ((width + kLine - 1) / kLine | 1) * kLine;
}

// out[r, c] = start[r, c] + sum_k a[r, k] b[k, c], in the order of k.
template <class T>
struct Product {
  const T* a;
  int64_t row_of_a, step_of_a;  // from one r to the next, and from one k to the next
  const T* b;
  int64_t row_of_b;
  const T* start;  // or nothing; row_of_start is 0 where all rows start alike
  int64_t row_of_start;
  T* out;
  int64_t row_of_out;
  int64_t rows, inner;
};

template <class T>
void call_product(int64_t channels, const Product<T>& p);

// The same with b[c, k] in place of b[k, c], both dense, where there are few channels.
template <class T>
void call_dots(int64_t channels, const Product<T>& p);

// Whether there are so few channels, and enough of k, that call_dots is sooner there.
template <class T>
bool are_few(int64_t channels, int64_t inner);

// Waking threads is worth about a million products.
inline int64_t dense_work(int64_t rows, int64_t inner, int64_t channels) {
  return rows * inner / 64 * std::max<int64_t>(channels, 1);
}

// Ranges of rows that sums are kept of. They depend on sizes alone, so that the number of threads
// does not change a bit.
struct RowRanges {
  int64_t rows, count;
  // `items`: what each range is cut into.
  RowRanges(int64_t rows_, int64_t sums, int64_t items = 1) : rows(rows_), count(1) {
    const int64_t least = std::clamp<int64_t>(kLeastItems / std::max<int64_t>(items, 1), 1, 4);
    const int64_t most = std::clamp<int64_t>(kMostSums / std::max<int64_t>(sums, 1), least, 64);
    count = std::clamp<int64_t>(rows / 96, 1, most);
  }
  int64_t begin(int64_t range) const { return rows * range / count; }
  int64_t size(int64_t range) const { return begin(range + 1) - begin(range); }
  // Whether a range stays in the nearest caches, and there are no more of them only since rows are few.
  bool are_short() const { return rows < 192 * count; }
};

// Runs f(first, count) over blocks of rows.
template <class F>
void parallel_blocks(int64_t rows, int64_t work, const F& f) {
  parallel_items((rows + kBlockOfRows - 1) / kBlockOfRows, work, [&](int64_t block) {
    const int64_t first = block * kBlockOfRows;
    f(first, std::min(kBlockOfRows, rows - first));
  });
}

// to[k, m] = from[m, k]
template <class T>
void turn(T* to, const T* from, int64_t rows, int64_t columns) {
  constexpr int64_t kSide = 16;
  for (int64_t r = 0; r < rows; r += kSide) {
    const int64_t last = std::min(rows, r + kSide);
    for (int64_t c = 0; c < columns; ++c) {
      for (int64_t i = r; i < last; ++i) to[c * rows + i] = from[i * columns + c];
    }
  }
}

// A matrix [inner, channels] as products read it: the columns that registers hold at once lie
// together, so that rows of them are no rivals for the same places of a cache.
template <class T>
class Columns {
 public:
  // Its rows lie `row` apart, and so many rows are to be multiplied by it.
  Columns(const T* from, int64_t row, int64_t inner, int64_t channels, int64_t rows)
      : inner_(inner),
        row_(row),
        panels_(channels, rows < kWorthCopy ? channels : kMost, kMost / 4),
        copy_(panels_.count > 1 ? inner * channels : 0),
        data_(panels_.count > 1 ? copy_.data() : from) {
    if (panels_.count <= 1) return;
    constexpr int64_t kRows = 64;
    parallel_items((inner + kRows - 1) / kRows, inner * channels / 8, [&](int64_t item) {
      for (int64_t k = item * kRows; k < std::min(inner, (item + 1) * kRows); ++k) {
        for (int64_t panel = 0; panel < panels_.count; ++panel) {
          const int64_t first = panels_.begin(panel), size = panels_.size(panel);
          std::copy_n(from + k * row + first, size, copy_.data() + first * inner + k * size);
        }
      }
    });
  }

  // The transpose of a matrix [channels, inner].
  Columns(const T* turned, int64_t inner, int64_t channels)
      : inner_(inner),
        row_(channels),
        panels_(channels, kMost, kMost / 4),
        copy_(inner * channels),
        data_(copy_.data()) {
    parallel_items(panels_.count, inner * channels / 8, [&](int64_t panel) {
      const int64_t first = panels_.begin(panel) * inner;
      turn(copy_.data() + first, turned + first, panels_.size(panel), inner);
    });
  }

  // Product is called with views of what to multiply; `p` says all but its matrix.
  template <class F>
  void multiply(const F& product, const Product<T>& p) const {
    for (int64_t panel = 0; panel < panels_.count; ++panel) {
      const int64_t first = panels_.begin(panel);
      Product<T> part = p;
      part.b = data_ + first * inner_;
      part.row_of_b = panels_.count > 1 ? panels_.size(panel) : row_;
      if (p.start) part.start += first;
      part.out += first, part.inner = inner_;
      product(panels_.size(panel), part);
    }
  }

 private:
  static constexpr int64_t kMost = 256 / sizeof(T), kWorthCopy = 24;

  int64_t inner_, row_;
  Panels panels_;
  Scratch<T> copy_;
  const T* data_;
};

// sums[i] = the sum over ranges of partial[range * count + i], in their order.
template <class T>
void join(T* sums, const T* partial, int64_t count, int64_t ranges) {
  constexpr int64_t kPiece = 1024;
  parallel_items((count + kPiece - 1) / kPiece, count * ranges, [&](int64_t piece) {
    const int64_t first = piece * kPiece, size = std::min(kPiece, count - first);
    T* __restrict to = sums + first;
    std::copy_n(partial + first, size, to);
    for (int64_t range = 1; range < ranges; ++range) {
      const T* from = partial + range * count + first;
      for (int64_t i = 0; i < size; ++i) to[i] += from[i];
    }
  });
}

// The matrix [channels, inner] of sums over rows of grad[row, :]^T x[row, :], and those of grad
// alone where `bias` is wanted. Each item sums what it can alone; `finish` joins what all have found.
template <class T>
class WeightGradient {
 public:
  WeightGradient(const T* grad, const T* x, int64_t rows, int64_t channels, int64_t inner,
                 T* weight, T* bias)
      : grad_(grad), x_(x), channels_(channels), inner_(inner), weight_(weight), bias_(bias),
        chunks_(std::max<int64_t>(1, (channels + kChunkOfSums - 1) / kChunkOfSums)),
        slabs_(inner, chunks_ > 1 ? kSlabOfSums : std::max<int64_t>(inner, 1), 16),
        cuts_(chunks_ * std::max<int64_t>(slabs_.count, 1)),
        ranges_(rows, channels * inner, cuts_),
        sums_(ranges_.count > 1 ? ranges_.count * (channels * inner + channels) : 0) {}

  int64_t items() const { return ranges_.count * cuts_; }

  // Whether each item reads one of these ranges of rows, so that it may follow what writes them.
  bool reads(const RowRanges& ranges) const {
    return cuts_ == 1 && ranges_.rows == ranges.rows && ranges_.count == ranges.count;
  }

  // Product is called with a view of what to multiply.
  template <class F>
  void sum(int64_t item, const F& product) const {
    const int64_t range = item / cuts_, from = item % cuts_ % chunks_ * kChunkOfSums;
    const int64_t slab = item % cuts_ / chunks_, column = slabs_.begin(slab);
    const int64_t wide = std::min(kChunkOfSums, channels_ - from), size = channels_ * inner_;
    const int64_t columns = slabs_.size(slab);
    T* out = (parts() ? sums_.data() + range * size : weight_) + from * inner_ + column;
    T* total = parts() ? sums_.data() + ranges_.count * size + range * channels_ : bias_;
    const T one = 1;
    const int64_t last = ranges_.begin(range) + ranges_.size(range);
    const int64_t row_of_g = chunks_ > 1 ? wide : channels_;
    const Scratch<T> copy(chunks_ > 1 ? 2 * kBlockOfRows * wide : 0);
    int64_t first = ranges_.begin(range);
    do {
      const int64_t count = std::min(2 * kBlockOfRows, last - first);
      const T* g = grad_ + first * channels_ + from;
      if (chunks_ > 1) {
        for (int64_t r = 0; r < count; ++r) {
          std::copy_n(g + r * channels_, wide, copy.data() + r * wide);
        }
        g = copy.data();
      }
      const bool begun = first > ranges_.begin(range);
      const Columns<T> x(x_ + first * inner_ + column, inner_, count, columns, wide);
      x.multiply(product, Product<T>{g, 1, row_of_g, nullptr, 0, begun ? out : nullptr, inner_, out,
                                     inner_, wide, count});
      if (bias_ && slab == 0) {
        product(wide, Product<T>{&one, 0, 0, g, row_of_g, begun ? total + from : nullptr, 0,
                                 total + from, 0, 1, count});
      }
      first += count;
    } while (first < last);
  }

  template <class F>
  void sum_all(const F& product) const {
    parallel_items(items(), dense_work(ranges_.rows, inner_, channels_),
                   [&](int64_t item) { sum(item, product); });
  }

  void finish() const {
    if (!parts()) return;
    const int64_t size = channels_ * inner_;
    join(weight_, sums_.data(), size, ranges_.count);
    if (bias_) join(bias_, sums_.data() + ranges_.count * size, channels_, ranges_.count);
  }

 private:
  bool parts() const { return ranges_.count > 1; }

  const T *grad_, *x_;
  int64_t channels_, inner_;
  T *weight_, *bias_;
  int64_t chunks_;
  Panels slabs_;
  int64_t cuts_;
  RowRanges ranges_;
  Scratch<T> sums_;
};

}  // namespace graphpoly
