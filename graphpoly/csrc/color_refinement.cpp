// graphpoly::color_rounds and color_stable: the colours of colour refinement, as 64-bit names.
//
// A round mixes each node's name with the sum of its neighbours' mixed names, so that equal names
// after t rounds mean equal neighbourhoods of depth t, in whatever graph. Parts that have not
// settled after some rounds (paths, grids, trees) go to a worklist of splitters, each node of which
// is looked at O(log n) times; see ops/color_refinement.py for what both name.
#include "common.h"
#include "interrupt.h"

namespace graphpoly {
namespace {

constexpr uint64_t kStep = 0x9E3779B97F4A7C15ULL, kSelf = 0xD1342543DE82EF95ULL;
constexpr uint64_t kCell = 0x8CB92BA72F3D8DD7ULL, kPlace = 0xABC98388FB8FAC03ULL;

inline uint64_t mix(uint64_t x) {  // splitmix64
  x += kStep;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

template <class I>
struct Graph {
  Rows<I> rows;
  const uint64_t* edge;  // label of each entry, or null

  // The sum over a row of what the neighbours' names, mixed already, say through its entries.
  uint64_t heard(int64_t row, const uint64_t* mixed) const {
    uint64_t sum = 0;
    const int64_t end = rows.rowptr[row + 1];
    if (edge == nullptr) {
      for (int64_t e = rows.rowptr[row]; e < end; ++e) sum += mixed[rows.col[e]];
    } else {
      for (int64_t e = rows.rowptr[row]; e < end; ++e) sum += mix(mixed[rows.col[e]] + edge[e]);
    }
    return sum;
  }
};

template <class I>
Graph<I> graph_view(const char* op, const Tensor& rowptr, const Tensor& col,
                    const OptionalTensor& edge, const Tensor& color) {
  const auto rows = rows_view<I>(op, rowptr, col);
  check(color.dim() == 1 && color.size(0) == rows.num_rows && color.scalar_type() == ScalarType::Long,
        op, ": color: expected int64 [", rows.num_rows, "]");
  for (int64_t e = 0; e < rows.num_entries; ++e) {
    check(rows.col[e] >= 0 && rows.col[e] < rows.num_rows, op, ": col: an index lies outside [0, ",
          rows.num_rows, ")");
  }
  if (edge.has_value()) {
    check(edge->dim() == 1 && edge->size(0) == rows.num_entries &&
              edge->scalar_type() == ScalarType::Long,
          op, ": edge: expected int64 [", rows.num_entries, "]");
  }
  return {rows, edge.has_value()
                    ? reinterpret_cast<const uint64_t*>(edge->const_data_ptr<int64_t>())
                    : nullptr};
}

inline uint64_t* names(const Tensor& t) {
  return reinterpret_cast<uint64_t*>(t.mutable_data_ptr<int64_t>());
}

// ------------------------------------------------------------------------------------ color_rounds

Tensor color_rounds(Tensor rowptr, Tensor col, OptionalTensor edge, Tensor color, int64_t rounds) {
  constexpr const char* kOp = "color_rounds";
  check_rows(kOp, rowptr, col);
  check(rounds >= 0, kOp, ": rounds: got ", rounds, ", expected at least 0");
  rowptr = dense(rowptr), col = dense(col), edge = dense(edge), color = dense(color);
  return dispatch_types(kOp, ScalarType::Float, rowptr.scalar_type(), [&](auto, auto i) {
    using I = decltype(i);
    const auto graph = graph_view<I>(kOp, rowptr, col, edge, color);
    const int64_t n = graph.rows.num_rows;
    Tensor out = make_output<int64_t>(color, {rounds + 1, n});
    uint64_t* now = names(out);
    std::copy_n(color.const_data_ptr<int64_t>(), n, out.mutable_data_ptr<int64_t>());
    const Scratch<uint64_t> mixed(n);
    const auto bounds = balanced_ranges(graph.rows, 1);
    const int64_t ranges = static_cast<int64_t>(bounds.size()) - 1;
    const int64_t work = graph.rows.num_entries + n;
    const LongWork all(static_cast<double>(work) * static_cast<double>(rounds));
    for (int64_t round = 0; round < rounds; ++round, now += n) {
      check(!all.interrupted(), kOp, ": interrupted");
      parallel_items(ranges, work, [&](int64_t r) {
        for (int64_t v = bounds[r]; v < bounds[r + 1]; ++v) mixed.data()[v] = mix(now[v]);
      });
      parallel_items(ranges, work, [&](int64_t r) {
        for (int64_t v = bounds[r]; v < bounds[r + 1]; ++v) {
          now[n + v] = mix(now[v] * kSelf + graph.heard(v, mixed.data()));
        }
      });
    }
    return out;
  });
}

// ------------------------------------------------------------------------------------ color_stable

// Counts distinct names; 0 is kept apart since it marks a free slot.
class NameSet {
 public:
  explicit NameSet(int64_t most) {
    size_t slots = 16;
    while (slots < static_cast<size_t>(2 * most)) slots *= 2;
    table_.resize(slots);
  }

  // Also adds up the mixed names in `sum`, each once.
  template <class Index>
  int64_t count(const uint64_t* name, const Index* nodes, int64_t size, uint64_t* sum) {
    *sum = 0;
    size_t slots = 16;
    int shift = 60;
    while (slots < static_cast<size_t>(2 * size)) slots *= 2, --shift;
    std::fill_n(table_.begin(), slots, 0);
    int64_t found = 0;
    bool zero = false;
    for (int64_t i = 0; i < size; ++i) {
      const uint64_t x = name[nodes[i]];
      if (x == 0) {
        if (!zero) *sum += mix(x), ++found;
        zero = true;
        continue;
      }
      size_t at = static_cast<size_t>((x * kStep) >> shift);
      while (table_[at] != 0 && table_[at] != x) at = (at + 1) & (slots - 1);
      if (table_[at] == 0) table_[at] = x, *sum += mix(x), ++found;
    }
    return found;
  }

 private:
  std::vector<uint64_t> table_;
};

// A partition of one part of the graph, split by what each of its cells sends out.
//
// Cells are numbered in the order of their making, which depends on nothing but names and counts:
// numbers are therefore names. Of the pieces of a cell the largest keeps the number, so that a node
// that meets a further splitter is in a cell of at most half the size (Hopcroft).
template <class I>
class Partition {
 public:
  Partition(const Graph<I>& graph, const I* nodes, int64_t size, I* place, uint64_t* name)
      : graph_(graph), nodes_(nodes), size_(size), place_(place), name_(name) {}

  void refine_and_name(const LongWork& work) {
    reverse();
    first_cells();
    for (size_t cell = 0; cell < begin_.size() && !work.interrupted(); ++cell) split_by(cell);
    rename();
  }

 private:
  struct Touched {
    I cell;
    I node;
    uint64_t key;
    bool operator<(const Touched& o) const {
      return cell != o.cell ? cell < o.cell : key < o.key;
    }
  };

  void reverse() {  // to whom each node sends, in local numbers
    for (int64_t i = 0; i < size_; ++i) place_[nodes_[i]] = static_cast<I>(i);
    const auto& rows = graph_.rows;
    out_begin_.assign(static_cast<size_t>(size_) + 1, 0);
    for (int64_t i = 0; i < size_; ++i) {
      for (int64_t e = rows.rowptr[nodes_[i]]; e < rows.rowptr[nodes_[i] + 1]; ++e) {
        ++out_begin_[place_[rows.col[e]] + 1];
      }
    }
    for (int64_t i = 0; i < size_; ++i) out_begin_[i + 1] += out_begin_[i];
    out_node_.resize(static_cast<size_t>(out_begin_[size_]));
    if (graph_.edge != nullptr) out_key_.resize(out_node_.size());
    std::vector<int64_t> next(out_begin_.begin(), out_begin_.end() - 1);
    for (int64_t i = 0; i < size_; ++i) {
      for (int64_t e = rows.rowptr[nodes_[i]]; e < rows.rowptr[nodes_[i] + 1]; ++e) {
        const int64_t at = next[place_[rows.col[e]]]++;
        out_node_[at] = static_cast<I>(i);
        if (graph_.edge != nullptr) out_key_[at] = mix(graph_.edge[e]);
      }
    }
  }

  void first_cells() {  // by name, in ascending order
    order_.resize(static_cast<size_t>(size_)), at_.resize(order_.size()), cell_.resize(order_.size());
    for (int64_t i = 0; i < size_; ++i) order_[i] = static_cast<I>(i);
    std::sort(order_.begin(), order_.end(), [&](I a, I b) {
      return name_[nodes_[a]] != name_[nodes_[b]] ? name_[nodes_[a]] < name_[nodes_[b]] : a < b;
    });
    for (int64_t i = 0; i < size_; ++i) {
      if (i == 0 || name_[nodes_[order_[i]]] != name_[nodes_[order_[i - 1]]]) {
        begin_.push_back(static_cast<I>(i)), length_.push_back(0);
      }
      ++length_.back();
      at_[order_[i]] = static_cast<I>(i), cell_[order_[i]] = static_cast<I>(begin_.size() - 1);
    }
    sum_.assign(order_.size(), 0), seen_.assign(order_.size(), 0);
  }

  void split_by(size_t splitter) {
    hit_.clear();
    const I* from = order_.data() + begin_[splitter];
    for (I k = 0; k < length_[splitter]; ++k) {
      for (int64_t e = out_begin_[from[k]]; e < out_begin_[from[k] + 1]; ++e) {
        const I v = out_node_[e];
        if (!seen_[v]) seen_[v] = 1, hit_.push_back({cell_[v], v, 0});
        sum_[v] += graph_.edge == nullptr ? 1 : out_key_[e];
      }
    }
    for (auto& hit : hit_) hit.key = sum_[hit.node], sum_[hit.node] = 0, seen_[hit.node] = 0;
    std::sort(hit_.begin(), hit_.end());
    for (size_t i = 0; i < hit_.size();) {
      size_t end = i + 1;
      while (end < hit_.size() && hit_[end].cell == hit_[i].cell) ++end;
      split_cell(hit_.data() + i, static_cast<I>(end - i));
      i = end;
    }
  }

  // Pieces: what no entry of the splitter reaches, then by key.
  void split_cell(const Touched* hit, I count) {
    const I cell = hit[0].cell, begin = begin_[cell], rest = length_[cell] - count;
    if (rest == 0 && hit[0].key == hit[count - 1].key) return;
    pieces_.clear();
    if (rest > 0) pieces_.push_back({begin, rest});
    for (I k = 0; k < count; ++k) {
      const I to = begin + rest + k, node = hit[k].node, other = order_[to];
      order_[at_[node]] = other, at_[other] = at_[node];
      order_[to] = node, at_[node] = to;
      if (k == 0 || hit[k].key != hit[k - 1].key) pieces_.push_back({to, 0});
      ++pieces_.back().length;
    }
    size_t largest = 0;
    for (size_t p = 1; p < pieces_.size(); ++p) {
      if (pieces_[p].length > pieces_[largest].length) largest = p;
    }
    for (size_t p = 0; p < pieces_.size(); ++p) {
      const auto [start, length] = pieces_[p];
      if (p == largest) {
        begin_[cell] = start, length_[cell] = length;
        continue;
      }
      const I fresh = static_cast<I>(begin_.size());
      begin_.push_back(start), length_.push_back(length);
      for (I k = 0; k < length; ++k) cell_[order_[start + k]] = fresh;
    }
  }

  // A colour is its number together with the whole system of cells that it belongs to.
  void rename() {
    const int64_t cells = static_cast<int64_t>(begin_.size());
    uint64_t system = 0;
    for (int64_t c = 0; c < cells; ++c) {
      const int64_t v = nodes_[order_[begin_[c]]];
      uint64_t heard = 0;
      for (int64_t e = graph_.rows.rowptr[v]; e < graph_.rows.rowptr[v + 1]; ++e) {
        const uint64_t other = mix(kCell + static_cast<uint64_t>(cell_[place_[graph_.rows.col[e]]]));
        heard += graph_.edge == nullptr ? other : mix(other + graph_.edge[e]);
      }
      system += mix(mix(name_[v] * kSelf + heard) + static_cast<uint64_t>(c) * kPlace);
    }
    for (int64_t i = 0; i < size_; ++i) {
      name_[nodes_[i]] = mix(mix(system) + static_cast<uint64_t>(cell_[i]) * kPlace);
    }
  }

  struct Piece {
    I begin, length;
  };

  const Graph<I>& graph_;
  const I* nodes_;
  int64_t size_;
  I* place_;
  uint64_t* name_;
  std::vector<int64_t> out_begin_;
  std::vector<I> out_node_, order_, at_, cell_, begin_, length_;
  std::vector<uint64_t> out_key_, sum_;
  std::vector<uint8_t> seen_;
  std::vector<Touched> hit_;
  std::vector<Piece> pieces_;
};

// Whether there are as many entries (u, v) as (v, u): the antisymmetric form of two random vectors
// vanishes then, and otherwise by chance only.
template <class I>
bool symmetric(const Rows<I>& rows) {
  const Scratch<uint64_t> f(rows.num_rows), g(rows.num_rows);
  for (int64_t v = 0; v < rows.num_rows; ++v) {
    f.data()[v] = mix(static_cast<uint64_t>(v) + kCell);
    g.data()[v] = mix(static_cast<uint64_t>(v) + kPlace);
  }
  uint64_t form = 0;
  for (int64_t v = 0; v < rows.num_rows; ++v) {
    uint64_t sum_f = 0, sum_g = 0;
    for (int64_t e = rows.rowptr[v]; e < rows.rowptr[v + 1]; ++e) {
      sum_f += f.data()[rows.col[e]], sum_g += g.data()[rows.col[e]];
    }
    form += f.data()[v] * sum_g - g.data()[v] * sum_f;
  }
  return form == 0;
}

// Lists the nodes part by part, ascending, and where each part begins.
template <class I>
std::vector<int64_t> find_parts(const Rows<I>& rows, I* nodes) {
  const int64_t n = rows.num_rows;
  std::vector<int64_t> begin;
  if (!symmetric(rows)) {
    for (int64_t v = 0; v < n; ++v) nodes[v] = static_cast<I>(v);
    begin = {0, n};
    return begin;
  }
  std::vector<uint8_t> seen(static_cast<size_t>(n), 0);
  int64_t end = 0;
  for (int64_t root = 0; root < n; ++root) {
    if (seen[root]) continue;
    begin.push_back(end);
    seen[root] = 1, nodes[end++] = static_cast<I>(root);
    for (int64_t at = begin.back(); at < end; ++at) {
      for (int64_t e = rows.rowptr[nodes[at]]; e < rows.rowptr[nodes[at] + 1]; ++e) {
        const I u = rows.col[e];
        if (!seen[u]) seen[u] = 1, nodes[end++] = u;
      }
    }
  }
  begin.push_back(n);
  // in ascending order, as their rows lie in memory
  const int64_t parts = static_cast<int64_t>(begin.size()) - 1;
  std::vector<I> part(static_cast<size_t>(n));
  for (int64_t p = 0; p < parts; ++p) {
    for (int64_t at = begin[p]; at < begin[p + 1]; ++at) part[nodes[at]] = static_cast<I>(p);
  }
  std::vector<int64_t> next(begin.begin(), begin.end() - 1);
  for (int64_t v = 0; v < n; ++v) nodes[next[part[v]]++] = static_cast<I>(v);
  return begin;
}

std::tuple<Tensor, Tensor> color_stable(Tensor rowptr, Tensor col, OptionalTensor edge,
                                        Tensor color, int64_t limit) {
  constexpr const char* kOp = "color_stable";
  check_rows(kOp, rowptr, col);
  rowptr = dense(rowptr), col = dense(col), edge = dense(edge), color = dense(color);
  return dispatch_types(kOp, ScalarType::Float, rowptr.scalar_type(), [&](auto, auto i) {
    using I = decltype(i);
    const auto graph = graph_view<I>(kOp, rowptr, col, edge, color);
    const int64_t n = graph.rows.num_rows;
    Tensor out = make_output<int64_t>(color, {n}), rounds = make_output<int64_t>(color, {n});
    if (n == 0) return std::make_tuple(out, rounds);
    uint64_t* const name = names(out);
    int64_t* const settled = rounds.mutable_data_ptr<int64_t>();
    std::copy_n(color.const_data_ptr<int64_t>(), n, out.mutable_data_ptr<int64_t>());
    const Scratch<I> nodes(n), place(n);
    const Scratch<uint64_t> mixed(n), next(n);
    const auto begin = find_parts(graph.rows, nodes.data());
    const int64_t parts = static_cast<int64_t>(begin.size()) - 1;

    // parts in groups of some size, so that each group has one table
    std::vector<int64_t> group{0};
    constexpr int64_t kNodesPerGroup = 4096;
    for (int64_t p = 1; p < parts; ++p) {
      if (begin[p + 1] - begin[group.back()] > kNodesPerGroup) group.push_back(p);
    }
    group.push_back(parts);
    const int64_t groups = static_cast<int64_t>(group.size()) - 1;
    const LongWork work(16.0 * static_cast<double>(graph.rows.num_entries + n));
    parallel_items(groups, graph.rows.num_entries + n, [&](int64_t k) {
      int64_t most = 0;
      for (int64_t p = group[k]; p < group[k + 1]; ++p) most = std::max(most, begin[p + 1] - begin[p]);
      NameSet set(most);
      for (int64_t p = group[k]; p < group[k + 1]; ++p) {
        const I* const own = nodes.data() + begin[p];
        const int64_t size = begin[p + 1] - begin[p];
        uint64_t sum;
        int64_t before = set.count(name, own, size, &sum), found = -1;
        for (int64_t round = 0; round < limit && found < 0 && !work.interrupted(); ++round) {
          for (int64_t i = 0; i < size; ++i) mixed.data()[own[i]] = mix(name[own[i]]);
          for (int64_t i = 0; i < size; ++i) {
            const int64_t v = own[i];
            next.data()[v] = mix(name[v] * kSelf + graph.heard(v, mixed.data()));
          }
          for (int64_t i = 0; i < size; ++i) name[own[i]] = next.data()[own[i]];
          const int64_t after = set.count(name, own, size, &sum);
          if (after == before) found = round;
          before = after;
        }
        if (work.interrupted()) return;
        if (found < 0) {
          Partition<I>(graph, own, size, place.data(), name).refine_and_name(work);
        } else {  // a colour goes on as the others of its part let it
          for (int64_t i = 0; i < size; ++i) name[own[i]] = mix(name[own[i]] + mix(sum));
        }
        for (int64_t i = 0; i < size; ++i) settled[own[i]] = found;
      }
    });
    check(!work.interrupted(), kOp, ": interrupted");
    return std::make_tuple(out, rounds);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("color_rounds", TORCH_BOX(&graphpoly::color_rounds));
  m.impl("color_stable", TORCH_BOX(&graphpoly::color_stable));
}
