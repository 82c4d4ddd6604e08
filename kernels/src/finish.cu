// `finish` on the GPU: one thread an output pixel, all its channels and taps. Statistics are summed
// up by warps, blocks and then atomically.

#include "finish.h"

#include "launch.h"

namespace zeroreal {
namespace {

constexpr unsigned kThreads = 256;

// The sum over a warp: 24 bits and the others apart, so that neither overflows.
__device__ std::uint64_t warp_sum(std::uint64_t value) {
  const unsigned low = __reduce_add_sync(~0u, static_cast<unsigned>(value & 0xffffffu));
  const unsigned high = __reduce_add_sync(~0u, static_cast<unsigned>(value >> 24));
  return (static_cast<std::uint64_t>(high) << 24) + low;
}

// In whole numbers: whichever block comes first, the total is the same.
__device__ void add_atomically(const Counts& counts, Counts* total) {
  atomicMax(&total->minimum, counts.minimum);
  atomicMax(&total->maximum, counts.maximum);
  atomicAdd(&total->nonfinite, counts.nonfinite);
  atomicAdd(reinterpret_cast<unsigned long long*>(&total->sum), counts.sum);
}

__device__ void add_warp(const Counts& counts, Counts* total) {
  const Counts warp{__reduce_max_sync(~0u, counts.minimum), __reduce_max_sync(~0u, counts.maximum),
                    __reduce_add_sync(~0u, counts.nonfinite), warp_sum(counts.sum)};
  if (threadIdx.x % 32 == 0) add_atomically(warp, total);
}

// Grid: x covers the pixels of one image, y the batch (in strides where the batch is larger).
template <class T>
__global__ void __launch_bounds__(kThreads) finish_kernel(const FinishArgs args) {
  __shared__ Counts block[kMaxChannels];
  const unsigned width = static_cast<unsigned>(args.out_width);
  const unsigned pixels = static_cast<unsigned>(args.out_height) * width;
  const unsigned pixel = blockIdx.x * kThreads + threadIdx.x;
  const Taps rows = make_taps(pixel / width, args.in_height, args.out_height);
  const Taps columns = make_taps(pixel % width, args.in_width, args.out_width);
  for (std::int64_t sample = blockIdx.y; sample < args.batch; sample += gridDim.y) {
    Counts counts[kMaxChannels] = {};
    if (pixel < pixels) {
      const T* image = static_cast<const T*>(args.images) + sample * args.stride_b;
      std::uint8_t* out = args.out + (sample * pixels + pixel) * args.channels;
      finish_pixel(image, args, rows, columns, out, counts);
    }
    if (threadIdx.x < kMaxChannels) block[threadIdx.x] = Counts{};
    __syncthreads();
    for (int c = 0; c < kMaxChannels; ++c) {
      if (c < args.channels) add_warp(counts[c], &block[c]);
    }
    __syncthreads();
    if (threadIdx.x < args.channels) {
      add_atomically(block[threadIdx.x], args.totals + sample * args.channels + threadIdx.x);
    }
  }
}

__global__ void __launch_bounds__(kThreads) statistics_kernel(const FinishArgs args) {
  const std::int64_t plane = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (plane >= args.batch * args.channels) return;
  write_statistics(args.totals[plane], args.in_height * args.in_width,
                   args.statistics + plane * kStatistics);
}

unsigned blocks_of(std::int64_t threads) {
  return static_cast<unsigned>((threads + kThreads - 1) / kThreads);
}

template <class T>
void launch(const FinishArgs& args, cudaStream_t stream) {
  const std::int64_t planes = args.batch * args.channels;
  const std::int64_t grid_y = args.batch < kMaxGridY ? args.batch : kMaxGridY;
  const dim3 grid(blocks_of(args.out_height * args.out_width), static_cast<unsigned>(grid_y));
  cudaMemsetAsync(args.totals, 0, planes * sizeof(Counts), stream);
  finish_kernel<T><<<grid, kThreads, 0, stream>>>(args);
  statistics_kernel<<<blocks_of(planes), kThreads, 0, stream>>>(args);
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Sizes are trusted.
ZEROREAL_API int zeroreal_finish_cuda(const void* images, int dtype, std::int64_t batch,
                                      std::int64_t channels, std::int64_t in_height,
                                      std::int64_t in_width, std::int64_t stride_b,
                                      std::int64_t stride_c, std::int64_t stride_h,
                                      std::int64_t stride_w, std::uint8_t* out,
                                      std::int64_t out_height, std::int64_t out_width,
                                      float* statistics, void* totals, int device, void* stream) {
  using namespace zeroreal;
  const FinishArgs args{images,     batch,     channels,   in_height, in_width,
                        stride_b,   stride_c,  stride_h,   stride_w,  out,
                        out_height, out_width, statistics, static_cast<Counts*>(totals)};
  if (batch == 0) return cudaSuccess;
  return launch_with_element_type(dtype, device, stream, [&](cudaStream_t queue, auto element) {
    launch<decltype(element)>(args, queue);
  });
}
