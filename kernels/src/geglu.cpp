// `geglu` on the CPU: threads share out the rows.

#include "geglu.h"

#include "host.h"

namespace zeroreal {
namespace {

template <class T>
ZEROREAL_VECTOR_CLONES void gate_row(const T* __restrict__ values, const T* __restrict__ gates,
                                     std::int64_t width, T* __restrict__ out) {
  for (std::int64_t i = 0; i < width; ++i) {
    out[i] = encode<T>(decode(values[i]) * gelu(decode(gates[i])));
  }
}

template <class T>
void gate_all(const GegluArgs& args, int max_threads) {
  const double operations = 40.0 * static_cast<double>(args.rows * args.width);
  const int threads = useful_threads(operations, args.rows, max_threads);
  parallel_ranges(args.rows, threads, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t row = begin; row < end; ++row) {
      const T* values = static_cast<const T*>(args.projected) + row * 2 * args.width;
      gate_row(values, values + args.width, args.width,
               static_cast<T*>(args.out) + row * args.width);
    }
  });
}

}  // namespace
}  // namespace zeroreal

// Returns a Status. Sizes are trusted.
ZEROREAL_API int zeroreal_geglu_cpu(const void* projected, int dtype, void* out, std::int64_t rows,
                                    std::int64_t width, int threads) {
  using namespace zeroreal;
  const GegluArgs args{projected, out, rows, width};
  return run_with_element_type(
      dtype, [&](auto element) { gate_all<decltype(element)>(args, threads); });
}
