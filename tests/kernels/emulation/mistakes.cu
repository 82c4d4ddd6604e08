// Kernels with one mistake each, which the emulation must find, and some without any.

#include <cuda_pipeline_primitives.h>

#include "launch.h"

namespace {

using namespace zeroreal;

template <class Kernel>
int start(Kernel kernel, const dim3& grid, const dim3& block, std::size_t shared, float* data,
          int device, void* stream) {
  return launch_on(device, stream, [&](cudaStream_t queue) {
    kernel<<<grid, block, shared, queue>>>(data);
  });
}

__global__ void nothing(float*) {}

__global__ void misaligned_vector(float* data) {
  const float4 four = *reinterpret_cast<const float4*>(data + 1);
  data[0] = four.x + four.w;
}

__global__ void reads_beyond_the_end(float* data) {
  if (data[threadIdx.x + 1] < 0.0f) data[threadIdx.x] = 0.0f;
}

__global__ void writes_before_the_beginning(float* data) { data[-1] = 1.0f; }

__global__ void index_beyond_a_local_array(float* data) {
  float local[4] = {0.0f, 1.0f, 2.0f, 3.0f};
  data[threadIdx.x] = local[threadIdx.x % 5];
}

__global__ void float_too_large_for_an_integer(float* data) {
  data[0] = static_cast<float>(static_cast<int>(data[0] + 3e9f));
}

__global__ void integer_that_overflows(float* data) {
  data[0] = static_cast<float>(static_cast<int>(data[0] + 2e9f) * 2);
}

__global__ void division_by_zero(float* data) {
  data[0] = static_cast<float>(7 / static_cast<int>(data[0]));
}

__global__ void shift_by_too_much(float* data) {
  data[0] = static_cast<float>(1 << (static_cast<int>(data[0]) + 32));
}

__global__ void race_in_shared_memory(float* data) {
  __shared__ float values[64];
  values[threadIdx.x] = 1.0f;
  data[threadIdx.x] = values[63 - threadIdx.x];
}

__global__ void race_of_readers_with_a_writer(float* data) {
  __shared__ float value;
  if (threadIdx.x == 0) value = 1.0f;
  __syncthreads();
  data[threadIdx.x] = value;
  if (threadIdx.x == 0) value = 2.0f;
}

__global__ void race_of_an_atomic_with_a_plain_access(float* data) {
  unsigned* counts = reinterpret_cast<unsigned*>(data);
  if (threadIdx.x == 0) counts[0] = 1;
  if (threadIdx.x == 1) atomicAdd(counts, 1u);
}

__global__ void race_of_blocks(float* data) {
  if (threadIdx.x == 0) data[0] = static_cast<float>(blockIdx.x);
}

__global__ void shared_memory_not_written(float* data) {
  extern __shared__ float dynamic[];
  data[threadIdx.x] = dynamic[threadIdx.x];
}

__global__ void beyond_shared_memory(float* data) {
  extern __shared__ float dynamic[];
  dynamic[threadIdx.x + 1] = data[threadIdx.x];
}

__global__ void much_static_shared_memory(float* data) {
  extern __shared__ float dynamic[];
  __shared__ float values[2][32];
  values[1][0] = dynamic[0] = 1.0f;
  data[0] = values[1][0];
}

__global__ void copy_not_waited_for(float* data) {
  extern __shared__ float dynamic[];
  __pipeline_memcpy_async(dynamic + threadIdx.x, data + threadIdx.x, 4);
  __pipeline_commit();
  data[threadIdx.x] = dynamic[threadIdx.x];
}

__global__ void copy_not_committed(float* data) {
  extern __shared__ float dynamic[];
  __pipeline_memcpy_async(dynamic + threadIdx.x, data + threadIdx.x, 4);
  __pipeline_wait_prior(0);
  data[threadIdx.x] = dynamic[threadIdx.x];
}

__global__ void copy_of_another_thread(float* data) {
  extern __shared__ float dynamic[];
  __pipeline_memcpy_async(dynamic + threadIdx.x, data + threadIdx.x, 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  data[threadIdx.x] = dynamic[63 - threadIdx.x];
}

__global__ void copy_beyond_the_end(float* data) {
  extern __shared__ float dynamic[];
  __pipeline_memcpy_async(dynamic + threadIdx.x, data + threadIdx.x + 1, 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
}

__global__ void misaligned_copy(float* data) {
  extern __shared__ float dynamic[];
  __pipeline_memcpy_async(dynamic, data + 1, 8);
}

__global__ void copy_of_two_bytes(float* data) {
  extern __shared__ float dynamic[];
  __pipeline_memcpy_async(dynamic, data, 2);
}

__global__ void copy_to_a_tensor(float* data) { __pipeline_memcpy_async(data + 4, data, 4); }

__global__ void barrier_for_some(float*) {
  if (threadIdx.x < 10) __syncthreads();
}

__global__ void two_barriers_at_once(float*) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void shuffle_of_some_lanes(float* data) {
  if (threadIdx.x < 16) data[threadIdx.x] = __shfl_xor_sync(~0u, 1.0f, 1);
}

__global__ void different_shuffles(float* data) {
  const bool first = threadIdx.x % 32 < 16;
  data[threadIdx.x] = first ? __shfl_xor_sync(~0u, 1.0f, 1) : __shfl_down_sync(~0u, 1.0f, 1);
}

// Each thread's number at the place at which it comes.
__global__ void order_of_threads(float* data) {
  __shared__ unsigned arrived;
  if (threadIdx.x == 0) arrived = 0;
  __syncthreads();
  data[atomicAdd(&arrived, 1u)] = static_cast<float>(threadIdx.x);
}

// Warp by warp: the sum and the largest of the lanes, the next lane's and the neighbour's number.
__global__ void exchanges(float* data) {
  const unsigned lane = threadIdx.x % 32;
  data[4 * threadIdx.x] = static_cast<float>(__reduce_add_sync(~0u, threadIdx.x));
  data[4 * threadIdx.x + 1] = static_cast<float>(__reduce_max_sync(~0u, threadIdx.x));
  data[4 * threadIdx.x + 2] = __shfl_down_sync(~0u, static_cast<float>(lane), 1);
  data[4 * threadIdx.x + 3] = static_cast<float>(__shfl_xor_sync(~0u, std::uint64_t{lane}, 1));
}

__global__ void reversed_by_copies(float* data) {
  extern __shared__ float dynamic[];
  __pipeline_memcpy_async(dynamic + threadIdx.x, data + threadIdx.x, 4);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  data[threadIdx.x] = dynamic[63 - threadIdx.x];
}

__global__ void reversed_by_shared_memory(float* data) {
  __shared__ float values[64];
  values[threadIdx.x] = data[threadIdx.x];
  __syncthreads();
  data[threadIdx.x] = values[63 - threadIdx.x];
}

}  // namespace

// The function that Python calls to launch a kernel on one block.
#define LAUNCHER(kernel, grid, block, shared)                                           \
  ZEROREAL_API int zeroreal_##kernel##_cuda(float* data, int device, void* stream) {    \
    return start(kernel, grid, block, shared, data, device, stream);                    \
  }

LAUNCHER(misaligned_vector, 1, 1, 0)
LAUNCHER(reads_beyond_the_end, 1, 64, 0)
LAUNCHER(writes_before_the_beginning, 1, 1, 0)
LAUNCHER(index_beyond_a_local_array, 1, 64, 0)
LAUNCHER(float_too_large_for_an_integer, 1, 1, 0)
LAUNCHER(integer_that_overflows, 1, 1, 0)
LAUNCHER(division_by_zero, 1, 1, 0)
LAUNCHER(shift_by_too_much, 1, 1, 0)
LAUNCHER(race_in_shared_memory, 1, 64, 0)
LAUNCHER(race_of_readers_with_a_writer, 1, 64, 0)
LAUNCHER(race_of_an_atomic_with_a_plain_access, 1, 64, 0)
LAUNCHER(race_of_blocks, 2, 64, 0)
LAUNCHER(shared_memory_not_written, 1, 64, 256)
LAUNCHER(beyond_shared_memory, 1, 64, 256)
LAUNCHER(much_static_shared_memory, 1, 1, (48 << 10) - 255)
LAUNCHER(copy_not_waited_for, 1, 64, 256)
LAUNCHER(copy_not_committed, 1, 64, 256)
LAUNCHER(copy_of_another_thread, 1, 64, 256)
LAUNCHER(copy_beyond_the_end, 1, 64, 256)
LAUNCHER(misaligned_copy, 1, 1, 256)
LAUNCHER(copy_of_two_bytes, 1, 1, 256)
LAUNCHER(copy_to_a_tensor, 1, 1, 0)
LAUNCHER(barrier_for_some, 1, 64, 0)
LAUNCHER(two_barriers_at_once, 1, 64, 0)
LAUNCHER(shuffle_of_some_lanes, 1, 64, 0)
LAUNCHER(different_shuffles, 1, 64, 0)
LAUNCHER(order_of_threads, 1, 64, 0)
LAUNCHER(exchanges, 1, 64, 0)
LAUNCHER(reversed_by_copies, 1, 64, 256)
LAUNCHER(reversed_by_shared_memory, 1, 64, 0)

// Limits of a launch.
#define LAUNCHER_OF_NOTHING(name, grid, block, shared)                                  \
  ZEROREAL_API int zeroreal_##name##_cuda(float* data, int device, void* stream) {      \
    return start(nothing, grid, block, shared, data, device, stream);                   \
  }

LAUNCHER_OF_NOTHING(highest_grid, dim3(1, 65535), 1, 0)
LAUNCHER_OF_NOTHING(most_shared_memory, 1, 32, 48 << 10)
LAUNCHER_OF_NOTHING(largest_block, 1, 1024, 0)
LAUNCHER_OF_NOTHING(too_many_threads, 1, 1025, 0)
LAUNCHER_OF_NOTHING(no_blocks, 0, 32, 0)
LAUNCHER_OF_NOTHING(too_high_a_grid, dim3(1, 65536), 32, 0)
LAUNCHER_OF_NOTHING(too_much_shared_memory, 1, 32, (48 << 10) + 1)

// With `shared` bytes of dynamic shared memory, where `allowed` bytes are.
#define LAUNCHER_ALLOWED(name, allowed, shared)                                               \
  ZEROREAL_API int zeroreal_##name##_cuda(float* data, int device, void* stream) {            \
    return launch_on(device, stream, [&](cudaStream_t queue) {                                \
      constexpr auto kAttribute = cudaFuncAttributeMaxDynamicSharedMemorySize;                \
      if (cudaFuncSetAttribute(nothing, kAttribute, allowed) != cudaSuccess) return;          \
      nothing<<<1, 32, shared, queue>>>(data);                                                \
    });                                                                                       \
  }

LAUNCHER_ALLOWED(all_that_is_allowed, 64 << 10, 64 << 10)
LAUNCHER_ALLOWED(all_that_the_gpu_has, 99 << 10, 99 << 10)
LAUNCHER_ALLOWED(more_than_is_allowed, 64 << 10, (64 << 10) + 1)
LAUNCHER_ALLOWED(more_than_the_gpu_has, (99 << 10) + 1, 48 << 10)

ZEROREAL_API int zeroreal_another_kernel_allowed_cuda(float* data, int device, void* stream) {
  return launch_on(device, stream, [&](cudaStream_t queue) {
    cudaFuncSetAttribute(order_of_threads, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10);
    nothing<<<1, 32, 64 << 10, queue>>>(data);
  });
}

ZEROREAL_API int zeroreal_other_device_allowed_cuda(float*, int, void*) {
  return cudaFuncSetAttribute(nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10) +
         cudaGetLastError();
}

ZEROREAL_API int zeroreal_other_stream_cuda(float* data, int device, void*) {
  return start(nothing, 1, 32, 0, data, device, nullptr);
}

ZEROREAL_API int zeroreal_other_device_cuda(float* data, int, void* stream) {
  return start(nothing, 1, 32, 0, data, 0, stream);
}

ZEROREAL_API int zeroreal_memset_beyond_the_end_cuda(float* data, int device, void* stream) {
  return launch_on(device, stream, [&](cudaStream_t queue) {
    cudaMemsetAsync(data, 0, 64 * sizeof(float) + 1, queue);
  });
}
