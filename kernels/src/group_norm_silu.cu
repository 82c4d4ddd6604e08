// `group_norm_silu` on the GPU: read once where a group fits into shared memory, else twice.

#include "group_norm_silu.h"

#include "group_norm_one_read.h"
#include "group_norm_two_reads.h"
#include "launch.h"
#include "vector.h"

namespace zeroreal {
namespace {

// What `run` may say in place of a number of groups (kernels/_group_norm_silu.py).
constexpr int kAsFits = 0, kTwoReads = -1;

template <class T>
cudaError_t launch(const GroupNormArgs& args, int run, void* workspace, int device,
                   cudaStream_t stream) {
  if (run != kTwoReads) {
    SharedMemory memory;
    const cudaError_t status = memory.ask(device);
    if (status != cudaSuccess) return status;
    const Run taken = run == kAsFits ? choose_run(args, sizeof(T), memory)
                                     : Run(args, sizeof(T), run, memory);
    if (taken.fits) {
      launch_one_read<T>(args, taken, memory, stream);
      return cudaSuccess;
    }
    if (run != kAsFits) return cudaErrorInvalidValue;
  }
  const bool aligned = is_aligned(args.images) && is_aligned(args.out);
  if (args.channels % kVectorSize<T> == 0 && aligned) {
    launch_two_reads<T, kVectorSize<T>>(args, workspace, stream);
  } else {
    launch_two_reads<T, 1>(args, workspace, stream);
  }
  return cudaSuccess;
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Sizes are trusted.
// `run` is the number of groups that a block reads once, which is refused where they do not fit, or
// one of those above. `workspace` is float32 [kMaxParts + 1, batch, groups, 2].
ZEROREAL_API int zeroreal_group_norm_silu_cuda(const void* images, int dtype, const void* weight,
                                               const void* bias, const void* shift, void* out,
                                               std::int64_t batch, std::int64_t pixels,
                                               std::int64_t channels, std::int64_t groups,
                                               float epsilon, int silu, int run, void* workspace,
                                               int device, void* stream) {
  using namespace zeroreal;
  const GroupNormArgs args{images, weight,   bias,   shift,   out,
                           batch,  pixels,   channels, groups, epsilon, silu != 0};
  cudaError_t refused = cudaSuccess;
  const int status =
      launch_with_element_type(dtype, device, stream, [&](cudaStream_t queue, auto element) {
        refused = launch<decltype(element)>(args, run, workspace, device, queue);
      });
  return refused != cudaSuccess ? refused : status;
}
