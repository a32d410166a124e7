// graphpoly::enumerate_paths and graphpoly::count_paths: depth-first search from every node at
// once, counted exactly before anything is allocated.
//
// Row j of the operator lists where a path may go from node j. Paths come out in lexicographic
// order of their nodes, the first node first, so that paths with a common beginning stand together.
// Every start node knows from the count where its paths belong: the result is the same for any
// number of threads.
//
// Numbers of paths that int64 does not hold stand at its maximum. Counting stops once there are
// more than were asked for, and hears Ctrl-C.
#include <utility>

#include "common.h"
#include "interrupt.h"

namespace graphpoly {
namespace {

enum class Kind : int64_t { simple = 0, shortest = 1, single = 2 };
constexpr int64_t kLongest = 64;
constexpr int64_t kMany = std::numeric_limits<int64_t>::max();  // or more

int64_t add(int64_t a, int64_t b) { return a > kMany - b ? kMany : a + b; }

// When to stop: told of what was found now and then, by every thread.
class Patience {
 public:
  // `most` paths of length `low` or more may be found; all of them if it is negative
  Patience(int64_t low, int64_t most, double work) : low_(low), most_(most), work_(work) {}

  int64_t low() const { return low_; }
  // Whether to go on.
  bool spend(int64_t found) {
    int64_t before = found_.load(std::memory_order_relaxed);
    while (!found_.compare_exchange_weak(before, add(before, found))) {
    }
    if (work_.interrupted()) interrupted_ = true;
    if (most_ >= 0 && found_ > most_) exceeded_ = true;
    return !interrupted_ && !exceeded_;
  }
  bool exceeded() const { return exceeded_; }
  void check_interrupt(const char* op) const { check(!interrupted_, op, ": interrupted"); }

 private:
  const int64_t low_, most_;
  const LongWork work_;
  std::atomic<int64_t> found_{0};
  std::atomic<bool> exceeded_{false}, interrupted_{false};
};

// The rows sorted, without loops and duplicates.
template <class I>
struct Graph {
  int64_t num_nodes;
  std::vector<int64_t> begin;
  std::vector<I> to;

  Graph(const char* op, const Tensor& rowptr, const Tensor& col) {
    const auto rows = rows_view<I>(op, rowptr, col);
    num_nodes = rows.num_rows;
    begin.assign(static_cast<size_t>(num_nodes) + 1, 0);
    to.reserve(static_cast<size_t>(rows.num_entries));
    for (int64_t j = 0; j < num_nodes; ++j) {
      const auto first = static_cast<std::ptrdiff_t>(to.size());
      for (int64_t e = rows.rowptr[j]; e < int64_t{rows.rowptr[j + 1]}; ++e) {
        const I next = rows.col[e];
        check(next >= 0 && next < num_nodes, op, ": col: ", next, " lies outside [0, ", num_nodes,
              ")");
        if (next != j) to.push_back(next);
      }
      const auto row = to.begin() + first;
      if (!std::is_sorted(row, to.end())) std::sort(row, to.end());
      to.erase(std::unique(row, to.end()), to.end());
      begin[j + 1] = static_cast<int64_t>(to.size());
    }
  }
  const I* first(int64_t node) const { return to.data() + begin[node]; }
  const I* last(int64_t node) const { return to.data() + begin[node + 1]; }
};

// Nodes by their distance from one node, up to a radius.
template <class I>
class Ball {
 public:
  explicit Ball(int64_t num_nodes) : distance_(static_cast<size_t>(num_nodes), -1) {}

  void grow(const Graph<I>& graph, I centre, int64_t radius) {
    for (const I node : nodes_) distance_[node] = -1;
    nodes_.assign(1, centre);
    levels_.assign(1, 0);
    distance_[centre] = 0;
    for (int64_t d = 1; d <= radius; ++d) {
      const size_t from = static_cast<size_t>(levels_.back()), to = nodes_.size();
      levels_.push_back(static_cast<int64_t>(to));
      for (size_t i = from; i < to; ++i) {
        for (const I *w = graph.first(nodes_[i]), *end = graph.last(nodes_[i]); w != end; ++w) {
          if (distance_[*w] >= 0) continue;
          distance_[*w] = static_cast<int8_t>(d);
          nodes_.push_back(*w);
        }
      }
    }
    levels_.push_back(static_cast<int64_t>(nodes_.size()));
  }
  int64_t distance(int64_t node) const { return distance_[node]; }  // -1: beyond the radius
  const std::vector<I>& nodes() const { return nodes_; }
  // nodes()[level(d)] to nodes()[level(d + 1)] are at distance d
  int64_t level(int64_t d) const {
    return d < static_cast<int64_t>(levels_.size()) ? levels_[d] : levels_.back();
  }

 private:
  std::vector<int8_t> distance_;
  std::vector<I> nodes_;
  std::vector<int64_t> levels_;
};

// Whose smallest value decides between equally short ways to `node` from `start`.
uint64_t preference(int64_t seed, uint64_t start, uint64_t node, uint64_t before) {
  if (seed < 0) return before;
  // numbers count from the start: those of a batch are its graphs', shifted
  uint64_t h = static_cast<uint64_t>(seed) + (node - start) * 0xC2B2AE3D27D4EB4Fu +
               (before - start) * 0x165667B19E3779F9u;
  h ^= h >> 29;
  h *= 0xBF58476D1CE4E5B9u;
  h ^= h >> 32;
  h *= 0x94D049BB133111EBu;
  return (h ^ (h >> 29)) >> 1;
}

// One thread's search. A sink is told the length of each path as it is reached; the nodes are in
// `path`.
template <class I>
struct Search {
  const Graph<I>& graph;
  const Kind kind;
  const int64_t longest, seed;
  Patience& patience;
  bool stopped = false;
  int64_t unspent = 0, steps = 0;  // since patience was last asked
  std::array<I, kLongest + 1> path{};
  Ball<I> ball;
  std::vector<I> parent;
  std::vector<int64_t> ways;
  std::vector<uint8_t> taken;  // by the path that count_simple is at

  Search(const Graph<I>& graph_, Kind kind_, int64_t longest_, int64_t seed_, Patience& patience_)
      : graph(graph_), kind(kind_), longest(longest_), seed(seed_), patience(patience_),
        ball(kind_ == Kind::simple ? 0 : graph_.num_nodes),
        parent(static_cast<size_t>(kind_ == Kind::single ? graph_.num_nodes : 0)),
        ways(static_cast<size_t>(kind_ == Kind::shortest ? graph_.num_nodes : 0)) {}

  bool on_path(I node, int64_t depth) const {
    for (int64_t t = depth; t >= 0; --t) {
      if (path[t] == node) return true;
    }
    return false;
  }

  // Every so many steps: has somebody had enough?
  static constexpr int64_t kSteps = 1 << 16;
  void step() {
    if (++steps >= kSteps) ask();
  }
  [[gnu::cold, gnu::noinline]] void ask() {
    stopped = !patience.spend(unspent);
    unspent = 0, steps = 0;
  }

  // found[k - 1] is the number of paths of length k from `start`.
  void count(I start, int64_t* found) {
    if (kind == Kind::simple) {
      count_simple(start, found);
      return;
    }
    std::fill_n(found, longest, 0);
    count_shortest(start, found);
    unspent = add(unspent, long_ones(found));
    steps += static_cast<int64_t>(ball.nodes().size());
    step();
  }
  int64_t long_ones(const int64_t* found) const {
    int64_t sum = 0;
    for (int64_t k = patience.low(); k <= longest; ++k) sum = add(sum, found[k - 1]);
    return sum;
  }

  void count_shortest(I start, int64_t* found) {
    ball.grow(graph, start, longest);
    const auto& nodes = ball.nodes();
    if (kind == Kind::single) {
      for (int64_t k = 1; k <= longest; ++k) found[k - 1] = ball.level(k + 1) - ball.level(k);
      return;
    }
    for (const I node : nodes) ways[node] = 0;
    ways[start] = 1;
    for (const I node : nodes) {  // in order of the distance
      const int64_t d = ball.distance(node);
      if (d > 0) found[d - 1] = add(found[d - 1], ways[node]);
      for (const I *w = graph.first(node), *end = graph.last(node); w != end; ++w) {
        if (ball.distance(*w) == d + 1) ways[*w] = add(ways[*w], ways[node]);
      }
    }
  }

  // In depth first order, all that changes in local variables.
  void count_simple(I start, int64_t* found) {
    const int64_t* const begin = graph.begin.data();
    const I* const to = graph.to.data();
    if (taken.empty()) taken.assign(static_cast<size_t>(graph.num_nodes), 0);
    uint8_t* const mark = taken.data();
    std::array<const I*, kLongest> next, end;
    std::array<I, kLongest> on;
    std::array<int64_t, kLongest> count;
    std::fill_n(count.data(), longest, 0);
    int64_t depth = 0, left = kSteps, told = 0;
    const auto enter = [&](I node) {
      on[depth] = node;
      mark[node] = 1;
      next[depth] = to + begin[node], end[depth] = to + begin[node + 1];
    };
    const auto leave = [&] { mark[on[depth--]] = 0; };
    for (enter(start); depth >= 0;) {
      if (depth + 1 == longest) {
        int64_t ends = 0;
        for (const I* w = next[depth]; w != end[depth]; ++w) ends += 1 - mark[*w];
        count[depth] += ends;
        left -= ends + 1;
        leave();
      } else if (next[depth] == end[depth]) {
        leave();
      } else if (const I node = *next[depth]++; !mark[node]) {
        ++count[depth++];
        enter(node);
      }
      if (left > 0) continue;
      unspent = add(unspent, long_ones(count.data()) - told);
      told = long_ones(count.data());
      ask();
      if (stopped) return;  // for good
      left = kSteps;
    }
    std::copy_n(count.data(), longest, found);
    unspent = add(unspent, long_ones(found) - told);
    steps += kSteps - left;
    if (steps >= kSteps) ask();
  }

  template <class Sink>
  void emit(I start, Sink& sink) {
    path[0] = start;
    if (kind != Kind::simple) ball.grow(graph, start, longest);
    if (kind == Kind::single) choose_parents(start);
    sink.push(0, start);
    emit_from(0, sink);
  }

  void choose_parents(I start) {
    const auto& nodes = ball.nodes();
    for (const I node : nodes) parent[node] = -1;
    for (const I node : nodes) {
      const int64_t d = ball.distance(node);
      for (const I *w = graph.first(node), *end = graph.last(node); w != end; ++w) {
        if (ball.distance(*w) != d + 1) continue;
        const I held = parent[*w];
        if (held >= 0) {
          const uint64_t old = preference(seed, start, *w, held);
          const uint64_t mine = preference(seed, start, *w, node);
          if (old < mine || (old == mine && held < node)) continue;
        }
        parent[*w] = node;
      }
    }
  }

  bool goes_on(I next, int64_t depth) const {
    if (kind == Kind::simple) return !on_path(next, depth);
    if (ball.distance(next) != depth + 1) return false;
    return kind == Kind::shortest || parent[next] == path[depth];
  }

  template <class Sink>
  void emit_from(int64_t depth, Sink& sink) {
    const I here = path[depth];
    if (depth + 1 == longest) {
      step();
      if (stopped) return;
      if (I* const ends = sink.open(longest)) {  // they stand side by side
        int64_t count = 0;
        for (const I *w = graph.first(here), *end = graph.last(here); w != end; ++w) {
          if (goes_on(*w, depth)) ends[count++] = *w;
        }
        sink.close(longest, path.data(), count);
        return;
      }
    }
    for (const I *w = graph.first(here), *end = graph.last(here); w != end; ++w) {
      if (!goes_on(*w, depth)) continue;
      path[depth + 1] = *w;
      sink.reached(depth + 1, path.data());
      if (depth + 1 == longest) continue;
      sink.push(depth + 1, *w);
      emit_from(depth + 1, sink);
      if (stopped) return;
    }
  }
};

template <class I>
struct Target {  // columns of the result; rows are positions, the last node of a path in the last
  I* path;
  uint8_t* distance;  // or null
  int64_t columns, low, high;

  void write(int64_t column, int64_t length, const I* nodes) const {
    const int64_t pad = high - length;
    for (int64_t t = 0; t < pad; ++t) path[t * columns + column] = -1;
    for (int64_t t = 0; t <= length; ++t) path[(pad + t) * columns + column] = nodes[t];
  }
  void write_distance(int64_t column, int64_t length, const uint8_t* values) const {
    const int64_t pad = high - length;
    for (int64_t t = 0; t < pad; ++t) distance[t * columns + column] = 0;
    for (int64_t t = 0; t <= length; ++t) distance[(pad + t) * columns + column] = values[t];
  }
};

// The paths of one start node, straight into their columns.
template <class I>
struct Direct {
  const Target<I>& target;
  std::array<int64_t, kLongest + 1> next;  // index of the next path of each length
  const int64_t* chosen = nullptr;         // those to keep, ascending, or null for all
  const int64_t* chosen_end = nullptr;
  int64_t column = 0;

  // Where the last nodes of the next paths go, and how many there were; null if one by one.
  I* open(int64_t length) {
    return chosen ? nullptr : target.path + target.high * target.columns + next[length];
  }
  void close(int64_t length, const I* nodes, int64_t count) {
    I* to = target.path + next[length];
    for (int64_t t = 0; t < length; ++t, to += target.columns) std::fill_n(to, count, nodes[t]);
    next[length] += count;
  }
  void push(int64_t, I) {}
  void reached(int64_t length, const I* nodes) {
    if (length < target.low) return;
    const int64_t index = next[length]++;
    if (!chosen) {
      target.write(index, length, nodes);
    } else if (chosen != chosen_end && *chosen == index) {
      ++chosen;
      target.write(column++, length, nodes);
    }
  }
};

// With the distance of each node from the last one. Paths are held back and then sorted by the
// sequence of (node, distance), so that equal beginnings stand together again.
template <class I>
struct WithDistance {
  const Graph<I>& graph;
  Direct<I> direct;
  std::vector<Ball<I>> balls;  // of the nodes on the path, by depth
  std::vector<std::vector<I>> nodes;
  std::vector<std::vector<uint8_t>> distances;
  std::vector<int64_t> order;

  WithDistance(const Graph<I>& graph_, const Target<I>& target) : graph(graph_), direct{target, {}} {
    for (int64_t t = 0; t + 1 < target.high; ++t) balls.emplace_back(graph.num_nodes);
    nodes.resize(static_cast<size_t>(target.high) + 1);
    distances.resize(static_cast<size_t>(target.high) + 1);
  }

  I* open(int64_t) { return nullptr; }
  void close(int64_t, const I*, int64_t) {}
  void push(int64_t depth, I node) {
    // a shortcut is at least two edges shorter than a detour that is worth looking up
    const int64_t radius = direct.target.high - depth - 1;
    if (radius > 0) balls[depth].grow(graph, node, radius);
  }
  void reached(int64_t length, const I* path) {
    if (length < direct.target.low) return;
    const int64_t index = direct.next[length]++;
    if (direct.chosen) {
      if (direct.chosen == direct.chosen_end || *direct.chosen != index) return;
      ++direct.chosen;
    }
    for (int64_t t = 0; t <= length; ++t) {
      int64_t away = length - t;
      if (away > 1) {
        const int64_t found = balls[t].distance(path[length]);
        if (found >= 0) away = found;
      }
      nodes[length].push_back(path[t]);
      distances[length].push_back(static_cast<uint8_t>(away));
    }
  }
  void flush(int64_t length, int64_t column) {
    const int64_t width = length + 1;
    const int64_t count = static_cast<int64_t>(nodes[length].size()) / width;
    order.resize(static_cast<size_t>(count));
    for (int64_t i = 0; i < count; ++i) order[i] = i;
    const I* path = nodes[length].data();
    const uint8_t* away = distances[length].data();
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      for (int64_t t = 0; t < width; ++t) {
        const I node_a = path[a * width + t], node_b = path[b * width + t];
        if (node_a != node_b) return node_a < node_b;
        const uint8_t away_a = away[a * width + t], away_b = away[b * width + t];
        if (away_a != away_b) return away_a < away_b;
      }
      return false;
    });
    for (int64_t i = 0; i < count; ++i) {
      direct.target.write(column + i, length, path + order[i] * width);
      direct.target.write_distance(column + i, length, away + order[i] * width);
    }
    nodes[length].clear();
    distances[length].clear();
  }
};

struct Request {
  int64_t low, high;
  Kind kind;
  int64_t seed;

  Request(const char* op, int64_t low_, int64_t high_, int64_t kind_, int64_t seed_)
      : low(low_), high(high_), kind(static_cast<Kind>(kind_)), seed(seed_) {
    check(0 < low && low <= high && high <= kLongest, op, ": lengths: got ", low, " to ", high,
          ", expected 1 <= shortest <= longest <= ", kLongest);
    check(kind_ >= 0 && kind_ <= 2, op, ": kind: got ", kind_, ", expected 0, 1 or 2");
  }
};

// Ranges of start nodes: one search object serves a whole range.
constexpr int64_t kRange = 4;

template <class I, class F>
void for_ranges(const Graph<I>& graph, double work, const F& f) {
  const int64_t threads = torch::stable::get_num_threads();
  // scratch is as large as the graph: on a large one there are few ranges
  const int64_t wanted = std::max<int64_t>(graph.num_nodes / kRange, 1);
  const int64_t ranges = std::min<int64_t>(wanted, threads <= 1 ? 1 : 8 * threads);
  parallel_items(ranges, static_cast<int64_t>(std::min(work, 1e15)), [&](int64_t r) {
    f(graph.num_nodes * r / ranges, graph.num_nodes * (r + 1) / ranges);
  });
}

// How many steps a search from every node is likely to take: most graphs are small, and waking
// threads would take longer than all of it.
template <class I>
double expected_steps(const Graph<I>& graph, int64_t longest) {
  const double edges = static_cast<double>(graph.to.size());
  const double degree = edges / static_cast<double>(std::max<int64_t>(graph.num_nodes, 1));
  return edges * std::pow(std::max(degree, 1.0), static_cast<double>(longest - 1));
}

// False if there are more than `most`.
template <class I>
bool count_all(const char* op, const Graph<I>& graph, const Request& request, int64_t most,
               int64_t* found) {
  const double work = expected_steps(graph, request.high);
  Patience patience(request.low, most, work);
  for_ranges(graph, work, [&](int64_t first, int64_t last) {
    Search<I> search(graph, request.kind, request.high, request.seed, patience);
    for (int64_t j = first; j < last && !search.stopped; ++j) {
      search.count(static_cast<I>(j), found + j * request.high);
    }
  });
  patience.check_interrupt(op);
  return !patience.exceeded();
}

void check_operator(const char* op, Tensor& rowptr, Tensor& col) {
  check_rows(op, rowptr, col);
  rowptr = dense(rowptr), col = dense(col);
}

Tensor count_paths(Tensor rowptr, Tensor col, int64_t longest, int64_t kind) {
  check_operator("count_paths", rowptr, col);
  const Request request("count_paths", 1, longest, kind, -1);
  return dispatch_types("count_paths", ScalarType::Float, col.scalar_type(), [&](auto, auto i) {
    using I = decltype(i);
    const Graph<I> graph("count_paths", rowptr, col);
    Tensor found = make_output<int64_t>(col, {graph.num_nodes, longest});
    count_all("count_paths", graph, request, -1, found.mutable_data_ptr<int64_t>());
    return found;
  });
}

std::tuple<Tensor, Tensor, Tensor> enumerate_paths(Tensor rowptr, Tensor col, int64_t shortest,
                                                   int64_t longest, int64_t kind, int64_t seed,
                                                   int64_t max_paths, bool distances,
                                                   OptionalTensor chosen) {
  const char* op = "enumerate_paths";
  check_operator(op, rowptr, col);
  const Request request(op, shortest, longest, kind, seed);
  check(!chosen.has_value() || (shortest == longest && chosen->dim() == 1 &&
                                chosen->scalar_type() == ScalarType::Long),
        op, ": chosen: expected int64 [P] and one length");
  chosen = dense(chosen);
  return dispatch_types(op, ScalarType::Float, col.scalar_type(), [&](auto, auto i) {
    using I = decltype(i);
    const Graph<I> graph(op, rowptr, col);
    const int64_t lengths = longest - shortest + 1;
    std::vector<int64_t> start(static_cast<size_t>(graph.num_nodes * longest));
    const bool fits = count_all(op, graph, request, chosen ? -1 : max_paths, start.data());
    check(fits, op, ": more than ", max_paths, " paths, max_paths is ", max_paths);
    Tensor count = make_output<int64_t>(col, {lengths});
    int64_t* const counts = count.mutable_data_ptr<int64_t>();
    int64_t total = 0;
    for (int64_t k = shortest; k <= longest; ++k) {  // from counts to places
      const int64_t before = total;
      for (int64_t j = 0; j < graph.num_nodes; ++j) {
        int64_t& place = start[j * longest + k - 1];
        total = add(total, std::exchange(place, total));
      }
      counts[k - shortest] = total - before;
    }
    const int64_t none = 0;  // an empty tensor may have no address, and null stands for all
    const int64_t num_wanted = chosen ? chosen->size(0) : 0;
    const int64_t* wanted = !chosen       ? nullptr
                            : num_wanted  ? chosen->const_data_ptr<int64_t>()
                                          : &none;
    const int64_t columns = chosen ? num_wanted : total;
    if (chosen) counts[0] = num_wanted;
    check(total < kMany, op, ": more than ", kMany - 1, " paths, max_paths is ",
          max_paths < 0 ? std::string("none") : std::to_string(max_paths));
    check(max_paths < 0 || columns <= max_paths, op, ": ", columns, " paths, max_paths is ",
          max_paths);
    check(columns <= kMany / static_cast<int64_t>((longest + 1) * sizeof(I)), op, ": ", columns,
          " paths: can't allocate memory");
    for (int64_t p = 0; p < num_wanted; ++p) {
      check(wanted[p] >= 0 && wanted[p] < total && (p == 0 || wanted[p - 1] < wanted[p]), op,
            ": chosen: expected ascending numbers below ", total);
    }
    Tensor path = make_output<I>(col, {longest + 1, columns});
    Tensor distance = torch::stable::new_empty(
        col, {distances ? longest + 1 : 0, distances ? columns : 0}, ScalarType::Byte);
    const Target<I> target{path.mutable_data_ptr<I>(),
                           distances ? distance.mutable_data_ptr<uint8_t>() : nullptr, columns,
                           shortest, longest};
    const double work = static_cast<double>(total) * static_cast<double>(longest + 1);
    Patience patience(shortest, -1, work);
    for_ranges(graph, work, [&](int64_t first, int64_t last) {
      Search<I> search(graph, request.kind, longest, seed, patience);
      Direct<I> direct{target, {}};
      std::optional<WithDistance<I>> measured;
      if (distances) measured.emplace(graph, target);
      Direct<I>& sink = measured ? measured->direct : direct;
      for (int64_t j = first; j < last && !search.stopped; ++j) {
        const int64_t* places = start.data() + j * longest - 1;  // places[k] is that of length k
        for (int64_t k = shortest; k <= longest; ++k) sink.next[k] = places[k];
        if (chosen) {
          sink.chosen = std::lower_bound(wanted, wanted + num_wanted, places[longest]);
          sink.chosen_end = wanted + num_wanted;
          sink.column = sink.chosen - wanted;
        }
        const int64_t column = sink.column;
        if (!measured) {
          search.emit(static_cast<I>(j), sink);
          continue;
        }
        search.emit(static_cast<I>(j), *measured);
        if (search.stopped) break;
        for (int64_t k = shortest; k <= longest; ++k) {
          measured->flush(k, chosen ? column : places[k]);
        }
      }
    });
    patience.check_interrupt(op);
    return std::make_tuple(count, path, distance);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("count_paths", TORCH_BOX(&graphpoly::count_paths));
  m.impl("enumerate_paths", TORCH_BOX(&graphpoly::enumerate_paths));
}
