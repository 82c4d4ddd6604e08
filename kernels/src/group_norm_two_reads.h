// `group_norm_silu` on the GPU for groups of any size: moments of parts of the images, then of whole
// images, then values, for which the images are read again.
//
// Every thread keeps to a few neighbouring channels, which it loads 16 bytes at a time, and goes
// from pixel to pixel. Sums are taken in a fixed order: the result is the same each time, and for
// an image in any batch.
#pragma once

#include "group_norm_silu.h"
#include "launch.h"
#include "vector.h"
#include "warp.h"

namespace zeroreal {
namespace {

constexpr unsigned kThreads = 256;
constexpr std::int64_t kMaxParts = 256;         // as in kernels/_group_norm_silu.py
constexpr std::int64_t kPartElements = 16384;  // at least, where an image has more

// Which pixels and channels a thread works on: rows of threads take pixels in turn, each row all
// channels, from `column` on in steps of `columns` vectors.
struct Place {
  unsigned columns, rows, column, row;
  std::int64_t begin, end;  // pixels of the block

  template <int N>
  __device__ static Place of(const GroupNormArgs& args) {
    Place place;
    const std::int64_t vectors = args.channels / N;
    place.columns = static_cast<unsigned>(vectors < kThreads ? vectors : kThreads);
    place.rows = kThreads / place.columns;
    place.column = threadIdx.x % place.columns;
    place.row = threadIdx.x / place.columns;
    place.begin = args.pixels * blockIdx.x / gridDim.x;
    place.end = args.pixels * (blockIdx.x + 1) / gridDim.x;
    return place;
  }

  // Pixels that a row of threads takes.
  __device__ std::int64_t pixels(unsigned of_row) const {
    return (end - begin - of_row + rows - 1) / rows;  // a row beyond the pixels: 0
  }
};

// Moments of the groups of one part of one image: [parts, batch, groups].
//
// Grid: x covers the parts of one image, y the batch (in strides where the batch is larger). Shared
// memory: the moments of each channel by each row of threads.
template <class T, int N>
__global__ void __launch_bounds__(kThreads)
    part_moments(const GroupNormArgs args, Moments* __restrict__ moments) {
  extern __shared__ Moments by_row[];  // [rows, channels]
  const Place place = Place::of<N>(args);
  const std::int64_t vectors = args.channels / N, group_size = args.channels / args.groups;
  for (std::int64_t image = blockIdx.y; image < args.batch; image += gridDim.y) {
    const auto* in = static_cast<const Vector<T, N>*>(args.images) + image * args.pixels * vectors;
    for (std::int64_t v = place.column; place.row < place.rows && v < vectors; v += place.columns) {
      float shift[N], mean[N], squares[N], count = 0.0f;
      for (int k = 0; k < N; ++k) {
        shift[k] = shift_of<T>(args, image, v * N + k);
        mean[k] = squares[k] = 0.0f;
      }
#pragma unroll 4
      for (std::int64_t p = place.begin + place.row; p < place.end; p += place.rows) {
        const Vector<T, N> values = in[p * vectors + v];
        count += 1.0f;
        const float share = 1.0f / count;
        for (int k = 0; k < N; ++k) {  // Welford 1962
          const float value = decode(values.element[k]) + shift[k];
          const float distance = value - mean[k];
          mean[k] += distance * share;
          squares[k] += distance * (value - mean[k]);
        }
      }
      for (int k = 0; k < N; ++k) {
        by_row[place.row * args.channels + v * N + k] = {mean[k], squares[k]};
      }
    }
    __syncthreads();
    const float count = static_cast<float>((place.end - place.begin) * group_size);
    for (std::int64_t g = threadIdx.x; g < args.groups; g += kThreads) {
      // Near all of them: what is summed is small, and little is lost where the mean is large.
      const float origin = by_row[g * group_size].mean;
      float sum = 0.0f, squares = 0.0f;
      for (unsigned row = 0; row < place.rows; ++row) {
        const float pixels = static_cast<float>(place.pixels(row));
        const Moments* channel = by_row + row * args.channels + g * group_size;
        for (std::int64_t c = 0; c < group_size; ++c) sum += pixels * (channel[c].mean - origin);
      }
      const float mean = origin + sum / count;
      for (unsigned row = 0; row < place.rows; ++row) {
        const float pixels = static_cast<float>(place.pixels(row));
        const Moments* channel = by_row + row * args.channels + g * group_size;
        for (std::int64_t c = 0; c < group_size; ++c) {
          const float distance = channel[c].mean - mean;
          squares += channel[c].squares + pixels * distance * distance;
        }
      }
      moments[(blockIdx.x * args.batch + image) * args.groups + g] = {mean, squares};
    }
    __syncthreads();
  }
}

// Mean and 1 / deviation of every group of every image, [batch, groups], by a warp for each.
__global__ void __launch_bounds__(kThreads)
    group_norms(const GroupNormArgs args, std::int64_t parts, const Moments* __restrict__ moments,
                float2* __restrict__ norms) {
  const std::int64_t groups = args.batch * args.groups, group_size = args.channels / args.groups;
  const std::int64_t group =
      (static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x) / kWarp;
  const unsigned lane = threadIdx.x % kWarp;
  if (group >= groups) return;
  Pooled<float> pooled;
  for (std::int64_t part = lane; part < parts; part += kWarp) {
    const std::int64_t pixels = args.pixels * (part + 1) / parts - args.pixels * part / parts;
    const Moments more = moments[part * groups + group];
    pooled.add(static_cast<float>(pixels * group_size), more.mean, more.squares);
  }
  for (unsigned other = kWarp / 2; other > 0; other /= 2) {
    const float count = __shfl_down_sync(0xffffffffu, pooled.count, other);
    const float mean = __shfl_down_sync(0xffffffffu, pooled.mean, other);
    const float squares = __shfl_down_sync(0xffffffffu, pooled.squares, other);
    pooled.add(count, mean, squares);
  }
  if (lane == 0) {
    norms[group] = {pooled.mean, 1.0f / sqrtf(pooled.squares / pooled.count + args.epsilon)};
  }
}

// Grid as of `part_moments`.
template <class T, int N, bool kSilu>
__global__ void __launch_bounds__(kThreads)
    write_normalised(const GroupNormArgs args, const float2* __restrict__ norms) {
  const Place place = Place::of<N>(args);
  if (place.row >= place.rows) return;
  const std::int64_t vectors = args.channels / N, group_size = args.channels / args.groups;
  const T* weight = static_cast<const T*>(args.weight);
  const T* bias = static_cast<const T*>(args.bias);
  for (std::int64_t image = blockIdx.y; image < args.batch; image += gridDim.y) {
    const std::int64_t start = image * args.pixels * vectors;
    const auto* __restrict__ in = static_cast<const Vector<T, N>*>(args.images) + start;
    auto* __restrict__ out = static_cast<Vector<T, N>*>(args.out) + start;
    for (std::int64_t v = place.column; v < vectors; v += place.columns) {
      float mean[N], scale[N], offset[N];
      for (int k = 0; k < N; ++k) {
        const std::int64_t channel = v * N + k;
        const float2 norm = norms[image * args.groups + channel / group_size];
        mean[k] = norm.x - shift_of<T>(args, image, channel);
        scale[k] = norm.y * decode(weight[channel]);
        offset[k] = decode(bias[channel]);
      }
#pragma unroll 4
      for (std::int64_t p = place.begin + place.row; p < place.end; p += place.rows) {
        Vector<T, N> values = in[p * vectors + v];
        for (int k = 0; k < N; ++k) {
          const float value =
              normalise(decode(values.element[k]), mean[k], scale[k], offset[k]);
          values.element[k] = encode<T>(kSilu ? silu(value) : value);
        }
        out[p * vectors + v] = values;
      }
    }
  }
}

std::int64_t parts_of(const GroupNormArgs& args) {
  const std::int64_t wanted = args.pixels * args.channels / kPartElements;
  const std::int64_t most = args.pixels < kMaxParts ? args.pixels : kMaxParts;
  return wanted < 1 ? 1 : (wanted < most ? wanted : most);
}

// `workspace` is float32 [kMaxParts + 1, batch, groups, 2].
template <class T, int N>
void launch_two_reads(const GroupNormArgs& args, void* workspace, cudaStream_t stream) {
  float2* norms = static_cast<float2*>(workspace);
  Moments* moments = static_cast<Moments*>(workspace) + args.batch * args.groups;
  const std::int64_t parts = parts_of(args);
  const std::int64_t grid_y = args.batch < kMaxGridY ? args.batch : kMaxGridY;
  const dim3 grid(static_cast<unsigned>(parts), static_cast<unsigned>(grid_y));
  const std::int64_t vectors = args.channels / N;
  const std::int64_t rows = kThreads / (vectors < kThreads ? vectors : kThreads);
  const std::size_t shared = static_cast<std::size_t>(rows * args.channels) * sizeof(Moments);
  part_moments<T, N><<<grid, kThreads, shared, stream>>>(args, moments);

  constexpr std::int64_t kWarps = kThreads / kWarp;
  const std::int64_t blocks = (args.batch * args.groups + kWarps - 1) / kWarps;
  group_norms<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(args, parts, moments, norms);

  const auto kernel = args.silu ? write_normalised<T, N, true> : write_normalised<T, N, false>;
  kernel<<<grid, kThreads, 0, stream>>>(args, norms);
}

}  // namespace
}  // namespace zeroreal
