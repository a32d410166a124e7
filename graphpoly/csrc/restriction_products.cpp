// graphpoly::restriction_products: F^T F and F^T G for the two small matrices of each entry.
//
// As many entries as a register has lanes are multiplied side by side. One pass over the matrices
// makes both products, and one pass back both gradients.
#ifndef GRAPHPOLY_SIMD

#include "common.h"

namespace graphpoly {
namespace {

constexpr int kMaxSize = 8;

template <class T>
struct ProductArgs {
  const T* target;
  const T* source;
  const T* grad_own;
  const T* grad_carried;
  T* first;   // own, or the gradient of target
  T* second;  // carried, or that of source
  int size;
};

}  // namespace
}  // namespace graphpoly

#define GRAPHPOLY_KERNELS "restriction_products.cpp"
#include "foreach_simd.h"

namespace graphpoly {
namespace {

constexpr int64_t kEntriesPerItem = 1024;

void check_matrices(const char* op, const char* name, const Tensor& t, const Tensor& target) {
  const int64_t entries = target.size(0), size = target.size(1);
  check(t.dim() == 3 && t.size(0) == entries && t.size(1) == size && t.size(2) == size, op, ": ",
        name, ": expected shape [E, d, d]");
  check(size >= 1 && size <= kMaxSize, op, ": d: got ", size, ", 1 to ", kMaxSize,
        " are accepted");
  check_like(op, name, t, target);
}

// Makes two tensors [E, d, d]; `kernel(args, first, last)` fills them from what `set` points to.
template <class Set, class Kernel>
std::tuple<Tensor, Tensor> make_two(const char* op, const Tensor& target, const Set& set,
                                    const Kernel& kernel) {
  return dispatch_types(op, target.scalar_type(), ScalarType::Int, [&](auto t, auto) {
    using T = decltype(t);
    const int64_t entries = target.size(0), size = target.size(1);
    Tensor first = make_output<T>(target, {entries, size, size});
    Tensor second = make_output<T>(target, {entries, size, size});
    ProductArgs<T> args{};
    set(args);
    args.first = first.template mutable_data_ptr<T>();
    args.second = second.template mutable_data_ptr<T>();
    args.size = static_cast<int>(size);
    const int64_t items = (entries + kEntriesPerItem - 1) / kEntriesPerItem;
    parallel_items(items, entries * size * size, [&](int64_t item) {
      const int64_t begin = item * kEntriesPerItem;
      kernel(args, begin, std::min(begin + kEntriesPerItem, entries));
    });
    return std::make_tuple(first, second);
  });
}

std::tuple<Tensor, Tensor> restriction_products(Tensor target, Tensor source) {
  constexpr const char* op = "restriction_products";
  check(target.dim() == 3, op, ": target: expected shape [E, d, d]");
  check_matrices(op, "target", target, target);
  check_matrices(op, "source", source, target);
  target = dense(target), source = dense(source);
  const auto set = [&](auto& args) {
    using T = std::remove_pointer_t<decltype(args.first)>;
    args.target = target.const_data_ptr<T>();
    args.source = source.const_data_ptr<T>();
  };
  return make_two(op, target, set, [](const auto& args, int64_t first, int64_t last) {
    GRAPHPOLY_CALL(products, args, first, last);
  });
}

std::tuple<Tensor, Tensor> restriction_products_backward(Tensor target, Tensor source,
                                                         Tensor grad_own, Tensor grad_carried) {
  constexpr const char* op = "restriction_products_backward";
  check(target.dim() == 3, op, ": target: expected shape [E, d, d]");
  check_matrices(op, "target", target, target);
  check_matrices(op, "source", source, target);
  check_matrices(op, "grad_own", grad_own, target);
  check_matrices(op, "grad_carried", grad_carried, target);
  target = dense(target), source = dense(source);
  grad_own = dense(grad_own), grad_carried = dense(grad_carried);
  const auto set = [&](auto& args) {
    using T = std::remove_pointer_t<decltype(args.first)>;
    args.target = target.const_data_ptr<T>();
    args.source = source.const_data_ptr<T>();
    args.grad_own = grad_own.const_data_ptr<T>();
    args.grad_carried = grad_carried.const_data_ptr<T>();
  };
  return make_two(op, target, set, [](const auto& args, int64_t first, int64_t last) {
    GRAPHPOLY_CALL(products_back, args, first, last);
  });
}

}  // namespace
}  // namespace graphpoly

STABLE_TORCH_LIBRARY_IMPL(graphpoly, CPU, m) {
  m.impl("restriction_products", TORCH_BOX(&graphpoly::restriction_products));
  m.impl("restriction_products_backward", TORCH_BOX(&graphpoly::restriction_products_backward));
}

#else  // the kernels

#include "lanes_simd.h"

namespace graphpoly {
namespace {
namespace GRAPHPOLY_SIMD {

using namespace graphpoly::GRAPHPOLY_SIMD;

template <class T, int D>
void products_size(const ProductArgs<T>& args, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>, S = D > 0 ? D * D : kMaxSize * kMaxSize;
  typedef Vec<T, L> V;
  const int d = D > 0 ? D : args.size, area = d * d;
  V f[S], g[S], own[S], carried[S];
  for (int64_t e = first; e < last; e += L) {
    const int64_t entries = std::min<int64_t>(L, last - e);
    gather_lanes<T, L>(f, args.target + e * area, area, entries);
    gather_lanes<T, L>(g, args.source + e * area, area, entries);
    for (int r = 0; r < d; ++r) {
      for (int c = 0; c < d; ++c) {
        V square{}, product{};
        for (int k = 0; k < d; ++k) {
          if (c >= r) square += f[k * d + r] * f[k * d + c];
          product += f[k * d + r] * g[k * d + c];
        }
        own[r * d + c] = c >= r ? square : own[c * d + r];
        carried[r * d + c] = product;
      }
    }
    scatter_lanes<T, L>(args.first + e * area, own, area, entries);
    scatter_lanes<T, L>(args.second + e * area, carried, area, entries);
  }
}

template <class T, int D>
void products_back_size(const ProductArgs<T>& args, int64_t first, int64_t last) {
  constexpr int L = kLanes<T>, S = D > 0 ? D * D : kMaxSize * kMaxSize;
  typedef Vec<T, L> V;
  const int d = D > 0 ? D : args.size, area = d * d;
  V f[S], g[S], own[S], carried[S], grad_f[S], grad_g[S];
  for (int64_t e = first; e < last; e += L) {
    const int64_t entries = std::min<int64_t>(L, last - e);
    gather_lanes<T, L>(f, args.target + e * area, area, entries);
    gather_lanes<T, L>(g, args.source + e * area, area, entries);
    gather_lanes<T, L>(own, args.grad_own + e * area, area, entries);
    gather_lanes<T, L>(carried, args.grad_carried + e * area, area, entries);
    for (int r = 0; r < d; ++r) {
      for (int c = r; c < d; ++c) {
        own[r * d + c] += own[c * d + r];
        own[c * d + r] = own[r * d + c];
      }
    }
    for (int k = 0; k < d; ++k) {
      for (int r = 0; r < d; ++r) {
        V of_target{}, of_source{};
        for (int c = 0; c < d; ++c) {
          of_target += f[k * d + c] * own[c * d + r] + g[k * d + c] * carried[r * d + c];
          of_source += f[k * d + c] * carried[c * d + r];
        }
        grad_f[k * d + r] = of_target;
        grad_g[k * d + r] = of_source;
      }
    }
    scatter_lanes<T, L>(args.first + e * area, grad_f, area, entries);
    scatter_lanes<T, L>(args.second + e * area, grad_g, area, entries);
  }
}

template <class T>
void products(const ProductArgs<T>& args, int64_t first, int64_t last) {
  switch (args.size) {
    case 2: return products_size<T, 2>(args, first, last);
    case 3: return products_size<T, 3>(args, first, last);
    case 4: return products_size<T, 4>(args, first, last);
    default: products_size<T, 0>(args, first, last);
  }
}

template <class T>
void products_back(const ProductArgs<T>& args, int64_t first, int64_t last) {
  switch (args.size) {
    case 2: return products_back_size<T, 2>(args, first, last);
    case 3: return products_back_size<T, 3>(args, first, last);
    case 4: return products_back_size<T, 4>(args, first, last);
    default: products_back_size<T, 0>(args, first, last);
  }
}

}  // namespace GRAPHPOLY_SIMD
}  // namespace
}  // namespace graphpoly

#endif
