// graphpoly::gtr: pairs whose edge lowers the total effective resistance most, one after the other.
//
// R(u, v) and B^2(u, v) = |L+ (e_u - e_v)|^2 of all pairs are kept; an edge changes both by terms
// of rank one and two, so that a step is one pass over the pairs.
#ifndef GRAPHPOLY_SIMD

#include "laplacian_powers.h"
#include "rewiring.h"

#define GRAPHPOLY_KERNELS "gtr.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr double kTie = 1e-10;  // gains that are so near, relatively, are equal
constexpr double kNever = std::numeric_limits<double>::infinity();

// All pairs of one graph.
class Pairs {
 public:
  Pairs(const GraphBatch& batch, int64_t graph, const LongWork& work)
      : n_(batch.size(graph)), plus_(n_ * n_), resistance_(n_ * (n_ - 1) / 2),
        value_(n_ * (n_ - 1) / 2), most_(static_cast<size_t>(n_)), w_(static_cast<size_t>(n_)) {
    const int64_t first = batch.ptr[graph], begin = batch.rows.rowptr[first];
    std::vector<int64_t> rowptr(batch.rows.rowptr + first, batch.rows.rowptr + first + n_ + 1);
    std::vector<int64_t> col(batch.rows.col + begin, batch.rows.col + begin + batch.entries(graph));
    for (int64_t& e : rowptr) e -= begin;
    for (int64_t& v : col) v -= first;
    const Rows<int64_t> rows{rowptr.data(), col.data(), n_, batch.entries(graph)};
    std::vector<int64_t> part(static_cast<size_t>(n_));
    const Scratch<double> square(n_ * n_);
    if (!laplacian_powers(rows, plus_.data(), square.data(), part.data(), work)) return;
    fill(resistance_.data(), plus_.data());
    fill(value_.data(), square.data());
    for (int64_t u = 0; u < n_; ++u) {
      double* const r = resistance_.data() + at(u);
      for (int64_t v = u + 1; v < n_; ++v) {
        if (part[static_cast<size_t>(u)] != part[static_cast<size_t>(v)]) r[v] = kNever;
      }
      for (int64_t e = rowptr[static_cast<size_t>(u)]; e < rowptr[static_cast<size_t>(u) + 1]; ++e) {
        const int64_t v = col[static_cast<size_t>(e)];
        if (v > u) r[v] = kNever;
      }
    }
  }

  struct Best {
    int64_t u, v;
    double gain;
  };

  // The pair of the largest gain, which is joined; {-1, -1, 0} where there is none.
  Best join() {
    const double top = before_.empty() ? first_pass() : next_pass();
    for (int64_t u = 0; u < n_ && top > 0; ++u) {
      if (most_[static_cast<size_t>(u)] < top * (1 - kTie)) continue;
      double* const r = resistance_.data() + at(u);
      const double* const b = value_.data() + at(u);
      for (int64_t v = u + 1; v < n_; ++v) {
        const double gain = b[v] / (1 + r[v]);
        if (gain < top * (1 - kTie)) continue;
        change(u, v, 1 / (1 + r[v]));
        r[v] = kNever;
        return {u, v, gain};
      }
    }
    return {-1, -1, 0};
  }

 private:
  // Row u holds the pairs (u, v) with v > u; here (u, 0) would be.
  int64_t at(int64_t u) const { return u * (2 * n_ - u - 1) / 2 - u - 1; }

  void fill(double* out, const double* matrix) const {
    std::vector<double> own(static_cast<size_t>(n_));
    for (int64_t v = 0; v < n_; ++v) own[static_cast<size_t>(v)] = matrix[v * n_ + v];
    for (int64_t u = 0; u < n_; ++u) {
      GRAPHPOLY_CALL(differences, out + at(u) + u + 1, own.data() + u + 1, matrix + u * n_ + u + 1,
                     matrix[u * n_ + u], n_ - u - 1);
    }
  }

  double first_pass() {
    double top = 0;
    for (int64_t u = 0; u < n_; ++u) {
      double& row = most_[static_cast<size_t>(u)];
      const int64_t begin = at(u) + u + 1;
      GRAPHPOLY_CALL(most_gained, resistance_.data() + begin, value_.data() + begin, n_ - u - 1, &row);
      top = std::max(top, row);
    }
    return top;
  }

  double next_pass() {
    const auto& z = before_.back();
    double norm = 0, top = 0;
    for (const double x : z) norm += x * x;
    for (int64_t u = 0; u < n_; ++u) {
      double& row = most_[static_cast<size_t>(u)];
      const int64_t begin = at(u) + u + 1;
      GRAPHPOLY_CALL(after_edge, resistance_.data() + begin, value_.data() + begin, z.data() + u,
                     w_.data() + u, shrink_.back(), norm, n_ - u - 1, &row);
      top = std::max(top, row);
    }
    return top;
  }

  // z = L^+ (e_u - e_v) and w = L^+ z, as the edges before have made L^+.
  void change(int64_t u, int64_t v, double shrink) {
    std::vector<double> z(static_cast<size_t>(n_));
    const double* const plus = plus_.data();
    for (int64_t i = 0; i < n_; ++i) z[static_cast<size_t>(i)] = plus[u * n_ + i] - plus[v * n_ + i];
    for (size_t s = 0; s < before_.size(); ++s) {
      const auto& old = before_[s];
      const double share = shrink_[s] * (old[static_cast<size_t>(u)] - old[static_cast<size_t>(v)]);
      for (size_t i = 0; i < z.size(); ++i) z[i] -= share * old[i];
    }
    GRAPHPOLY_CALL(times, w_.data(), plus, z.data(), n_);
    for (size_t s = 0; s < before_.size(); ++s) {
      const auto& old = before_[s];
      double along = 0;
      for (size_t i = 0; i < z.size(); ++i) along += old[i] * z[i];
      for (size_t i = 0; i < z.size(); ++i) w_[i] -= shrink_[s] * along * old[i];
    }
    shrink_.push_back(shrink), before_.push_back(std::move(z));
  }

  const int64_t n_;
  const Scratch<double> plus_, resistance_, value_;
  std::vector<double> most_, w_, shrink_;
  std::vector<std::vector<double>> before_;  // z of each edge that was added
};

std::tuple<Tensor, Tensor> gtr(Tensor rowptr, Tensor col, Tensor ptr, int64_t num_edges) {
  constexpr const char* kOp = "gtr";
  check(num_edges >= 0, kOp, ": num_edges: got ", num_edges, ", expected at least 0");
  rowptr = dense(rowptr), col = dense(col), ptr = dense(ptr);
  const GraphBatch batch(kOp, rowptr, col, ptr);
  const int64_t size = batch.num_graphs * num_edges;
  Tensor out = make_output<int64_t>(col, {2, batch.num_graphs, num_edges});
  Tensor drop = make_output<double>(col, {batch.num_graphs, num_edges});
  int64_t* const low = out.mutable_data_ptr<int64_t>();
  int64_t* const high = low + size;
  double* const gained = drop.mutable_data_ptr<double>();
  std::fill_n(low, 2 * size, -1), std::fill_n(gained, size, 0.0);
  if (size == 0) return std::make_tuple(out, drop);
  double steps = 0;
  for (int64_t g = 0; g < batch.num_graphs; ++g) {
    const double n = static_cast<double>(batch.size(g));
    check(batch.size(g) <= std::numeric_limits<int32_t>::max(), kOp, ": too many nodes");
    steps += n * n * static_cast<double>(1 + num_edges);
  }
  const LongWork work(steps);
  const auto units = static_cast<int64_t>(std::min(steps, 1e15));
  parallel_items(batch.num_graphs, units, [&](int64_t g) {
    if (work.interrupted() || batch.size(g) < 2) return;
    Pairs pairs(batch, g, work);
    for (int64_t k = g * num_edges; k < (g + 1) * num_edges && !work.interrupted(); ++k) {
      const auto best = pairs.join();
      if (best.u < 0) break;
      low[k] = batch.ptr[g] + best.u, high[k] = batch.ptr[g] + best.v;
      gained[k] = static_cast<double>(batch.size(g)) * best.gain;
    }
  });
  check(!work.interrupted(), kOp, ": interrupted");
  return std::make_tuple(out, drop);
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) { m.impl("gtr", TORCH_BOX(&graphpoly::gtr)); }

#else

namespace graphpoly::GRAPHPOLY_SIMD {

using Wide = Vec<double, kLanes<double>>;

// out[v] = own_u + own[v] - 2 row[v]
inline void differences(double* out, const double* own, const double* row, double own_u, int64_t count) {
  for (int64_t v = 0; v < count; ++v) out[v] = own_u + own[v] - 2 * row[v];
}

GRAPHPOLY_INLINE double largest(const Wide& top, double rest) {
  for (int k = 0; k < kLanes<double>; ++k) rest = top[k] > rest ? top[k] : rest;
  return rest;
}

// Largest value[i] / (1 + resistance[i]); an infinite resistance gives 0.
inline void most_gained(const double* resistance, const double* value, int64_t count, double* most) {
  constexpr int64_t L = kLanes<double>;
  Wide top = {};
  int64_t i = 0;
  for (; i + L <= count; i += L) {
    const Wide gain = load<Wide>(value + i) / (1 + load<Wide>(resistance + i));
    top = gain > top ? gain : top;
  }
  double rest = 0;
  for (; i < count; ++i) rest = std::max(rest, value[i] / (1 + resistance[i]));
  *most = largest(top, rest);
}

// The same after an edge; z and w begin at the node of the row itself.
inline void after_edge(double* resistance, double* value, const double* z, const double* w, double scale,
                       double norm, int64_t count, double* most) {
  constexpr int64_t L = kLanes<double>;
  const double zu = z[0], wu = w[0], part = scale * norm;
  Wide top = {};
  int64_t i = 0;
  for (; i + L <= count; i += L) {
    const Wide dz = zu - load<Wide>(z + i + 1), dw = wu - load<Wide>(w + i + 1), along = scale * dz;
    const Wide r = load<Wide>(resistance + i) - along * dz;
    const Wide b = load<Wide>(value + i) + along * (part * dz - 2 * dw);
    store(resistance + i, r), store(value + i, b);
    const Wide gain = b / (1 + r);
    top = gain > top ? gain : top;
  }
  double rest = 0;
  for (; i < count; ++i) {
    const double dz = zu - z[i + 1], dw = wu - w[i + 1], along = scale * dz;
    resistance[i] -= along * dz;
    value[i] += along * (part * dz - 2 * dw);
    rest = std::max(rest, value[i] / (1 + resistance[i]));
  }
  *most = largest(top, rest);
}

// out = matrix z
inline void times(double* out, const double* matrix, const double* z, int64_t n) {
  constexpr int64_t L = kLanes<double>;
  for (int64_t u = 0; u < n; ++u) {
    const double* const row = matrix + u * n;
    Wide one = {}, two = {};
    int64_t i = 0;
    for (; i + 2 * L <= n; i += 2 * L) {
      one += load<Wide>(row + i) * load<Wide>(z + i);
      two += load<Wide>(row + i + L) * load<Wide>(z + i + L);
    }
    double sum = 0;
    for (; i < n; ++i) sum += row[i] * z[i];
    one += two;
    for (int k = 0; k < L; ++k) sum += one[k];
    out[u] = sum;
  }
}

}  // namespace graphpoly::GRAPHPOLY_SIMD

#endif
