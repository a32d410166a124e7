// graphpoly::gtr: pairs whose edge lowers the total effective resistance most, one after the other.
//
// R(u, v) and B^2(u, v) = |L+ (e_u - e_v)|^2 of all pairs are kept; an edge changes both by terms of
// rank one and two, so that a step is one pass over the pairs.
#include "rewiring.h"

namespace graphpoly {
namespace {

constexpr double kTie = 1e-10;  // gains that are so near, relatively, are equal
constexpr double kNever = std::numeric_limits<double>::infinity();

// Largest value[i] - best * (1 + resistance[i]).
inline double most_above(const double* value, const double* resistance, int64_t count, double best) {
  constexpr int64_t kLanes = 8;
  double top[kLanes];
  std::fill_n(top, kLanes, -1.0);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int64_t k = 0; k < kLanes; ++k) {
      const double over = value[i + k] - best * (1 + resistance[i + k]);
      top[k] = over > top[k] ? over : top[k];
    }
  }
  for (; i < count; ++i) {
    const double over = value[i] - best * (1 + resistance[i]);
    top[0] = over > top[0] ? over : top[0];
  }
  return *std::max_element(top, top + kLanes);
}

std::tuple<Tensor, Tensor> gtr(Tensor rowptr, Tensor col, Tensor pinv, Tensor square, Tensor part,
                               int64_t num_edges) {
  constexpr const char* kOp = "gtr";
  check(num_edges >= 0, kOp, ": num_edges: got ", num_edges, ", expected at least 0");
  check_rows(kOp, rowptr, col);
  rowptr = dense(rowptr), col = dense(col), pinv = dense(pinv), square = dense(square), part = dense(part);
  check(rowptr.scalar_type() == ScalarType::Long && part.scalar_type() == ScalarType::Long, kOp,
        ": rowptr, col, part: int64 is accepted");
  const auto rows = rows_view<int64_t>(kOp, rowptr, col);
  const int64_t n = rows.num_rows;
  for (const Tensor* t : {&pinv, &square}) {
    check(t->dim() == 2 && t->size(0) == n && t->size(1) == n && t->scalar_type() == ScalarType::Double,
          kOp, ": pinv, square: expected float64 [", n, ", ", n, "]");
  }
  check(part.dim() == 1 && part.size(0) == n, kOp, ": part: expected [", n, "]");
  for (int64_t e = 0; e < rows.num_entries; ++e) {
    check(rows.col[e] >= 0 && rows.col[e] < n, kOp, ": col: an index lies outside [0, ", n, ")");
  }
  Tensor out = make_output<int64_t>(col, {2, num_edges});
  Tensor drop = make_output<double>(pinv, {num_edges});
  int64_t* const low = out.mutable_data_ptr<int64_t>();
  int64_t* const high = low + num_edges;
  double* const gained = drop.mutable_data_ptr<double>();
  std::fill_n(low, 2 * num_edges, -1), std::fill_n(gained, num_edges, 0.0);
  if (n < 2) return std::make_tuple(out, drop);

  const double* const plus = pinv.const_data_ptr<double>();
  const double* const twice = square.const_data_ptr<double>();
  const int64_t* const component = part.const_data_ptr<int64_t>();
  // row u holds the pairs (u, v) with v > u; `at` gives where (u, 0) would be
  const auto at = [n](int64_t u) { return u * (2 * n - u - 1) / 2 - u - 1; };
  const int64_t pairs = n * (n - 1) / 2;
  const Scratch<double> resistance(pairs), value(pairs);
  for (int64_t u = 0; u < n; ++u) {
    double* const r = resistance.data() + at(u);
    double* const b = value.data() + at(u);
    for (int64_t v = u + 1; v < n; ++v) {
      r[v] = plus[u * n + u] + plus[v * n + v] - 2 * plus[u * n + v];
      b[v] = twice[u * n + u] + twice[v * n + v] - 2 * twice[u * n + v];
      if (component[u] != component[v]) r[v] = kNever;
    }
    for (int64_t e = rows.rowptr[u]; e < rows.rowptr[u + 1]; ++e) {
      if (rows.col[e] > u) r[rows.col[e]] = kNever;
    }
  }
  std::vector<std::vector<double>> before;  // z of each edge that was added
  std::vector<double> shrink, w(static_cast<size_t>(n));
  const Listener listener;
  for (int64_t k = 0; k < num_edges; ++k) {
    check(!listener.interrupted(), kOp, ": interrupted");
    if (k > 0) {
      const auto& z = before.back();
      const double c = shrink.back();
      double norm = 0;
      for (const double x : z) norm += x * x;
      for (int64_t u = 0; u < n; ++u) {
        double* const r = resistance.data() + at(u);
        double* const b = value.data() + at(u);
        const double zu = z[static_cast<size_t>(u)], wu = w[static_cast<size_t>(u)];
        const double* const zs = z.data();
        const double* const ws = w.data();
        for (int64_t v = u + 1; v < n; ++v) {
          const double dz = zu - zs[v], dw = wu - ws[v];
          r[v] -= c * dz * dz;
          b[v] += c * dz * (c * norm * dz - 2 * dw);
        }
      }
    }
    int64_t best_u = -1, best_v = -1;
    double best = 0;
    for (int64_t u = 0; u < n; ++u) {
      const double* const r = resistance.data() + at(u) + u + 1;
      const double* const b = value.data() + at(u) + u + 1;
      // a first look at the whole row: hardly any row has something better
      if (best_u >= 0 && most_above(b, r, n - u - 1, best) <= 0) continue;
      for (int64_t v = u + 1; v < n; ++v) {
        const double gain = b[v - u - 1] / (1 + r[v - u - 1]);
        if (gain > best * (1 + kTie)) best = gain, best_u = u, best_v = v;
      }
    }
    if (best_u < 0) break;
    low[k] = best_u, high[k] = best_v, gained[k] = static_cast<double>(n) * best;
    const double r = resistance.data()[at(best_u) + best_v];
    std::vector<double> z(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) z[static_cast<size_t>(i)] = plus[best_u * n + i] - plus[best_v * n + i];
    for (size_t s = 0; s < before.size(); ++s) {
      const auto& old = before[s];
      const double share = shrink[s] * (old[static_cast<size_t>(best_u)] - old[static_cast<size_t>(best_v)]);
      for (size_t i = 0; i < z.size(); ++i) z[i] -= share * old[i];
    }
    for (int64_t i = 0; i < n; ++i) {
      double sums[4] = {};
      const double* const row = plus + i * n;
      int64_t j = 0;
      for (; j + 4 <= n; j += 4) {
        for (int64_t t = 0; t < 4; ++t) sums[t] += row[j + t] * z[static_cast<size_t>(j + t)];
      }
      for (; j < n; ++j) sums[0] += row[j] * z[static_cast<size_t>(j)];
      w[static_cast<size_t>(i)] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    }
    for (size_t s = 0; s < before.size(); ++s) {
      const auto& old = before[s];
      double along = 0;
      for (size_t i = 0; i < z.size(); ++i) along += old[i] * z[i];
      for (size_t i = 0; i < z.size(); ++i) w[i] -= shrink[s] * along * old[i];
    }
    resistance.data()[at(best_u) + best_v] = kNever;
    shrink.push_back(1 / (1 + r)), before.push_back(std::move(z));
  }
  return std::make_tuple(out, drop);
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) { m.impl("gtr", TORCH_BOX(&graphpoly::gtr)); }
