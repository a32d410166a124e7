// graphpoly::turned_weight: the values of an operator in the order of its transpose. The reads are
// anywhere in memory, so that all threads take part.
#include "layers.h"

namespace graphpoly {
namespace {

template <class T, class I>
Tensor run_turn(const T* weight, const Tensor& row, const Tensor& tperm, const I* ends) {
  constexpr int64_t kPiece = 16384;
  const int64_t count = tperm.size(0);
  Tensor out = make_output<T>(tperm, {count});
  const I* const place = tperm.const_data_ptr<I>();
  const I* const target = row.const_data_ptr<I>();
  T* const to = out.mutable_data_ptr<T>();
  parallel_items((count + kPiece - 1) / kPiece, count, [&](int64_t piece) {
    const int64_t begin = piece * kPiece, last = std::min(count, begin + kPiece);
    for (int64_t e = begin; e < last; ++e) to[e] = weight ? weight[place[e]] : T(1);
    for (int64_t e = begin; ends && e < last; ++e) {
      to[e] /= static_cast<T>(ends[target[e] + 1] - ends[target[e]]);
    }
  });
  return out;
}

Tensor turned(const char* op, const OptionalTensor& weight, const Tensor& row, const Tensor& tperm,
              const OptionalTensor& rowptr, ScalarType type) {
  check(tperm.dim() == 1 && row.dim() == 1 && tperm.size(0) == row.size(0), op,
        ": row and tperm: expected shape [E]");
  check(row.scalar_type() == tperm.scalar_type() &&
            (!rowptr || rowptr->scalar_type() == tperm.scalar_type()),
        op, ": indices differ in dtype");
  const OptionalTensor from = dense(weight), ends = dense(rowptr);
  const Tensor place = dense(tperm), target = dense(row);
  return dispatch_types(op, type, place.scalar_type(), [&](auto t, auto i) {
    using T = decltype(t);
    using I = decltype(i);
    return run_turn<T, I>(from ? from->template const_data_ptr<T>() : nullptr, target, place,
                          ends ? ends->template const_data_ptr<I>() : nullptr);
  });
}

Tensor turned_weight_operator(OptionalTensor weight, Tensor row, Tensor tperm,
                              OptionalTensor rowptr, bool wide) {
  constexpr const char* kName = "turned_weight";
  if (weight) {
    check(weight->dim() == 1 && weight->size(0) == tperm.size(0), kName,
          ": weight: expected shape [", tperm.size(0), "]");
  }
  const ScalarType ones = wide ? ScalarType::Double : ScalarType::Float;
  return turned(kName, weight, row, tperm, rowptr, weight ? weight->scalar_type() : ones);
}

}  // namespace

OptionalTensor turned_weight(const char* op, const OptionalTensor& weight, const Tensor& row,
                             const Tensor& tperm, const OptionalTensor& rowptr,
                             const Tensor& like) {
  check_weight(op, weight, tperm.size(0), like);
  if (!weight && !rowptr) return std::nullopt;
  return turned(op, weight, row, tperm, rowptr, like.scalar_type());
}

}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("turned_weight", TORCH_BOX(&graphpoly::turned_weight_operator));
}
