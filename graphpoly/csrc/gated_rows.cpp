// graphpoly::gated_rows: chosen rows, each times a number of its own; and the gradients of both, in
// one pass over the rows.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

constexpr int64_t kRowsOfAnItem = 64;

template <class T>
struct Gated {
  const T *x, *gate;     // [N, F], [N]
  const int64_t* index;  // [R]
  int64_t channels;
  T* out;                // [R, F]
};

template <class T>
struct GatedGrads {
  const T *x, *gate, *grad;  // [N, F], [N], [R, F]
  const int64_t* place;      // [N]: where a row was taken to, or -1
  int64_t channels;
  T *to_x, *to_gate;         // [N, F], [N]
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "gated_rows.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr const char* kName = "gated_rows";
constexpr const char* kBackward = "gated_rows_backward";

void check_rows(const char* op, const Tensor& x, const Tensor& gate, const Tensor& index) {
  check(x.dim() == 2, op, ": x: expected shape [N, F]");
  check(gate.dim() == 1 && gate.size(0) == x.size(0), op, ": gate: expected shape [", x.size(0),
        "]");
  check_like(op, "gate", gate, x);
  check(index.dim() == 1 && index.scalar_type() == ScalarType::Long, op,
        ": index: expected shape [R], int64");
}

const int64_t* rows_within(const char* op, const Tensor& index, int64_t size) {
  const int64_t* const row = index.const_data_ptr<int64_t>();
  bool within = true;
  for (int64_t i = 0; i < index.size(0); ++i) within &= 0 <= row[i] && row[i] < size;
  check(within, op, ": index: a row is out of range");
  return row;
}

template <class F>
void each_range(int64_t rows, int64_t channels, const F& f) {
  parallel_items((rows + kRowsOfAnItem - 1) / kRowsOfAnItem, rows * channels, [&](int64_t item) {
    const int64_t first = item * kRowsOfAnItem;
    f(first, std::min(rows, first + kRowsOfAnItem));
  });
}

Tensor gated_rows(Tensor x, Tensor gate, Tensor index) {
  check_rows(kName, x, gate, index);
  x = dense(x), gate = dense(gate), index = dense(index);
  return dispatch_types(kName, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t rows = index.size(0), channels = x.size(1);
    Tensor out = make_output<T>(x, {rows, channels});
    const Gated<T> gated{x.const_data_ptr<T>(), gate.const_data_ptr<T>(),
                         rows_within(kName, index, x.size(0)), channels,
                         out.mutable_data_ptr<T>()};
    each_range(rows, channels, [&](int64_t first, int64_t last) {
      GRAPHPOLY_CALL(gated_rows<T>, gated, first, last);
    });
    return out;
  });
}

std::tuple<Tensor, Tensor> gated_rows_backward(Tensor x, Tensor gate, Tensor index, Tensor grad) {
  check_rows(kBackward, x, gate, index);
  check(grad.dim() == 2 && grad.size(0) == index.size(0) && grad.size(1) == x.size(1), kBackward,
        ": grad: expected shape [", index.size(0), ", ", x.size(1), "]");
  check_like(kBackward, "grad", grad, x);
  x = dense(x), gate = dense(gate), index = dense(index), grad = dense(grad);
  return dispatch_types(kBackward, x.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t nodes = x.size(0), rows = index.size(0), channels = x.size(1);
    const int64_t* const row = rows_within(kBackward, index, nodes);
    std::vector<int64_t> place(static_cast<size_t>(nodes), -1);
    for (int64_t i = 0; i < rows; ++i) {
      check(place[row[i]] < 0, kBackward, ": index: a row is taken twice");
      place[row[i]] = i;
    }
    Tensor to_x = make_output<T>(x, {nodes, channels}), to_gate = make_output<T>(x, {nodes});
    const GatedGrads<T> grads{x.const_data_ptr<T>(),     gate.const_data_ptr<T>(),
                              grad.const_data_ptr<T>(),  place.data(),
                              channels,                  to_x.mutable_data_ptr<T>(),
                              to_gate.mutable_data_ptr<T>()};
    each_range(nodes, channels, [&](int64_t first, int64_t last) {
      GRAPHPOLY_CALL(gated_rows_backward<T>, grads, first, last);
    });
    return std::tuple(to_x, to_gate);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("gated_rows", TORCH_BOX(&graphpoly::gated_rows));
  m.impl("gated_rows_backward", TORCH_BOX(&graphpoly::gated_rows_backward));
}

#else  // the kernels

#include "arithmetic_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T>
void gated_rows(const Gated<T>& gated, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>;
  typedef Vec<T, L> V;
  const Gated<T> g = gated;
  for (int64_t i = first; i < last; ++i) {
    const T gate = g.gate[g.index[i]];
    const T* const from = g.x + g.index[i] * g.channels;
    T* const to = g.out + i * g.channels;
    int64_t c = 0;
    for (; c + L <= g.channels; c += L) store(to + c, load<V>(from + c) * gate);
    for (; c < g.channels; ++c) to[c] = from[c] * gate;
  }
}

template <class T>
void gated_rows_backward(const GatedGrads<T>& grads, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>;
  typedef Vec<T, L> V;
  const GatedGrads<T> g = grads;
  for (int64_t j = first; j < last; ++j) {
    T* const to = g.to_x + j * g.channels;
    if (g.place[j] < 0) {
      std::fill_n(to, g.channels, T(0));
      g.to_gate[j] = 0;
      continue;
    }
    const T gate = g.gate[j];
    const T *const from = g.x + j * g.channels, *const pull = g.grad + g.place[j] * g.channels;
    V sum[1] = {};
    T rest = 0;
    int64_t c = 0;
    for (; c + L <= g.channels; c += L) {
      const V v = load<V>(pull + c);
      store(to + c, v * gate);
      sum[0] += v * load<V>(from + c);
    }
    for (; c < g.channels; ++c) to[c] = pull[c] * gate, rest += pull[c] * from[c];
    g.to_gate[j] = sum_lanes<T, L>(sum)[0] + rest;
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
