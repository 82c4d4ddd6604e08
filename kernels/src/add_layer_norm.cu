// `add_layer_norm` on the GPU: a warp for each row.
//
// A warp keeps its row in shared memory, each lane reading only what it wrote: the inputs are read
// once, and nothing waits for other warps. Sums are taken in a fixed order: the result is the same
// each time, and for a row among any others.

#include "add_layer_norm.h"

#include "launch.h"
#include "vector.h"
#include "warp.h"

namespace zeroreal {
namespace {

constexpr unsigned kMaxWarps = 8;
constexpr std::int64_t kShared = 48 << 10;  // that every GPU has, in bytes

// Grid: y covers the rows, one for each warp of a block (in strides where there are more). Shared
// memory: a row for each warp.
template <class T, int N>
__global__ void __launch_bounds__(kWarp* kMaxWarps)
    add_and_normalise(const AddLayerNormArgs args) {
  extern __shared__ float4 memory[];
  const std::int64_t vectors = args.channels / N;
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const unsigned warps = blockDim.x / kWarp;
  const float count = static_cast<float>(args.channels);
  auto* kept = reinterpret_cast<Vector<T, N>*>(memory) + warp * vectors;
  const auto* __restrict__ weight = static_cast<const Vector<T, N>*>(args.weight);
  const auto* __restrict__ bias = static_cast<const Vector<T, N>*>(args.bias);
  const std::int64_t step = static_cast<std::int64_t>(gridDim.y) * warps;
  for (std::int64_t row = static_cast<std::int64_t>(blockIdx.y) * warps + warp; row < args.rows;
       row += step) {
    const std::int64_t start = row * vectors;
    const auto* __restrict__ values = static_cast<const Vector<T, N>*>(args.values) + start;
    const auto* __restrict__ residual = static_cast<const Vector<T, N>*>(args.residual) + start;
    auto* __restrict__ sums = static_cast<Vector<T, N>*>(args.sum) + start;
    auto* __restrict__ out = static_cast<Vector<T, N>*>(args.out) + start;
    float sum = 0.0f, distances = 0.0f, squares = 0.0f;
#pragma unroll 2
    for (std::int64_t v = lane; v < vectors; v += kWarp) {
      Vector<T, N> value = values[v];
      const Vector<T, N> more = residual[v];
      for (int k = 0; k < N; ++k) {
        value.element[k] = encode<T>(decode(value.element[k]) + decode(more.element[k]));
        sum += decode(value.element[k]);
      }
      sums[v] = kept[v] = value;
    }
    const float near_mean = warp_total(sum) / count;
    for (std::int64_t v = lane; v < vectors; v += kWarp) {
      const Vector<T, N> value = kept[v];
      for (int k = 0; k < N; ++k) {
        const float distance = decode(value.element[k]) - near_mean;
        distances += distance;
        squares += distance * distance;
      }
    }
    const RowNorm norm =
        row_norm(near_mean, warp_total(distances), warp_total(squares), count, args.epsilon);
    for (std::int64_t v = lane; v < vectors; v += kWarp) {
      Vector<T, N> value = kept[v];
      const Vector<T, N> scale = weight[v], offset = bias[v];
      for (int k = 0; k < N; ++k) {
        value.element[k] = encode<T>(normalise(decode(value.element[k]), norm,
                                               decode(scale.element[k]), decode(offset.element[k])));
      }
      out[v] = value;
    }
  }
}

template <class T, int N>
void launch(const AddLayerNormArgs& args, cudaStream_t stream) {
  const std::int64_t row_bytes = args.channels * static_cast<std::int64_t>(sizeof(T));
  const std::int64_t fitting = kShared / row_bytes;
  const std::int64_t warps = fitting < kMaxWarps ? fitting : kMaxWarps;
  const std::int64_t blocks = (args.rows + warps - 1) / warps;
  const dim3 grid(1, static_cast<unsigned>(blocks < kMaxGridY ? blocks : kMaxGridY));
  const unsigned threads = static_cast<unsigned>(warps) * kWarp;
  const std::size_t shared = static_cast<std::size_t>(warps * row_bytes);
  add_and_normalise<T, N><<<grid, threads, shared, stream>>>(args);
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Sizes are trusted: a
// row is no larger than kShared.
ZEROREAL_API int zeroreal_add_layer_norm_cuda(const void* values, int dtype, const void* residual,
                                              const void* weight, const void* bias, void* sum,
                                              void* out, std::int64_t rows, std::int64_t channels,
                                              float epsilon, int device, void* stream) {
  using namespace zeroreal;
  const AddLayerNormArgs args{values, residual, weight, bias, sum, out, rows, channels, epsilon};
  return launch_with_element_type(dtype, device, stream, [&](cudaStream_t queue, auto element) {
    using T = decltype(element);
    const bool aligned = is_aligned(values) && is_aligned(residual) && is_aligned(weight) &&
                         is_aligned(bias) && is_aligned(sum) && is_aligned(out);
    if (channels % kVectorSize<T> == 0 && aligned) {
      launch<T, kVectorSize<T>>(args, queue);
    } else {
      launch<T, 1>(args, queue);
    }
  });
}
