// The balanced Forman curvature of one edge, and what it is made of.
#pragma once

#include "rewiring.h"

namespace graphpoly {

// ops/balanced_forman.py has the formula; `corners` is |S_i| + |S_j|.
inline double balanced_forman(int64_t degree_i, int64_t degree_j, int64_t triangles,
                              int64_t corners, int64_t most) {
  const auto low = static_cast<double>(std::min(degree_i, degree_j));
  const auto high = static_cast<double>(std::max(degree_i, degree_j));
  if (low <= 1) return 0;
  double value = 2 / low + 2 / high - 2;
  value += static_cast<double>(triangles) * (2 / high + 1 / low);
  if (most > 0) value += static_cast<double>(corners) / (static_cast<double>(most) * high);
  return value;
}

// Around one edge (i, j): which nodes are neighbours of i only, of j only or of both, and how many
// 4-cycles without a diagonal pass each.
class Corners {
 public:
  enum Side : uint8_t { kNeither = 0, kOfI = 1, kOfJ = 2, kBoth = 3 };

  explicit Corners(int64_t num_nodes)
      : side_(static_cast<size_t>(num_nodes), kNeither), count_(static_cast<size_t>(num_nodes), 0) {}

  double measure(const EditableGraph& graph, int32_t i, int32_t j) {
    clear();
    i_ = i, j_ = j;
    for (const int32_t k : graph.row(i)) mark(k, kOfI);
    for (const int32_t w : graph.row(j)) mark(w, kOfJ);
    triangles = corners = most = 0;
    for (const int32_t k : touched_) triangles += side_[k] == kBoth;
    for (const int32_t k : graph.row(i)) {
      if (side_[k] != kOfI || k == j) continue;
      for (const int32_t w : graph.row(k)) {
        if (side_[w] == kOfJ && w != i) ++count_[k], ++count_[w];
      }
    }
    tally();
    return balanced_forman(graph.degree(i), graph.degree(j), triangles, corners, most);
  }

  Side side(int32_t v) const { return v == i_ || v == j_ ? kNeither : static_cast<Side>(side_[v]); }
  int64_t count(int32_t v) const { return count_[v]; }

  // How many corners there would be, and how many at most on one node, if `w`, a neighbour of one
  // end only, were joined to the other end, too.
  std::pair<int64_t, int64_t> without(const EditableGraph& graph, int32_t w) {
    const Side other = side_[w] == kOfI ? kOfJ : kOfI;
    const int64_t held = count_[w];
    count_[w] = 0;
    for (const int32_t k : graph.row(w)) {
      if (side(k) == other) --count_[k];
    }
    int64_t left = 0, top = 0;
    for (const int32_t k : touched_) {
      if (k == i_ || k == j_) continue;
      left += count_[k] > 0, top = std::max(top, count_[k]);
    }
    for (const int32_t k : graph.row(w)) {
      if (side(k) == other) ++count_[k];
    }
    count_[w] = held;
    return {left, top};
  }

  int64_t triangles = 0, corners = 0, most = 0;

 private:
  void clear() {
    for (const int32_t v : touched_) side_[v] = kNeither, count_[v] = 0;
    touched_.clear();
  }
  void mark(int32_t v, Side side) {
    if (side_[v] == kNeither) touched_.push_back(v);
    side_[v] = static_cast<uint8_t>(side_[v] | side);
  }
  void tally() {
    for (const int32_t v : touched_) corners += count_[v] > 0, most = std::max(most, count_[v]);
  }

  int32_t i_ = -1, j_ = -1;
  std::vector<uint8_t> side_;
  std::vector<int64_t> count_;
  std::vector<int32_t> touched_;
};

}  // namespace graphpoly
