// graphpoly::laser: for each node and each distance from 2 on, the nodes at exactly that distance
// with the fewest walks to it.
//
// A walk that ends within `reach` after `power` steps does not leave the ball of radius
// (power + reach) / 2. On small graphs distances are found from 64 nodes at a time, a bit each, and
// walks counted from eight; what is chosen is a bit, too.
#include <bit>

#include "rewiring.h"

namespace graphpoly {
namespace {

constexpr int64_t kLanes = 8, kBits = 64, kSmall = 4096;

struct Rule {
  int64_t snapshots;
  double share;
  int64_t least, power;
  uint64_t seed;
};

struct Edge {
  int32_t kind, low, high;
};

// Numbers of walks are exact up to 2^44 and compared to 44 binary digits beyond.
inline double rounded(double count) {
  if (count < 0x1p44) return count;
  int exponent = 0;
  const double mantissa = std::frexp(count, &exponent);
  return std::ldexp(std::floor(std::ldexp(mantissa, 44) + 0.5), exponent - 44);
}

// The nodes at one distance from a centre, with the number of walks to each.
struct Orbit {
  std::vector<int32_t> nodes;
  std::vector<double> walks;

  void clear() { nodes.clear(), walks.clear(); }
  void add(int32_t node, double count) { nodes.push_back(node), walks.push_back(rounded(count)); }
};

class Finder {
 public:
  Finder(const GraphBatch& batch, int64_t g, const Rule& rule, const Listener& listener)
      : batch_(batch), first_(batch.ptr[g]), size_(static_cast<int32_t>(batch.size(g))),
        rule_(rule), listener_(listener) {}

  // In order of kind and nodes, each once.
  void run(std::vector<Edge>& out) {
    if (size_ <= kSmall && rule_.snapshots * size_ <= kBits * kSmall) {
      all_at_once();
      read_marks(out);
    } else {
      by_balls(out);
      each_once(out);
    }
  }

 private:
  int64_t begin(int32_t v) const { return batch_.rows.rowptr[first_ + v]; }
  int64_t end(int32_t v) const { return batch_.rows.rowptr[first_ + v + 1]; }
  int32_t neighbour(int64_t e) const { return static_cast<int32_t>(batch_.rows.col[e] - first_); }

  // Calls `add` with each of the nodes that have the fewest walks, the tied ones by lot.
  template <class Add>
  void choose(int32_t centre, const Orbit& orbit, Add add) {
    const auto size = static_cast<int64_t>(orbit.nodes.size());
    const auto wanted = static_cast<int64_t>(std::floor(rule_.share * static_cast<double>(size) + 0.5));
    const int64_t count = std::min(size, std::max(rule_.least, wanted));
    if (count == 0) return;
    ranked_ = orbit.walks;
    std::nth_element(ranked_.begin(), ranked_.begin() + (count - 1), ranked_.end());
    const double bar = ranked_[static_cast<size_t>(count - 1)];
    int64_t left = count;
    tied_.clear();
    for (size_t i = 0; i < orbit.nodes.size(); ++i) {
      if (orbit.walks[i] < bar) {
        add(orbit.nodes[i]), --left;
      } else if (orbit.walks[i] == bar) {
        tied_.emplace_back(0, orbit.nodes[i]);
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

  void all_at_once() {
    using Row = std::array<double, kLanes>;
    const auto n = static_cast<size_t>(size_), levels = static_cast<size_t>(rule_.snapshots) + 1;
    std::vector<uint64_t> near(n), reached(n), level(levels * n);
    std::vector<Row> now(n), next(n);
    std::vector<Orbit> orbits(static_cast<size_t>(kLanes * rule_.snapshots));
    words_ = (n + kBits - 1) / kBits;
    marks_.assign(static_cast<size_t>(rule_.snapshots) * n * words_, 0);
    for (int32_t start = 0; start < size_ && !listener_.interrupted(); start += kBits) {
      const int32_t stop = std::min(size_, start + static_cast<int32_t>(kBits));
      std::fill(near.begin(), near.end(), 0);
      for (int32_t v = start; v < stop; ++v) near[static_cast<size_t>(v)] = uint64_t{1} << (v - start);
      for (size_t d = 0; d < levels; ++d) {
        for (int32_t i = 0; i < size_; ++i) {
          uint64_t bits = near[static_cast<size_t>(i)];
          for (int64_t e = begin(i); e < end(i); ++e) bits |= near[static_cast<size_t>(neighbour(e))];
          reached[static_cast<size_t>(i)] = bits;
          level[d * n + static_cast<size_t>(i)] = bits & ~near[static_cast<size_t>(i)];
        }
        near.swap(reached);
      }
      for (int32_t v = start; v < stop; v += kLanes) {
        const auto lanes = static_cast<size_t>(std::min(static_cast<int32_t>(kLanes), stop - v));
        for (auto& row : now) row.fill(0);
        for (size_t k = 0; k < lanes; ++k) now[static_cast<size_t>(v) + k][k] = 1;
        for (int64_t p = 0; p < rule_.power; ++p) {
          for (int32_t i = 0; i < size_; ++i) {
            Row sum = now[static_cast<size_t>(i)];
            for (int64_t e = begin(i); e < end(i); ++e) {
              const Row& said = now[static_cast<size_t>(neighbour(e))];
              for (size_t k = 0; k < kLanes; ++k) sum[k] += said[k];
            }
            next[static_cast<size_t>(i)] = sum;
          }
          now.swap(next);
        }
        for (Orbit& orbit : orbits) orbit.clear();
        for (size_t s = 0; s + 1 < levels; ++s) {
          for (size_t i = 0; i < n; ++i) {
            uint64_t bits = level[(s + 1) * n + i] >> (v - start) & ((1 << kLanes) - 1);
            for (; bits != 0; bits &= bits - 1) {
              const auto k = static_cast<size_t>(std::countr_zero(bits));
              orbits[s * kLanes + k].add(static_cast<int32_t>(i), now[i][k]);
            }
          }
        }
        for (size_t s = 0; s + 1 < levels; ++s) {
          for (size_t k = 0; k < lanes; ++k) {
            const int32_t centre = v + static_cast<int32_t>(k);
            choose(centre, orbits[s * kLanes + k], [&](int32_t u) { mark(s, centre, u); });
          }
        }
      }
    }
  }

  void mark(size_t kind, int32_t u, int32_t v) {
    const auto low = static_cast<size_t>(std::min(u, v)), high = static_cast<size_t>(std::max(u, v));
    const size_t row = kind * static_cast<size_t>(size_) + low;
    marks_[row * words_ + high / kBits] |= uint64_t{1} << (high % kBits);
  }
  void read_marks(std::vector<Edge>& out) const {
    size_t count = 0;
    for (const uint64_t word : marks_) count += static_cast<size_t>(std::popcount(word));
    out.reserve(count);
    size_t at = 0;
    for (int32_t kind = 1; kind <= rule_.snapshots; ++kind) {
      for (int32_t low = 0; low < size_; ++low) {
        for (size_t w = 0; w < words_; ++w, ++at) {
          for (uint64_t bits = marks_[at]; bits != 0; bits &= bits - 1) {
            out.push_back({kind, low, static_cast<int32_t>(w * kBits) + std::countr_zero(bits)});
          }
        }
      }
    }
  }

  // By kind and lower node with a counting sort.
  void each_once(std::vector<Edge>& edges) const {
    const auto n = static_cast<size_t>(size_);
    const auto row = [n](const Edge& edge) {
      return static_cast<size_t>(edge.kind - 1) * n + static_cast<size_t>(edge.low);
    };
    std::vector<size_t> start(static_cast<size_t>(rule_.snapshots) * n + 1, 0);
    for (const Edge& edge : edges) ++start[row(edge) + 1];
    for (size_t r = 1; r < start.size(); ++r) start[r] += start[r - 1];
    std::vector<int32_t> high(edges.size());
    std::vector<size_t> next(start.begin(), start.end() - 1);
    for (const Edge& edge : edges) high[next[row(edge)]++] = edge.high;
    edges.clear();
    for (size_t r = 0; r + 1 < start.size(); ++r) {
      const auto begin = high.begin() + static_cast<std::ptrdiff_t>(start[r]);
      const auto end = high.begin() + static_cast<std::ptrdiff_t>(start[r + 1]);
      std::sort(begin, end);
      for (auto it = begin; it != end; ++it) {
        if (it != begin && *it == *(it - 1)) continue;
        edges.push_back({static_cast<int32_t>(r / n) + 1, static_cast<int32_t>(r % n), *it});
      }
    }
  }

  // Nodes by distance from a centre, up to a radius.
  void grow(int32_t centre, int64_t radius) {
    for (const int32_t v : ball_) seen_[static_cast<size_t>(v)] = false;
    ball_.assign(1, centre), level_.assign(1, 0);
    seen_[static_cast<size_t>(centre)] = true;
    for (int64_t d = 1; d <= radius; ++d) {
      const size_t from = level_.back(), to = ball_.size();
      level_.push_back(to);
      for (size_t i = from; i < to; ++i) {
        for (int64_t e = begin(ball_[i]); e < end(ball_[i]); ++e) {
          const int32_t w = neighbour(e);
          if (seen_[static_cast<size_t>(w)]) continue;
          seen_[static_cast<size_t>(w)] = true;
          ball_.push_back(w);
        }
      }
    }
    level_.push_back(ball_.size());
  }

  void by_balls(std::vector<Edge>& out) {
    seen_.assign(static_cast<size_t>(size_), 0);
    std::vector<double> now(static_cast<size_t>(size_), 0), next(now.size(), 0);
    const int64_t reach = rule_.snapshots + 1;
    Orbit orbit;
    for (int32_t v = 0; v < size_ && !listener_.interrupted(); ++v) {
      grow(v, std::max(reach, (rule_.power + reach) / 2));
      now[static_cast<size_t>(v)] = 1;
      for (int64_t p = 1; p <= rule_.power; ++p) {
        // those that a walk has reached and can come back from
        const auto far = static_cast<size_t>(std::min(p, rule_.power - p + reach));
        const size_t stop = level_[std::min(far + 1, level_.size() - 1)];
        for (size_t i = 0; i < stop; ++i) {
          const int32_t u = ball_[i];
          double sum = now[static_cast<size_t>(u)];
          for (int64_t e = begin(u); e < end(u); ++e) sum += now[static_cast<size_t>(neighbour(e))];
          next[static_cast<size_t>(u)] = sum;
        }
        now.swap(next);
      }
      for (int32_t s = 1; s <= rule_.snapshots; ++s) {
        orbit.clear();
        const auto d = static_cast<size_t>(s) + 1;
        for (size_t i = level_[d]; i < level_[d + 1]; ++i) {
          orbit.add(ball_[i], now[static_cast<size_t>(ball_[i])]);
        }
        choose(v, orbit, [&](int32_t u) { out.push_back({s, std::min(u, v), std::max(u, v)}); });
      }
      for (const int32_t u : ball_) now[static_cast<size_t>(u)] = next[static_cast<size_t>(u)] = 0;
    }
  }

  const GraphBatch& batch_;
  const int64_t first_;
  const int32_t size_;
  const Rule& rule_;
  const Listener& listener_;
  size_t words_ = 0;
  std::vector<uint64_t> marks_;
  std::vector<uint8_t> seen_;
  std::vector<int32_t> ball_;
  std::vector<size_t> level_;
  std::vector<double> ranked_;
  std::vector<std::pair<uint64_t, int32_t>> tied_;
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
  for (size_t g = 0; g < found.size(); ++g) {
    for (const Edge& edge : found[g]) {
      low[at] = batch.ptr[g] + edge.low, low[total + at] = batch.ptr[g] + edge.high;
      low[2 * total + at] = edge.kind, ++at;
    }
  }
  return out;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) { m.impl("laser", TORCH_BOX(&graphpoly::laser)); }
