// `group_norm_silu` on the GPU where a group fits into shared memory: the images are read once.
//
// A block takes one image and a run of neighbouring groups. It copies their values to shared memory,
// all at once and past the registers, takes the moments there and writes the values normalised: a
// thread reads of them only what it copied. Sums are taken in a fixed order: the result is the same
// each time, and for an image in any batch.
//
// Of each pixel, a block reads and writes the channels of its run, which are neighbours in memory.
// Memory comes in sectors of 32 bytes: where a run begins or ends inside of one, the block beside it
// needs it, too, at the same time, and finds it in the L2 cache. So the bytes that DRAM moves are
// those of one read and one write, but L2 moves more, the shorter the runs: 48 for each 20 of SD
// 1.5's 10 channels in 16 bits. A run is therefore the shortest of whole sectors, or else of the
// largest pieces, that leaves room for two blocks on a multiprocessor: one loads while the other
// computes. Only where one group alone leaves room for one block, that is what runs.
//
// The choice rests on bytes that were counted; no way has been timed on a GPU.
#pragma once

#include <cuda_pipeline_primitives.h>

#include "group_norm_silu.h"
#include "launch.h"
#include "vector.h"
#include "warp.h"

namespace zeroreal {
namespace {

constexpr unsigned kRunThreads = 512, kRunWarps = kRunThreads / kWarp;
constexpr unsigned kBlocksAtOnce = 2;  // on a multiprocessor
constexpr std::int64_t kSector = 32;   // bytes
template <int N>
constexpr int kUnrolled = N > 4 ? 2 : 4;  // pixels: what the registers hold
constexpr std::int64_t kUsualShared = 48 << 10;  // bytes that a kernel may have without asking

// Bytes of shared memory for the values of a run; the sums of its groups by warp follow.
ZEROREAL_INLINE std::int64_t bytes_of_values(std::int64_t pixels, std::int64_t bytes_of_pixel) {
  return (pixels * bytes_of_pixel + 15) / 16 * 16;
}

// Of every group, the sums that each warp's threads give for their channels: [groups, warps].
template <int N>
__device__ void sum_by_warp(const float (&values)[N], const unsigned (&group)[N], unsigned groups,
                            float* sums) {
#pragma unroll 1
  for (unsigned g = 0; g < groups; ++g) {
    float sum = 0.0f;
    for (int k = 0; k < N; ++k) sum += group[k] == g ? values[k] : 0.0f;
    sum = warp_total(sum);
    if (threadIdx.x % kWarp == 0) sums[g * kRunWarps + threadIdx.x / kWarp] = sum;
  }
}

__device__ inline float sum_of_warps(const float* sums, unsigned group) {
  float sum = 0.0f;
#pragma unroll 4
  for (unsigned warp = 0; warp < kRunWarps; ++warp) sum += sums[group * kRunWarps + warp];
  return sum;
}

// Has arrived after __pipeline_wait_prior, for the thread itself.
template <class T, int N>
__device__ void copy_to_shared(Vector<T, N>* to, const Vector<T, N>* from) {
  if constexpr (sizeof(Vector<T, N>) >= 4) {
    __pipeline_memcpy_async(to, from, sizeof(Vector<T, N>));
  } else {
    *to = *from;
  }
}

// Grid: x covers the runs of one image, so that those that share sectors run together, y the batch
// (in strides where the batch is larger). Rows of threads take pixels in turn, a thread the same N
// channels of each.
template <class T, int N, bool kSilu>
__global__ void __launch_bounds__(kRunThreads, kBlocksAtOnce)
    normalise_runs(const GroupNormArgs args, unsigned run) {
  extern __shared__ float4 memory[];
  // Pixels times channels are below 2^32, as a channel of every pixel fits into shared memory.
  const unsigned pixels = static_cast<unsigned>(args.pixels);
  const unsigned vectors = static_cast<unsigned>(args.channels / N);
  const unsigned group_size = static_cast<unsigned>(args.channels / args.groups);
  const unsigned columns = run * group_size / N;
  const unsigned rows = kRunThreads / columns, column = threadIdx.x % columns;
  const unsigned row = threadIdx.x / columns, begin = row < rows ? row : pixels;
  const unsigned taken = (pixels - begin + rows - 1) / rows;
  const unsigned first = blockIdx.x * run * group_size + column * N;  // channel
  auto* kept = reinterpret_cast<Vector<T, N>*>(memory) + column;
  float* sums = reinterpret_cast<float*>(
      reinterpret_cast<char*>(memory) +
      bytes_of_values(pixels, columns * static_cast<std::int64_t>(sizeof(Vector<T, N>))));
  float* distance_sums = sums + run * kRunWarps;
  float* square_sums = distance_sums + run * kRunWarps;
  const T* weight = static_cast<const T*>(args.weight);
  const T* bias = static_cast<const T*>(args.bias);
  const float count = static_cast<float>(pixels * group_size);
  unsigned group[N];  // of the run
  for (int k = 0; k < N; ++k) group[k] = (column * N + k) / group_size;

  for (std::int64_t image = blockIdx.y; image < args.batch; image += gridDim.y) {
    const std::int64_t start = image * args.pixels * vectors + first / N;
    const auto* __restrict__ in = static_cast<const Vector<T, N>*>(args.images) + start;
    auto* __restrict__ out = static_cast<Vector<T, N>*>(args.out) + start;
#pragma unroll 4
    for (unsigned p = begin; p < pixels; p += rows) {
      copy_to_shared<T, N>(kept + p * columns, in + p * vectors);
    }
    __pipeline_commit();
    float shift[N], channel_sums[N];
    for (int k = 0; k < N; ++k) {
      shift[k] = shift_of<T>(args, image, first + k);
      channel_sums[k] = static_cast<float>(taken) * shift[k];
    }
    __pipeline_wait_prior(0);

    // A mean that is nearly right: what is added to 0 rounds away some of a large one.
#pragma unroll kUnrolled<N>
    for (unsigned p = begin; p < pixels; p += rows) {
      const Vector<T, N> values = kept[p * columns];
      for (int k = 0; k < N; ++k) channel_sums[k] += decode(values.element[k]);
    }
    sum_by_warp(channel_sums, group, run, sums);
    __syncthreads();
    float origin[N], distances[N], squares[N], near_mean = 0.0f;
    for (int k = 0; k < N; ++k) {
      if (k == 0 || group[k] != group[k - 1]) near_mean = sum_of_warps(sums, group[k]) / count;
      origin[k] = near_mean - shift[k];
      distances[k] = squares[k] = 0.0f;
    }

    // Distances from it are small: their sums tell mean and deviation.
#pragma unroll kUnrolled<N>
    for (unsigned p = begin; p < pixels; p += rows) {
      const Vector<T, N> values = kept[p * columns];
      for (int k = 0; k < N; ++k) {
        const float distance = decode(values.element[k]) - origin[k];
        distances[k] += distance;
        squares[k] += distance * distance;
      }
    }
    sum_by_warp(distances, group, run, distance_sums);
    sum_by_warp(squares, group, run, square_sums);
    // The next image writes sums again only after all have passed this, distances and squares after
    // the barrier before.
    __syncthreads();
    float scale[N], offset[N], off = 0.0f, factor = 0.0f;
    for (int k = 0; k < N; ++k) {
      if (k == 0 || group[k] != group[k - 1]) {
        const float distance = sum_of_warps(distance_sums, group[k]);
        off = distance / count;
        const float variance = (sum_of_warps(square_sums, group[k]) - off * distance) / count;
        factor = 1.0f / sqrtf(variance + args.epsilon);
      }
      scale[k] = factor * decode(weight[first + k]);
      offset[k] = decode(bias[first + k]) - off * scale[k];
    }
#pragma unroll kUnrolled<N>
    for (unsigned p = begin; p < pixels; p += rows) {
      Vector<T, N> values = kept[p * columns];
      for (int k = 0; k < N; ++k) {
        const float value = normalise(decode(values.element[k]), origin[k], scale[k], offset[k]);
        values.element[k] = encode<T>(kSilu ? silu(value) : value);
      }
      out[p * vectors] = values;
    }
  }
}

// What a device has of it, in bytes.
struct SharedMemory {
  int block = 0, multiprocessor = 0, reserved = 0;  // the last for each block

  // A status other than 0 is the runtime's last error, too.
  cudaError_t ask(int device) {
    cudaError_t status =
        cudaDeviceGetAttribute(&block, cudaDevAttrMaxSharedMemoryPerBlockOptin, device);
    if (status == cudaSuccess) {
      status = cudaDeviceGetAttribute(&multiprocessor, cudaDevAttrMaxSharedMemoryPerMultiprocessor,
                                      device);
    }
    if (status == cudaSuccess) {
      status = cudaDeviceGetAttribute(&reserved, cudaDevAttrReservedSharedMemoryPerBlock, device);
    }
    return status;
  }
};

// The largest power of two that divides both.
inline std::int64_t common_power(std::int64_t one, std::int64_t other) {
  const std::int64_t bits = one | other;
  return bits & -bits;
}

// Blocks for `groups` neighbouring groups each.
struct Run {
  std::int64_t groups, shared;  // bytes
  std::int64_t piece;           // bytes that runs are whole pieces of, and threads load: at most 16
  std::int64_t aligned;         // bytes that runs are whole pieces of: at most a sector
  bool fits;

  Run(const GroupNormArgs& args, std::int64_t element_size, std::int64_t of_groups,
      const SharedMemory& memory)
      : groups(of_groups) {
    const std::int64_t pixel = groups * (args.channels / args.groups) * element_size;
    const std::int64_t sums = 3 * groups * kRunWarps * static_cast<std::int64_t>(sizeof(float));
    const auto address =
        static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(args.images) |
                                  reinterpret_cast<std::uintptr_t>(args.out));
    shared = bytes_of_values(args.pixels, pixel) + sums;
    piece = common_power(pixel, address | 16);
    aligned = common_power(pixel, kSector);
    fits = shared <= memory.block && pixel / piece <= kRunThreads && args.groups % groups == 0;
  }

  std::int64_t blocks_at_once(const SharedMemory& memory) const {
    return memory.multiprocessor / (shared + memory.reserved);
  }
};

// The run to take, which does not fit where none does; the same for any batch. Twice the groups have
// twice the alignment.
inline Run choose_run(const GroupNormArgs& args, std::int64_t element_size,
                      const SharedMemory& memory) {
  Run chosen(args, element_size, 1, memory);
  while (chosen.aligned < kSector && args.groups % (2 * chosen.groups) == 0) {
    const Run longer(args, element_size, 2 * chosen.groups, memory);
    if (!longer.fits || longer.blocks_at_once(memory) < kBlocksAtOnce) break;
    chosen = longer;
  }
  return chosen;
}

// Nothing here waits, and the attribute is no work of a stream: a CUDA graph may be recording. It is
// always the device's most, so that no launch takes from another, or from a graph, what it needs.
template <class T, int N, bool kSilu>
void launch_runs(const GroupNormArgs& args, const Run& run, const SharedMemory& memory,
                 cudaStream_t stream) {
  if (run.shared > kUsualShared &&
      cudaFuncSetAttribute(normalise_runs<T, N, kSilu>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                           memory.block) != cudaSuccess) {
    return;  // it is the runtime's last error
  }
  const std::int64_t grid_y = args.batch < kMaxGridY ? args.batch : kMaxGridY;
  const dim3 grid(static_cast<unsigned>(args.groups / run.groups), static_cast<unsigned>(grid_y));
  const std::size_t shared = static_cast<std::size_t>(run.shared);
  const unsigned groups = static_cast<unsigned>(run.groups);
  normalise_runs<T, N, kSilu><<<grid, kRunThreads, shared, stream>>>(args, groups);
}

// The same with N as of the run's pieces.
template <class T, int N = kVectorSize<T>>
void launch_one_read(const GroupNormArgs& args, const Run& run, const SharedMemory& memory,
                     cudaStream_t stream) {
  if constexpr (N > 1) {
    if (run.piece < static_cast<std::int64_t>(sizeof(Vector<T, N>))) {
      return launch_one_read<T, N / 2>(args, run, memory, stream);
    }
  }
  if (args.silu) {
    launch_runs<T, N, true>(args, run, memory, stream);
  } else {
    launch_runs<T, N, false>(args, run, memory, stream);
  }
}

}  // namespace
}  // namespace zeroreal
