// `add_layer_norm` on the CPU: threads share out the rows; a row stays in the L1 cache.

#include "add_layer_norm.h"

#include <vector>

#include "host.h"

namespace zeroreal {
namespace {

// Sums are taken in so many parts, which fill a vector register, in the same order on every CPU.
constexpr std::int64_t kLanes = 16;

ZEROREAL_INLINE float total(const float (&lanes)[kLanes]) {
  float sum = 0.0f;
  for (std::int64_t lane = 0; lane < kLanes; ++lane) sum += lanes[lane];
  return sum;
}

// `row` has room for a multiple of kLanes values.
template <class T>
ZEROREAL_VECTOR_CLONES void add_rows(const T* __restrict__ values, const T* __restrict__ residual,
                                     std::int64_t channels, T* __restrict__ sum,
                                     float* __restrict__ row) {
  for (std::int64_t c = 0; c < channels; ++c) {
    sum[c] = encode<T>(decode(values[c]) + decode(residual[c]));
    row[c] = decode(sum[c]);
  }
}

ZEROREAL_VECTOR_CLONES RowNorm take_moments(const float* __restrict__ row, std::int64_t channels,
                                            float epsilon) {
  const std::int64_t whole = channels / kLanes * kLanes;
  const float count = static_cast<float>(channels);
  float sums[kLanes] = {}, squares[kLanes] = {};
  for (std::int64_t c = 0; c < whole; c += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] += row[c + lane];
  }
  for (std::int64_t c = whole; c < channels; ++c) sums[c - whole] += row[c];
  const float near_mean = total(sums) / count;
  for (std::int64_t lane = 0; lane < kLanes; ++lane) sums[lane] = 0.0f;
  for (std::int64_t c = 0; c < whole; c += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const float distance = row[c + lane] - near_mean;
      sums[lane] += distance;
      squares[lane] += distance * distance;
    }
  }
  for (std::int64_t c = whole; c < channels; ++c) {
    const float distance = row[c] - near_mean;
    sums[c - whole] += distance;
    squares[c - whole] += distance * distance;
  }
  return row_norm(near_mean, total(sums), total(squares), count, epsilon);
}

template <class T>
ZEROREAL_VECTOR_CLONES void write_normalised(const float* __restrict__ row, std::int64_t channels,
                                             RowNorm norm, const float* __restrict__ weight,
                                             const float* __restrict__ bias, T* __restrict__ out) {
  for (std::int64_t c = 0; c < channels; ++c) {
    out[c] = encode<T>(normalise(row[c], norm, weight[c], bias[c]));
  }
}

template <class T>
std::vector<float> as_floats(const void* from, std::int64_t count) {
  std::vector<float> values(count);
  for (std::int64_t i = 0; i < count; ++i) values[i] = decode(static_cast<const T*>(from)[i]);
  return values;
}

template <class T>
void normalise_all(const AddLayerNormArgs& args, int max_threads) {
  const std::int64_t channels = args.channels;
  const double operations = 16.0 * static_cast<double>(args.rows * channels);
  const int threads = useful_threads(operations, args.rows, max_threads);
  const std::vector<float> weight = as_floats<T>(args.weight, channels);
  const std::vector<float> bias = as_floats<T>(args.bias, channels);
  std::vector<std::vector<float>> rows(threads, std::vector<float>(channels));
  parallel_ranges(args.rows, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
    float* row = rows[thread].data();
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t start = r * channels;
      add_rows(static_cast<const T*>(args.values) + start,
               static_cast<const T*>(args.residual) + start, channels,
               static_cast<T*>(args.sum) + start, row);
      const RowNorm norm = take_moments(row, channels, args.epsilon);
      write_normalised(row, channels, norm, weight.data(), bias.data(),
                       static_cast<T*>(args.out) + start);
    }
  });
}

}  // namespace
}  // namespace zeroreal

// Returns a Status. Sizes are trusted.
ZEROREAL_API int zeroreal_add_layer_norm_cpu(const void* values, int dtype, const void* residual,
                                             const void* weight, const void* bias, void* sum,
                                             void* out, std::int64_t rows, std::int64_t channels,
                                             float epsilon, int threads) {
  using namespace zeroreal;
  const AddLayerNormArgs args{values, residual, weight, bias, sum, out, rows, channels, epsilon};
  return run_with_element_type(
      dtype, [&](auto element) { normalise_all<decltype(element)>(args, threads); });
}
