// What every CPU kernel shares: vector code for the CPU at hand, threads, statuses.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>

#include "element.h"
#include "export.h"

// Compiles a hot loop for AVX-512, AVX2 and the baseline; the program loader takes what the CPU has.
// Nothing is fused (-ffp-contract=off), so that results are the same by all of them. What the loop
// calls must be ZEROREAL_INLINE.
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && __GNUC__ >= 12
#define ZEROREAL_VECTOR_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ZEROREAL_VECTOR_CLONES
#endif

namespace zeroreal {

// What the CPU functions return (kernels/_operators.py).
enum Status : int { kDone = 0, kUnknownDType = 1, kOutOfMemory = 2 };

// Threads worth waking: each should have some tens of thousands of operations to do.
inline int useful_threads(double operations, std::int64_t ranges, int threads) {
  constexpr double kOperationsPerThread = 65536.0;
  const std::int64_t by_work = static_cast<std::int64_t>(operations / kOperationsPerThread) + 1;
  const std::int64_t useful = std::min<std::int64_t>({threads, by_work, ranges});
  return static_cast<int>(std::max<std::int64_t>(1, useful));
}

// Calls body(begin, end, thread) with contiguous ranges of 0..count, one for each thread; without
// OpenMP, one after another. `body` must not throw.
template <class Body>
void parallel_ranges(std::int64_t count, int threads, const Body& body) {
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
  for (int t = 0; t < threads; ++t) body(count * t / threads, count * (t + 1) / threads, t);
}

// Calls `body` with a value of the element type that `dtype` names, and gives the Status.
template <class Body>
int run_with_element_type(int dtype, const Body& body) {
  try {
    return with_element_type(dtype, body) ? kDone : kUnknownDType;
  } catch (const std::bad_alloc&) {
    return kOutOfMemory;
  }
}

}  // namespace zeroreal
