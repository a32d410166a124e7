// graphpoly::block_spmm: out[i] = sum_e B_e x[col_e], where B_e is a small matrix or a diagonal.
//
// A target's d rows stay in registers, one or two vectors of channels at a time, while its entries
// are walked: each source row is loaded once and used d times. The usual sizes of blocks are
// compiled in; any other runs through one loop.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

template <class T, class I>
struct BlockArgs {
  const T* blocks;
  const I* order;  // which block belongs to each entry, or null for its own
  const T* x;
  T* out;
  int64_t size;      // d
  int64_t channels;  // F
  int64_t row_step, col_step;  // within a block; swapped for its transpose
  bool diagonal;

  const T* block(int64_t e) const {
    return blocks + (order ? int64_t{order[e]} : e) * (diagonal ? size : size * size);
  }
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "block_spmm.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

Tensor block_spmm(Tensor rowptr, Tensor col, Tensor blocks, Tensor x, OptionalTensor order,
                  OptionalTensor, OptionalTensor, OptionalTensor, bool adjoint) {
  check_rows("block_spmm", rowptr, col);
  check(x.dim() == 3, "block_spmm: x: expected shape [C, d, F]");
  const int64_t size = x.size(1);
  const bool diagonal = blocks.dim() == 2;
  check((diagonal || blocks.dim() == 3) && blocks.size(blocks.dim() - 1) == size &&
            blocks.size(1) == size,
        "block_spmm: blocks: expected shape [E, d, d] or [E, d], d = ", size);
  check_like("block_spmm", "blocks", blocks, x);
  if (order.has_value()) {
    check(order->dim() == 1 && order->size(0) == col.size(0) &&
              order->scalar_type() == col.scalar_type(),
          "block_spmm: order: expected shape [E] and the dtype of col");
  } else {
    check(blocks.size(0) == col.size(0), "block_spmm: blocks: expected one for each entry");
  }
  rowptr = dense(rowptr), col = dense(col), blocks = dense(blocks), x = dense(x);
  order = dense(order);
  return dispatch_types("block_spmm", x.scalar_type(), col.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    const auto a = rows_view<I>("block_spmm", rowptr, col);
    Tensor out = make_output<T>(x, {a.num_rows, size, x.size(2)});
    const BlockArgs<T, I> args{blocks.const_data_ptr<T>(),
                               order ? order->const_data_ptr<I>() : nullptr,
                               x.const_data_ptr<T>(), out.mutable_data_ptr<T>(), size, x.size(2),
                               adjoint ? 1 : size, adjoint ? size : 1, diagonal};
    const int64_t channels = size * args.channels;
    const auto bounds = balanced_ranges(a, channels);
    const int64_t work = (a.num_entries + a.num_rows) * channels;
    parallel_items(static_cast<int64_t>(bounds.size()) - 1, work, [&](int64_t r) {
      GRAPHPOLY_CALL(block_spmm, a, args, bounds[r], bounds[r + 1]);
    });
    return out;
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("block_spmm", TORCH_BOX(&graphpoly::block_spmm));
}

#else  // the kernels

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

// All rows of one tile: N vectors of L lanes over `width` channels, D rows of a stalk.
template <class T, class I, int L, int N, int D, bool Diagonal>
void block_tile(const Rows<I>& a, const BlockArgs<T, I>& args, int64_t first, int64_t last,
                int64_t channel, int64_t width) {
  typedef Vec<T, L> V;
  constexpr int64_t kAhead = entries_ahead(D * N * static_cast<int>(sizeof(V)));
  const int64_t F = args.channels, final_entry = a.num_entries - 1;
  const int64_t row_step = args.row_step, col_step = args.col_step;
  const T* x = args.x + channel;
  for (int64_t i = first; i < last; ++i) {
    V sum[D][N] = {};
    for (int64_t e = a.rowptr[i]; e < int64_t{a.rowptr[i + 1]}; ++e) {
      const int64_t soon = e + kAhead < final_entry ? e + kAhead : final_entry;
      const T* next = x + int64_t{a.col[soon]} * D * F;
      if (args.order) __builtin_prefetch(args.block(soon));
      const T* block = args.block(e);
      const T* from = x + int64_t{a.col[e]} * D * F;
#pragma GCC unroll 8
      for (int b = 0; b < D; ++b) {
        prefetch<N * static_cast<int>(sizeof(V))>(next + b * F);
        V source[N];
#pragma GCC unroll 2
        for (int v = 0; v < N; ++v) source[v] = load_at<L, N>(from + b * F, v, width);
        if constexpr (Diagonal) {
#pragma GCC unroll 2
          for (int v = 0; v < N; ++v) sum[b][v] += block[b] * source[v];
        } else {
#pragma GCC unroll 8
          for (int r = 0; r < D; ++r) {
            const T value = block[r * row_step + b * col_step];
#pragma GCC unroll 2
            for (int v = 0; v < N; ++v) sum[r][v] += value * source[v];
          }
        }
      }
    }
    T* out = args.out + i * D * F + channel;
#pragma GCC unroll 8
    for (int r = 0; r < D; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < N; ++v) store_at<L, N>(out + r * F, v, width, sum[r][v]);
    }
  }
}

template <class T, class I, int L, int D, bool Diagonal>
void block_width(const Rows<I>& a, const BlockArgs<T, I>& args, int64_t first, int64_t last,
                 int64_t channel, int64_t width) {
  if constexpr (L > 1) {
    if (width < L) {
      return block_width<T, I, L / 2, D, Diagonal>(a, args, first, last, channel, width);
    }
  }
  if (width > L) return block_tile<T, I, L, 2, D, Diagonal>(a, args, first, last, channel, width);
  block_tile<T, I, L, 1, D, Diagonal>(a, args, first, last, channel, width);
}

template <class T, class I, int D>
void block_size(const Rows<I>& a, const BlockArgs<T, I>& args, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>;
  const Panels tiles(args.channels, 2 * L, L);
  for (int64_t t = 0; t < tiles.count; ++t) {
    const int64_t channel = tiles.begin(t), width = tiles.size(t);
    if (args.diagonal) block_width<T, I, L, D, true>(a, args, first, last, channel, width);
    else block_width<T, I, L, D, false>(a, args, first, last, channel, width);
  }
}

template <class T, class I>
void any_size(const Rows<I>& a, const BlockArgs<T, I>& args, int64_t first, int64_t last) {
  const int64_t d = args.size, F = args.channels;
  for (int64_t i = first; i < last; ++i) {
    T* out = args.out + i * d * F;
    std::fill(out, out + d * F, T(0));
    for (int64_t e = a.rowptr[i]; e < int64_t{a.rowptr[i + 1]}; ++e) {
      const T* block = args.block(e);
      const T* from = args.x + int64_t{a.col[e]} * d * F;
      for (int64_t r = 0; r < d; ++r) {
        for (int64_t b = args.diagonal ? r : 0; b < (args.diagonal ? r + 1 : d); ++b) {
          const T value = args.diagonal ? block[r] : block[r * args.row_step + b * args.col_step];
          for (int64_t c = 0; c < F; ++c) out[r * F + c] += value * from[b * F + c];
        }
      }
    }
  }
}

// A number for each channel of an entry, as d diagonals of one channel: the vectors run along d.
template <class T, class I>
void channelwise(const Rows<I>& a, const BlockArgs<T, I>& args, int64_t first, int64_t last) {
  const int64_t d = args.size;
  for (int64_t i = first; i < last; ++i) {
    T* __restrict out = args.out + i * d;
    std::fill(out, out + d, T(0));
    for (int64_t e = a.rowptr[i]; e < int64_t{a.rowptr[i + 1]}; ++e) {
      const T* block = args.block(e);
      const T* from = args.x + int64_t{a.col[e]} * d;
      for (int64_t c = 0; c < d; ++c) out[c] += block[c] * from[c];
    }
  }
}

template <class T, class I>
void block_spmm(const Rows<I>& a, const BlockArgs<T, I>& args, int64_t first, int64_t last) {
  if (args.diagonal && args.channels == 1) return channelwise<T, I>(a, args, first, last);
  switch (args.size) {
    case 2: return block_size<T, I, 2>(a, args, first, last);
    case 3: return block_size<T, I, 3>(a, args, first, last);
    case 4: return block_size<T, I, 4>(a, args, first, last);
    case 5: return block_size<T, I, 5>(a, args, first, last);
    default: any_size<T, I>(a, args, first, last);
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
