// `finish` on the CPU: output rows in parallel, first down the columns, then along the row.
//
// Down the columns is a sum of whole input rows, which the compiler vectorises. It leaves one row
// of floats, from which the few output pixels are taken.

#include "finish.h"

#include <algorithm>
#include <new>
#include <vector>

#include "export.h"

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

template <class T>
void add_run(const T* __restrict__ run, std::int64_t stride, std::int64_t length, float weight,
             float* __restrict__ sums) {
  if (stride == 1) {
    for (std::int64_t x = 0; x < length; ++x) sums[x] += weight * unit(decode(run[x]));
  } else {
    for (std::int64_t x = 0; x < length; ++x) sums[x] += weight * unit(decode(run[x * stride]));
  }
}

// A row of equal width: the buffer's values, in the order of the output.
void write_row(const float* __restrict__ buffer, const RowLayout& layout, std::int64_t channels,
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

void filter_row(const float* __restrict__ buffer, const RowLayout& layout, const Columns& columns,
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
                std::int64_t sample, std::int64_t y, float* buffer) {
  const T* image = static_cast<const T*>(args.images) + sample * args.stride_b;
  const Taps rows = make_taps(y, args.in_height, args.out_height);
  std::fill(buffer, buffer + args.channels * args.in_width, 0.0f);
  for (std::int32_t j = 0; j < rows.count; ++j) {
    const T* row = image + (rows.first + j) * args.stride_h;
    const float weight = rows.weight(j);
    for (std::int64_t r = 0; r < layout.runs; ++r) {
      add_run(row + r * layout.run_stride, layout.element_stride, layout.length, weight,
              buffer + r * layout.length);
    }
  }

  std::uint8_t* out = args.out + (sample * args.out_height + y) * args.out_width * args.channels;
  if (args.in_width == args.out_width) {
    write_row(buffer, layout, args.channels, out);
  } else {
    filter_row(buffer, layout, columns, args.channels, out);
  }
}

// Threads worth waking: each should have some tens of thousands of multiplications to do.
int useful_threads(const FinishArgs& args, int threads) {
  constexpr double kWorkPerThread = 65536.0;
  const double rows_read = static_cast<double>(std::max(args.in_height, args.out_height)) * 2.0;
  const double work = static_cast<double>(args.batch * args.channels * args.in_width) * rows_read;
  const std::int64_t by_work = static_cast<std::int64_t>(work / kWorkPerThread) + 1;
  const std::int64_t rows = args.batch * args.out_height;
  const std::int64_t useful = std::min<std::int64_t>({threads, by_work, rows});
  return static_cast<int>(std::max<std::int64_t>(1, useful));
}

template <class T>
void finish_all(const FinishArgs& args, int max_threads) {
  const RowLayout layout = row_layout(args);
  const Columns columns(args.in_width, args.out_width);
  const int threads = useful_threads(args, max_threads);
  const std::int64_t rows = args.batch * args.out_height;
  const std::int64_t row_size = args.channels * args.in_width;
  std::vector<float> buffers(static_cast<std::size_t>(threads * row_size));

  // One chunk of rows for each thread, each with its own buffer; without OpenMP, one after another.
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
  for (int t = 0; t < threads; ++t) {
    for (std::int64_t row = rows * t / threads; row < rows * (t + 1) / threads; ++row) {
      finish_row<T>(args, layout, columns, row / args.out_height, row % args.out_height,
                    buffers.data() + t * row_size);
    }
  }
}

}  // namespace
}  // namespace zeroreal

// Returns 0, or 1 for an unknown `dtype`, or 2 where memory ran out. Sizes are trusted.
ZEROREAL_API int zeroreal_finish_cpu(const void* images, int dtype, std::int64_t batch,
                                     std::int64_t channels, std::int64_t in_height,
                                     std::int64_t in_width, std::int64_t stride_b,
                                     std::int64_t stride_c, std::int64_t stride_h,
                                     std::int64_t stride_w, std::uint8_t* out,
                                     std::int64_t out_height, std::int64_t out_width, int threads) {
  using namespace zeroreal;
  const FinishArgs args{images,   batch,    channels, in_height, in_width,   stride_b,
                        stride_c, stride_h, stride_w, out,       out_height, out_width};
  try {
    switch (dtype) {
      case kFloat32: finish_all<float>(args, threads); return 0;
      case kFloat16: finish_all<Float16>(args, threads); return 0;
      case kBFloat16: finish_all<BFloat16>(args, threads); return 0;
      default: return 1;
    }
  } catch (const std::bad_alloc&) {
    return 2;
  }
}
