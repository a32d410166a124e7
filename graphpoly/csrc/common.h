// What every kernel file shares on the host side: argument checks, scratch memory, the schedule
// and the choice of an instruction set. No SIMD here; see foreach_simd.h.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace graphpoly {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

// ---------------------------------------------------------------------------------------- checks

template <class... Parts>
void check(bool holds, const Parts&... message) {
  if (holds) return;
  std::ostringstream text;
  (text << ... << message);
  throw std::runtime_error(text.str());
}

struct BFloat16 {
  uint16_t bits;
};

// What is stored as T is computed and summed as this.
template <class T>
using Computed = std::conditional_t<std::is_same_v<T, BFloat16>, float, T>;

template <class T>
inline constexpr ScalarType kScalarType = ScalarType::Undefined;
template <>
inline constexpr ScalarType kScalarType<float> = ScalarType::Float;
template <>
inline constexpr ScalarType kScalarType<double> = ScalarType::Double;
template <>
inline constexpr ScalarType kScalarType<BFloat16> = ScalarType::BFloat16;
template <>
inline constexpr ScalarType kScalarType<int32_t> = ScalarType::Int;
template <>
inline constexpr ScalarType kScalarType<int64_t> = ScalarType::Long;

// torch knows our bfloat16 by its own name only.
template <class T>
const T* values(const Tensor& t) {
  return static_cast<const T*>(t.const_data_ptr());
}

template <class T>
T* mutable_values(const Tensor& t) {
  return static_cast<T*>(t.mutable_data_ptr());
}

// Whether features stay in none of the caches of that size, of one core or of all.
constexpr int64_t kOwnCache = int64_t{1} << 20, kSharedCache = int64_t{1} << 24;

template <class T>
bool is_far(const Tensor& x, int64_t cache) {
  return x.numel() * static_cast<int64_t>(sizeof(T)) > cache;
}

inline Tensor dense(const Tensor& t) {
  return t.is_contiguous() ? t : torch::stable::contiguous(t);
}

inline OptionalTensor dense(const OptionalTensor& t) {
  return t.has_value() ? OptionalTensor(dense(*t)) : std::nullopt;
}

// An operator in compressed rows; the tensors are kept alive by whoever made this view.
template <class I>
struct Rows {
  const I* rowptr;
  const I* col;
  int64_t num_rows;
  int64_t num_entries;
};

template <class I>
Rows<I> rows_view(const char* op, const Tensor& rowptr, const Tensor& col) {
  const int64_t num_rows = rowptr.size(0) - 1, num_entries = col.size(0);
  Rows<I> view{rowptr.const_data_ptr<I>(), col.const_data_ptr<I>(), num_rows, num_entries};
  check(view.rowptr[0] == 0 && view.rowptr[num_rows] == num_entries, op,
        ": rowptr: got ", view.rowptr[0], " to ", view.rowptr[num_rows], ", expected 0 to ",
        num_entries, " (the length of col)");
  return view;
}

inline void check_rows(const char* op, const Tensor& rowptr, const Tensor& col) {
  check(rowptr.dim() == 1 && rowptr.size(0) > 0, op, ": rowptr: expected one dimension, [R+1]");
  check(col.dim() == 1, op, ": col: expected one dimension, [E]");
  check(rowptr.scalar_type() == col.scalar_type(), op, ": rowptr and col differ in dtype");
}

inline void check_like(const char* op, const char* name, const Tensor& t, const Tensor& x) {
  check(t.scalar_type() == x.scalar_type(), op, ": ", name, ": expected the dtype of the features");
}

// What is computed with features that are stored as bfloat16 is float32 itself.
inline void check_computed(const char* op, const char* name, const Tensor& t, const Tensor& x) {
  const bool half = x.scalar_type() == ScalarType::BFloat16;
  check(t.scalar_type() == (half ? ScalarType::Float : x.scalar_type()), op, ": ", name,
        ": expected the dtype of the features", half ? ", float32 for bfloat16" : "");
}

inline void check_weight(const char* op, const OptionalTensor& weight, int64_t num_entries,
                         const Tensor& x) {
  if (!weight.has_value()) return;
  check(weight->dim() == 1 && weight->size(0) == num_entries, op, ": weight: expected shape [",
        num_entries, "]");
  check_computed(op, "weight", *weight, x);
}

// Calls f(T{}, I{}) with the types of the values and of the indices.
template <class F>
decltype(auto) dispatch_types(const char* op, ScalarType value, ScalarType index, const F& f) {
  const bool wide = index == ScalarType::Long;
  check(wide || index == ScalarType::Int, op, ": index tensors: int32 and int64 are accepted");
  check(value == ScalarType::Float || value == ScalarType::Double, op,
        ": features: float32 and float64 are accepted");
  if (value == ScalarType::Float) return wide ? f(float{}, int64_t{}) : f(float{}, int32_t{});
  return wide ? f(double{}, int64_t{}) : f(double{}, int32_t{});
}

// The same for features that may be stored as bfloat16.
template <class F>
decltype(auto) dispatch_stored(const char* op, ScalarType value, ScalarType index, const F& f) {
  if (value != ScalarType::BFloat16) return dispatch_types(op, value, index, f);
  const bool wide = index == ScalarType::Long;
  check(wide || index == ScalarType::Int, op, ": index tensors: int32 and int64 are accepted");
  return wide ? f(BFloat16{}, int64_t{}) : f(BFloat16{}, int32_t{});
}

// ---------------------------------------------------------------------------------------- memory

// Fresh pages are a third of the time of a product: ask for large ones where the kernel lets us.
inline void advise_large_pages([[maybe_unused]] void* data, [[maybe_unused]] size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr size_t kLarge = size_t{1} << 21;
  const auto begin = (reinterpret_cast<uintptr_t>(data) + kLarge - 1) & ~(kLarge - 1);
  const auto end = (reinterpret_cast<uintptr_t>(data) + bytes) & ~(kLarge - 1);
  if (end > begin) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

// Says what does not fit into memory, of which the call itself names its own arguments alone.
inline Tensor allocated(const Tensor& like, std::initializer_list<int64_t> shape, ScalarType type,
                        size_t size) {
  try {
    return torch::stable::new_empty(like, shape, type);
  } catch (const std::exception&) {
    double bytes = static_cast<double>(size);
    for (const int64_t length : shape) bytes *= static_cast<double>(length);
    check(false, "out of memory: a result of ", bytes / 1e9, " GB");
    throw;
  }
}

template <class T>
Tensor make_output(const Tensor& like, std::initializer_list<int64_t> shape) {
  Tensor out = allocated(like, shape, kScalarType<T>, sizeof(T));
  advise_large_pages(out.data_ptr(), static_cast<size_t>(out.numel()) * sizeof(T));
  return out;
}

// A few blocks that each thread keeps from call to call: on small graphs, pages that are given back
// and asked for anew take longer than the work on them.
class KeptBlocks {
 public:
  ~KeptBlocks() {
    for (const Block& block : blocks_) std::free(block.data);
  }
  static KeptBlocks& mine() {
    static thread_local KeptBlocks blocks;
    return blocks;
  }
  // The smallest block that has room, and its size, or nothing.
  void* take(size_t& bytes) {
    Block* best = nullptr;
    for (Block& block : blocks_) {
      if (block.bytes >= bytes && (best == nullptr || block.bytes < best->bytes)) best = &block;
    }
    if (best == nullptr) return nullptr;
    bytes = best->bytes;
    return std::exchange(*best, Block{}).data;
  }
  void put(void* data, size_t bytes) {
    Block block{data, bytes};
    if (bytes <= kLargest) {
      for (Block& kept : blocks_) {
        if (kept.bytes < block.bytes) std::swap(kept, block);
      }
    }
    std::free(block.data);
  }

 private:
  struct Block {
    void* data = nullptr;
    size_t bytes = 0;
  };
  static constexpr size_t kLargest = size_t{1} << 22;
  std::array<Block, 4> blocks_;
};

template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count) {
    if (count <= 0) return;
    bytes_ = static_cast<size_t>(count) * sizeof(T);
    const size_t align = bytes_ >= (size_t{1} << 21) ? size_t{1} << 21 : 64;
    bytes_ = (bytes_ + align - 1) / align * align;
    data_ = static_cast<T*>(KeptBlocks::mine().take(bytes_));
    if (data_ != nullptr) return;
    data_ = static_cast<T*>(std::aligned_alloc(align, bytes_));
    check(data_ != nullptr, "out of memory: ", bytes_, " bytes of scratch");
    advise_large_pages(data_, bytes_);
  }
  ~Scratch() {
    if (data_ != nullptr) KeptBlocks::mine().put(data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  T* data_ = nullptr;
  size_t bytes_ = 0;
};

// -------------------------------------------------------------------------------------- schedule

// Runs f(item) for 0 <= item < count. Each thread has its own share of neighbouring items, so that
// what a call leaves in a core's cache is there for the next one, and helps with the shares of
// others when it is done; `in_turn` has all threads on neighbouring items instead. Below `work`
// units in all, waking other threads costs more than they save.
template <class F>
void parallel_items(int64_t count, int64_t work, const F& f, bool in_turn = false) {
  constexpr int64_t kWorthThreads = 16384, kMostShares = 64;
  const int64_t threads = std::min<int64_t>(torch::stable::get_num_threads(), count);
  if (threads <= 1 || work < kWorthThreads) {
    for (int64_t item = 0; item < count; ++item) f(item);
    return;
  }
  struct alignas(64) Share {
    std::atomic<int64_t> next;
  };
  const int64_t shares = in_turn ? 1 : std::min(threads, kMostShares);
  std::array<Share, kMostShares> share;
  for (int64_t s = 0; s < shares; ++s) share[s].next = count * s / shares;
  torch::stable::parallel_for(0, threads, 1, [&](int64_t thread, int64_t) {
    for (int64_t s = 0; s < shares; ++s) {
      const int64_t at = (thread + s) % shares, end = count * (at + 1) / shares;
      std::atomic<int64_t>& next = share[at].next;
      for (int64_t item; (item = next.fetch_add(1, std::memory_order_relaxed)) < end;) f(item);
    }
  });
}

// Row ranges of about equal numbers of entries. They depend on the operator alone, never on the
// number of threads, so that whatever is summed range by range is the same for any number of
// threads.
template <class I>
std::vector<int64_t> balanced_ranges(const Rows<I>& a, int64_t channels) {
  constexpr int64_t kWorkPerRange = 65536, kMaxRanges = 1024;
  const int64_t units = a.num_entries + a.num_rows;
  const int64_t wanted = units * std::max<int64_t>(channels, 1) / kWorkPerRange + 1;
  const int64_t count = std::max<int64_t>(1, std::min({wanted, kMaxRanges, a.num_rows}));
  std::vector<int64_t> bounds(static_cast<size_t>(count) + 1, 0);
  for (int64_t r = 1; r < count; ++r) {
    const int64_t target = units / count * r + units % count * r / count;
    int64_t low = bounds[r - 1], high = a.num_rows;
    while (low < high) {
      const int64_t mid = (low + high) / 2;
      if (static_cast<int64_t>(a.rowptr[mid]) + mid < target) low = mid + 1;
      else high = mid;
    }
    bounds[r] = low;
  }
  bounds[count] = a.num_rows;
  return bounds;
}

// Equal panels of channels, none wider than `limit`, all but the last a multiple of `step`.
struct Panels {
  int64_t channels, width, count;
  Panels(int64_t channels_, int64_t limit, int64_t step) : channels(channels_), width(1), count(0) {
    if (channels <= 0) return;
    const int64_t wanted = (channels + limit - 1) / limit;
    width = ((channels + wanted - 1) / wanted + step - 1) / step * step;
    count = (channels + width - 1) / width;
  }
  int64_t begin(int64_t panel) const { return panel * width; }
  int64_t size(int64_t panel) const { return std::min(width, channels - panel * width); }
};

// Of one row: wide enough for memory, narrow enough for registers.
constexpr int64_t kPanelBytes = 512;

template <class T>
Panels row_panels(int64_t channels) {
  return Panels(channels, kPanelBytes / static_cast<int64_t>(sizeof(T)), 64 / sizeof(T));
}

// Runs f(first_row, last_row, first_channel, num_channels) over ranges of rows times panels of
// channels, a panel at a time: what is gathered is a panel wide, and narrow panels stay in the
// cache. Where whole rows do (`near`), a range at a time.
template <class T, class I, class F>
void parallel_rows(const Rows<I>& a, int64_t channels, const F& f, bool near = false) {
  const Panels panels = row_panels<T>(channels);
  const auto bounds = balanced_ranges(a, std::min(channels, panels.width));
  const int64_t ranges = static_cast<int64_t>(bounds.size()) - 1;
  const int64_t work = (a.num_entries + a.num_rows) * channels;
  const auto one = [&](int64_t item) {
    const int64_t panel = near ? item % panels.count : item / ranges;
    const int64_t range = near ? item / panels.count : item % ranges;
    f(bounds[range], bounds[range + 1], panels.begin(panel), panels.size(panel));
  };
  parallel_items(ranges * panels.count, work, one, panels.count > 1 && !near);
}

// ------------------------------------------------------------------------------- instruction sets

enum class Simd { generic = 0, avx2 = 1, avx512 = 2 };

// The best that this processor has; the environment variable GRAPHPOLY_SIMD can only lower it.
Simd simd_level();

}  // namespace graphpoly

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define GRAPHPOLY_X86 1
#ifdef GRAPHPOLY_NO_AVX2  // a build for one machine, which has something wider
#define GRAPHPOLY_WIDE generic
#else
#define GRAPHPOLY_WIDE avx2
#endif
#ifdef GRAPHPOLY_NO_AVX512  // a build for one machine, which has none
#define GRAPHPOLY_WIDEST GRAPHPOLY_WIDE
#else
#define GRAPHPOLY_WIDEST avx512
#endif
// Calls FUNCTION (which may be a template-id) of the namespace of the instruction set in use.
#define GRAPHPOLY_CALL(FUNCTION, ...)                                                 \
  do {                                                                                \
    switch (::graphpoly::simd_level()) {                                              \
      case ::graphpoly::Simd::avx512: GRAPHPOLY_WIDEST::FUNCTION(__VA_ARGS__); break; \
      case ::graphpoly::Simd::avx2: GRAPHPOLY_WIDE::FUNCTION(__VA_ARGS__); break;     \
      default: generic::FUNCTION(__VA_ARGS__);                                        \
    }                                                                                 \
  } while (false)
#else
#define GRAPHPOLY_CALL(FUNCTION, ...) generic::FUNCTION(__VA_ARGS__)
#endif
