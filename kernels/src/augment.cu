// `augment` on the GPU: one block an image, its threads in strides over the output pixels.
//
// Where the colour map wants the image's mean luma, the block samples the image twice.

#include "augment.h"

#include "launch.h"

namespace zeroreal {
namespace {

constexpr int kThreads = 1024;
constexpr int kWarp = 32;

// The sum of every thread's value, for every thread: whole numbers, so in any order.
__device__ std::uint64_t block_sum(std::uint64_t value) {
  __shared__ unsigned long long warp_sums[kThreads / kWarp];
  unsigned long long sum = value;
  for (int lane = kWarp / 2; lane > 0; lane /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, lane);
  if (threadIdx.x % kWarp == 0) warp_sums[threadIdx.x / kWarp] = sum;
  __syncthreads();
  sum = 0;
  for (int warp = 0; warp < kThreads / kWarp; ++warp) sum += warp_sums[warp];
  return sum;
}

template <int C>
__device__ float block_mean_luma(const std::uint8_t* image, const AugmentArgs& args,
                                 const Geometry& geometry) {
  const std::int32_t width = args.out_width, pixels = args.out_height * width;
  std::uint64_t sum = 0;
  for (std::int32_t pixel = threadIdx.x; pixel < pixels; pixel += kThreads) {
    float values[C];
    sample_at<C>(image, args, geometry, pixel % width, pixel / width, values);
    sum += whole_luma<C>(values);
  }
  return mean_luma(block_sum(sum), args.out_height, args.out_width);
}

template <class T, int C>
__device__ void augment_image(const std::uint8_t* image, const float* parameters,
                              const AugmentArgs& args, T* out) {
  const Geometry geometry = make_geometry(parameters);
  const Box erased = make_erased(parameters, args);
  const bool keeps = keeps_colours(parameters);
  const bool pivots = parameters[kPivot] != 0.0f;  // for the whole block alike
  const float mean = pivots ? block_mean_luma<C>(image, args, geometry) : 0.0f;
  const Colour<C> colour = make_colour<C>(parameters, mean);

  const std::int32_t width = args.out_width, pixels = args.out_height * width;
  for (std::int32_t pixel = threadIdx.x; pixel < pixels; pixel += kThreads) {
    const std::int32_t x = pixel % width, y = pixel / width;
    float values[C];
    sample_at<C>(image, args, geometry, x, y, values);
    if (!keeps) recolour<C>(colour, values);
    const bool erase = erased.contains(x, y);
    T* target = out + static_cast<std::int64_t>(pixel) * C;
    for (int c = 0; c < C; ++c) {
      target[c] = encode<T>(erase ? 0.0f : normalise(values[c], args.mean[c], args.std[c]));
    }
  }
}

// Grid: one block an image. An image that is not there becomes NaN, not a stray read.
template <class T, int C>
__global__ void __launch_bounds__(kThreads) augment_kernel(const AugmentArgs args) {
  const std::int64_t sample = blockIdx.x;
  const std::int64_t source = args.index[sample];
  const std::int64_t in_size = static_cast<std::int64_t>(args.in_height) * args.in_width * C;
  const std::int64_t out_size = static_cast<std::int64_t>(args.out_height) * args.out_width * C;
  T* out = static_cast<T*>(args.out) + sample * out_size;
  if (source < 0 || source >= args.count) {
    const T nan = encode<T>(bits_as<float>(0x7fc00000u));
    for (std::int64_t i = threadIdx.x; i < out_size; i += kThreads) out[i] = nan;
    return;
  }
  augment_image<T, C>(args.images + source * in_size, args.parameters + sample * kParameters, args,
                      out);
}

template <class T>
void launch(const AugmentArgs& args, std::int64_t channels, cudaStream_t stream) {
  const auto grid = static_cast<unsigned>(args.batch);
  if (channels == 1) {
    augment_kernel<T, 1><<<grid, kThreads, 0, stream>>>(args);
  } else {
    augment_kernel<T, 3><<<grid, kThreads, 0, stream>>>(args);
  }
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Sizes are trusted,
// indices are not; `statistics` is on the host and read before this returns.
ZEROREAL_API int zeroreal_augment_cuda(const std::uint8_t* images, std::int64_t count,
                                       std::int64_t in_height, std::int64_t in_width,
                                       std::int64_t channels, const std::int64_t* index,
                                       const float* parameters, std::int64_t batch, void* out,
                                       int dtype, std::int64_t out_height, std::int64_t out_width,
                                       const float* statistics, int reflect, int device,
                                       void* stream) {
  using namespace zeroreal;
  const AugmentArgs args = make_augment_args(images, count, in_height, in_width, channels, index,
                                             parameters, batch, out, out_height, out_width,
                                             statistics, reflect);
  if (batch == 0) return cudaSuccess;
  return launch_with_element_type(dtype, device, stream, [&](cudaStream_t queue, auto element) {
    launch<decltype(element)>(args, channels, queue);
  });
}
