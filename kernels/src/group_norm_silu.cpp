// `group_norm_silu` on the CPU: first the moments of an image, chunk by chunk, then its values.
//
// A chunk is small enough to stay in the L1 cache while it is read twice. Chunks are the same, and
// merged in the same order, for any number of threads.

#include "group_norm_silu.h"

#include <cmath>
#include <vector>

#include "host.h"

namespace zeroreal {
namespace {

constexpr std::int64_t kChunkElements = 8192;  // 32 KiB of floats

using Floats = std::vector<float>;

// Memory for one chunk: its values, [pixels, channels], and what is kept of each channel.
struct ChunkBuffers {
  Floats values, sums, squares, means;

  ChunkBuffers(std::int64_t pixels, std::int64_t channels)
      : values(pixels * channels), sums(channels), squares(channels), means(channels) {}
};

// How the values of an image are normalised, by channel: (value - mean) * scale + bias.
struct ImageNorm {
  Floats mean, scale, bias;

  explicit ImageNorm(std::int64_t channels) : mean(channels), scale(channels), bias(channels) {}
};

template <class T>
ZEROREAL_VECTOR_CLONES void load_and_sum(const T* __restrict__ chunk, std::int64_t pixels,
                                         std::int64_t channels, float* __restrict__ values,
                                         float* __restrict__ sums) {
  for (std::int64_t c = 0; c < channels; ++c) sums[c] = 0.0f;
  for (std::int64_t p = 0; p < pixels; ++p) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const float value = decode(chunk[p * channels + c]);
      values[p * channels + c] = value;
      sums[c] += value;
    }
  }
}

// The sums of the distances from `means`, and of their squares.
ZEROREAL_VECTOR_CLONES void sum_distances(const float* __restrict__ values, std::int64_t pixels,
                                          std::int64_t channels, const float* __restrict__ means,
                                          float* __restrict__ sums, float* __restrict__ squares) {
  for (std::int64_t c = 0; c < channels; ++c) sums[c] = squares[c] = 0.0f;
  for (std::int64_t p = 0; p < pixels; ++p) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const float distance = values[p * channels + c] - means[c];
      sums[c] += distance;
      squares[c] += distance * distance;
    }
  }
}

template <class T, bool kSilu>
ZEROREAL_VECTOR_CLONES void write_normalised(const T* __restrict__ in, std::int64_t pixels,
                                             std::int64_t channels, const float* __restrict__ mean,
                                             const float* __restrict__ scale,
                                             const float* __restrict__ bias, T* __restrict__ out) {
  for (std::int64_t p = 0; p < pixels; ++p) {
    for (std::int64_t c = 0; c < channels; ++c) {
      const float value = normalise(decode(in[p * channels + c]), mean[c], scale[c], bias[c]);
      out[p * channels + c] = encode<T>(kSilu ? silu(value) : value);
    }
  }
}

// The work of one call, cut into chunks.
template <class T>
struct Work {
  const GroupNormArgs& args;
  std::int64_t group_size, chunk_pixels, chunks;

  explicit Work(const GroupNormArgs& given)
      : args(given),
        group_size(given.channels / given.groups),
        chunk_pixels(std::max<std::int64_t>(1, kChunkElements / given.channels)),
        chunks((given.pixels + chunk_pixels - 1) / chunk_pixels) {}

  std::int64_t pixels_of(std::int64_t chunk) const {
    return std::min(chunk_pixels, args.pixels - chunk * chunk_pixels);
  }

  // The moments of every group of one chunk, with the shift; twice, as the first mean is rounded.
  void take_moments(std::int64_t image, std::int64_t chunk, ChunkBuffers& buffers,
                    Moments* moments) const {
    const std::int64_t pixels = pixels_of(chunk), channels = args.channels;
    const float count = static_cast<float>(pixels * group_size);
    const T* start = static_cast<const T*>(args.images) +
                     (image * args.pixels + chunk * chunk_pixels) * channels;
    float *values = buffers.values.data(), *sums = buffers.sums.data();
    float *squares = buffers.squares.data(), *means = buffers.means.data();
    load_and_sum(start, pixels, channels, values, sums);
    for (std::int64_t g = 0; g < args.groups; ++g) {
      const std::int64_t first = g * group_size, last = first + group_size;
      float sum = 0.0f;
      for (std::int64_t c = first; c < last; ++c) {
        sum += sums[c] + static_cast<float>(pixels) * shift_of<T>(args, image, c);
      }
      moments[g].mean = sum / count;
      for (std::int64_t c = first; c < last; ++c) means[c] = moments[g].mean - shift_of<T>(args, image, c);
    }
    sum_distances(values, pixels, channels, means, sums, squares);
    for (std::int64_t g = 0; g < args.groups; ++g) {
      const std::int64_t first = g * group_size, last = first + group_size;
      float sum = 0.0f, square = 0.0f;
      for (std::int64_t c = first; c < last; ++c) {
        sum += sums[c];
        square += squares[c];
      }
      moments[g].mean += sum / count;
      moments[g].squares = square - sum * sum / count;
    }
  }

  // The norm of an image from the moments of its chunks, [chunks, groups].
  void merge(std::int64_t image, const Moments* moments, ImageNorm& norm) const {
    const T* weight = static_cast<const T*>(args.weight);
    const T* bias = static_cast<const T*>(args.bias);
    for (std::int64_t g = 0; g < args.groups; ++g) {
      Pooled<double> group;
      for (std::int64_t k = 0; k < chunks; ++k) {
        const Moments& chunk = moments[k * args.groups + g];
        group.add(static_cast<double>(pixels_of(k) * group_size), chunk.mean, chunk.squares);
      }
      const double scale = 1.0 / std::sqrt(group.squares / group.count + args.epsilon);
      for (std::int64_t c = g * group_size; c < (g + 1) * group_size; ++c) {
        norm.mean[c] = static_cast<float>(group.mean - shift_of<T>(args, image, c));
        norm.scale[c] = static_cast<float>(scale * decode(weight[c]));
        norm.bias[c] = decode(bias[c]);
      }
    }
  }

  void write(std::int64_t image, std::int64_t chunk, const ImageNorm& norm) const {
    const std::int64_t start = (image * args.pixels + chunk * chunk_pixels) * args.channels;
    const auto write = args.silu ? write_normalised<T, true> : write_normalised<T, false>;
    write(static_cast<const T*>(args.images) + start, pixels_of(chunk), args.channels,
          norm.mean.data(), norm.scale.data(), norm.bias.data(), static_cast<T*>(args.out) + start);
  }
};

// Threads share out images, where there are enough: one is then normalised while it is in the
// cache. Else they share out the chunks of one image after the other.
template <class T>
void normalise_all(const GroupNormArgs& args, int max_threads) {
  const Work<T> work(args);
  const bool by_image = work.chunks == 1 || args.batch >= 4 * max_threads;
  const double operations =
      16.0 * static_cast<double>(args.batch * args.pixels) * static_cast<double>(args.channels);
  const int threads = useful_threads(operations, by_image ? args.batch : work.chunks, max_threads);
  std::vector<ChunkBuffers> buffers(threads, {work.chunk_pixels, args.channels});
  std::vector<ImageNorm> norms(by_image ? threads : 1, ImageNorm(args.channels));
  const std::int64_t image_moments = work.chunks * args.groups;
  std::vector<Moments> moments(norms.size() * image_moments);

  if (by_image) {
    parallel_ranges(args.batch, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
      Moments* own = moments.data() + thread * image_moments;
      for (std::int64_t image = begin; image < end; ++image) {
        for (std::int64_t k = 0; k < work.chunks; ++k) {
          work.take_moments(image, k, buffers[thread], own + k * args.groups);
        }
        work.merge(image, own, norms[thread]);
        for (std::int64_t k = 0; k < work.chunks; ++k) work.write(image, k, norms[thread]);
      }
    });
    return;
  }
  for (std::int64_t image = 0; image < args.batch; ++image) {
    parallel_ranges(work.chunks, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
      for (std::int64_t k = begin; k < end; ++k) {
        work.take_moments(image, k, buffers[thread], moments.data() + k * args.groups);
      }
    });
    work.merge(image, moments.data(), norms[0]);
    parallel_ranges(work.chunks, threads, [&](std::int64_t begin, std::int64_t end, int) {
      for (std::int64_t k = begin; k < end; ++k) work.write(image, k, norms[0]);
    });
  }
}

}  // namespace
}  // namespace zeroreal

// Returns a Status. Sizes are trusted; `run` and `workspace` are the GPU's.
ZEROREAL_API int zeroreal_group_norm_silu_cpu(const void* images, int dtype, const void* weight,
                                              const void* bias, const void* shift, void* out,
                                              std::int64_t batch, std::int64_t pixels,
                                              std::int64_t channels, std::int64_t groups,
                                              float epsilon, int silu, int run, void* workspace,
                                              int threads) {
  using namespace zeroreal;
  static_cast<void>(run);
  static_cast<void>(workspace);
  const GroupNormArgs args{images, weight,   bias,   shift,   out,
                           batch,  pixels,   channels, groups, epsilon, silu != 0};
  return run_with_element_type(
      dtype, [&](auto element) { normalise_all<decltype(element)>(args, threads); });
}
