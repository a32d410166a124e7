// graphpoly::edge_transport: W_1 between the uniform measures on the neighbours of both ends.
//
// Masses are integers (each of d_i neighbours has d_j / g units, each of d_j has d_i / g, g their
// greatest common divisor), and so are distances, 0 to 3: successive shortest paths are exact.
#include <numeric>

#include "rewiring.h"

namespace graphpoly {
namespace {

class Transport {
 public:
  explicit Transport(const Rows<int64_t>& rows)
      : rows_(rows), place_(static_cast<size_t>(rows.num_rows), -1) {}

  struct Found {
    double cost;
    int64_t from, to;  // between which most is moved, mass times distance; of equals the first
  };

  Found solve(int64_t i, int64_t j) {
    source_ = row(i), target_ = row(j);
    const int64_t a = count(i), b = count(j), g = std::gcd(a, b);
    num_rows_ = static_cast<size_t>(a), num_cols_ = static_cast<size_t>(b);
    distances();
    flow_.assign(num_rows_ * num_cols_, 0);
    low_.assign(num_rows_, 0), high_.assign(num_cols_, 0);
    wanted_.assign(num_cols_, a / g);
    for (size_t r = 0; r < num_rows_; ++r) {
      for (int64_t left = b / g; left > 0;) left -= augment(r, left);
    }
    int64_t sum = 0, most = -1;
    size_t at = 0;
    for (size_t k = 0; k < flow_.size(); ++k) {
      const int64_t moved = flow_[k] * cost_[k];
      sum += moved;
      if (moved > most) most = moved, at = k;
    }
    return {static_cast<double>(sum) / static_cast<double>(a * (b / g)), source_[at / num_cols_],
            target_[at % num_cols_]};
  }

 private:
  static constexpr int64_t kFar = std::numeric_limits<int64_t>::max() / 4;

  const int64_t* row(int64_t v) const { return rows_.col + rows_.rowptr[v]; }
  int64_t count(int64_t v) const { return rows_.rowptr[v + 1] - rows_.rowptr[v]; }

  void distances() {
    cost_.assign(num_rows_ * num_cols_, 3);
    for (size_t c = 0; c < num_cols_; ++c) place_[static_cast<size_t>(target_[c])] = static_cast<int64_t>(c);
    for (size_t r = 0; r < num_rows_; ++r) {
      int64_t* const cost = cost_.data() + r * num_cols_;
      const int64_t k = source_[r];
      const auto reach = [&](int64_t w, int64_t away) {
        const int64_t c = place_[static_cast<size_t>(w)];
        if (c >= 0 && cost[c] > away) cost[c] = away;
      };
      reach(k, 0);
      for (int64_t e = 0; e < count(k); ++e) {
        const int64_t m = row(k)[e];
        reach(m, 1);
        for (int64_t f = 0; f < count(m); ++f) reach(row(m)[f], 2);
      }
    }
    for (size_t c = 0; c < num_cols_; ++c) place_[static_cast<size_t>(target_[c])] = -1;
  }

  // Moves up to `left` units of row `start` along a shortest path, and says how many.
  int64_t augment(size_t start, int64_t left) {
    row_away_.assign(num_rows_, kFar), col_away_.assign(num_cols_, kFar);
    through_.assign(num_cols_, 0), came_.assign(num_rows_, 0), done_.assign(num_cols_, 0);
    const auto relax = [&](size_t r, int64_t away) {
      row_away_[r] = away;
      const int64_t* const cost = cost_.data() + r * num_cols_;
      for (size_t c = 0; c < num_cols_; ++c) {
        const int64_t next = away + cost[c] + low_[r] - high_[c];
        if (next < col_away_[c]) col_away_[c] = next, through_[c] = r;
      }
    };
    relax(start, 0);
    size_t end = 0;
    for (;;) {
      end = num_cols_;
      for (size_t c = 0; c < num_cols_; ++c) {
        if (!done_[c] && (end == num_cols_ || col_away_[c] < col_away_[end])) end = c;
      }
      if (wanted_[end] > 0) break;
      done_[end] = 1;
      for (size_t r = 0; r < num_rows_; ++r) {
        if (row_away_[r] < kFar || flow_[r * num_cols_ + end] == 0) continue;
        came_[r] = end;
        relax(r, col_away_[end]);
      }
    }
    const int64_t away = col_away_[end];
    for (size_t r = 0; r < num_rows_; ++r) low_[r] += std::min(row_away_[r], away);
    for (size_t c = 0; c < num_cols_; ++c) high_[c] += std::min(col_away_[c], away);
    int64_t units = std::min(left, wanted_[end]);
    for (size_t r = through_[end]; r != start; r = through_[came_[r]]) {
      units = std::min(units, flow_[r * num_cols_ + came_[r]]);
    }
    wanted_[end] -= units;
    for (size_t c = end;;) {
      const size_t r = through_[c];
      flow_[r * num_cols_ + c] += units;
      if (r == start) return units;
      c = came_[r];
      flow_[r * num_cols_ + c] -= units;
    }
  }

  const Rows<int64_t> rows_;
  const int64_t *source_ = nullptr, *target_ = nullptr;
  size_t num_rows_ = 0, num_cols_ = 0;
  std::vector<int64_t> place_, cost_, flow_, low_, high_, wanted_, row_away_, col_away_;
  std::vector<size_t> through_, came_;
  std::vector<uint8_t> done_;
};

std::tuple<Tensor, Tensor> edge_transport(Tensor rowptr, Tensor col, Tensor edges) {
  constexpr const char* kOp = "edge_transport";
  check_rows(kOp, rowptr, col);
  rowptr = dense(rowptr), col = dense(col), edges = dense(edges);
  check(rowptr.scalar_type() == ScalarType::Long && edges.scalar_type() == ScalarType::Long, kOp,
        ": rowptr, col, edges: int64 is accepted");
  check(edges.dim() == 2 && edges.size(0) == 2, kOp, ": edges: expected [2, P]");
  const auto rows = rows_view<int64_t>(kOp, rowptr, col);
  for (int64_t e = 0; e < rows.num_entries; ++e) {
    check(rows.col[e] >= 0 && rows.col[e] < rows.num_rows, kOp, ": col: an index lies outside [0, ",
          rows.num_rows, ")");
  }
  const int64_t count = edges.size(1);
  const int64_t* const ends = edges.const_data_ptr<int64_t>();
  for (int64_t p = 0; p < 2 * count; ++p) {
    check(ends[p] >= 0 && ends[p] < rows.num_rows && rows.rowptr[ends[p]] < rows.rowptr[ends[p] + 1],
          kOp, ": edges: a node without neighbours");
  }
  Tensor cost = make_output<double>(col, {count});
  Tensor farthest = make_output<int64_t>(col, {2, count});
  double* const value = cost.mutable_data_ptr<double>();
  int64_t* const from = farthest.mutable_data_ptr<int64_t>();
  constexpr int64_t kChunk = 64;
  const Listener listener;
  parallel_items((count + kChunk - 1) / kChunk, 64 * rows.num_entries, [&](int64_t chunk) {
    Transport transport(rows);
    for (int64_t p = chunk * kChunk; p < std::min(count, (chunk + 1) * kChunk); ++p) {
      if (listener.interrupted()) return;
      const auto found = transport.solve(ends[p], ends[count + p]);
      value[p] = found.cost, from[p] = found.from, from[count + p] = found.to;
    }
  });
  check(!listener.interrupted(), kOp, ": interrupted");
  return std::make_tuple(cost, farthest);
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("edge_transport", TORCH_BOX(&graphpoly::edge_transport));
}
