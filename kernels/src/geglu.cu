// `geglu` on the GPU: a block takes some rows at a time, a thread a vector of values and of gates.

#include "geglu.h"

#include "launch.h"
#include "vector.h"

namespace zeroreal {
namespace {

constexpr unsigned kThreads = 256;

// Rows of threads take rows of `args` in turn, each from `column` on in steps of `columns` vectors.
//
// Grid: y covers the rows (in strides where there are more).
template <class T, int N>
__global__ void __launch_bounds__(kThreads) gate_rows(const GegluArgs args, unsigned columns) {
  const std::int64_t vectors = args.width / N;
  const unsigned rows = kThreads / columns, column = threadIdx.x % columns;
  const unsigned first = threadIdx.x / columns;
  if (first >= rows) return;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * rows;
  std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * rows + first;
  for (; row < args.rows; row += step) {
    const auto* __restrict__ values =
        static_cast<const Vector<T, N>*>(args.projected) + row * 2 * vectors;
    const auto* __restrict__ gates = values + vectors;
    auto* __restrict__ out = static_cast<Vector<T, N>*>(args.out) + row * vectors;
#pragma unroll 2
    for (std::int64_t v = column; v < vectors; v += columns) {
      Vector<T, N> value = values[v];
      const Vector<T, N> gate = gates[v];
      for (int k = 0; k < N; ++k) {
        value.element[k] = encode<T>(decode(value.element[k]) * gelu(decode(gate.element[k])));
      }
      out[v] = value;
    }
  }
}

template <class T, int N>
void launch(const GegluArgs& args, cudaStream_t stream) {
  const std::int64_t vectors = args.width / N;
  const unsigned columns = static_cast<unsigned>(vectors < kThreads ? vectors : kThreads);
  const std::int64_t rows = kThreads / columns, blocks = (args.rows + rows - 1) / rows;
  const dim3 grid(1, static_cast<unsigned>(blocks < kMaxGridY ? blocks : kMaxGridY));
  gate_rows<T, N><<<grid, kThreads, 0, stream>>>(args, columns);
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Sizes are trusted.
ZEROREAL_API int zeroreal_geglu_cuda(const void* projected, int dtype, void* out, std::int64_t rows,
                                     std::int64_t width, int device, void* stream) {
  using namespace zeroreal;
  const GegluArgs args{projected, out, rows, width};
  return launch_with_element_type(dtype, device, stream, [&](cudaStream_t queue, auto element) {
    using T = decltype(element);
    if (width % kVectorSize<T> == 0 && is_aligned(projected) && is_aligned(out)) {
      launch<T, kVectorSize<T>>(args, queue);
    } else {
      launch<T, 1>(args, queue);
    }
  });
}
