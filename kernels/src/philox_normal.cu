// `philox_normal` on the GPU: one thread a block of four elements.

#include "philox_normal.h"

#include "four.h"
#include "launch.h"

namespace zeroreal {
namespace {

constexpr unsigned kThreads = 256;

// Grid: x covers the blocks of one image, y the batch (in strides where the batch is larger).
__global__ void __launch_bounds__(kThreads)
    philox_normal_kernel(float* out, const std::int64_t* seeds, std::int64_t batch,
                         std::int64_t size, std::uint32_t draw, bool aligned) {
  const std::int64_t block = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (4 * block >= size) return;
  for (std::int64_t image = blockIdx.y; image < batch; image += gridDim.y) {
    const Normals normals = four_normals(static_cast<std::uint64_t>(seeds[image]), draw, block);
    const float values[4] = {normals.a, normals.b, normals.c, normals.d};
    store_four(out + image * size + 4 * block, size - 4 * block, aligned, values);
  }
}

}  // namespace
}  // namespace zeroreal

// Fills `out` [batch, size]. Launches on `stream` of `device` and returns a cudaError_t: 0 is
// success. Sizes are trusted.
ZEROREAL_API int zeroreal_philox_normal_cuda(float* out, const std::int64_t* seeds,
                                             std::int64_t batch, std::int64_t size,
                                             std::int64_t draw, int device, void* stream) {
  using namespace zeroreal;
  if (batch == 0 || size == 0) return cudaSuccess;
  return launch_on(device, stream, [=](cudaStream_t queue) {
    philox_normal_kernel<<<grid_of_fours(size, batch, kThreads), kThreads, 0, queue>>>(
        out, seeds, batch, size, static_cast<std::uint32_t>(draw), aligned_to_four(out, size));
  });
}
