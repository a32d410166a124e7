// graphpoly::laser: for each node and each distance from 2 on, the nodes at exactly that distance
// with the fewest walks to it.
//
// A walk that ends within `reach` after `power` steps does not leave the ball of radius
// (power + reach) / 2. Small graphs are done eight nodes at a time instead, all walks at once.
#include "rewiring.h"

namespace graphpoly {
namespace {

constexpr int64_t kLanes = 8, kSmall = 4096;

struct Rule {
  int64_t snapshots;
  double share;
  int64_t least, power;
  uint64_t seed;
};

struct Edge {
  int64_t kind, low, high;
};

// Numbers of walks are exact up to 2^44 and compared to 44 binary digits beyond.
inline double rounded(double count) {
  if (count < 0x1p44) return count;
  int exponent = 0;
  const double mantissa = std::frexp(count, &exponent);
  return std::ldexp(std::floor(std::ldexp(mantissa, 44) + 0.5), exponent - 44);
}

class Finder {
 public:
  Finder(const GraphBatch& batch, int64_t g, const Rule& rule, const Listener& listener)
      : batch_(batch), first_(batch.ptr[g]), size_(batch.size(g)), rule_(rule),
        listener_(listener), distance_(static_cast<size_t>(size_), -1) {}

  void run(std::vector<Edge>& out) {
    if (size_ <= kSmall) all_at_once(out);
    else by_balls(0, size_, out);
    each_once(out);
  }

 private:
  int64_t begin(int64_t v) const { return batch_.rows.rowptr[first_ + v]; }
  int64_t end(int64_t v) const { return batch_.rows.rowptr[first_ + v + 1]; }
  int64_t neighbour(int64_t e) const { return batch_.rows.col[e] - first_; }

  // Nodes by distance from a centre, up to a radius.
  void grow(int64_t centre, int64_t radius) {
    for (const int64_t v : ball_) distance_[static_cast<size_t>(v)] = -1;
    ball_.assign(1, centre), level_.assign(1, 0);
    distance_[static_cast<size_t>(centre)] = 0;
    for (int64_t d = 1; d <= radius; ++d) {
      const size_t from = level_.back(), to = ball_.size();
      level_.push_back(to);
      for (size_t i = from; i < to; ++i) {
        for (int64_t e = begin(ball_[i]); e < end(ball_[i]); ++e) {
          const int64_t w = neighbour(e);
          if (distance_[static_cast<size_t>(w)] >= 0) continue;
          distance_[static_cast<size_t>(w)] = d;
          ball_.push_back(w);
        }
      }
    }
    level_.push_back(ball_.size());
  }

  // In order of kind and nodes, without duplicates: by the first two with a counting sort.
  void each_once(std::vector<Edge>& edges) const {
    const auto row = [this](const Edge& edge) {
      return static_cast<size_t>((edge.kind - 1) * size_ + edge.low - first_);
    };
    std::vector<size_t> start(static_cast<size_t>(rule_.snapshots * size_) + 1, 0);
    for (const Edge& edge : edges) ++start[row(edge) + 1];
    for (size_t r = 1; r < start.size(); ++r) start[r] += start[r - 1];
    std::vector<int64_t> high(edges.size());
    std::vector<size_t> next(start.begin(), start.end() - 1);
    for (const Edge& edge : edges) high[next[row(edge)]++] = edge.high;
    edges.clear();
    for (size_t r = 0; r + 1 < start.size(); ++r) {
      const auto begin = high.begin() + static_cast<std::ptrdiff_t>(start[r]);
      const auto end = high.begin() + static_cast<std::ptrdiff_t>(start[r + 1]);
      std::sort(begin, end);
      const auto n = static_cast<size_t>(size_);
      for (auto it = begin; it != end; ++it) {
        if (it != begin && *it == *(it - 1)) continue;
        edges.push_back({static_cast<int64_t>(r / n) + 1, static_cast<int64_t>(r % n) + first_, *it});
      }
    }
  }

  template <class Walks>
  void choose(int64_t centre, const Walks& walks, std::vector<Edge>& out) {
    for (int64_t s = 1; s <= rule_.snapshots; ++s) {
      const size_t from = level_[static_cast<size_t>(s) + 1], to = level_[static_cast<size_t>(s) + 2];
      const auto orbit = static_cast<int64_t>(to - from);
      if (orbit == 0) return;
      const auto wanted = static_cast<int64_t>(std::floor(rule_.share * static_cast<double>(orbit) + 0.5));
      const int64_t count = std::min(orbit, std::max(rule_.least, wanted));
      if (count == 0) continue;
      score_.clear();
      for (size_t i = from; i < to; ++i) score_.push_back(rounded(walks(ball_[i])));
      ranked_ = score_;
      std::nth_element(ranked_.begin(), ranked_.begin() + (count - 1), ranked_.end());
      const double bar = ranked_[static_cast<size_t>(count - 1)];
      const auto add = [&](int64_t u) {
        out.push_back({s, first_ + std::min(centre, u), first_ + std::max(centre, u)});
      };
      int64_t left = count;
      tied_.clear();
      for (size_t i = from; i < to; ++i) {
        const int64_t u = ball_[i];
        if (score_[i - from] < bar) {
          add(u), --left;
        } else if (score_[i - from] == bar) {
          tied_.emplace_back(0, u);
        }
      }
      if (left < static_cast<int64_t>(tied_.size())) {
        for (auto& [order, u] : tied_) {
          order = hash64(rule_.seed, static_cast<uint64_t>(centre), static_cast<uint64_t>(u));
        }
        std::nth_element(tied_.begin(), tied_.begin() + left, tied_.end());
      }
      for (int64_t i = 0; i < left; ++i) add(tied_[static_cast<size_t>(i)].second);
    }
  }

  void all_at_once(std::vector<Edge>& out) {
    using Row = std::array<double, kLanes>;
    std::vector<Row> now(static_cast<size_t>(size_)), next(now.size());
    for (int64_t v = 0; v < size_ && !listener_.interrupted(); v += kLanes) {
      const int64_t lanes = std::min(kLanes, size_ - v);
      for (auto& row : now) row.fill(0);
      for (int64_t k = 0; k < lanes; ++k) now[static_cast<size_t>(v + k)][static_cast<size_t>(k)] = 1;
      for (int64_t p = 0; p < rule_.power; ++p) {
        for (int64_t i = 0; i < size_; ++i) {
          Row sum = now[static_cast<size_t>(i)];
          for (int64_t e = begin(i); e < end(i); ++e) {
            const Row& said = now[static_cast<size_t>(neighbour(e))];
            for (size_t k = 0; k < kLanes; ++k) sum[k] += said[k];
          }
          next[static_cast<size_t>(i)] = sum;
        }
        now.swap(next);
      }
      for (int64_t k = 0; k < lanes; ++k) {
        grow(v + k, rule_.snapshots + 1);
        choose(v + k, [&](int64_t u) { return now[static_cast<size_t>(u)][static_cast<size_t>(k)]; }, out);
      }
    }
  }

  void by_balls(int64_t from, int64_t to, std::vector<Edge>& out) {
    std::vector<double> now(static_cast<size_t>(size_), 0), next(now.size(), 0);
    const int64_t reach = rule_.snapshots + 1;
    for (int64_t v = from; v < to && !listener_.interrupted(); ++v) {
      grow(v, std::max(reach, (rule_.power + reach) / 2));
      now[static_cast<size_t>(v)] = 1;
      for (int64_t p = 1; p <= rule_.power; ++p) {
        // those that a walk has reached and can come back from
        const auto far = static_cast<size_t>(std::min(p, rule_.power - p + reach));
        const size_t stop = level_[std::min(far + 1, level_.size() - 1)];
        for (size_t i = 0; i < stop; ++i) {
          const int64_t u = ball_[i];
          double sum = now[static_cast<size_t>(u)];
          for (int64_t e = begin(u); e < end(u); ++e) sum += now[static_cast<size_t>(neighbour(e))];
          next[static_cast<size_t>(u)] = sum;
        }
        now.swap(next);
      }
      choose(v, [&](int64_t u) { return now[static_cast<size_t>(u)]; }, out);
      for (const int64_t u : ball_) now[static_cast<size_t>(u)] = next[static_cast<size_t>(u)] = 0;
    }
  }

  const GraphBatch& batch_;
  const int64_t first_, size_;
  const Rule& rule_;
  const Listener& listener_;
  std::vector<int64_t> distance_, ball_;
  std::vector<size_t> level_;
  std::vector<double> score_, ranked_;
  std::vector<std::pair<uint64_t, int64_t>> tied_;
};

Tensor laser(Tensor rowptr, Tensor col, Tensor ptr, int64_t snapshots, double share, int64_t least,
             int64_t power, int64_t seed) {
  constexpr const char* kOp = "laser";
  check(snapshots >= 1, kOp, ": snapshots: got ", snapshots, ", expected at least 1");
  check(share >= 0 && share <= 1, kOp, ": share: got ", share, ", expected 0 to 1");
  check(least >= 0, kOp, ": least: got ", least, ", expected at least 0");
  check(power >= snapshots + 1, kOp, ": power: got ", power, ", expected at least ", snapshots + 1,
        ", the longest distance");
  rowptr = dense(rowptr), col = dense(col), ptr = dense(ptr);
  const GraphBatch batch(kOp, rowptr, col, ptr);
  const Rule rule{snapshots, share, least, power, static_cast<uint64_t>(seed)};
  std::vector<std::vector<Edge>> found(static_cast<size_t>(batch.num_graphs));
  const Listener listener;
  parallel_items(batch.num_graphs, (batch.rows.num_entries + batch.rows.num_rows) * power,
                 [&](int64_t g) { Finder(batch, g, rule, listener).run(found[static_cast<size_t>(g)]); });
  check(!listener.interrupted(), kOp, ": interrupted");
  int64_t total = 0;
  for (const auto& edges : found) total += static_cast<int64_t>(edges.size());
  Tensor out = make_output<int64_t>(col, {3, total});
  int64_t* const low = out.mutable_data_ptr<int64_t>();
  int64_t at = 0;
  for (const auto& edges : found) {
    for (const Edge& edge : edges) {
      low[at] = edge.low, low[total + at] = edge.high, low[2 * total + at] = edge.kind, ++at;
    }
  }
  return out;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) { m.impl("laser", TORCH_BOX(&graphpoly::laser)); }
