// What the operators of Krylov bases share: the nodes of each graph in segments and sums over them,
// and channels in blocks as wide as a line of the cache.
//
// Sums over the nodes of a graph are made in segments that depend on the graphs alone and are added
// in their order, so that the result is the same for any number of threads.
#pragma once

#include "common.h"
#include "hashing.h"

#include <bit>
#include <cstring>

namespace graphpoly {

inline OptionalTensor checked_graph(const OptionalTensor& graph, int64_t num_nodes) {
  if (!graph.has_value()) return graph;
  check(graph->dim() == 1 && graph->size(0) == num_nodes &&
            graph->scalar_type() == ScalarType::Long,
        "lanczos: graph: expected shape [", num_nodes, "], int64");
  return dense(*graph);
}

// Some nodes of one graph, as places in an order that keeps graphs together.
struct Segments {
  static constexpr int64_t kNodes = 512;
  std::vector<int64_t> order;  // empty for the identity
  std::vector<int64_t> begin, end, graph;

  Segments(const int64_t* graph_of, int64_t num_nodes, int64_t num_graphs) {
    std::vector<int64_t> start(static_cast<size_t>(num_graphs) + 1, 0);
    if (graph_of == nullptr) {
      start[1] = num_nodes;
    } else {
      for (int64_t i = 0; i < num_nodes; ++i) {
        check(graph_of[i] >= 0 && graph_of[i] < num_graphs, "lanczos: graph: got ", graph_of[i],
              ", expected less than ", num_graphs);
        ++start[graph_of[i] + 1];
      }
      for (int64_t b = 0; b < num_graphs; ++b) start[b + 1] += start[b];
      order.resize(static_cast<size_t>(num_nodes));
      std::vector<int64_t> next(start.begin(), start.end() - 1);
      for (int64_t i = 0; i < num_nodes; ++i) order[next[graph_of[i]]++] = i;
      if (std::is_sorted(graph_of, graph_of + num_nodes)) order.clear();
    }
    for (int64_t b = 0; b < num_graphs; ++b) {
      for (int64_t n = start[b]; n < start[b + 1]; n += kNodes) {
        begin.push_back(n), end.push_back(std::min(n + kNodes, start[b + 1])), graph.push_back(b);
      }
    }
  }
  int64_t count() const { return static_cast<int64_t>(begin.size()); }
};

// One segment at work: `nodes` lists its nodes, or they are first, first + 1, ...
template <class T>
struct Slice {
  const int64_t* nodes;
  int64_t first, count, channels, block;  // block: N * F, the distance between vectors
  T* sums;                                // of this segment, [K + 2, F]
  int64_t node(int64_t n) const { return nodes ? nodes[n] : first + n; }
  Slice part(int64_t from, int64_t most) const {
    Slice some = *this;
    some.nodes = nodes ? nodes + from : nullptr;
    some.first += from, some.count = std::min(most, count - from);
    return some;
  }
};

template <class T, class I>
class Stage {
 public:
  Stage(const Rows<I>& rows, const Segments& segments, int64_t num_graphs, int64_t order,
        int64_t channels)
      : rows_(rows), segments_(segments), num_graphs_(num_graphs), channels_(channels),
        stride_((order + 2) * channels),
        partial_(static_cast<size_t>(segments.count() * stride_)),
        totals_(static_cast<size_t>(num_graphs * stride_)) {}

  // Runs f(slice, graph) over the segments; f fills `count` rows of the slice's sums.
  template <class F>
  void run(int64_t count, int64_t work, const F& f) {
    parallel_items(segments_.count(), work, [&](int64_t s) {
      T* sums = partial_.data() + s * stride_;
      std::fill(sums, sums + count * channels_, T(0));
      const int64_t* nodes = segments_.order.empty() ? nullptr : segments_.order.data();
      const Slice<T> slice{nodes ? nodes + segments_.begin[s] : nullptr, segments_.begin[s],
                           segments_.end[s] - segments_.begin[s], channels_,
                           rows_.num_rows * channels_, sums};
      f(slice, segments_.graph[s]);
    });
    if (count == 0) return;
    std::fill(totals_.begin(), totals_.end(), 0.0);
    for (int64_t s = 0; s < segments_.count(); ++s) {
      double* to = totals_.data() + segments_.graph[s] * stride_;
      const T* from = partial_.data() + s * stride_;
      for (int64_t j = 0; j < count * channels_; ++j) to[j] += static_cast<double>(from[j]);
    }
  }

  // Sum number j of a graph, [F].
  const double* total(int64_t graph, int64_t j) const {
    return totals_.data() + graph * stride_ + j * channels_;
  }

 private:
  const Rows<I>& rows_;
  const Segments& segments_;
  int64_t num_graphs_, channels_, stride_;
  std::vector<T> partial_;
  std::vector<double> totals_;
};

// Channels that go through all steps before the next ones: a line of the cache for each node.
template <class T>
constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));

// Runs f(first channel, number of channels) over the lines of channels. Each thread has lines of its
// own and meets no other, where there are enough of them; else all threads work on one line.
template <class T, class F>
void for_lines(int64_t channels, int64_t work, const F& f) {
  const Panels lines(channels, kLine<T>, kLine<T>);
  const int64_t threads = torch::stable::get_num_threads();
  const auto one = [&](int64_t line) { f(lines.begin(line), lines.size(line)); };
  if (lines.count % threads == 0 || lines.count > 4 * threads) {
    parallel_items(lines.count, work, one);
  } else {
    for (int64_t line = 0; line < lines.count; ++line) one(line);
  }
}

template <class T>
void copy_lanes(const T* from, T* to, int64_t lanes) {
  if (lanes == kLine<T>) std::memcpy(to, from, kLine<T> * sizeof(T));
  else std::copy(from, from + lanes, to);
}

// One line of some vectors [count, N, F] as [count, N, lanes of a line], zeros where there is none.
template <class T>
void take_line(const Slice<T>& s, const T* from, int64_t channels, int64_t lanes, int64_t count,
               T* to) {
  for (int64_t k = 0; k < count; ++k) {
    const T* vector = from + k * (s.block / kLine<T>) * channels;
    T* line = to + k * s.block;
    for (int64_t n = 0; n < s.count; ++n) {
      const int64_t i = s.node(n);
      if (lanes < kLine<T>) std::fill_n(line + i * kLine<T>, kLine<T>, T(0));
      copy_lanes(vector + i * channels, line + i * kLine<T>, lanes);
    }
  }
}

// The way back of the lanes that are channels.
template <class T>
void give_line(const Slice<T>& s, const T* from, int64_t channels, int64_t lanes, int64_t count,
               T* to) {
  for (int64_t k = 0; k < count; ++k) {
    T* vector = to + k * (s.block / kLine<T>) * channels;
    for (int64_t n = 0; n < s.count; ++n) {
      const int64_t i = s.node(n);
      copy_lanes(from + k * s.block + i * kLine<T>, vector + i * channels, lanes);
    }
  }
}

inline bool is_far_line(int64_t num_nodes) { return num_nodes * 64 > kOwnCache; }

// Whether an operator is its own transpose and leads from no graph to another: the entries and the
// transposed ones, in whatever order, are the same if their hashes have the same sum.
template <class T, class I>
bool is_symmetric(const Rows<I>& a, const T* weight, const int64_t* graph) {
  constexpr int64_t kRows = 4096;
  const auto hash = [](int64_t i, int64_t j, T value) {
    using Bits = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
    const auto row = static_cast<uint64_t>(i), column = static_cast<uint64_t>(j);
    return mix64(std::bit_cast<Bits>(value) + row * 0x9E3779B97F4A7C15ULL +
                 column * 0xC2B2AE3D27D4EB4FULL);
  };
  std::atomic<uint64_t> total{0};
  std::atomic<bool> mixed{false};
  parallel_items((a.num_rows + kRows - 1) / kRows, a.num_entries, [&](int64_t some) {
    uint64_t sum = 0;
    bool leads = false;
    for (int64_t i = some * kRows; i < std::min((some + 1) * kRows, a.num_rows); ++i) {
      for (int64_t e = a.rowptr[i]; e < int64_t{a.rowptr[i + 1]}; ++e) {
        const int64_t j = a.col[e];
        const T value = weight ? weight[e] : T(1);
        sum += hash(i, j, value) - hash(j, i, value);
        leads |= graph && graph[i] != graph[j];
      }
    }
    total += sum;
    if (leads) mixed = true;
  });
  return total == 0 && !mixed;
}

// The basis [K+1, N, F] and the projected operator [K, K+1, B, F]; with theta [K+1, F] also
// sum_k theta_k v_k [N, F].
std::tuple<Tensor, Tensor, OptionalTensor> krylov_basis(
    const char* op, Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, int64_t order,
    OptionalTensor graph, int64_t num_graphs, double rounding, OptionalTensor theta);

std::tuple<Tensor, Tensor> lanczos_backward(
    Tensor rowptr, Tensor col, OptionalTensor weight, Tensor basis, Tensor hessenberg, Tensor x,
    OptionalTensor graph, int64_t num_graphs, Tensor grad_basis, Tensor grad_hessenberg,
    OptionalTensor colptr, OptionalTensor row, OptionalTensor tperm);

}  // namespace graphpoly
