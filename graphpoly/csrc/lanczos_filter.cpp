// graphpoly::lanczos_filter and its gradient: z = sum_k theta_k v_k, with the vectors of lanczos.
//
// Where A is its own transpose, the gradient meets the basis at the start and at the end alone. With
// g the gradient in z, c_k = <v_k, g>, and r what g has beside the basis, the gradients in v_k and
// in A v_k are
//
//     a_k + sum_i C_ki v_i   and   b_k + sum_{i > k+1} D_ki v_i,   b_k = a_{k+1} / h_{k,k+1},
//
// where a_k and b_k have nothing of the basis. For A v_i is h_{i-1,i} v_{i-1} + h_ii v_i +
// h_{i,i+1} v_{i+1}, or has a part w beside the basis if it is the last, C and D are numbers alone,
// (K+1)^2 for each channel, and
//
//     a_k = theta_k r + A b_k - h_kk b_k - h_{k,k+1} b_{k+1} - <w, b_k> v_K + D_kK w
//
// is one product and what stands beside it. Any other A takes the way of lanczos_backward.
#ifndef GRAPHPOLY_SIMD

#include "lanczos.h"

namespace graphpoly {
namespace {

template <class T, class I>
struct Filter {
  Rows<I> a;
  const T* weight;
  const Segments& segments;
  int64_t num_graphs, order, channels;
  bool far;
  const T *x, *theta, *basis, *hessenberg, *grad;
};

// One line of channels at work, [N, line] each: what g and A v_K have beside the basis.
template <class T>
struct Beside {
  T *rest, *beyond;
  const T* last;  // v_K
};

// How much of each of them is in b_{k-1}, of one graph.
template <class T>
struct Step {
  std::array<T, kLine<T>> rest, product, now, later, last, beyond;
};

// C and D of one graph, and what they are made of; [line] each.
template <class T>
class Inside {
 public:
  using Lane = std::array<double, kLine<T>>;
  explicit Inside(int64_t order)
      : alpha(order + 1), beta(order), order_(order), held_((order + 1) * (order + 1)),
        share_(order + 1) {}
  std::vector<Lane> alpha, beta;
  Lane& held(int64_t k, int64_t i) { return held_[k * (order_ + 1) + i]; }

  // From C_{k+1} to C_k; `along` is <w, b_k>. Returns D_kK.
  const Lane& step(int64_t k, const double* along) {
    const Lane none{}, &before = k > 0 ? beta[k - 1] : none;
    for (int64_t i = 0; i <= order_; ++i) {
      for (size_t c = 0; c < none.size(); ++c) {
        share_[i][c] = i != k + 1 && beta[k][c] > 0 ? held(k + 1, i)[c] / beta[k][c] : 0.0;
      }
    }
    for (int64_t j = 0; j <= k; ++j) {
      if (k > 0) take(held(j, k - 1), share_[j], before);
      take(held(j, k), share_[j], alpha[k]), take(held(j, k + 1), share_[j], beta[k]);
    }
    for (int64_t i = 0; i <= order_; ++i) {
      take(held(k, i), share_[i], alpha[k]);
      if (k > 0) take(held(k - 1, i), share_[i], before);
    }
    for (int64_t i = 0; i <= k; ++i) share_[i] = none;
    for (int64_t i = k + 2; i <= order_; ++i) {
      give(held(k, i - 1), share_[i], beta[i - 1]), give(held(k, i), share_[i], alpha[i]);
      if (i < order_) give(held(k, i + 1), share_[i], beta[i]);
    }
    for (size_t c = 0; c < none.size(); ++c) held(k, order_)[c] += along[c];
    return share_[order_];
  }

 private:
  static void take(Lane& y, const Lane& a, const Lane& b) {
    for (size_t c = 0; c < y.size(); ++c) y[c] -= a[c] * b[c];
  }
  static void give(Lane& y, const Lane& a, const Lane& b) {
    for (size_t c = 0; c < y.size(); ++c) y[c] += a[c] * b[c];
  }
  int64_t order_;
  std::vector<Lane> held_, share_;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "lanczos_filter.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

template <class T, class I>
void run_back(const Filter<T, I>& p, int64_t channel, int64_t lanes, T* grad_x, T* grad_theta) {
  constexpr int64_t W = kLine<T>;
  using Lane = std::array<T, W>;
  const int64_t block = p.a.num_rows * W, order = p.order, graphs = p.num_graphs;
  const int64_t work = (p.a.num_entries + p.a.num_rows * 6) * W;
  Stage<T, I> stage(p.a, p.segments, graphs, order + 1, W);
  const Scratch<T> memory((order + 5) * block);
  T* const v = memory.data();
  T *now = v + (order + 3) * block, *later = now + block;  // b_k, b_{k+1}
  const Beside<T> beside{v + (order + 1) * block, v + (order + 2) * block, v + order * block};
  stage.run(0, block * (order + 1), [&](const Slice<T>& s, int64_t) {
    take_line(s, p.basis + channel, p.channels, lanes, order + 1, v);
    take_line(s, p.grad + channel, p.channels, lanes, 1, beside.rest);
    take_line(s, p.x + channel, p.channels, lanes, 1, later);
  });

  std::vector<Inside<T>> inside(graphs, Inside<T>(order));
  std::vector<Step<T>> steps(graphs);
  std::vector<Lane> theta(order + 1), inverse(graphs), part(graphs * (order + 1));
  for (int64_t k = 0; k <= order; ++k) {
    theta[k].fill(T(0));
    copy_lanes(p.theta + k * p.channels + channel, theta[k].data(), lanes);
  }
  for (int64_t b = 0; b < graphs; ++b) {
    const auto entry = [&](int64_t k, int64_t j, int64_t c) {
      const int64_t at = ((k * (order + 1) + j) * graphs + b) * p.channels + channel + c;
      return c < lanes ? static_cast<double>(p.hessenberg[at]) : 0.0;
    };
    for (int64_t k = 0; k < order; ++k) {
      for (int64_t c = 0; c < W; ++c) {
        inside[b].alpha[k][c] = entry(k, k, c), inside[b].beta[k][c] = entry(k, k + 1, c);
      }
    }
    for (int64_t c = 0; c < W; ++c) {
      steps[b].later[c] = static_cast<T>(inside[b].beta[order - 1][c]);
    }
  }
  stage.run(order + 3, work, [&](const Slice<T>& s, int64_t b) {
    GRAPHPOLY_CALL(filter_begin, s, p, beside, v, steps[b].later.data(), later);
  });
  for (int64_t b = 0; b < graphs; ++b) {
    Inside<T>& mine = inside[b];
    for (int64_t c = 0; c < W; ++c) {
      mine.alpha[order][c] = stage.total(b, 0)[c];
      const double square = stage.total(b, 1)[c], last = mine.beta[order - 1][c];
      inverse[b][c] = square > 0 ? static_cast<T>(1 / std::sqrt(square)) : T(0);
      steps[b].last[c] = static_cast<T>(mine.alpha[order][c]);
      steps[b].rest[c] = last > 0 ? static_cast<T>(theta[order][c] / last) : T(0);
    }
    for (int64_t j = 0; j <= order; ++j) {
      const double* total = stage.total(b, j + 2);
      for (int64_t c = 0; c < W; ++c) part[b * (order + 1) + j][c] = static_cast<T>(total[c]);
      for (int64_t k = 0; k <= order; ++k) {
        for (int64_t c = 0; c < W; ++c) mine.held(k, j)[c] = theta[k][c] * total[c];
      }
      T* of_theta = grad_theta + j * p.channels + channel;
      for (int64_t c = 0; c < lanes; ++c) of_theta[c] += static_cast<T>(total[c]);
    }
  }
  const auto parts = [&](int64_t b) { return &part[b * (order + 1)]; };
  stage.run(1, work, [&](const Slice<T>& s, int64_t b) {
    GRAPHPOLY_CALL(filter_rest, s, beside, v, order + 1, parts(b), steps[b], now, later);
  });
  for (int64_t k = order - 1; k >= 0; --k) {
    for (int64_t b = 0; b < graphs; ++b) {
      Inside<T>& mine = inside[b];
      const double* along = stage.total(b, 0);
      const auto& beyond = mine.step(k, along);
      for (int64_t c = 0; c < W; ++c) {
        const double norm = k > 0 ? mine.beta[k - 1][c] : 1.0, by = norm > 0 ? 1 / norm : 0.0;
        steps[b].rest[c] = static_cast<T>(by * theta[k][c]);
        steps[b].product[c] = static_cast<T>(by);
        steps[b].now[c] = static_cast<T>(-by * mine.alpha[k][c]);
        steps[b].later[c] = static_cast<T>(-by * mine.beta[k][c]);
        steps[b].last[c] = static_cast<T>(-by * along[c]);
        steps[b].beyond[c] = static_cast<T>(by * beyond[c]);
      }
    }
    stage.run(1, work, [&](const Slice<T>& s, int64_t b) {
      GRAPHPOLY_CALL(filter_back, s, p, beside, steps[b], now, later);
    });
    std::swap(now, later);
  }
  for (int64_t b = 0; b < graphs; ++b) {
    for (int64_t j = 1; j <= order; ++j) {
      for (int64_t c = 0; c < W; ++c) parts(b)[j][c] = static_cast<T>(-inside[b].held(0, j)[c]);
    }
  }
  stage.run(0, work, [&](const Slice<T>& s, int64_t b) {
    GRAPHPOLY_CALL(project, s, v + block, order, parts(b)[1].data(), now);
    GRAPHPOLY_CALL(scale_line, s, inverse[b].data(), now);
    give_line(s, now, p.channels, lanes, 1, grad_x + channel);
  });
}

std::tuple<Tensor, Tensor, Tensor> lanczos_filter(
    Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, Tensor theta, OptionalTensor graph,
    int64_t num_graphs, double rounding, OptionalTensor, OptionalTensor, OptionalTensor) {
  const char* op = "lanczos_filter";
  check(theta.dim() == 2 && theta.size(0) > 0 && x.dim() == 2 && theta.size(1) == x.size(1), op,
        ": theta: expected shape [K+1, F]");
  check_like(op, "theta", theta, x);
  const auto [basis, hessenberg, z] = krylov_basis(op, rowptr, col, weight, x, theta.size(0) - 1,
                                                   graph, num_graphs, rounding, theta);
  return {*z, basis, hessenberg};
}

// grad_theta, and grad_basis of its shape of vectors.
template <class T>
void spread(const T* basis, const T* grad, const T* theta, int64_t count, int64_t num_nodes,
            int64_t channels, T* grad_basis, T* grad_theta) {
  parallel_items(count, count * num_nodes * channels, [&](int64_t k) {
    std::vector<double> sum(static_cast<size_t>(channels), 0.0);
    for (int64_t i = 0; i < num_nodes; ++i) {
      const int64_t at = (k * num_nodes + i) * channels;
      for (int64_t c = 0; c < channels; ++c) {
        const T given = grad[i * channels + c];
        sum[c] += static_cast<double>(basis[at + c] * given);
        grad_basis[at + c] = theta[k * channels + c] * given;
      }
    }
    for (int64_t c = 0; c < channels; ++c) grad_theta[k * channels + c] = static_cast<T>(sum[c]);
  });
}

std::tuple<Tensor, Tensor> lanczos_filter_backward(
    Tensor rowptr, Tensor col, OptionalTensor weight, Tensor x, Tensor theta, OptionalTensor graph,
    int64_t num_graphs, Tensor basis, Tensor hessenberg, Tensor grad, OptionalTensor colptr,
    OptionalTensor row, OptionalTensor tperm) {
  const char* op = "lanczos_filter_backward";
  check_rows(op, rowptr, col);
  check_weight(op, weight, col.size(0), x);
  for (const Tensor* t : {&theta, &basis, &hessenberg, &grad}) {
    check_like(op, "theta, basis, hessenberg and grad", *t, x);
  }
  const int64_t order = theta.size(0) - 1, num_nodes = x.size(0), channels = x.size(1);
  check(basis.numel() == (order + 1) * x.numel() && grad.numel() == x.numel() &&
            theta.numel() == (order + 1) * channels &&
            hessenberg.numel() == order * (order + 1) * num_graphs * channels,
        op, ": shapes do not fit");
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x);
  theta = dense(theta), basis = dense(basis), hessenberg = dense(hessenberg), grad = dense(grad);
  graph = checked_graph(graph, num_nodes);
  return dispatch_types(op, x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>(op, rowptr, col);
    const T* values = weight ? weight->const_data_ptr<T>() : nullptr;
    Tensor grad_theta = make_output<T>(x, {order + 1, channels});
    T* of_theta = grad_theta.mutable_data_ptr<T>();
    const int64_t* graph_of = graph ? graph->const_data_ptr<int64_t>() : nullptr;
    if (order == 0 || !is_symmetric(a, values, graph_of)) {
      Tensor grad_basis = make_output<T>(x, {order + 1, num_nodes, channels});
      Tensor nothing = make_output<T>(x, {order, order + 1, num_graphs, channels});
      std::fill_n(nothing.mutable_data_ptr<T>(), nothing.numel(), T(0));
      spread(basis.const_data_ptr<T>(), grad.const_data_ptr<T>(), theta.const_data_ptr<T>(),
             order + 1, num_nodes, channels, grad_basis.mutable_data_ptr<T>(), of_theta);
      const auto found = lanczos_backward(rowptr, col, weight, basis, hessenberg, x, graph,
                                          num_graphs, grad_basis, nothing, colptr, row, tperm);
      return std::make_tuple(std::get<0>(found), grad_theta);
    }
    const Segments segments(graph_of, num_nodes, num_graphs);
    const Filter<T, I> p{.a = a,
                         .weight = values,
                         .segments = segments,
                         .num_graphs = num_graphs,
                         .order = order,
                         .channels = channels,
                         .far = is_far_line(num_nodes),
                         .x = x.const_data_ptr<T>(),
                         .theta = theta.const_data_ptr<T>(),
                         .basis = basis.const_data_ptr<T>(),
                         .hessenberg = hessenberg.const_data_ptr<T>(),
                         .grad = grad.const_data_ptr<T>()};
    Tensor grad_x = make_output<T>(x, {num_nodes, channels});
    std::fill_n(of_theta, grad_theta.numel(), T(0));
    const int64_t work = (a.num_entries + num_nodes * 9) * (order + 1) * channels;
    for_lines<T>(channels, work, [&](int64_t channel, int64_t lanes) {
      run_back(p, channel, lanes, grad_x.mutable_data_ptr<T>(), of_theta);
    });
    return std::make_tuple(grad_x, grad_theta);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("lanczos_filter", TORCH_BOX(&graphpoly::lanczos_filter));
  m.impl("lanczos_filter_backward", TORCH_BOX(&graphpoly::lanczos_filter_backward));
}

#else  // the kernels

#include "lanczos_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// beyond = A v_K - lag v_{K-1}; sums: <v_K, beyond>, the square of x, <v_k, g>
template <class T, class I>
void filter_begin(const Slice<T>& s, const Filter<T, I>& p, const Beside<T>& to, const T* v,
                  const T* lag, const T* x) {
  const Rows<I> a = p.a;
  const T *weight = p.weight, *last = to.last, *before = last - s.block;
  const bool far = p.far;
  const auto held = load<Line<T>>(lag);
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t i = s.node(n), at = i * kLine<T>;
    const Line<T> product = gathered(a, weight, last, i, far);
    store(to.beyond + at, product - held * load<Line<T>>(before + at));
  }
  overlaps(s, last, 1, to.beyond, s.sums);
  add_square(s, x, s.sums + kLine<T>);
  overlaps(s, v, p.order + 1, to.rest, s.sums + 2 * kLine<T>);
}

// rest and beyond lose what they have of the basis; now = b_{K-1}, later = 0; sums: <beyond, now>
template <class T>
void filter_rest(const Slice<T>& s, const Beside<T>& to, const T* v, int64_t vectors,
                 const std::array<T, kLine<T>>* part, const Step<T>& step, T* now, T* later) {
  project(s, to.last, 1, step.last.data(), to.beyond);
  project(s, v, vectors, part->data(), to.rest);
  const auto share = load<Line<T>>(step.rest.data());
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t at = s.node(n) * kLine<T>;
    store(now + at, share * load<Line<T>>(to.rest + at)), store(later + at, Line<T>{});
  }
  overlaps(s, to.beyond, 1, now, s.sums);
}

// b_{k-1} in the place of b_{k+1}; sums: <beyond, b_{k-1}>
template <class T, class I>
void filter_back(const Slice<T>& s, const Filter<T, I>& p, const Beside<T>& from,
                 const Step<T>& step, const T* now, T* later) {
  typedef Line<T> V;
  const Rows<I> a = p.a;
  const T *weight = p.weight, *rest = from.rest, *last = from.last, *beyond = from.beyond;
  const bool far = p.far;
  const V of_rest = load<V>(step.rest.data()), of_product = load<V>(step.product.data()),
          of_now = load<V>(step.now.data()), of_later = load<V>(step.later.data()),
          of_last = load<V>(step.last.data()), of_beyond = load<V>(step.beyond.data());
  V sum{};
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t i = s.node(n), at = i * kLine<T>;
    const V lacking = load<V>(beyond + at);
    V b = of_product * gathered(a, weight, now, i, far);
    b += of_rest * load<V>(rest + at) + of_now * load<V>(now + at);
    b += of_later * load<V>(later + at) + of_last * load<V>(last + at) + of_beyond * lacking;
    store(later + at, b);
    sum += lacking * b;
  }
  store(s.sums, sum);
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
