// `finish` on the GPU: one thread an output pixel, all its channels and taps.

#include "finish.h"

#include <cuda_runtime.h>

#include "export.h"

namespace zeroreal {
namespace {

constexpr unsigned kThreads = 256;
constexpr std::int64_t kMaxGridY = 65535;

// Grid: x covers the pixels of one image, y the batch (in strides where the batch is larger).
template <class T>
__global__ void __launch_bounds__(kThreads) finish_kernel(const FinishArgs args) {
  const unsigned width = static_cast<unsigned>(args.out_width);
  const unsigned pixels = static_cast<unsigned>(args.out_height) * width;
  const unsigned pixel = blockIdx.x * kThreads + threadIdx.x;
  if (pixel >= pixels) return;
  const Taps rows = make_taps(pixel / width, args.in_height, args.out_height);
  const Taps columns = make_taps(pixel % width, args.in_width, args.out_width);
  for (std::int64_t sample = blockIdx.y; sample < args.batch; sample += gridDim.y) {
    const T* image = static_cast<const T*>(args.images) + sample * args.stride_b;
    std::uint8_t* out = args.out + (sample * pixels + pixel) * args.channels;
    finish_pixel(image, args, rows, columns, out);
  }
}

template <class T>
void launch(const FinishArgs& args, cudaStream_t stream) {
  const std::int64_t pixels = args.out_height * args.out_width;
  const std::int64_t grid_y = args.batch < kMaxGridY ? args.batch : kMaxGridY;
  const dim3 grid(static_cast<unsigned>((pixels + kThreads - 1) / kThreads),
                  static_cast<unsigned>(grid_y));
  finish_kernel<T><<<grid, kThreads, 0, stream>>>(args);
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Never synchronises, so
// it can be captured in a CUDA graph. Sizes are trusted.
ZEROREAL_API int zeroreal_finish_cuda(const void* images, int dtype, std::int64_t batch,
                                      std::int64_t channels, std::int64_t in_height,
                                      std::int64_t in_width, std::int64_t stride_b,
                                      std::int64_t stride_c, std::int64_t stride_h,
                                      std::int64_t stride_w, std::uint8_t* out,
                                      std::int64_t out_height, std::int64_t out_width, int device,
                                      void* stream) {
  using namespace zeroreal;
  const FinishArgs args{images,   batch,    channels, in_height, in_width,   stride_b,
                        stride_c, stride_h, stride_w, out,       out_height, out_width};
  if (batch == 0) return cudaSuccess;
  int caller_device = 0;
  cudaError_t status = cudaGetDevice(&caller_device);
  if (status != cudaSuccess) return status;
  if (device != caller_device) status = cudaSetDevice(device);
  if (status != cudaSuccess) return status;

  const cudaStream_t queue = static_cast<cudaStream_t>(stream);
  switch (dtype) {
    case kFloat32: launch<float>(args, queue); break;
    case kFloat16: launch<Float16>(args, queue); break;
    case kBFloat16: launch<BFloat16>(args, queue); break;
    default: return cudaErrorInvalidValue;
  }
  status = cudaGetLastError();
  if (device != caller_device) cudaSetDevice(caller_device);
  return status;
}

// The text of a status that `zeroreal_finish_cuda` returned.
ZEROREAL_API const char* zeroreal_cuda_error(int status) {
  return cudaGetErrorString(static_cast<cudaError_t>(status));
}
