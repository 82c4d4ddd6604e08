// `guided_step` on the CPU: tiles of images in parallel, each in a few passes over the first cache.

#include "guided_step.h"

#include "fill_normal.h"
#include "host.h"

namespace zeroreal {
namespace {

constexpr std::int64_t kTile = 1024;

// Elements first .. first + count - 1 of one row of the output, in the order of the latents.
template <class T>
ZEROREAL_VECTOR_CLONES void read_tile(const GuidedStepArgs& args, std::int64_t row,
                                      std::int64_t first, std::int64_t count,
                                      float* __restrict__ values) {
  const T* image = static_cast<const T*>(args.output) + row * args.stride_row;
  for (std::int64_t i = 0; i < count;) {
    const std::int64_t line = (first + i) / args.width, x = (first + i) % args.width;
    const std::int64_t length = std::min(args.width - x, count - i);
    const T* __restrict__ from = image + line / args.height * args.stride_c +
                                 line % args.height * args.stride_h + x * args.stride_w;
    for (std::int64_t k = 0; k < length; ++k) values[i + k] = decode(from[k * args.stride_w]);
    i += length;
  }
}

ZEROREAL_VECTOR_CLONES void guide_tile(const float* __restrict__ away, float guidance,
                                       std::int64_t count, float* __restrict__ output) {
  for (std::int64_t i = 0; i < count; ++i) output[i] = guide(output[i], away[i], guidance);
}

ZEROREAL_VECTOR_CLONES void update_tile(const float* __restrict__ coefficients,
                                        const float* __restrict__ latents,
                                        const float* __restrict__ output,
                                        const float* __restrict__ history,
                                        const float* __restrict__ noise, std::int64_t count,
                                        float* __restrict__ next_latents,
                                        float* __restrict__ carry) {
  for (std::int64_t i = 0; i < count; ++i) {
    next_latents[i] = next_latent(coefficients, latents[i], output[i], history[i], noise[i]);
    carry[i] = carried(coefficients, latents[i], output[i]);
  }
}

template <class T>
void step_tile(const GuidedStepArgs& args, std::int64_t image, std::int64_t first,
               std::int64_t count) {
  float output[kTile], away[kTile], noise[kTile] = {};
  read_tile<T>(args, image, first, count, output);
  if (args.unconditional != nullptr) {
    read_tile<T>(args, args.unconditional[image], first, count, away);
    guide_tile(away, args.guidance[image], count, output);
  }
  if (args.coefficients[4] != 0.0f) {
    fill_normal(static_cast<std::uint64_t>(args.seeds[image]),
                static_cast<std::uint32_t>(*args.draw), first, count, noise);
  }
  const std::int64_t start = image * args.image_size() + first;
  update_tile(args.coefficients, args.latents + start, output, args.history + start, noise, count,
              args.next_latents + start, args.carry + start);
}

template <class T>
void step_all(const GuidedStepArgs& args, int max_threads) {
  constexpr double kOperationsPerElement = 16.0;
  const std::int64_t size = args.image_size(), tiles = (size + kTile - 1) / kTile;
  const double operations = kOperationsPerElement * static_cast<double>(args.batch * size);
  const int threads = useful_threads(operations, args.batch * tiles, max_threads);
  parallel_ranges(args.batch * tiles, threads, [&](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % tiles * kTile;
      step_tile<T>(args, i / tiles, first, std::min(kTile, size - first));
    }
  });
}

}  // namespace
}  // namespace zeroreal

// Returns a Status. Sizes and rows are trusted.
ZEROREAL_API int zeroreal_guided_step_cpu(
    const void* output, int dtype, std::int64_t batch, std::int64_t channels, std::int64_t height,
    std::int64_t width, std::int64_t stride_row, std::int64_t stride_c, std::int64_t stride_h,
    std::int64_t stride_w, const std::int64_t* unconditional, const float* guidance,
    const float* latents, const float* history, const float* coefficients,
    const std::int64_t* seeds, const std::int64_t* draw, float* next_latents, float* carry,
    int threads) {
  using namespace zeroreal;
  const GuidedStepArgs args = with_long_rows(
      {output, stride_row, stride_c, stride_h, stride_w, batch, channels, height, width,
       unconditional, guidance, latents, history, coefficients, seeds, draw, next_latents, carry});
  return run_with_element_type(
      dtype, [&](auto element) { step_all<decltype(element)>(args, threads); });
}
