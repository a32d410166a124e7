// graphpoly::householder_transport: Q(a)^T Q(b) for each entry, Q a product of d - 1 reflections.
//
// As many entries as a register has lanes go through the reflections side by side. The backward
// pass keeps nothing: a reflection undoes itself, so that it walks back from the result.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

constexpr int kMaxSize = 8;

template <class T>
struct TurnArgs {
  const T* a;
  const T* b;
  const T* grad;
  T* out;
  T* grad_a;
  T* grad_b;
  int64_t entries;
  int size;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "householder.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr int64_t kEntriesPerItem = 1024;

void check_angles(const char* op, const Tensor& a, const Tensor& b, int64_t size) {
  check(size >= 1 && size <= kMaxSize, op, ": size: got ", size, ", 1 to ", kMaxSize,
        " are accepted");
  check(a.dim() == 2 && b.dim() == 2 && a.size(0) == b.size(0) &&
            a.size(1) == size * (size - 1) / 2 && b.size(1) == a.size(1),
        op, ": a and b: expected shape [E, d (d - 1) / 2]");
  check_like(op, "b", b, a);
}

template <class F>
auto dispatch_value(const char* op, ScalarType value, const F& f) {
  return dispatch_types(op, value, ScalarType::Int, [&](auto t, auto) { return f(t); });
}

Tensor householder_transport(Tensor a, Tensor b, int64_t size) {
  check_angles("householder_transport", a, b, size);
  a = dense(a), b = dense(b);
  return dispatch_value("householder_transport", a.scalar_type(), [&](auto t) {
    using T = decltype(t);
    Tensor out = make_output<T>(a, {a.size(0), size, size});
    const TurnArgs<T> args{a.const_data_ptr<T>(), b.const_data_ptr<T>(), nullptr,
                           out.mutable_data_ptr<T>(), nullptr, nullptr, a.size(0),
                           static_cast<int>(size)};
    const int64_t items = (args.entries + kEntriesPerItem - 1) / kEntriesPerItem;
    parallel_items(items, args.entries * size * size, [&](int64_t item) {
      const int64_t first = item * kEntriesPerItem;
      const int64_t last = std::min(first + kEntriesPerItem, args.entries);
      GRAPHPOLY_CALL(turn, args, first, last);
    });
    return out;
  });
}

std::tuple<Tensor, Tensor> householder_transport_backward(Tensor a, Tensor b, Tensor grad,
                                                          int64_t size) {
  check_angles("householder_transport_backward", a, b, size);
  check(grad.dim() == 3 && grad.size(0) == a.size(0) && grad.size(1) == size &&
            grad.size(2) == size,
        "householder_transport_backward: grad: expected shape [E, d, d]");
  check_like("householder_transport_backward", "grad", grad, a);
  a = dense(a), b = dense(b), grad = dense(grad);
  return dispatch_value("householder_transport_backward", a.scalar_type(), [&](auto t) {
    using T = decltype(t);
    Tensor grad_a = make_output<T>(a, {a.size(0), a.size(1)});
    Tensor grad_b = make_output<T>(a, {a.size(0), a.size(1)});
    const TurnArgs<T> args{a.const_data_ptr<T>(), b.const_data_ptr<T>(), grad.const_data_ptr<T>(),
                           nullptr, grad_a.mutable_data_ptr<T>(), grad_b.mutable_data_ptr<T>(),
                           a.size(0), static_cast<int>(size)};
    const int64_t items = (args.entries + kEntriesPerItem - 1) / kEntriesPerItem;
    parallel_items(items, args.entries * size * size, [&](int64_t item) {
      const int64_t first = item * kEntriesPerItem;
      const int64_t last = std::min(first + kEntriesPerItem, args.entries);
      GRAPHPOLY_CALL(turn_back, args, first, last);
    });
    return std::make_tuple(grad_a, grad_b);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("householder_transport", TORCH_BOX(&graphpoly::householder_transport));
  m.impl("householder_transport_backward",
         TORCH_BOX(&graphpoly::householder_transport_backward));
}

#else  // the kernels

#include "lanes_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// A d x d matrix, and the numbers below its diagonal, for as many entries as there are lanes.
template <class V, int D>
struct Side {
  static constexpr int kSize = D > 0 ? D : kMaxSize;
  V at[kSize][kSize];
};

// The reflection whose vector is 1 at place j and `below` under it.
template <class T, class V, int D>
struct Reflection {
  V v[Side<V, D>::kSize];
  V scale;  // 2 / v.v
  int j, d;

  GRAPHPOLY_INLINE Reflection(const V* below, int j_, int d_) : j(j_), d(d_) {
    const V one = V{} + T(1);
    V square = one;
    v[j] = one;
    for (int r = j + 1; r < d; ++r) {
      v[r] = below[r - j - 1];
      square += v[r] * v[r];
    }
    scale = T(2) / square;
  }

  GRAPHPOLY_INLINE void project(V* w, const Side<V, D>& m) const {  // v^T m
    for (int c = 0; c < d; ++c) {
      V sum = m.at[j][c];
      for (int r = j + 1; r < d; ++r) sum += v[r] * m.at[r][c];
      w[c] = sum;
    }
  }

  GRAPHPOLY_INLINE void subtract(Side<V, D>& m, const V* w) const {  // m -= scale v w
    for (int r = j; r < d; ++r) {
      const V factor = scale * v[r];
      for (int c = 0; c < d; ++c) m.at[r][c] -= factor * w[c];
    }
  }

  GRAPHPOLY_INLINE void apply(Side<V, D>& m) const {
    V w[Side<V, D>::kSize];
    project(w, m);
    subtract(m, w);
  }

  // From after this reflection to before it: m itself, its gradient, and that of `below`.
  GRAPHPOLY_INLINE void undo(Side<V, D>& m, Side<V, D>& grad, V* below) const {
    V w[Side<V, D>::kSize], g[Side<V, D>::kSize];
    apply(m);
    project(w, m);
    project(g, grad);
    V inner{};
    for (int c = 0; c < d; ++c) inner += w[c] * g[c];
    for (int r = j + 1; r < d; ++r) {
      V sum{};
      for (int c = 0; c < d; ++c) sum += grad.at[r][c] * w[c] + m.at[r][c] * g[c];
      below[r - j - 1] = scale * (scale * inner * v[r] - sum);
    }
    subtract(grad, g);
  }
};

GRAPHPOLY_INLINE int offset(int j, int d) { return j * (2 * d - j - 1) / 2; }

template <class T, class V, int D>
GRAPHPOLY_INLINE void product(Side<V, D>& m, const V* a, const V* b, int d) {
  for (int r = 0; r < d; ++r) {
    for (int c = 0; c < d; ++c) m.at[r][c] = V{} + T(r == c);
  }
  for (int j = d - 2; j >= 0; --j) Reflection<T, V, D>(b + offset(j, d), j, d).apply(m);
  for (int j = 0; j < d - 1; ++j) Reflection<T, V, D>(a + offset(j, d), j, d).apply(m);
}

template <class T, int D>
void turn_size(const TurnArgs<T>& args, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>, S = D > 0 ? D : kMaxSize;
  typedef Vec<T, L> V;
  const int d = D > 0 ? D : args.size, angles = d * (d - 1) / 2;
  V a[S * (S - 1) / 2 + 1], b[S * (S - 1) / 2 + 1], flat[S * S];
  for (int64_t e = first; e < last; e += L) {
    const int64_t entries = std::min<int64_t>(L, last - e);
    gather_lanes<T, L>(a, args.a + e * angles, angles, entries);
    gather_lanes<T, L>(b, args.b + e * angles, angles, entries);
    Side<V, D> m;
    product<T, V, D>(m, a, b, d);
    for (int r = 0; r < d; ++r) {
      for (int c = 0; c < d; ++c) flat[r * d + c] = m.at[r][c];
    }
    scatter_lanes<T, L>(args.out + e * d * d, flat, d * d, entries);
  }
}

template <class T, int D>
void turn_back_size(const TurnArgs<T>& args, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>, S = D > 0 ? D : kMaxSize;
  typedef Vec<T, L> V;
  const int d = D > 0 ? D : args.size, angles = d * (d - 1) / 2;
  V a[S * (S - 1) / 2 + 1], b[S * (S - 1) / 2 + 1], flat[S * S];
  V grad_a[S * (S - 1) / 2 + 1], grad_b[S * (S - 1) / 2 + 1];
  for (int64_t e = first; e < last; e += L) {
    const int64_t entries = std::min<int64_t>(L, last - e);
    gather_lanes<T, L>(a, args.a + e * angles, angles, entries);
    gather_lanes<T, L>(b, args.b + e * angles, angles, entries);
    gather_lanes<T, L>(flat, args.grad + e * d * d, d * d, entries);
    Side<V, D> m, grad;
    product<T, V, D>(m, a, b, d);
    for (int r = 0; r < d; ++r) {
      for (int c = 0; c < d; ++c) grad.at[r][c] = flat[r * d + c];
    }
    for (int j = d - 2; j >= 0; --j) {
      const int at = offset(j, d);
      Reflection<T, V, D>(a + at, j, d).undo(m, grad, grad_a + at);
    }
    for (int j = 0; j < d - 1; ++j) {
      const int at = offset(j, d);
      Reflection<T, V, D>(b + at, j, d).undo(m, grad, grad_b + at);
    }
    scatter_lanes<T, L>(args.grad_a + e * angles, grad_a, angles, entries);
    scatter_lanes<T, L>(args.grad_b + e * angles, grad_b, angles, entries);
  }
}

template <class T>
void turn(const TurnArgs<T>& args, int64_t first, int64_t last) {
  switch (args.size) {
    case 2: return turn_size<T, 2>(args, first, last);
    case 3: return turn_size<T, 3>(args, first, last);
    case 4: return turn_size<T, 4>(args, first, last);
    default: turn_size<T, 0>(args, first, last);
  }
}

template <class T>
void turn_back(const TurnArgs<T>& args, int64_t first, int64_t last) {
  switch (args.size) {
    case 2: return turn_back_size<T, 2>(args, first, last);
    case 3: return turn_back_size<T, 3>(args, first, last);
    case 4: return turn_back_size<T, 4>(args, first, last);
    default: turn_back_size<T, 0>(args, first, last);
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
