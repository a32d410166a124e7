// graphpoly::selective_scan and its gradient: h = exp(delta A) h + (delta x) B, y = h C, step by step.
//
// A register holds a state of as many channels as it has lanes, and all states of those channels
// stay in the nearest cache while a sequence is walked through. The gradient keeps the states before
// each block of steps, makes those of one block again, and walks back through it. What it sums over
// channels (of B and C) is summed panel by panel, what it sums over steps (of A) range by range of
// sequences, each in its place, so that the number of threads does not change a bit.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

constexpr int64_t kBlock = 16;  // steps between two states that the gradient keeps

template <class T>
struct Scan {
  const int64_t* ptr;
  const T *x, *delta;  // [steps, channels]
  const T* rate;       // A, [channels, states]
  const T *in, *out;   // B and C, [steps, states]
  const T* grad;       // [steps, channels]
  int64_t steps, channels, states;
  bool reverse;

  int64_t step(int64_t sequence, int64_t k) const {
    return reverse ? ptr[sequence + 1] - 1 - k : ptr[sequence] + k;
  }
};

template <class T>
struct ScanGrads {
  T *x, *delta;  // [steps, channels]
  T* rate;       // [channels, states], of one range of sequences
  T *in, *out;   // [steps, states], of one panel of channels
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "selective_scan.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr int64_t kPanel = 32;      // channels of one item
constexpr int64_t kMaxRanges = 64;  // of sequences
constexpr int64_t kMaxLanes = 16;

struct ScanInputs {
  Tensor ptr, x, delta, A, B, C;
  int64_t sequences;

  ScanInputs(const char* op, Tensor ptr_, Tensor x_, Tensor delta_, Tensor A_, Tensor B_, Tensor C_)
      : ptr(dense(ptr_)), x(dense(x_)), delta(dense(delta_)), A(dense(A_)), B(dense(B_)),
        C(dense(C_)), sequences(ptr.numel() - 1) {
    check(ptr.dim() == 1 && sequences >= 0 && ptr.scalar_type() == ScalarType::Long, op,
          ": ptr: expected int64 [G+1]");
    check(x.dim() == 2, op, ": x: expected shape [L, F]");
    check(delta.dim() == 2 && delta.size(0) == x.size(0) && delta.size(1) == x.size(1), op,
          ": delta: expected the shape of x");
    check(A.dim() == 2 && A.size(0) == x.size(1), op, ": A: expected shape [F, S]");
    for (const Tensor& t : {B, C}) {
      check(t.dim() == 2 && t.size(0) == x.size(0) && t.size(1) == A.size(1), op,
            ": B and C: expected shape [L, S]");
    }
    for (const Tensor& t : {delta, A, B, C}) check_like(op, "delta, A, B and C", t, x);
    const int64_t* at = ptr.const_data_ptr<int64_t>();
    check(at[0] == 0 && at[sequences] == x.size(0), op, ": ptr: expected 0 to ", x.size(0));
    for (int64_t s = 0; s < sequences; ++s) {
      check(at[s] <= at[s + 1], op, ": ptr: expected ascending offsets");
    }
  }

  template <class T>
  Scan<T> view(bool reverse, const T* grad = nullptr) const {
    return {ptr.const_data_ptr<int64_t>(), x.const_data_ptr<T>(), delta.const_data_ptr<T>(),
            A.const_data_ptr<T>(), B.const_data_ptr<T>(), C.const_data_ptr<T>(), grad, x.size(0),
            x.size(1), A.size(1), reverse};
  }

  // Bounds of ranges of sequences with about equal numbers of steps.
  std::vector<int64_t> ranges() const {
    constexpr int64_t kStepsPerRange = 256;
    const int64_t* at = ptr.const_data_ptr<int64_t>();
    const int64_t steps = x.size(0);
    const int64_t count =
        std::max<int64_t>(1, std::min({steps / kStepsPerRange, kMaxRanges, sequences}));
    std::vector<int64_t> bounds{0};
    for (int64_t r = 1; r < count; ++r) {
      const int64_t* found = std::lower_bound(at + bounds.back(), at + sequences,
                                              steps / count * r + steps % count * r / count);
      bounds.push_back(found - at);
    }
    bounds.push_back(sequences);
    return bounds;
  }

  int64_t longest(int64_t first, int64_t last) const {
    const int64_t* at = ptr.const_data_ptr<int64_t>();
    int64_t most = 0;
    for (int64_t s = first; s < last; ++s) most = std::max(most, at[s + 1] - at[s]);
    return most;
  }

  // Runs f(range, panel, first channel, channels) over all of them.
  template <class F>
  void each(const std::vector<int64_t>& bounds, const F& f) const {
    const int64_t ranges = static_cast<int64_t>(bounds.size()) - 1;
    const int64_t channels = x.size(1), panels = (channels + kPanel - 1) / kPanel;
    parallel_items(ranges * panels, x.numel() * (A.size(1) + 1), [&](int64_t item) {
      const int64_t range = item % ranges, panel = item / ranges;
      f(range, panel, panel * kPanel, std::min(kPanel, channels - panel * kPanel));
    });
  }
};

template <class F>
auto dispatch_scan(const char* op, ScalarType value, const F& f) {
  return dispatch_types(op, value, ScalarType::Long, [&](auto t, auto) { return f(t); });
}

Tensor selective_scan(Tensor ptr, Tensor x, Tensor delta, Tensor A, Tensor B, Tensor C,
                      bool reverse) {
  constexpr const char* kName = "selective_scan";
  const ScanInputs in(kName, ptr, x, delta, A, B, C);
  return dispatch_scan(kName, x.scalar_type(), [&](auto t) {
    using T = decltype(t);
    Tensor out = make_output<T>(x, {x.size(0), x.size(1)});
    const Scan<T> scan = in.view<T>(reverse);
    T* const to = out.mutable_data_ptr<T>();
    const auto bounds = in.ranges();
    in.each(bounds, [&](int64_t range, int64_t, int64_t channel, int64_t width) {
      const Scratch<T> memory(2 * scan.states * kMaxLanes);
      GRAPHPOLY_CALL(walk, scan, bounds[range], bounds[range + 1], channel, width, memory.data(),
                     to);
    });
    return out;
  });
}

// out[k] = the sum of part[i][k] over i, in order.
template <class T>
void add_parts(T* out, const T* parts, int64_t count, int64_t size) {
  constexpr int64_t kSpan = 4096;
  parallel_items((size + kSpan - 1) / kSpan, count * size, [&](int64_t item) {
    const int64_t first = item * kSpan, last = std::min(first + kSpan, size);
    for (int64_t k = first; k < last; ++k) out[k] = count > 0 ? parts[k] : T(0);
    for (int64_t i = 1; i < count; ++i) {
      for (int64_t k = first; k < last; ++k) out[k] += parts[i * size + k];
    }
  });
}

using ScanGradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor>;

ScanGradients selective_scan_backward(Tensor ptr, Tensor x, Tensor delta, Tensor A, Tensor B,
                                      Tensor C, Tensor grad, bool reverse) {
  constexpr const char* kName = "selective_scan_backward";
  const ScanInputs in(kName, ptr, x, delta, A, B, C);
  check(grad.dim() == 2 && grad.size(0) == x.size(0) && grad.size(1) == x.size(1), kName,
        ": grad: expected the shape of x");
  check_like(kName, "grad", grad, x);
  grad = dense(grad);
  return dispatch_scan(kName, x.scalar_type(), [&](auto t) {
    using T = decltype(t);
    const Scan<T> scan = in.view<T>(reverse, grad.const_data_ptr<T>());
    const int64_t steps = scan.steps, channels = scan.channels, states = scan.states;
    Tensor to_x = make_output<T>(x, {steps, channels});
    Tensor to_delta = make_output<T>(x, {steps, channels});
    Tensor to_A = make_output<T>(x, {channels, states});
    Tensor to_B = make_output<T>(x, {steps, states});
    Tensor to_C = make_output<T>(x, {steps, states});
    const auto bounds = in.ranges();
    const int64_t ranges = static_cast<int64_t>(bounds.size()) - 1;
    const int64_t panels = (channels + kPanel - 1) / kPanel;
    const Scratch<T> rates(ranges * channels * states), ins(panels * steps * states),
        outs(panels * steps * states);
    T* const x_grad = to_x.mutable_data_ptr<T>();
    T* const delta_grad = to_delta.mutable_data_ptr<T>();
    in.each(bounds, [&](int64_t range, int64_t panel, int64_t channel, int64_t width) {
      const int64_t first = bounds[range], last = bounds[range + 1];
      const int64_t blocks = in.longest(first, last) / kBlock + 1;
      // rates, carried adjoints, sums, two rows of products; a block's states and decays; states kept
      const int64_t rows = 5 + 2 * kBlock + 1 + blocks;
      const Scratch<T> memory(rows * (states + kMaxLanes) * kMaxLanes);
      const ScanGrads<T> grads{x_grad, delta_grad, rates.data() + range * channels * states,
                               ins.data() + panel * steps * states,
                               outs.data() + panel * steps * states};
      GRAPHPOLY_CALL(walk_back, scan, first, last, channel, width, memory.data(), grads);
    });
    add_parts(to_A.mutable_data_ptr<T>(), rates.data(), ranges, channels * states);
    add_parts(to_B.mutable_data_ptr<T>(), ins.data(), panels, steps * states);
    add_parts(to_C.mutable_data_ptr<T>(), outs.data(), panels, steps * states);
    return ScanGradients(to_x, to_delta, to_A, to_B, to_C);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("selective_scan", TORCH_BOX(&graphpoly::selective_scan));
  m.impl("selective_scan_backward", TORCH_BOX(&graphpoly::selective_scan_backward));
}

#else  // the kernels

#include "arithmetic_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// The first `count` lanes, the others 0.
template <class V, class T>
GRAPHPOLY_INLINE V load_some(const T* from, int64_t count) {
  constexpr int L = sizeof(V) / sizeof(T);
  if (count >= L) return load<V>(from);
  T lanes[L] = {};
  for (int64_t l = 0; l < count; ++l) lanes[l] = from[l];
  return load<V>(lanes);
}

template <class V, class T>
GRAPHPOLY_INLINE void store_some(T* to, const V& v, int64_t count) {
  constexpr int L = sizeof(V) / sizeof(T);
  if (count >= L) return store(to, v);
  T lanes[L];
  store(lanes, v);
  for (int64_t l = 0; l < count; ++l) to[l] = lanes[l];
}

// Rates of some channels, a state in each vector and a channel in each lane; the reverse.
template <class V, class T>
GRAPHPOLY_INLINE void gather_rates(V* to, const T* from, int64_t states, int64_t count) {
  constexpr int L = sizeof(V) / sizeof(T);
  for (int64_t s = 0; s < states; ++s) {
    T lanes[L] = {};
    for (int64_t l = 0; l < count; ++l) lanes[l] = from[l * states + s];
    to[s] = load<V>(lanes);
  }
}

template <class V, class T>
GRAPHPOLY_INLINE void scatter_rates(T* to, const V* from, int64_t states, int64_t count) {
  constexpr int L = sizeof(V) / sizeof(T);
  for (int64_t s = 0; s < states; ++s) {
    T lanes[L];
    store(lanes, from[s]);
    for (int64_t l = 0; l < count; ++l) to[l * states + s] = lanes[l];
  }
}

template <class T>
void walk(const Scan<T>& scan, int64_t first, int64_t last, int64_t channel, int64_t width,
          T* memory, T* to) {
  constexpr int L = kLanes<T>;
  typedef Vec<T, L> V;
  const int64_t states = scan.states, channels = scan.channels, end = channel + width;
  V* const rate = reinterpret_cast<V*>(memory);
  V* const state = rate + states;
  for (int64_t c = channel; c < end; c += L) {
    const int64_t count = std::min<int64_t>(L, end - c);
    gather_rates(rate, scan.rate + c * states, states, count);
    for (int64_t sequence = first; sequence < last; ++sequence) {
      const int64_t length = scan.ptr[sequence + 1] - scan.ptr[sequence];
      for (int64_t s = 0; s < states; ++s) state[s] = V{};
      for (int64_t k = 0; k < length; ++k) {
        const int64_t t = scan.step(sequence, k), at = t * channels + c;
        const V delta = load_some<V>(scan.delta + at, count);
        const V taken = delta * load_some<V>(scan.x + at, count);
        const T *in = scan.in + t * states, *out = scan.out + t * states;
        V sum = {};
        for (int64_t s = 0; s < states; ++s) {
          state[s] = exponential<L>(delta * rate[s]) * state[s] + taken * in[s];
          sum += state[s] * out[s];
        }
        store_some(to + at, sum, count);
      }
    }
  }
}

// Adds the sums over the lanes of v[0], v[1], ... to `to`, or begins with them; v is spent, and has
// room for a multiple of L.
template <class T, int L>
GRAPHPOLY_INLINE void add_sums(T* to, Vec<T, L>* v, int64_t count, bool begin) {
  for (int64_t s = 0; s < count; s += L) {
    Vec<T, L> some[L];
    for (int l = 0; l < L; ++l) some[l] = v[s + l];
    const Vec<T, L> sum = sum_lanes<T, L, L>(some);
    const int64_t here = std::min<int64_t>(L, count - s);
    const Vec<T, L> before = begin ? Vec<T, L>{} : load_some<Vec<T, L>>(to + s, here);
    store_some(to + s, before + sum, here);
  }
}

template <class T>
void walk_back(const Scan<T>& scan, int64_t first, int64_t last, int64_t channel, int64_t width,
               T* memory, const ScanGrads<T>& to) {
  constexpr int L = kLanes<T>;
  typedef Vec<T, L> V;
  const int64_t states = scan.states, channels = scan.channels, end = channel + width;
  const int64_t room = (states + L - 1) / L * L;
  V* const rate = reinterpret_cast<V*>(memory);
  V* const carried = rate + room;
  V* const of_rate = carried + room;
  V* const of_in = of_rate + room;
  V* const of_out = of_in + room;
  V* const decay = of_out + room;           // of each step of a block
  V* const state = decay + kBlock * room;   // before each of them, and after the last
  V* const kept = state + (kBlock + 1) * room;  // before each block
  for (int64_t s = 0; s < room; ++s) of_in[s] = of_out[s] = V{};
  for (int64_t c = channel; c < end; c += L) {
    const int64_t count = std::min<int64_t>(L, end - c);
    gather_rates(rate, scan.rate + c * states, states, count);
    for (int64_t s = 0; s < states; ++s) of_rate[s] = V{};
    for (int64_t sequence = first; sequence < last; ++sequence) {
      const int64_t length = scan.ptr[sequence + 1] - scan.ptr[sequence];
      const int64_t blocks = (length + kBlock - 1) / kBlock;
      for (int64_t s = 0; s < states; ++s) carried[s] = kept[s] = V{};
      for (int64_t block = 0; block + 1 < blocks; ++block) {
        const V* from = kept + block * room;
        V* next = kept + (block + 1) * room;
        for (int64_t s = 0; s < states; ++s) next[s] = from[s];
        for (int64_t k = block * kBlock; k < (block + 1) * kBlock; ++k) {
          const int64_t t = scan.step(sequence, k), at = t * channels + c;
          const V delta = load_some<V>(scan.delta + at, count);
          const V taken = delta * load_some<V>(scan.x + at, count);
          const T* in = scan.in + t * states;
          for (int64_t s = 0; s < states; ++s) {
            next[s] = exponential<L>(delta * rate[s]) * next[s] + taken * in[s];
          }
        }
      }
      for (int64_t block = blocks - 1; block >= 0; --block) {
        const int64_t begin = block * kBlock, here = std::min(kBlock, length - begin);
        for (int64_t s = 0; s < states; ++s) state[s] = kept[block * room + s];
        for (int64_t k = 0; k < here; ++k) {
          const int64_t t = scan.step(sequence, begin + k), at = t * channels + c;
          const V delta = load_some<V>(scan.delta + at, count);
          const V taken = delta * load_some<V>(scan.x + at, count);
          const T* in = scan.in + t * states;
          V *a = decay + k * room, *before = state + k * room, *after = before + room;
          for (int64_t s = 0; s < states; ++s) {
            a[s] = exponential<L>(delta * rate[s]);
            after[s] = a[s] * before[s] + taken * in[s];
          }
        }
        for (int64_t k = here - 1; k >= 0; --k) {
          const int64_t t = scan.step(sequence, begin + k), at = t * channels + c;
          const V delta = load_some<V>(scan.delta + at, count);
          const V x = load_some<V>(scan.x + at, count);
          const V grad = load_some<V>(scan.grad + at, count);
          const V taken = delta * x;
          const T *in = scan.in + t * states, *out = scan.out + t * states;
          const V *a = decay + k * room, *before = state + k * room, *after = before + room;
          V of_taken = {}, of_delta = {};
          for (int64_t s = 0; s < states; ++s) {
            const V adjoint = carried[s] + grad * out[s];
            of_out[s] = grad * after[s];
            of_in[s] = taken * adjoint;
            of_taken += adjoint * in[s];
            carried[s] = a[s] * adjoint;
            const V power = carried[s] * before[s];
            of_delta += power * rate[s];
            of_rate[s] += power * delta;
          }
          store_some(to.x + at, delta * of_taken, count);
          store_some(to.delta + at, x * of_taken + of_delta, count);
          add_sums<T, L>(to.in + t * states, of_in, states, c == channel);
          add_sums<T, L>(to.out + t * states, of_out, states, c == channel);
        }
      }
    }
    scatter_rates(to.rate + c * states, of_rate, states, count);
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
