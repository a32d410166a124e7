// graphpoly::block_sddmm: out[e] = a[row_e] b[col_e]^T, a small matrix for each entry, or its
// diagonal.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

template <class T>
struct OuterArgs {
  const T* a;
  const T* b;
  T* out;
  int64_t size;      // d
  int64_t channels;  // F
  bool diagonal;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "block_sddmm.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

Tensor block_sddmm(Tensor rowptr, Tensor col, Tensor a, Tensor b, OptionalTensor, OptionalTensor,
                   OptionalTensor, bool diagonal) {
  check_rows("block_sddmm", rowptr, col);
  check(a.dim() == 3 && b.dim() == 3 && a.size(1) == b.size(1) && a.size(2) == b.size(2),
        "block_sddmm: a and b: expected shapes [R, d, F] and [C, d, F]");
  check(a.size(0) == rowptr.size(0) - 1, "block_sddmm: a: expected a stalk for each row");
  check_like("block_sddmm", "b", b, a);
  rowptr = dense(rowptr), col = dense(col), a = dense(a), b = dense(b);
  return dispatch_types("block_sddmm", a.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto rows = rows_view<I>("block_sddmm", rowptr, col);
    const int64_t size = a.size(1);
    Tensor out = diagonal ? make_output<T>(a, {rows.num_entries, size})
                          : make_output<T>(a, {rows.num_entries, size, size});
    const OuterArgs<T> args{a.const_data_ptr<T>(), b.const_data_ptr<T>(),
                            out.mutable_data_ptr<T>(), size, a.size(2), diagonal};
    const int64_t channels = size * args.channels;
    const auto bounds = balanced_ranges(rows, channels);
    const int64_t work = (rows.num_entries + rows.num_rows) * channels;
    parallel_items(static_cast<int64_t>(bounds.size()) - 1, work, [&](int64_t r) {
      GRAPHPOLY_CALL(block_sddmm, rows, args, bounds[r], bounds[r + 1]);
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("block_sddmm", TORCH_BOX(&graphpoly::block_sddmm));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// Adds the lanes of each of 2^k vectors: a butterfly that halves their number in each step, until
// one vector holds a sum for each.
template <class T, int L, int Count, int Segment = L>
struct Butterfly {
  typedef Vec<T, L> V;

  // Half of each segment of both vectors; the indices of a shuffle are constants.
  template <int Offset, int... Lane>
  GRAPHPOLY_INLINE static V half(const V& u, const V& v, std::integer_sequence<int, Lane...>) {
    constexpr int H = Segment / 2, C = L / Segment;  // C segments in each vector
    return __builtin_shufflevector(
        u, v,
        (((Lane / H) / C) * L + ((Lane / H) % C) * Segment + Offset * H + Lane % H)...);
  }

  GRAPHPOLY_INLINE static void run(V* v) {
    if constexpr (Count > 1 && Segment > 1) {
      constexpr auto lanes = std::make_integer_sequence<int, L>{};
#pragma GCC unroll 16
      for (int k = 0; k < Count / 2; ++k) {
        const V low = half<0>(v[2 * k], v[2 * k + 1], lanes);
        const V high = half<1>(v[2 * k], v[2 * k + 1], lanes);
        v[k] = low + high;
      }
      Butterfly<T, L, Count / 2, Segment / 2>::run(v);
    }
  }
};

template <class T, int L>
GRAPHPOLY_INLINE T sum_lanes(const Vec<T, L>& vector) {
  T lanes[L];
  store(lanes, vector);
#pragma GCC unroll 8
  for (int half = L / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

// Adds the inner products of the rows of a, A of them, with the rows of b, B of them; with
// Diagonal only those of equal rows. Whole vectors first, ever narrower ones over what is left.
template <class T, int L, int A, int B, bool Diagonal>
GRAPHPOLY_INLINE void add_products(T* out, const T* a, const T* b, int64_t stride, int64_t step,
                                   int64_t count) {
  if constexpr (L == 1) {
    if (count == 0) return;
    for (int r = 0; r < A; ++r) {
      for (int s = Diagonal ? r : 0; s < (Diagonal ? r + 1 : B); ++s) {
        out[Diagonal ? r : r * step + s] += a[r * stride] * b[s * stride];
      }
    }
  } else {
    typedef Vec<T, L> V;
    int64_t c = 0;
    if (count >= L) {
      V sum[A][Diagonal ? 1 : B] = {};
      for (; c + L <= count; c += L) {
        V right[B];
#pragma GCC unroll 8
        for (int s = 0; s < B; ++s) right[s] = load<V>(b + s * stride + c);
#pragma GCC unroll 8
        for (int r = 0; r < A; ++r) {
          const V left = load<V>(a + r * stride + c);
          if constexpr (Diagonal) {
            sum[r][0] += left * right[r];
          } else {
#pragma GCC unroll 8
            for (int s = 0; s < B; ++s) sum[r][s] += left * right[s];
          }
        }
      }
      if constexpr (!Diagonal && A * B == L) {
        Butterfly<T, L, L>::run(&sum[0][0]);
        T lanes[L];
        store(lanes, sum[0][0]);
        for (int r = 0; r < A; ++r) {
          for (int s = 0; s < B; ++s) out[r * step + s] += lanes[r * B + s];
        }
        count -= c, a += c, b += c;
        if (count > 0) {
          add_products<T, L / 2, A, B, Diagonal>(out, a, b, stride, step, count);
        }
        return;
      }
#pragma GCC unroll 8
      for (int r = 0; r < A; ++r) {
        if constexpr (Diagonal) {
          out[r] += sum_lanes<T, L>(sum[r][0]);
        } else {
#pragma GCC unroll 8
          for (int s = 0; s < B; ++s) out[r * step + s] += sum_lanes<T, L>(sum[r][s]);
        }
      }
    }
    if (c < count) {
      add_products<T, L / 2, A, B, Diagonal>(out, a + c, b + c, stride, step, count - c);
    }
  }
}

template <class T, class I, int D, bool Diagonal>
void outer_rows(const Rows<I>& rows, const OuterArgs<T>& args, int64_t first, int64_t last) {
  const int64_t F = args.channels, d = args.size, final_entry = rows.num_entries - 1;
  const int64_t entries = Diagonal ? d : d * d;
  const int64_t ahead = std::min<int64_t>(d * F * static_cast<int64_t>(sizeof(T)), 1024);
  const int64_t distance = entries_ahead(ahead);
  for (int64_t i = first; i < last; ++i) {
    const T* a = args.a + i * d * F;
    for (int64_t e = rows.rowptr[i]; e < int64_t{rows.rowptr[i + 1]}; ++e) {
      const int64_t soon = e + distance < final_entry ? e + distance : final_entry;
      const auto* later = reinterpret_cast<const char*>(args.b + int64_t{rows.col[soon]} * d * F);
      for (int64_t byte = 0; byte < ahead; byte += 64) __builtin_prefetch(later + byte);
      const T* b = args.b + int64_t{rows.col[e]} * d * F;
      T* out = args.out + e * entries;
      if constexpr (D > 0) {
        T sum[D * D] = {};
        add_products<T, kLanes<T>, D, D, Diagonal>(sum, a, b, F, D, F);
        for (int k = 0; k < (Diagonal ? D : D * D); ++k) out[k] = sum[k];
      } else {  // one inner product at a time
        for (int64_t r = 0; r < d; ++r) {
          for (int64_t s = Diagonal ? r : 0; s < (Diagonal ? r + 1 : d); ++s) {
            T sum = 0;
            add_products<T, kLanes<T>, 1, 1, false>(&sum, a + r * F, b + s * F, F, 1, F);
            out[Diagonal ? r : r * d + s] = sum;
          }
        }
      }
    }
  }
}

template <class T, class I, int D>
void outer_size(const Rows<I>& rows, const OuterArgs<T>& args, int64_t first, int64_t last) {
  if (args.diagonal) outer_rows<T, I, D, true>(rows, args, first, last);
  else outer_rows<T, I, D, false>(rows, args, first, last);
}

// Rows of one channel: the diagonals are the products of two rows, and the vectors run along d.
template <class T, class I>
void row_products(const Rows<I>& rows, const OuterArgs<T>& args, int64_t first, int64_t last) {
  const int64_t d = args.size;
  for (int64_t i = first; i < last; ++i) {
    const T* a = args.a + i * d;
    for (int64_t e = rows.rowptr[i]; e < int64_t{rows.rowptr[i + 1]}; ++e) {
      const T* b = args.b + int64_t{rows.col[e]} * d;
      T* __restrict out = args.out + e * d;
      for (int64_t c = 0; c < d; ++c) out[c] = a[c] * b[c];
    }
  }
}

template <class T, class I>
void block_sddmm(const Rows<I>& rows, const OuterArgs<T>& args, int64_t first, int64_t last) {
  if (args.diagonal && args.channels == 1) return row_products<T, I>(rows, args, first, last);
  switch (args.size) {
    case 2: return outer_size<T, I, 2>(rows, args, first, last);
    case 3: return outer_size<T, I, 3>(rows, args, first, last);
    case 4: return outer_size<T, I, 4>(rows, args, first, last);
    case 5: return outer_size<T, I, 5>(rows, args, first, last);
    default: outer_size<T, I, 0>(rows, args, first, last);
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
