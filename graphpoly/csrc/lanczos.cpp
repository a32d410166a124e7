// graphpoly::lanczos: the Krylov basis of every channel, orthonormal graph by graph.
//
// Channels never mix: a line of them goes through all steps, in memory of its own, before the next
// one starts. A step reads the basis twice. A v_k loses what it has of the vectors before it; on a
// symmetric operator those are v_k and v_{k-1}, and the rest is rounding. What is left meets every
// vector, loses those overlaps, too, and is scaled in the same pass: its norm is known by
// Pythagoras.
#ifndef GRAPHPOLY_SIMD

#include "lanczos.h"

namespace graphpoly {
namespace {

template <class T, class I>
struct Krylov {
  Rows<I> a;
  const T* weight;
  const Segments& segments;
  int64_t num_graphs, order, channels;
  double rounding;
  bool symmetric, far;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "lanczos.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

// The vectors of one line of channels, v [K+1, N, line], of which the first is x.
template <class T, class I>
void run_lanczos(const Krylov<T, I>& p, int64_t channel, int64_t lanes, T* v, T* hessenberg) {
  constexpr int64_t W = kLine<T>;
  const int64_t block = p.a.num_rows * W, order = p.order, graphs = p.num_graphs;
  Stage<T, I> stage(p.a, p.segments, graphs, order, W);
  // coefficients of a graph: [B, K + 1, W]; norms and what rounding is measured by: [B, W]
  std::vector<T> overlap(static_cast<size_t>(graphs * (order + 1) * W)), norm(graphs * W),
      inverse(graphs * W);
  std::vector<double> scale(graphs * W, 0.0),
      least(graphs * W, std::numeric_limits<double>::infinity());
  const auto of = [&](int64_t b, int64_t j) { return overlap.data() + (b * (order + 1) + j) * W; };

  stage.run(1, block, [&](const Slice<T>& s, int64_t) {
    GRAPHPOLY_CALL(add_square, s, v, s.sums);
  });
  for (int64_t b = 0; b < graphs; ++b) {
    for (int64_t c = 0; c < W; ++c) {
      const double length = stage.total(b, 0)[c];
      inverse[b * W + c] = length > 0 ? static_cast<T>(1 / std::sqrt(length)) : T(0);
    }
  }
  stage.run(0, block, [&](const Slice<T>& s, int64_t b) {
    GRAPHPOLY_CALL(scale_line, s, inverse.data() + b * W, v);
  });
  for (int64_t k = 0; k < order; ++k) {
    const int64_t work = (p.a.num_entries + p.a.num_rows * (k + 1)) * W;
    const int64_t first = p.symmetric ? k : 0, count = k + 1 - first;
    const bool lags = p.symmetric && k > 0;
    T *now = v + k * block, *next = now + block;
    const auto column = [&](int64_t b, int64_t j) {
      return hessenberg + ((k * (order + 1) + j) * graphs + b) * p.channels + channel;
    };
    const auto collect = [&](int64_t j, int64_t number) {
      for (int64_t b = 0; b < graphs; ++b) {
        const double* total = stage.total(b, number);
        for (int64_t c = 0; c < W; ++c) of(b, j)[c] = static_cast<T>(total[c]);
        for (int64_t c = 0; c < lanes; ++c) column(b, j)[c] += of(b, j)[c];
      }
    };
    stage.run(1 + count, work, [&](const Slice<T>& s, int64_t b) {
      const T* lag = lags ? norm.data() + b * W : nullptr;
      GRAPHPOLY_CALL(lanczos_advance, s, p, now, lag, v + first * block, count, next);
    });
    for (int64_t b = 0; b < graphs; ++b) {
      for (int64_t c = 0; c < W; ++c) {
        double& largest = scale[b * W + c];
        largest = std::max(largest, std::sqrt(stage.total(b, 0)[c]));
      }
      for (int64_t c = 0; lags && c < lanes; ++c) column(b, k - 1)[c] = norm[b * W + c];
    }
    for (int64_t j = first; j <= k; ++j) collect(j, j - first + 1);
    stage.run(k + 2, work, [&](const Slice<T>& s, int64_t b) {
      GRAPHPOLY_CALL(lanczos_project, s, v, first, k, of(b, first), next);
    });
    for (int64_t j = 0; j <= k; ++j) collect(j, j);
    for (int64_t b = 0; b < graphs; ++b) {
      for (int64_t c = 0; c < W; ++c) {
        double left = stage.total(b, k + 1)[c];
        for (int64_t j = 0; j <= k; ++j) left -= stage.total(b, j)[c] * stage.total(b, j)[c];
        const int64_t at = b * W + c;
        // dividing by a small norm makes all later vectors that much less exact
        const double doubt = std::max(1.0, scale[at] / (least[at] > 0 ? least[at] : 1.0));
        const double floor = 20 * p.rounding * scale[at] * doubt;
        const double length = left > floor * floor ? std::sqrt(left) : 0.0;
        least[at] = std::min(least[at], length);
        norm[at] = static_cast<T>(length);
        inverse[at] = length > 0 ? static_cast<T>(1 / length) : T(0);
      }
      for (int64_t c = 0; c < lanes; ++c) column(b, k + 1)[c] = norm[b * W + c];
    }
    stage.run(0, work, [&](const Slice<T>& s, int64_t b) {
      GRAPHPOLY_CALL(lanczos_close, s, v, k + 1, of(b, 0), inverse.data() + b * W, next);
    });
  }
}

// All lines of the channels of x; z, if it is wanted, is their sum with the weights theta.
template <class T, class I>
void run_lines(const Krylov<T, I>& p, const T* x, const T* theta, T* basis, T* hessenberg, T* z) {
  constexpr int64_t W = kLine<T>;
  const int64_t num_nodes = p.a.num_rows, channels = p.channels, count = p.order + 1;
  const int64_t work = (p.a.num_entries + num_nodes * count) * count * channels;
  std::fill(hessenberg, hessenberg + p.order * count * p.num_graphs * channels, T(0));
  for_lines<T>(channels, work, [&](int64_t channel, int64_t lanes) {
    const Scratch<T> v(count * num_nodes * W);
    Stage<T, I> stage(p.a, p.segments, p.num_graphs, 0, W);
    stage.run(0, num_nodes * W, [&](const Slice<T>& s, int64_t) {
      take_line(s, x + channel, channels, lanes, 1, v.data());
    });
    run_lanczos(p, channel, lanes, v.data(), hessenberg);
    std::vector<T> weights(static_cast<size_t>(count * W), T(0));
    for (int64_t k = 0; theta && k < count; ++k) {
      copy_lanes(theta + k * channels + channel, &weights[k * W], lanes);
    }
    stage.run(0, num_nodes * W * count, [&](const Slice<T>& s, int64_t) {
      give_line(s, v.data(), channels, lanes, count, basis + channel);
      if (z == nullptr) return;
      GRAPHPOLY_CALL(lanczos_combine, s, v.data(), count, weights.data(), z + channel, channels,
                     lanes);
    });
  });
}

std::tuple<Tensor, Tensor> lanczos(Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x,
                                   int64_t K, OptionalTensor graph, int64_t num_graphs,
                                   double rounding, OptionalTensor, OptionalTensor,
                                   OptionalTensor) {
  const auto found = krylov_basis("lanczos", rowptr, col, weight, x, K, graph, num_graphs, rounding,
                                  std::nullopt);
  return {std::get<0>(found), std::get<1>(found)};
}

}  // namespace

std::tuple<Tensor, Tensor, OptionalTensor> krylov_basis(
    const char* op, Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, int64_t order,
    OptionalTensor graph, int64_t num_graphs, double rounding, OptionalTensor theta) {
  check_rows(op, rowptr, col);
  check(x.dim() == 2 && x.size(0) == rowptr.size(0) - 1, op, ": x: expected shape [",
        rowptr.size(0) - 1, ", F]");
  check(order >= 0, op, ": K: got ", order, ", expected at least 0");
  check_weight(op, weight, col.size(0), x);
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x);
  theta = dense(theta), graph = checked_graph(graph, x.size(0));
  return dispatch_types(op, x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>(op, rowptr, col);
    const int64_t num_nodes = a.num_rows, channels = x.size(1);
    const T* values = weight ? weight->const_data_ptr<T>() : nullptr;
    const int64_t* graph_of = graph ? graph->const_data_ptr<int64_t>() : nullptr;
    const Segments segments(graph_of, num_nodes, num_graphs);
    const Krylov<T, I> p{.a = a,
                         .weight = values,
                         .segments = segments,
                         .num_graphs = num_graphs,
                         .order = order,
                         .channels = channels,
                         .rounding = rounding,
                         .symmetric = is_symmetric(a, values, graph_of),
                         .far = is_far_line(num_nodes)};
    Tensor basis = make_output<T>(x, {order + 1, num_nodes, channels});
    Tensor hessenberg = make_output<T>(x, {order, order + 1, num_graphs, channels});
    OptionalTensor z;
    if (theta) z = make_output<T>(x, {num_nodes, channels});
    run_lines(p, x.const_data_ptr<T>(), theta ? theta->const_data_ptr<T>() : nullptr,
              basis.mutable_data_ptr<T>(), hessenberg.mutable_data_ptr<T>(),
              z ? z->template mutable_data_ptr<T>() : nullptr);
    return std::make_tuple(basis, hessenberg, z);
  });
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("lanczos", TORCH_BOX(&graphpoly::lanczos));
}

#else  // the kernels

#include "lanczos_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// next = A v_k - lag v_{k-1}; sums: the square of A v_k, the overlaps of next with `count` vectors,
// of which v_k is the last
template <class T, class I>
void lanczos_advance(const Slice<T>& s, const Krylov<T, I>& p, const T* now, const T* lag,
                     const T* v, int64_t count, T* next) {
  const Rows<I> a = p.a;
  const T *weight = p.weight, *before = now - s.block;
  const bool far = p.far;
  Line<T> square{}, overlap{}, held{};
  if (lag) held = load<Line<T>>(lag);
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t i = s.node(n), at = i * kLine<T>;
    Line<T> product = gathered(a, weight, now, i, far);
    square += product * product;
    if (lag) product -= held * load<Line<T>>(before + at);
    overlap += product * load<Line<T>>(now + at);
    store(next + at, product);
  }
  store(s.sums, square), store(s.sums + count * kLine<T>, overlap);
  overlaps(s, v, count - 1, next, s.sums + kLine<T>);
}

constexpr int64_t kNear = 64;  // nodes whose vectors stay in the nearest cache

// next -= sum of overlap_j v_j from `first` to k; sums: what is left of v_0 to v_k, and its square
template <class T>
void lanczos_project(const Slice<T>& s, const T* v, int64_t first, int64_t k, const T* overlap,
                     T* next) {
  for (int64_t n = 0; n < s.count; n += kNear) {
    const Slice<T> some = s.part(n, kNear);
    project(some, v + first * s.block, k + 1 - first, overlap, next);
    overlaps(some, v, k + 2, next, s.sums);  // with v_0 to v_k and itself
  }
}

// next = inverse (next - sum_j overlap_j v_j)
template <class T>
void lanczos_close(const Slice<T>& s, const T* v, int64_t count, const T* overlap,
                   const T* inverse, T* next) {
  for (int64_t n = 0; n < s.count; n += kNear) {
    const Slice<T> some = s.part(n, kNear);
    project(some, v, count, overlap, next);
    scale_line(some, inverse, next);
  }
}

// z = sum_k weight_k v_k
template <class T>
void lanczos_combine(const Slice<T>& s, const T* v, int64_t count, const T* weight, T* z,
                     int64_t channels, int64_t lanes) {
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t i = s.node(n);
    const T* mine = v + i * kLine<T>;
    Line<T> sum{};
    for (int64_t k = 0; k < count; ++k) {
      sum += load<Line<T>>(weight + k * kLine<T>) * load<Line<T>>(mine + k * s.block);
    }
    T row[kLine<T>];
    store(row, sum);
    copy_lanes(row, z + i * channels, lanes);
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
