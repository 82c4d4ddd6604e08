// `finish` on the CPU: output rows in parallel, first down the columns, then along the row.
//
// Down the columns is a sum of whole input rows, which the compiler vectorises. It leaves one row
// of floats, from which the few output pixels are taken. Statistics go down the columns too.

#include "finish.h"

#include <algorithm>
#include <vector>

#include "host.h"

namespace zeroreal {
namespace {

// How an input row lies in memory, as `runs` runs of `length` elements. The buffer holds the runs
// one after the other; column x of channel c is at x * column + c * channel in it.
struct RowLayout {
  std::int64_t runs, length, run_stride, element_stride;
  std::int64_t column, channel;
};

RowLayout row_layout(const FinishArgs& args) {
  if (args.stride_c == 1 && args.stride_w == args.channels) {  // channels-last: one run
    return {1, args.in_width * args.channels, 0, 1, args.channels, 1};
  }
  return {args.channels, args.in_width, args.stride_c, args.stride_w, 1, args.in_width};
}

// The taps of every output column, with their weights in one array.
struct Columns {
  std::vector<Taps> taps;
  std::vector<std::size_t> start;  // of each column's weights
  std::vector<float> weights;

  Columns(std::int64_t in, std::int64_t out) {
    for (std::int64_t x = 0; x < out; ++x) {
      taps.push_back(make_taps(x, in, out));
      start.push_back(weights.size());
      for (std::int32_t k = 0; k < taps.back().count; ++k) weights.push_back(taps.back().weight(k));
    }
  }
};

// What one thread sums up, each [row size]: the weighted values of an output row, and the Counts of
// every column since `take_counts`. 32 bits hold the sum of 65535 rows.
struct Sums {
  std::vector<float> values;
  std::vector<std::uint32_t> minimum, maximum, nonfinite, sum;

  explicit Sums(std::size_t row_size)
      : values(row_size), minimum(row_size), maximum(row_size), nonfinite(row_size), sum(row_size) {}
};

template <class T>
ZEROREAL_VECTOR_CLONES void add_run(const T* __restrict__ run, std::int64_t stride,
                                    std::int64_t length, float weight, float* __restrict__ sums) {
  for (std::int64_t x = 0; x < length; ++x) sums[x] += weight * unit(decode(run[x * stride]));
}

template <class T>
ZEROREAL_VECTOR_CLONES void count_run(const T* __restrict__ run, std::int64_t stride,
                                      std::int64_t length, std::uint32_t* __restrict__ minimum,
                                      std::uint32_t* __restrict__ maximum,
                                      std::uint32_t* __restrict__ nonfinite,
                                      std::uint32_t* __restrict__ sum) {
  for (std::int64_t x = 0; x < length; ++x) {
    const float value = decode(run[x * stride]);
    const Counts counts = count_one(value, unit(value));
    minimum[x] = std::max(minimum[x], counts.minimum);
    maximum[x] = std::max(maximum[x], counts.maximum);
    nonfinite[x] += counts.nonfinite;
    sum[x] += static_cast<std::uint32_t>(counts.sum);
  }
}

// Adds what the columns of `sums` have counted to an image's `totals` [channels].
void take_counts(Sums& sums, const RowLayout& layout, const FinishArgs& args, Counts* totals) {
#pragma omp critical(zeroreal_finish)
  for (std::int64_t x = 0; x < args.in_width; ++x) {
    for (std::int64_t c = 0; c < args.channels; ++c) {
      const std::int64_t i = x * layout.column + c * layout.channel;
      totals[c].add({sums.minimum[i], sums.maximum[i], sums.nonfinite[i], sums.sum[i]});
    }
  }
  for (auto* counted : {&sums.minimum, &sums.maximum, &sums.nonfinite, &sums.sum}) {
    std::fill(counted->begin(), counted->end(), 0u);
  }
}

// A row of equal width: the buffer's values, in the order of the output.
ZEROREAL_VECTOR_CLONES void write_row(const float* __restrict__ buffer, const RowLayout& layout, std::int64_t channels,
               std::uint8_t* __restrict__ out) {
  if (layout.runs == 1) {
    for (std::int64_t i = 0; i < layout.length; ++i) out[i] = quantise(buffer[i]);
    return;
  }
  for (std::int64_t c = 0; c < channels; ++c) {
    const float* __restrict__ run = buffer + c * layout.channel;
    for (std::int64_t x = 0; x < layout.length; ++x) out[x * channels + c] = quantise(run[x]);
  }
}

ZEROREAL_VECTOR_CLONES void filter_row(const float* __restrict__ buffer, const RowLayout& layout, const Columns& columns,
                std::int64_t channels, std::uint8_t* __restrict__ out) {
  for (std::size_t x = 0; x < columns.taps.size(); ++x) {
    const Taps& taps = columns.taps[x];
    const float* weights = columns.weights.data() + columns.start[x];
    for (std::int64_t c = 0; c < channels; ++c) {
      const float* tap = buffer + taps.first * layout.column + c * layout.channel;
      float sum = 0.0f;
      for (std::int32_t k = 0; k < taps.count; ++k) sum += weights[k] * tap[k * layout.column];
      *out++ = quantise(sum);
    }
  }
}

template <class T>
void finish_row(const FinishArgs& args, const RowLayout& layout, const Columns& columns,
                std::int64_t sample, std::int64_t y, Sums& sums) {
  const T* image = static_cast<const T*>(args.images) + sample * args.stride_b;
  const Taps rows = make_taps(y, args.in_height, args.out_height);
  std::fill(sums.values.begin(), sums.values.end(), 0.0f);
  for (std::int32_t j = 0; j < rows.count; ++j) {
    const T* row = image + (rows.first + j) * args.stride_h;
    const float weight = rows.weight(j);
    for (std::int64_t r = 0; r < layout.runs; ++r) {
      const T* run = row + r * layout.run_stride;
      const std::int64_t start = r * layout.length;
      add_run(run, layout.element_stride, layout.length, weight, &sums.values[start]);
      if (!rows.owns(j)) continue;
      count_run(run, layout.element_stride, layout.length, &sums.minimum[start],
                &sums.maximum[start], &sums.nonfinite[start], &sums.sum[start]);
    }
  }

  std::uint8_t* out = args.out + (sample * args.out_height + y) * args.out_width * args.channels;
  if (args.in_width == args.out_width) {
    write_row(sums.values.data(), layout, args.channels, out);
  } else {
    filter_row(sums.values.data(), layout, columns, args.channels, out);
  }
}

template <class T>
void finish_all(const FinishArgs& args, int max_threads) {
  const RowLayout layout = row_layout(args);
  const Columns columns(args.in_width, args.out_width);
  const std::int64_t rows = args.batch * args.out_height;
  const std::int64_t row_size = args.channels * args.in_width;
  const double rows_read = 2.0 * static_cast<double>(std::max(args.in_height, args.out_height));
  const double operations = rows_read * static_cast<double>(args.batch * row_size);
  const int threads = useful_threads(operations, rows, max_threads);
  std::vector<Sums> sums(static_cast<std::size_t>(threads), Sums(row_size));
  const std::int64_t planes = args.batch * args.channels;
  std::fill(args.totals, args.totals + planes, Counts{});

  parallel_ranges(rows, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t sample = row / args.out_height, y = row % args.out_height;
      finish_row<T>(args, layout, columns, sample, y, sums[thread]);
      if (y + 1 < args.out_height && row + 1 < end) continue;
      take_counts(sums[thread], layout, args, args.totals + sample * args.channels);
    }
  });

  for (std::int64_t i = 0; i < planes; ++i) {
    write_statistics(args.totals[i], args.in_height * args.in_width,
                     args.statistics + i * kStatistics);
  }
}

}  // namespace
}  // namespace zeroreal

// Returns a Status. Sizes are trusted.
ZEROREAL_API int zeroreal_finish_cpu(const void* images, int dtype, std::int64_t batch,
                                     std::int64_t channels, std::int64_t in_height,
                                     std::int64_t in_width, std::int64_t stride_b,
                                     std::int64_t stride_c, std::int64_t stride_h,
                                     std::int64_t stride_w, std::uint8_t* out,
                                     std::int64_t out_height, std::int64_t out_width,
                                     float* statistics, void* totals, int threads) {
  using namespace zeroreal;
  const FinishArgs args{images,     batch,     channels,   in_height, in_width,
                        stride_b,   stride_c,  stride_h,   stride_w,  out,
                        out_height, out_width, statistics, static_cast<Counts*>(totals)};
  return run_with_element_type(
      dtype, [&](auto element) { finish_all<decltype(element)>(args, threads); });
}
