// graphpoly::sdrf: stochastic discrete Ricci flow. Curvatures are kept, and after each step only
// those are computed again that the step can have changed.
#include "balanced_forman.h"

namespace graphpoly {
namespace {

constexpr double kTie = 1e-12;  // curvatures that are so near are equal

class Flow {
 public:
  Flow(const GraphBatch& batch, int64_t g, uint64_t seed, const Listener& listener)
      : graph_(batch, g), corners_(batch.size(g)), near_(static_cast<size_t>(batch.size(g)), 0),
        seed_(seed) {
    value_.resize(static_cast<size_t>(graph_.size()));
    for (int32_t i = 0; i < graph_.size() && !listener.interrupted(); ++i) {
      value_[i].resize(graph_.row(i).size());
      for (size_t e = 0; e < value_[i].size(); ++e) {
        const int32_t j = graph_.row(i)[e];
        if (i < j) value_[i][e] = corners_.measure(graph_, i, j);
        else value_[i][e] = value_[j][place(j, i)];
      }
    }
  }

  using Pair = std::pair<int32_t, int32_t>;
  static constexpr Pair kNone{-1, -1};

  // Joins a pair around the edge of the smallest curvature.
  Pair add(double tau, int64_t step) {
    const auto [edge, ricci] = extreme(-1);
    if (edge == kNone) return kNone;
    const auto [i, j] = edge;
    corners_.measure(graph_, i, j);
    list_candidates(i, j, ricci);
    if (pairs_.empty()) return kNone;
    const size_t chosen = std::isinf(tau) ? largest() : drawn(tau, step);
    const Pair pair = pairs_[chosen];
    change(pair, true);
    return pair;
  }

  // Removes the edge of the largest curvature where that is above the bound.
  Pair remove(double bound) {
    const auto [edge, ricci] = extreme(1);
    if (edge == kNone || !(ricci > bound)) return kNone;
    change(edge, false);
    return edge;
  }

 private:
  size_t place(int32_t i, int32_t j) const {
    const auto& row = graph_.row(i);
    return static_cast<size_t>(std::lower_bound(row.begin(), row.end(), j) - row.begin());
  }

  // The first edge, by its nodes, of those with the smallest (-1) or largest (1) curvature.
  std::pair<Pair, double> extreme(int sign) const {
    Pair found = kNone;
    double best = 0;
    for (int32_t i = 0; i < graph_.size(); ++i) {
      for (size_t e = 0; e < value_[i].size(); ++e) {
        if (graph_.row(i)[e] < i) continue;
        if (found == kNone || sign * (value_[i][e] - best) > kTie) {
          best = value_[i][e], found = {i, graph_.row(i)[e]};
        }
      }
    }
    return {found, best};
  }

  void list_candidates(int32_t i, int32_t j, double before) {
    pairs_.clear(), gain_.clear();
    const auto& of_i = graph_.row(i);
    const auto& of_j = graph_.row(j);
    const int64_t d_i = graph_.degree(i), d_j = graph_.degree(j);
    const auto put = [&](int32_t a, int32_t b, double after) {
      pairs_.emplace_back(std::min(a, b), std::max(a, b)), gain_.push_back(after - before);
    };
    for (const int32_t b : of_j) {  // i itself, with a neighbour of j
      if (corners_.side(b) != Corners::kOfJ) continue;
      const auto [left, top] = corners_.without(graph_, b);
      put(i, b, balanced_forman(d_i + 1, d_j, corners_.triangles + 1, left, top));
    }
    for (const int32_t a : of_i) {
      if (a == j) continue;
      if (corners_.side(a) == Corners::kOfI) {
        const auto [left, top] = corners_.without(graph_, a);
        put(a, j, balanced_forman(d_i, d_j + 1, corners_.triangles + 1, left, top));
      }
      const bool of_a = corners_.side(a) == Corners::kOfI;
      for (const int32_t b : of_j) {
        if (b == i || a == b || graph_.has(a, b)) continue;
        const bool of_b = corners_.side(b) == Corners::kOfJ;
        if (!of_a && !of_b && a > b) continue;  // both are common: the pair comes twice
        if (!of_a || !of_b) {
          put(a, b, before);  // there is a diagonal: no 4-cycle that counts
          continue;
        }
        const int64_t x = corners_.count(a), y = corners_.count(b);
        put(a, b, balanced_forman(d_i, d_j, corners_.triangles,
                                  corners_.corners + (x == 0) + (y == 0),
                                  std::max({corners_.most, x + 1, y + 1})));
      }
    }
  }

  size_t largest() const {
    size_t best = 0;
    for (size_t c = 1; c < gain_.size(); ++c) {
      const double more = gain_[c] - gain_[best];
      if (more > kTie || (more > -kTie && pairs_[c] < pairs_[best])) best = c;
    }
    return best;
  }

  // With probability softmax(tau gain).
  size_t drawn(double tau, int64_t step) {
    const double top = *std::max_element(gain_.begin(), gain_.end());
    double total = 0;
    for (double& gain : gain_) total += gain = std::exp(tau * (gain - top));
    const double at = total * uniform(hash64(seed_, static_cast<uint64_t>(step), 0));
    double sum = 0;
    for (size_t c = 0; c < gain_.size(); ++c) {
      sum += gain_[c];
      if (at < sum) return c;
    }
    return gain_.size() - 1;
  }

  void change(Pair pair, bool add) {
    const auto [k, l] = pair;
    if (add) {
      for (const auto& [u, v] : {std::pair(k, l), std::pair(l, k)}) {
        value_[u].insert(value_[u].begin() + static_cast<std::ptrdiff_t>(place(u, v)), 0.0);
      }
      graph_.add(k, l);
    } else {
      for (const auto& [u, v] : {std::pair(k, l), std::pair(l, k)}) {
        value_[u].erase(value_[u].begin() + static_cast<std::ptrdiff_t>(place(u, v)));
      }
      graph_.remove(k, l);
    }
    // degrees and triangles at either end; 4-cycles with (k, l) opposite to the edge
    for (const int32_t u : {k, l}) {
      for (const int32_t v : graph_.row(u)) again(u, v);
    }
    for (const int32_t q : graph_.row(l)) near_[q] = 1;
    for (const int32_t p : graph_.row(k)) {
      if (p == l) continue;
      for (const int32_t q : graph_.row(p)) {
        if (near_[q] && q != k && q != l) again(p, q);
      }
    }
    for (const int32_t q : graph_.row(l)) near_[q] = 0;
  }

  void again(int32_t i, int32_t j) {
    const double value = corners_.measure(graph_, i, j);
    value_[i][place(i, j)] = value_[j][place(j, i)] = value;
  }

  EditableGraph graph_;
  Corners corners_;
  std::vector<uint8_t> near_;
  std::vector<std::vector<double>> value_;
  std::vector<Pair> pairs_;
  std::vector<double> gain_;
  const uint64_t seed_;
};

// For each graph and iteration the pair that was added, then the one that was removed; -1 for none.
Tensor sdrf(Tensor rowptr, Tensor col, Tensor ptr, int64_t iterations, double tau, double bound,
            int64_t seed) {
  constexpr const char* kOp = "sdrf";
  check(iterations >= 0, kOp, ": iterations: got ", iterations, ", expected at least 0");
  check(tau >= 0, kOp, ": tau: got ", tau, ", expected at least 0");
  rowptr = dense(rowptr), col = dense(col), ptr = dense(ptr);
  const GraphBatch batch(kOp, rowptr, col, ptr);
  const int64_t size = batch.num_graphs * iterations * 2;
  Tensor out = make_output<int64_t>(col, {2, batch.num_graphs, iterations, 2});
  int64_t* const low = out.mutable_data_ptr<int64_t>();
  int64_t* const high = low + size;
  std::fill_n(low, 2 * size, -1);
  if (iterations == 0) return out;
  const Listener listener;
  parallel_items(batch.num_graphs, 16 * batch.rows.num_entries, [&](int64_t g) {
    Flow flow(batch, g, static_cast<uint64_t>(seed), listener);
    for (int64_t t = 0; t < iterations && !listener.interrupted(); ++t) {
      const auto added = flow.add(tau, t);
      const auto removed = flow.remove(bound);
      if (added == Flow::kNone && removed == Flow::kNone) break;
      int64_t at = (g * iterations + t) * 2;
      for (const auto& pair : {added, removed}) {
        if (pair != Flow::kNone) low[at] = batch.ptr[g] + pair.first, high[at] = batch.ptr[g] + pair.second;
        ++at;
      }
    }
  });
  check(!listener.interrupted(), kOp, ": interrupted");
  return out;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) { m.impl("sdrf", TORCH_BOX(&graphpoly::sdrf)); }
