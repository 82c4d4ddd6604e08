// `augment` on the GPU: one block a tile of an output image, so that blocks find room beside those of
// a trainer. Where the colour map wants the image's mean luma, another launch has summed it up: the
// image is sampled twice.

#include "augment.h"

#include "launch.h"

namespace zeroreal {
namespace {

constexpr int kWarp = 32;
constexpr int kThreads = 256;
constexpr int kBlocks = 4;  // of a multiprocessor at least: 64 registers a thread at most
constexpr std::int32_t kTile = 32;  // output pixels a side; a warp works on a row at a time

// What is the same for all pixels of a tile. Without rotation, tents are: those of a column for all
// of its pixels, those of a row likewise.
struct Tile {
  std::int32_t left, top, width, height;
  bool shares_tents;
  const Tent* columns;
  const Tent* rows;
};

std::int64_t tiles_of(const AugmentArgs& args) {
  const std::int64_t across = (args.out_width + kTile - 1) / kTile;
  return across * ((args.out_height + kTile - 1) / kTile);
}

// The block's tile, of the output image that it works on. Every thread of the block comes here.
__device__ Tile block_tile(const AugmentArgs& args, const Geometry& geometry, unsigned tile) {
  __shared__ Tent columns[kTile];
  __shared__ Tent rows[kTile];
  const unsigned across = (args.out_width + kTile - 1) / kTile;
  const std::int32_t left = static_cast<std::int32_t>(tile % across) * kTile;
  const std::int32_t top = static_cast<std::int32_t>(tile / across) * kTile;
  const std::int32_t width = args.out_width - left < kTile ? args.out_width - left : kTile;
  const std::int32_t height = args.out_height - top < kTile ? args.out_height - top : kTile;
  const auto thread = static_cast<std::int32_t>(threadIdx.x);
  const bool shares = geometry.separable();  // for the whole block alike
  if (shares) {
    if (thread < width) columns[thread] = columns_at(args, geometry, left + thread, top);
    if (thread < height) rows[thread] = rows_at(args, geometry, left, top + thread);
    __syncthreads();
  }
  return {left, top, width, height, shares, columns, rows};
}

// Calls `visit(x, y, values)` with the values of the tile's pixels that are this thread's.
template <int C, class Visit>
__device__ void sample_tile(const std::uint8_t* image, const AugmentArgs& args,
                            const Geometry& geometry, const Tile& tile, const Visit& visit) {
  const std::int32_t column = threadIdx.x % kTile;
  if (column >= tile.width) return;
  for (std::int32_t row = threadIdx.x / kTile; row < tile.height; row += kThreads / kTile) {
    const std::int32_t x = tile.left + column, y = tile.top + row;
    float values[C];
    if (tile.shares_tents) {
      sample_pixel<C>(image, args, tile.columns[column], tile.rows[row], values);
    } else {
      sample_at<C>(image, args, geometry, x, y, values);
    }
    visit(x, y, values);
  }
}

// Adds every thread's value to `total`: whole numbers, so in any order.
__device__ void add_block(std::uint64_t value, std::uint64_t* total) {
  unsigned long long sum = value;
  for (int lane = kWarp / 2; lane > 0; lane /= 2) sum += __shfl_xor_sync(~0u, sum, lane);
  if (threadIdx.x % kWarp == 0) atomicAdd(reinterpret_cast<unsigned long long*>(total), sum);
}

// The image that the block works on; null where it is not there.
template <int C>
__device__ const std::uint8_t* source_of(const AugmentArgs& args, std::int64_t sample) {
  const std::int64_t source = args.index[sample];
  if (source < 0 || source >= args.count) return nullptr;
  return args.images + source * args.in_height * args.in_width * C;
}

// Grid: the tiles of one image after those of the other. Only of images that want their mean luma.
template <int C>
__global__ void __launch_bounds__(kThreads, kBlocks)
    luma_kernel(const AugmentArgs args, unsigned tiles) {
  const std::int64_t sample = blockIdx.x / tiles;
  const float* parameters = args.parameters + sample * kParameters;
  const std::uint8_t* image = source_of<C>(args, sample);
  if (image == nullptr || parameters[kPivot] == 0.0f) return;  // the whole block
  const Geometry geometry = make_geometry(parameters);
  const Tile tile = block_tile(args, geometry, blockIdx.x % tiles);
  std::uint64_t sum = 0;
  sample_tile<C>(image, args, geometry, tile,
                 [&](std::int32_t, std::int32_t, const float* values) {
                   sum += whole_luma<C>(values);
                 });
  add_block(sum, args.luma_sums + sample);
}

// Grid: as above. An image that is not there becomes NaN, not a stray read.
template <class T, int C>
__global__ void __launch_bounds__(kThreads, kBlocks)
    augment_kernel(const AugmentArgs args, unsigned tiles) {
  const std::int64_t sample = blockIdx.x / tiles;
  const float* parameters = args.parameters + sample * kParameters;
  const std::int64_t pixels = static_cast<std::int64_t>(args.out_height) * args.out_width;
  T* out = static_cast<T*>(args.out) + sample * pixels * C;
  const std::uint8_t* image = source_of<C>(args, sample);
  if (image == nullptr) {
    const T nan = encode<T>(bits_as<float>(0x7fc00000u));
    const std::int64_t first = static_cast<std::int64_t>(blockIdx.x % tiles) * kThreads;
    for (std::int64_t i = first + threadIdx.x; i < pixels * C; i += tiles * kThreads) out[i] = nan;
    return;
  }
  const Geometry geometry = make_geometry(parameters);
  const Box erased = make_erased(parameters, args);
  const bool keeps = keeps_colours(parameters);
  const bool pivots = parameters[kPivot] != 0.0f;
  const float mean =
      pivots ? mean_luma(args.luma_sums[sample], args.out_height, args.out_width) : 0.0f;
  const Colour<C> colour = make_colour<C>(parameters, mean);
  const Tile tile = block_tile(args, geometry, blockIdx.x % tiles);
  sample_tile<C>(image, args, geometry, tile, [&](std::int32_t x, std::int32_t y, float* values) {
    if (!keeps) recolour<C>(colour, values);
    const bool erase = erased.contains(x, y);
    T* target = out + (static_cast<std::int64_t>(y) * args.out_width + x) * C;
    for (int c = 0; c < C; ++c) {
      target[c] = encode<T>(erase ? 0.0f : normalise(values[c], args.mean[c], args.std[c]));
    }
  });
}

template <class T, int C>
void launch(const AugmentArgs& args, cudaStream_t stream) {
  const auto tiles = static_cast<unsigned>(tiles_of(args));
  const auto grid = static_cast<unsigned>(args.batch * tiles);
  cudaMemsetAsync(args.luma_sums, 0, args.batch * sizeof(std::uint64_t), stream);
  luma_kernel<C><<<grid, kThreads, 0, stream>>>(args, tiles);
  augment_kernel<T, C><<<grid, kThreads, 0, stream>>>(args, tiles);
}

}  // namespace
}  // namespace zeroreal

// Launches on `stream` of `device` and returns a cudaError_t: 0 is success. Sizes are trusted,
// indices are not; `statistics` is on the host and read before this returns. `luma_sums` [batch] is
// overwritten.
ZEROREAL_API int zeroreal_augment_cuda(const std::uint8_t* images, std::int64_t count,
                                       std::int64_t in_height, std::int64_t in_width,
                                       std::int64_t channels, const std::int64_t* index,
                                       const float* parameters, std::int64_t batch, void* out,
                                       int dtype, std::int64_t out_height, std::int64_t out_width,
                                       const float* statistics, int reflect,
                                       std::uint64_t* luma_sums, int device, void* stream) {
  using namespace zeroreal;
  const AugmentArgs args = make_augment_args(images, count, in_height, in_width, channels, index,
                                             parameters, batch, out, out_height, out_width,
                                             statistics, reflect, luma_sums);
  if (batch == 0) return cudaSuccess;
  if (batch > kMaxGridX / tiles_of(args)) return cudaErrorInvalidValue;
  return launch_with_element_type(dtype, device, stream, [&](cudaStream_t queue, auto element) {
    using T = decltype(element);
    channels == 1 ? launch<T, 1>(args, queue) : launch<T, 3>(args, queue);
  });
}
