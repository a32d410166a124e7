// graphpoly::lanczos_backward: the adjoint of the Krylov basis of every channel.
//
// All work on a row stays with the row: while a vector of a node is in the cache it meets every
// earlier vector of that node.
#ifndef GRAPHPOLY_SIMD

#include "lanczos.h"

namespace graphpoly {
namespace {

// What one graph needs in a step backwards: h_kj, 1 / h_{k,k+1}, how much of v_{k+1} the gradient in
// w_k keeps, and the gradient in h_kj.
template <class T>
struct Pull {
  const T *h, *inverse, *keep, *pull;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "lanczos_backward.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

template <class T, class I>
void run_backward(const Rows<I>& back, const T* turned, const T* basis, const T* hessenberg,
                  const T* x, int64_t order, const Segments& segments, int64_t num_graphs,
                  const T* grad_hessenberg, int64_t channels, T* grads, T* grad_x, T* adjoints) {
  const int64_t block = back.num_rows * channels, graphs = num_graphs * channels;
  Stage<T, I> stage(back, segments, num_graphs, order, channels);
  std::vector<T> h(static_cast<size_t>(graphs * (order + 2))), pull(h.size()), inverse(graphs),
      keep(graphs);
  const auto of = [&](int64_t b) {
    const int64_t at = b * (order + 2) * channels;
    return Pull<T>{h.data() + at, inverse.data() + b * channels, keep.data() + b * channels,
                   pull.data() + at};
  };
  stage.run(1, block, [&](const Slice<T>& slice, int64_t) {
    GRAPHPOLY_CALL(lanczos_along, slice, basis + order * block, grads + order * block);
  });
  for (int64_t k = order - 1; k >= 0; --k) {
    const int64_t work = (back.num_entries + back.num_rows * (k + 1)) * channels;
    const int64_t column = k * (order + 1) * graphs;
    for (int64_t b = 0; b < num_graphs; ++b) {
      for (int64_t c = 0; c < channels; ++c) {
        const int64_t at = b * channels + c;
        for (int64_t j = 0; j <= k + 1; ++j) {
          h[(b * (order + 2) + j) * channels + c] = hessenberg[column + j * graphs + at];
        }
        const T norm = hessenberg[column + (k + 1) * graphs + at];
        inverse[at] = norm > 0 ? T(1) / norm : T(0);
        keep[at] = grad_hessenberg[column + (k + 1) * graphs + at] -
                   inverse[at] * static_cast<T>(stage.total(b, 0)[c]);
      }
    }
    T* w = grads + (k + 1) * block;  // its gradient is not read again
    stage.run(k + 1, work, [&](const Slice<T>& slice, int64_t b) {
      GRAPHPOLY_CALL(lanczos_unwind, slice, of(b), basis, k, w);
    });
    for (int64_t b = 0; b < num_graphs; ++b) {
      for (int64_t j = 0; j <= k; ++j) {
        const int64_t at = (b * (order + 2) + j) * channels;
        const T* given = grad_hessenberg + column + j * graphs + b * channels;
        for (int64_t c = 0; c < channels; ++c) {
          pull[at + c] = given[c] - static_cast<T>(stage.total(b, j)[c]);
        }
      }
    }
    T* adjoint = adjoints + k * block;
    stage.run(0, work, [&](const Slice<T>& slice, int64_t b) {
      GRAPHPOLY_CALL(lanczos_pull, slice, of(b), basis, k, w, grads, adjoint);
    });
    stage.run(1, work, [&](const Slice<T>& slice, int64_t) {
      GRAPHPOLY_CALL(lanczos_return, slice, back, turned, adjoint, basis + k * block,
                     grads + k * block);
    });
  }
  std::vector<T> along(graphs);
  for (int64_t b = 0; b < num_graphs; ++b) {
    for (int64_t c = 0; c < channels; ++c) {
      along[b * channels + c] = static_cast<T>(stage.total(b, 0)[c]);
    }
  }
  stage.run(1, block, [&](const Slice<T>& slice, int64_t) {
    GRAPHPOLY_CALL(lanczos_along, slice, x, x);
  });
  for (int64_t b = 0; b < num_graphs; ++b) {
    for (int64_t c = 0; c < channels; ++c) {
      const double square = stage.total(b, 0)[c];
      inverse[b * channels + c] = square > 0 ? static_cast<T>(1 / std::sqrt(square)) : T(0);
    }
  }
  stage.run(0, block, [&](const Slice<T>& slice, int64_t b) {
    GRAPHPOLY_CALL(lanczos_finish, slice, inverse.data() + b * channels,
                   along.data() + b * channels, basis, grads, grad_x);
  });
}

}  // namespace

std::tuple<Tensor, Tensor> lanczos_backward(
    Tensor rowptr, Tensor col, OptionalTensor weight, Tensor basis, Tensor hessenberg, Tensor x,
    OptionalTensor graph, int64_t num_graphs, Tensor grad_basis, Tensor grad_hessenberg,
    OptionalTensor colptr, OptionalTensor row, OptionalTensor tperm) {
  const char* op = "lanczos_backward";
  check_rows(op, rowptr, col);
  check_weight(op, weight, col.size(0), x);
  for (const Tensor* t : {&basis, &hessenberg, &grad_basis, &grad_hessenberg}) {
    check_like(op, "basis, hessenberg and their gradients", *t, x);
  }
  const int64_t order = hessenberg.size(0), num_nodes = x.size(0), channels = x.size(1);
  check(basis.dim() == 3 && basis.size(0) == order + 1 && basis.size(1) == num_nodes &&
            basis.size(2) == channels && grad_basis.numel() == basis.numel() &&
            hessenberg.numel() == order * (order + 1) * num_graphs * channels &&
            grad_hessenberg.numel() == hessenberg.numel(),
        op, ": shapes do not fit");
  rowptr = dense(rowptr), col = dense(col), weight = dense(weight), x = dense(x);
  basis = dense(basis), hessenberg = dense(hessenberg), graph = checked_graph(graph, num_nodes);
  grad_basis = dense(grad_basis), grad_hessenberg = dense(grad_hessenberg);
  colptr = dense(colptr), row = dense(row), tperm = dense(tperm);
  return dispatch_types(op, x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>(op, rowptr, col);
    // the transpose, made here where it was not given
    std::vector<I> made_ptr, made_row, made_perm;
    Rows<I> back{};
    const I* perm = nullptr;
    if (colptr && row && tperm) {
      back = rows_view<I>(op, *colptr, *row), perm = tperm->const_data_ptr<I>();
    } else {
      made_ptr.assign(static_cast<size_t>(num_nodes) + 1, 0);
      made_row.resize(a.num_entries), made_perm.resize(a.num_entries);
      for (int64_t e = 0; e < a.num_entries; ++e) ++made_ptr[a.col[e] + 1];
      for (int64_t j = 0; j < num_nodes; ++j) made_ptr[j + 1] += made_ptr[j];
      std::vector<I> next(made_ptr.begin(), made_ptr.end() - 1);
      for (int64_t r = 0; r < num_nodes; ++r) {
        for (int64_t e = a.rowptr[r]; e < int64_t{a.rowptr[r + 1]}; ++e) {
          const I to = next[a.col[e]]++;
          made_row[to] = static_cast<I>(r), made_perm[to] = static_cast<I>(e);
        }
      }
      back = Rows<I>{made_ptr.data(), made_row.data(), num_nodes, a.num_entries};
      perm = made_perm.data();
    }
    std::vector<T> turned(weight ? static_cast<size_t>(a.num_entries) : 0);
    if (weight) {
      const T* values = weight->const_data_ptr<T>();
      for (int64_t e = 0; e < a.num_entries; ++e) turned[e] = values[perm[e]];
    }
    const Segments segments(graph ? graph->const_data_ptr<int64_t>() : nullptr, num_nodes,
                            num_graphs);
    const int64_t size = basis.numel();
    const Scratch<T> grads(size);
    const T* given = grad_basis.const_data_ptr<T>();
    std::copy(given, given + size, grads.data());
    Tensor grad_x = make_output<T>(x, {num_nodes, channels});
    Tensor adjoint = make_output<T>(x, {order, num_nodes, channels});
    run_backward<T, I>(back, weight ? turned.data() : nullptr, basis.const_data_ptr<T>(),
                       hessenberg.const_data_ptr<T>(), x.const_data_ptr<T>(), order, segments,
                       num_graphs, grad_hessenberg.const_data_ptr<T>(), channels, grads.data(),
                       grad_x.mutable_data_ptr<T>(), adjoint.mutable_data_ptr<T>());
    return std::make_tuple(grad_x, adjoint);
  });
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("lanczos_backward", TORCH_BOX(&graphpoly::lanczos_backward));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// Plain loops over the channels of one node, which the compiler makes vectors of. The names: y is
// written, a and b are read, and none overlap.

template <class T>
GRAPHPOLY_INLINE void add_product(T* __restrict y, const T* __restrict a, const T* __restrict b,
                                  int64_t channels) {
  for (int64_t c = 0; c < channels; ++c) y[c] += a[c] * b[c];
}

// y = sum of the weighted rows of x at the entries of row i
template <class T, class I, int L, int N>
struct ProductTile {
  static void run(int64_t channel, int64_t width, const Rows<I>& a, const T* weight, const T* x,
                  int64_t channels, int64_t i, T* y) {
    Vec<T, L> sum[N] = {};
    RowSum<T, I, L, N>::add(sum, x + channel, channels, width, a, weight, a.rowptr[i],
                            a.rowptr[i + 1]);
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) store_at<L, N>(y + channel, v, width, sum[v]);
  }
};

// sums: <a, b>
template <class T>
void lanczos_along(const Slice<T>& s, const T* a, const T* b) {
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t at = s.node(n) * s.channels;
    for (int64_t c = 0; c < s.channels; ++c) s.sums[c] += a[at + c] * b[at + c];
  }
}

// w becomes the gradient in w_k; sums: its overlaps with v_0 .. v_k
template <class T>
void lanczos_unwind(const Slice<T>& s, const Pull<T>& p, const T* basis, int64_t k, T* w) {
  const int64_t channels = s.channels;
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t at = s.node(n) * channels;
    T* __restrict mine = w + at;
    const T* __restrict last = basis + (k + 1) * s.block + at;
    for (int64_t c = 0; c < channels; ++c) mine[c] = p.inverse[c] * mine[c] + p.keep[c] * last[c];
    for (int64_t j = 0; j <= k; ++j) {
      add_product(s.sums + j * channels, basis + j * s.block + at, mine, channels);
    }
  }
}

// adjoint = the gradient in A v_k; the gradients of v_0 .. v_k get their parts
template <class T>
void lanczos_pull(const Slice<T>& s, const Pull<T>& p, const T* basis, int64_t k, const T* w,
                  T* grads, T* adjoint) {
  const int64_t channels = s.channels;
  std::vector<T> product(static_cast<size_t>(channels));
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t at = s.node(n) * channels;
    T* __restrict out = adjoint + at;
    const T* __restrict mine = w + at;
    std::copy(mine, mine + channels, out);
    std::fill(product.begin(), product.end(), T(0));
    for (int64_t j = 0; j <= k + 1; ++j) {
      const T* v = basis + j * s.block + at;
      add_product(product.data(), p.h + j * channels, v, channels);
      if (j <= k) add_product(out, p.pull + j * channels, v, channels);
    }
    for (int64_t j = 0; j <= k; ++j) {
      T* __restrict grad = grads + j * s.block + at;
      const T* __restrict h = p.h + j * channels;
      const T* __restrict pull = p.pull + j * channels;
      const T* __restrict u = product.data();
      for (int64_t c = 0; c < channels; ++c) grad[c] += pull[c] * u[c] - h[c] * mine[c];
    }
  }
}

// grad += A^T adjoint; sums: <vector, grad>
template <class T, class I>
void lanczos_return(const Slice<T>& s, const Rows<I>& back, const T* turned, const T* adjoint,
                    const T* vector, T* grad) {
  const int64_t channels = s.channels;
  std::vector<T> product(static_cast<size_t>(channels));
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t i = s.node(n), at = i * channels;
    run_tiles<ProductTile, T, I>(0, channels, back, turned, adjoint, channels, i, product.data());
    for (int64_t c = 0; c < channels; ++c) grad[at + c] += product[c];
    add_product(s.sums, vector + at, grad + at, channels);
  }
}

template <class T>
void lanczos_finish(const Slice<T>& s, const T* inverse, const T* along, const T* basis,
                    const T* grads, T* grad_x) {
  for (int64_t n = 0; n < s.count; ++n) {
    const int64_t at = s.node(n) * s.channels;
    for (int64_t c = 0; c < s.channels; ++c) {
      grad_x[at + c] = inverse[c] * (grads[at + c] - along[c] * basis[at + c]);
    }
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
