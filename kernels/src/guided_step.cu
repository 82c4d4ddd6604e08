// `guided_step` on the GPU: one thread four neighbouring elements, which share a block of noise.

#include "guided_step.h"

#include "four.h"
#include "launch.h"
#include "philox_normal.h"

namespace zeroreal {
namespace {

constexpr unsigned kThreads = 256;

// Element `index` of one row of the output, in the order of the latents.
template <class T>
__device__ float output_at(const GuidedStepArgs& args, std::int64_t row, unsigned index) {
  const unsigned width = static_cast<unsigned>(args.width);
  const unsigned height = static_cast<unsigned>(args.height);
  const unsigned line = index / width;
  const T* image = static_cast<const T*>(args.output) + row * args.stride_row;
  return decode(image[line / height * args.stride_c + line % height * args.stride_h +
                      index % width * args.stride_w]);
}

// Grid: x covers one image in fours, y the batch (in strides where the batch is larger).
template <class T>
__global__ void __launch_bounds__(kThreads)
    guided_step_kernel(const GuidedStepArgs args, bool aligned) {
  const std::int64_t size = args.image_size();
  const std::int64_t block = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const std::int64_t left = size - 4 * block;
  if (left <= 0) return;
  for (std::int64_t image = blockIdx.y; image < args.batch; image += gridDim.y) {
    Normals normals{0.0f, 0.0f, 0.0f, 0.0f};
    if (args.coefficients[4] != 0.0f) {
      normals = four_normals(static_cast<std::uint64_t>(args.seeds[image]),
                             static_cast<std::uint32_t>(*args.draw), block);
    }
    const float noise[4] = {normals.a, normals.b, normals.c, normals.d};
    const std::int64_t start = image * size + 4 * block;
    float latents[4], history[4], next_latents[4], carry[4];
    load_four(args.latents + start, left, aligned, latents);
    load_four(args.history + start, left, aligned, history);
    for (int i = 0; i < 4; ++i) {
      if (i >= left) break;
      const unsigned index = static_cast<unsigned>(4 * block + i);
      float output = output_at<T>(args, image, index);
      if (args.unconditional != nullptr) {
        const float away = output_at<T>(args, args.unconditional[image], index);
        output = guide(output, away, args.guidance[image]);
      }
      next_latents[i] = next_latent(args.coefficients, latents[i], output, history[i], noise[i]);
      carry[i] = carried(args.coefficients, latents[i], output);
    }
    store_four(args.next_latents + start, left, aligned, next_latents);
    store_four(args.carry + start, left, aligned, carry);
  }
}

bool all_aligned(const GuidedStepArgs& args) {
  const std::int64_t size = args.image_size();
  return aligned_to_four(args.latents, size) && aligned_to_four(args.history, size) &&
         aligned_to_four(args.next_latents, size) && aligned_to_four(args.carry, size);
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Sizes and rows are
// trusted.
ZEROREAL_API int zeroreal_guided_step_cuda(
    const void* output, int dtype, std::int64_t batch, std::int64_t channels, std::int64_t height,
    std::int64_t width, std::int64_t stride_row, std::int64_t stride_c, std::int64_t stride_h,
    std::int64_t stride_w, const std::int64_t* unconditional, const float* guidance,
    const float* latents, const float* history, const float* coefficients,
    const std::int64_t* seeds, const std::int64_t* draw, float* next_latents, float* carry,
    int device, void* stream) {
  using namespace zeroreal;
  const GuidedStepArgs args = with_long_rows(
      {output, stride_row, stride_c, stride_h, stride_w, batch, channels, height, width,
       unconditional, guidance, latents, history, coefficients, seeds, draw, next_latents, carry});
  const std::int64_t size = args.image_size();
  if (batch == 0 || size == 0) return cudaSuccess;
  return launch_with_element_type(dtype, device, stream, [&](cudaStream_t queue, auto element) {
    guided_step_kernel<decltype(element)>
        <<<grid_of_fours(size, batch, kThreads), kThreads, 0, queue>>>(args, all_aligned(args));
  });
}
