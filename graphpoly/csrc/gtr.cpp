// graphpoly::gtr: pairs whose edge lowers the total effective resistance most, one after the other.
//
// R(u, v) and B^2(u, v) = |L+ (e_u - e_v)|^2 of all pairs are kept; an edge changes both by terms of
// rank one and two, so that a step is one pass over the pairs.
#ifndef GRAPHPOLY_SIMD

#include "rewiring.h"

#define GRAPHPOLY_KERNELS "gtr.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr double kTie = 1e-10;  // gains that are so near, relatively, are equal
constexpr double kNever = std::numeric_limits<double>::infinity();

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
  std::vector<double> own(static_cast<size_t>(n)), own_twice(static_cast<size_t>(n)), most(static_cast<size_t>(n));
  for (int64_t v = 0; v < n; ++v) {
    own[static_cast<size_t>(v)] = plus[v * n + v], own_twice[static_cast<size_t>(v)] = twice[v * n + v];
  }
  for (int64_t u = 0; u < n; ++u) {
    double* const r = resistance.data() + at(u);
    double* const b = value.data() + at(u);
    GRAPHPOLY_CALL(differences, r + u + 1, own.data() + u + 1, plus + u * n + u + 1, own[static_cast<size_t>(u)], n - u - 1);
    GRAPHPOLY_CALL(differences, b + u + 1, own_twice.data() + u + 1, twice + u * n + u + 1,
                   own_twice[static_cast<size_t>(u)], n - u - 1);
    for (int64_t v = u + 1; v < n; ++v) {
      if (component[u] != component[v]) r[v] = kNever;
    }
    for (int64_t e = rows.rowptr[u]; e < rows.rowptr[u + 1]; ++e) {
      if (rows.col[e] > u) r[rows.col[e]] = kNever;
    }
  }
  std::vector<std::vector<double>> before;  // z of each edge that was added
  std::vector<double> shrink, w(static_cast<size_t>(n));
  const LongWork listener(static_cast<double>(pairs) * static_cast<double>(num_edges));
  for (int64_t k = 0; k < num_edges; ++k) {
    check(!listener.interrupted(), kOp, ": interrupted");
    double scale = 0, norm = 0;  // of the edge before
    if (k > 0) {
      scale = shrink.back();
      for (const double x : before.back()) norm += x * x;
    }
    double top = 0;
    for (int64_t u = 0; u < n; ++u) {
      double* const r = resistance.data() + at(u) + u + 1;
      double* const b = value.data() + at(u) + u + 1;
      double& row = most[static_cast<size_t>(u)];
      if (k > 0) {
        GRAPHPOLY_CALL(after_edge, r, b, before.back().data() + u, w.data() + u, scale, norm, n - u - 1, &row);
      } else {
        GRAPHPOLY_CALL(most_gained, r, b, n - u - 1, &row);
      }
      top = std::max(top, row);
    }
    int64_t best_u = -1, best_v = -1;
    double best = 0;
    for (int64_t u = 0; u < n && top > 0 && best_u < 0; ++u) {
      if (most[static_cast<size_t>(u)] < top * (1 - kTie)) continue;
      const double* const r = resistance.data() + at(u);
      const double* const b = value.data() + at(u);
      for (int64_t v = u + 1; v < n && best_u < 0; ++v) {
        const double gain = b[v] / (1 + r[v]);
        if (gain >= top * (1 - kTie)) best = gain, best_u = u, best_v = v;
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
    GRAPHPOLY_CALL(times, w.data(), plus, z.data(), n);
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
