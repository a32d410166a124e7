// graphpoly::take_numbers: numbers at places anywhere in memory. The loop does nothing but read, so
// that many reads are on their way at once.
#include "common.h"

namespace graphpoly {
namespace {

Tensor take_numbers(Tensor value, Tensor place) {
  for (const Tensor* t : {&value, &place}) {
    check(t->dim() == 1 && t->scalar_type() == ScalarType::Long,
          "take_numbers: value, place: expected int64 [N] and [M]");
  }
  value = dense(value), place = dense(place);
  const int64_t size = value.size(0), count = place.size(0);
  const int64_t* const from = value.const_data_ptr<int64_t>();
  const int64_t* const at = place.const_data_ptr<int64_t>();
  Tensor out = make_output<int64_t>(place, {count});
  int64_t* const to = out.mutable_data_ptr<int64_t>();
  const int64_t ranges = std::min<int64_t>(count, 8 * torch::stable::get_num_threads());
  std::atomic<bool> inside{true};
  parallel_items(ranges, 4 * count, [&](int64_t r) {
    const int64_t begin = count * r / ranges, end = count * (r + 1) / ranges;
    uint64_t largest = 0;  // a negative one is larger than all
    for (int64_t i = begin; i < end; ++i) largest = std::max(largest, static_cast<uint64_t>(at[i]));
    if (largest >= static_cast<uint64_t>(size)) {
      inside = false;
      return;
    }
    for (int64_t i = begin; i < end; ++i) to[i] = from[at[i]];
  });
  check(inside, "place: got a number outside [0, ", size, ")");
  return out;
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("take_numbers", TORCH_BOX(&graphpoly::take_numbers));
}
