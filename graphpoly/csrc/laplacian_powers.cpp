// graphpoly::laplacian_powers: L^+ and (L^+)^2 of a graph that is sparse.
//
// A node that is eliminated leaves a mesh between its neighbours (the transformation of a star with
// weights w_i into edges w_i w_j / W, W their sum); all weights stay positive, so that nothing
// cancels. From the last node back to the first, x_v = b_v / W + sum_i (w_i / W) x_i gives the rows
// of the inverse that holds the last node of each component at 0, and with what centring makes of it
// on the right side those of the square, since L (L^+)^2 = L^+. Both are symmetric: only entries to
// nodes that were eliminated later are computed. Rows are numbered from the node that was last.
#ifndef GRAPHPOLY_SIMD

#include <queue>

#include "laplacian_powers.h"

#define GRAPHPOLY_KERNELS "laplacian_powers.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

// out += sum_i share[i] * row[i]
void combine(double* out, const double* const* row, const double* share, int64_t count,
             int64_t length) {
  GRAPHPOLY_CALL(combine, out, row, share, count, length);
}

struct Share {
  int32_t to;
  double part;
};

// Who hands how much to whom as the nodes are eliminated.
class Elimination {
 public:
  Elimination(const Rows<int64_t>& rows, const LongWork& listener)
      : size_(static_cast<int32_t>(rows.num_rows)), listener_(listener) {
    const size_t n = static_cast<size_t>(size_);
    order_.reserve(n), shares_.resize(n), weight_.assign(n, 0.0), gone_.assign(n, 0);
    near_.resize(n);
    for (size_t v = 0; v < n; ++v) {
      for (int64_t e = rows.rowptr[v]; e < rows.rowptr[v + 1]; ++e) {
        near_[v].push_back({static_cast<int32_t>(rows.col[e]), 1.0});
      }
    }
    one_by_one();
    all_others();
    std::reverse(order_.begin(), order_.end());
    place_.resize(n);
    for (size_t p = 0; p < n; ++p) place_[static_cast<size_t>(order_[p])] = static_cast<int32_t>(p);
  }
  int32_t size() const { return size_; }
  int32_t node(int64_t place) const { return order_[static_cast<size_t>(place)]; }
  double weight(int64_t place) const { return weight_[static_cast<size_t>(node(place))]; }
  bool held(int64_t place) const { return weight(place) == 0; }

  // To smaller places, in no order.
  void shares(int64_t place, std::vector<int32_t>& to, std::vector<double>& part) const {
    to.clear(), part.clear();
    for (const Share& s : shares_[static_cast<size_t>(node(place))]) {
      to.push_back(place_[static_cast<size_t>(s.to)]), part.push_back(s.part);
    }
  }

 private:
  // Those with few neighbours first, as long as that is much less than all.
  void one_by_one() {
    using Entry = std::pair<int32_t, int32_t>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> queue;
    for (int32_t v = 0; v < size_; ++v) queue.push({degree(v), v});
    std::vector<Share> merged;
    while (!queue.empty() && !listener_.interrupted()) {
      const auto [count, v] = queue.top();
      queue.pop();
      if (gone_[static_cast<size_t>(v)] || count != degree(v)) continue;
      const int32_t left = size_ - static_cast<int32_t>(order_.size());
      if (count > 16 && 3 * count > left) break;
      auto& star = near_[static_cast<size_t>(v)];
      double sum = 0;
      for (const Share& s : star) sum += s.part;
      for (const Share& s : star) {
        auto& row = near_[static_cast<size_t>(s.to)];
        merged.clear();
        size_t i = 0, j = 0;
        const double factor = s.part / sum;
        while (i < row.size() || j < star.size()) {
          const bool of_star = i == row.size() || (j < star.size() && star[j].to < row[i].to);
          if (of_star) {
            if (star[j].to != s.to) merged.push_back({star[j].to, factor * star[j].part});
            ++j;
          } else {
            Share kept = row[i++];
            if (j < star.size() && star[j].to == kept.to) kept.part += factor * star[j++].part;
            if (kept.to != v) merged.push_back(kept);
          }
        }
        row = merged;
        queue.push({degree(s.to), s.to});
      }
      finish(v, sum, star);
    }
  }

  // The others as a matrix.
  void all_others() {
    std::vector<int32_t> left, at(static_cast<size_t>(size_), -1);
    for (int32_t v = 0; v < size_; ++v) {
      if (!gone_[static_cast<size_t>(v)]) at[static_cast<size_t>(v)] = static_cast<int32_t>(left.size()), left.push_back(v);
    }
    const int64_t n = static_cast<int64_t>(left.size());
    const Scratch<double> matrix(n * n);
    std::fill_n(matrix.data(), n * n, 0.0);
    for (int64_t a = 0; a < n; ++a) {
      for (const Share& s : near_[static_cast<size_t>(left[static_cast<size_t>(a)])]) {
        matrix.data()[a * n + at[static_cast<size_t>(s.to)]] = s.part;
      }
    }
    std::vector<const double*> rows;
    std::vector<double> factor, sums(static_cast<size_t>(n));
    std::vector<Share> star;
    for (int64_t a = 0; a < n && !listener_.interrupted(); ++a) {
      double* const row = matrix.data() + a * n;
      rows.clear(), factor.clear();
      for (int64_t b = 0; b < a; ++b) {
        const double w = matrix.data()[b * n + a];
        if (w > 0) rows.push_back(matrix.data() + b * n + a + 1), factor.push_back(w / sums[static_cast<size_t>(b)]);
      }
      combine(row + a + 1, rows.data(), factor.data(), static_cast<int64_t>(rows.size()), n - a - 1);
      double sum = 0;
      star.clear();
      for (int64_t b = a + 1; b < n; ++b) {
        sum += row[b];
        if (row[b] > 0) star.push_back({left[static_cast<size_t>(b)], row[b]});
      }
      sums[static_cast<size_t>(a)] = sum;
      finish(left[static_cast<size_t>(a)], sum, star);
    }
  }

  void finish(int32_t v, double sum, std::vector<Share>& star) {
    for (Share& s : star) s.part /= sum;
    shares_[static_cast<size_t>(v)] = star;
    weight_[static_cast<size_t>(v)] = sum, gone_[static_cast<size_t>(v)] = 1;
    order_.push_back(v);
  }
  int32_t degree(int32_t v) const { return static_cast<int32_t>(near_[static_cast<size_t>(v)].size()); }

  const int32_t size_;
  const LongWork& listener_;
  std::vector<std::vector<Share>> near_, shares_;
  std::vector<int32_t> order_, place_;
  std::vector<double> weight_;
  std::vector<uint8_t> gone_;
};

// Rows and columns in the order of the elimination, the last node first.
class Powers {
 public:
  Powers(const Elimination& found, const int64_t* part, const LongWork& listener)
      : found_(found), listener_(listener), size_(found.size()), stride_(padded(size_)),
        inverse_(size_ * stride_), square_(size_ * stride_), part_(static_cast<size_t>(size_)) {
    for (int64_t p = 0; p < size_; ++p) part_[static_cast<size_t>(p)] = part[found.node(p)];
    for (int64_t r = 0; r < size_ && !listener_.interrupted(); ++r) backwards(inverse_.data(), r, 1);
    if (!listener_.interrupted()) centre();
    if (!listener_.interrupted()) forwards();
    for (int64_t r = 0; r < size_ && !listener_.interrupted(); ++r) {
      double* const row = square_.data() + r * stride_;
      if (!found_.held(r)) {
        backwards(square_.data(), r, row[r]);
        continue;
      }
      // nodes before it are of other components
      for (int64_t k = 0; k < r; ++k) row[k] = square_.data()[k * stride_ + r] = 0;
      const double* const own = inverse_.data() + r * stride_;
      double sum = 0;
      for (int64_t k = 0; k < size_; ++k) sum += own[k] * own[k];
      row[r] = sum;
    }
  }

  void write(double* inverse, double* square) const {
    std::vector<int64_t> place(static_cast<size_t>(size_));
    for (int64_t p = 0; p < size_; ++p) place[static_cast<size_t>(found_.node(p))] = p;
    for (int64_t u = 0; u < size_; ++u) {
      const double* const a = inverse_.data() + place[static_cast<size_t>(u)] * stride_;
      const double* const b = square_.data() + place[static_cast<size_t>(u)] * stride_;
      for (int64_t v = 0; v < size_; ++v) {
        const int64_t p = place[static_cast<size_t>(v)];
        inverse[u * size_ + v] = a[p], square[u * size_ + v] = b[p];
      }
    }
  }

 private:
  // not a power of two: columns would fall on the same lines of the cache
  static int64_t padded(int64_t size) { return (size + 7) / 8 * 8 + (size % 128 > 120 || size % 128 == 0 ? 8 : 0); }

  // Row r out of those before it; what it holds is the right side, whose own entry is `own`.
  void backwards(double* matrix, int64_t r, double own) {
    double* const row = matrix + r * stride_;
    const bool first = matrix == inverse_.data();
    if (found_.held(r)) {
      std::fill_n(row, r + 1, 0.0);
    } else {
      found_.shares(r, to_, share_);
      rows_.clear();
      for (const int32_t p : to_) rows_.push_back(matrix + p * stride_);
      const double per = 1 / found_.weight(r);
      if (first) std::fill_n(row, r, 0.0);
      else for (int64_t k = 0; k < r; ++k) row[k] *= per;
      combine(row, rows_.data(), share_.data(), static_cast<int64_t>(rows_.size()), r);
      double last = own * per;
      for (size_t i = 0; i < to_.size(); ++i) last += share_[i] * row[to_[i]];
      row[r] = last;
    }
    for (int64_t k = 0; k < r; ++k) matrix[k * stride_ + r] = row[k];
  }

  void centre() {
    double* const matrix = inverse_.data();
    const size_t n = static_cast<size_t>(size_);
    std::vector<double> mean(n, 0.0), whole(n, 0.0), count(n, 0.0);
    for (size_t p = 0; p < n; ++p) count[static_cast<size_t>(part_[p])] += 1;
    for (size_t p = 0; p < n; ++p) {
      double sum = 0;
      for (int64_t k = 0; k < size_; ++k) sum += matrix[static_cast<int64_t>(p) * stride_ + k];
      mean[p] = sum / count[static_cast<size_t>(part_[p])];
      whole[static_cast<size_t>(part_[p])] += mean[p] / count[static_cast<size_t>(part_[p])];
    }
    for (int64_t p = 0; p < size_; ++p) {
      double* const row = matrix + p * stride_;
      const int64_t own = part_[static_cast<size_t>(p)];
      const double shift = whole[static_cast<size_t>(own)] - mean[static_cast<size_t>(p)];
      for (int64_t k = 0; k < size_; ++k) {
        row[k] = part_[static_cast<size_t>(k)] == own ? row[k] + (shift - mean[static_cast<size_t>(k)]) : 0.0;
      }
      std::copy_n(row, p + 1, square_.data() + p * stride_);
    }
  }

  // Every row hands its right side on, as far as it is needed there.
  void forwards() {
    std::vector<std::vector<Share>> from(static_cast<size_t>(size_));
    for (int64_t r = 0; r < size_; ++r) {
      found_.shares(r, to_, share_);
      for (size_t i = 0; i < to_.size(); ++i) from[static_cast<size_t>(to_[i])].push_back({static_cast<int32_t>(r), share_[i]});
    }
    for (int64_t r = size_ - 1; r >= 0 && !listener_.interrupted(); --r) {
      rows_.clear(), share_.clear();
      for (const Share& s : from[static_cast<size_t>(r)]) rows_.push_back(square_.data() + s.to * stride_), share_.push_back(s.part);
      combine(square_.data() + r * stride_, rows_.data(), share_.data(), static_cast<int64_t>(rows_.size()), r + 1);
    }
  }

  const Elimination& found_;
  const LongWork& listener_;
  const int64_t size_, stride_;
  const Scratch<double> inverse_, square_;
  std::vector<int64_t> part_;
  std::vector<int32_t> to_;
  std::vector<double> share_;
  std::vector<const double*> rows_;
};

// Counted in the order of their first nodes.
void components(const Rows<int64_t>& rows, int64_t* part) {
  std::fill_n(part, rows.num_rows, -1);
  std::vector<int64_t> open;
  int64_t count = 0;
  for (int64_t first = 0; first < rows.num_rows; ++first) {
    if (part[first] >= 0) continue;
    part[first] = count;
    for (open.push_back(first); !open.empty();) {
      const int64_t v = open.back();
      open.pop_back();
      for (int64_t e = rows.rowptr[v]; e < rows.rowptr[v + 1]; ++e) {
        const int64_t w = rows.col[e];
        if (part[w] < 0) part[w] = count, open.push_back(w);
      }
    }
    ++count;
  }
}

std::tuple<Tensor, Tensor, Tensor> laplacian_powers_op(Tensor rowptr, Tensor col) {
  constexpr const char* kOp = "laplacian_powers";
  check_rows(kOp, rowptr, col);
  rowptr = dense(rowptr), col = dense(col);
  check(rowptr.scalar_type() == ScalarType::Long, kOp, ": rowptr, col: int64 is accepted");
  const auto rows = rows_view<int64_t>(kOp, rowptr, col);
  const int64_t n = rows.num_rows;
  check(n <= std::numeric_limits<int32_t>::max(), kOp, ": too many nodes");
  for (int64_t v = 0; v < n; ++v) {
    for (int64_t e = rows.rowptr[v]; e < rows.rowptr[v + 1]; ++e) {
      const int64_t w = rows.col[e];
      check(w >= 0 && w < n && w != v && (e == rows.rowptr[v] || rows.col[e - 1] < w), kOp, ": col: row ",
            v, " is not an ascending list of other nodes");
    }
  }
  Tensor inverse = make_output<double>(col, {n, n});
  Tensor square = make_output<double>(col, {n, n});
  Tensor part = make_output<int64_t>(col, {n});
  const LongWork work(static_cast<double>(n) * static_cast<double>(n));
  check(laplacian_powers(rows, inverse.mutable_data_ptr<double>(), square.mutable_data_ptr<double>(),
                         part.mutable_data_ptr<int64_t>(), work),
        kOp, ": interrupted");
  return std::make_tuple(inverse, square, part);
}

}  // namespace

bool laplacian_powers(const Rows<int64_t>& rows, double* inverse, double* square, int64_t* part,
                      const LongWork& work) {
  components(rows, part);
  const Elimination found(rows, work);
  if (work.interrupted()) return false;
  const Powers powers(found, part, work);
  if (work.interrupted()) return false;
  powers.write(inverse, square);
  return true;
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("laplacian_powers", TORCH_BOX(&graphpoly::laplacian_powers_op));
}

#else

namespace graphpoly::GRAPHPOLY_SIMD {

inline void combine(double* out, const double* const* row, const double* share, int64_t count,
                    int64_t length) {
  constexpr int kRows = 8;
  int64_t i = 0;
  for (; i + kRows <= count; i += kRows) {
    const double* const* const r = row + i;
    const double* const s = share + i;
    for (int64_t k = 0; k < length; ++k) {
      out[k] += ((s[0] * r[0][k] + s[1] * r[1][k]) + (s[2] * r[2][k] + s[3] * r[3][k])) +
                ((s[4] * r[4][k] + s[5] * r[5][k]) + (s[6] * r[6][k] + s[7] * r[7][k]));
    }
  }
  for (; i < count; ++i) {
    const double* const r = row[i];
    const double s = share[i];
    for (int64_t k = 0; k < length; ++k) out[k] += s * r[k];
  }
}

}  // namespace graphpoly::GRAPHPOLY_SIMD

#endif
