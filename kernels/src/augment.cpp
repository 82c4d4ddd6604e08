// `augment` on the CPU: images in parallel, each row by row through a buffer of floats.
//
// Where rows come from rows, sampling is separable: down the columns, over whole input rows, then
// along the row. Whole pixels are copied.

#include "augment.h"

#include <memory>
#include <type_traits>
#include <vector>

#include "host.h"

namespace zeroreal {
namespace {

// Three channels are read and written as four floats, for which CPUs have instructions; the next
// pixel overwrites the fourth.
#ifdef __GNUC__
typedef float Quad __attribute__((vector_size(16)));
#else
struct Quad {
  float values[4];
  Quad operator*(float factor) const {
    return {values[0] * factor, values[1] * factor, values[2] * factor, values[3] * factor};
  }
  void operator+=(const Quad& other) {
    for (int i = 0; i < 4; ++i) values[i] += other.values[i];
  }
};
#endif
template <int C>
using Pixel = std::conditional_t<C == 1, float, Quad>;

// What the columns of one output image are made of.
struct Columns {
  std::vector<std::int32_t> first;    // source column of the first tap; of the pixel, where whole
  std::vector<float> scale;           // of the sum
  std::unique_ptr<float[]> weights;   // `taps` for each column
  std::int32_t taps;
  std::int32_t begin, end;            // source columns that are summed, inside the image
  std::int32_t low, high;             // source columns that are read, beyond its borders too
};

// What one thread works in.
struct Workspace {
  Columns columns;
  std::unique_ptr<float[]> sums;  // source columns low .. high - 1, summed down
  std::unique_ptr<float[]> rows;  // [out_height, out_width, C], sampled
};

template <int C>
Workspace make_workspace(const AugmentArgs& args) {
  const auto width = static_cast<std::size_t>(args.out_width);
  const auto reach = 3 * static_cast<std::size_t>(args.in_width) + 2 * kMaxTaps;  // of make_tent
  Workspace work;
  work.columns.first.resize(width);
  work.columns.scale.resize(width);
  work.columns.weights.reset(new float[width * kMaxTaps]);
  work.sums.reset(new float[reach * C + 1]);
  work.rows.reset(new float[static_cast<std::size_t>(args.out_height) * width * C + 1]);
  return work;
}

void find_whole_columns(const AugmentArgs& args, const Geometry& geometry, Columns& columns) {
  for (std::int32_t x = 0; x < args.out_width; ++x) {
    const float position = geometry.xx * (static_cast<float>(x) + 0.5f) + geometry.x0;
    const Tent tent = make_tent(position, 1.0f, args.in_width);
    columns.first[x] = source_index(tent.first, args.in_width, args.reflect);
  }
}

void find_columns(const AugmentArgs& args, const Geometry& geometry, Columns& columns) {
  const float wide = half_width(geometry.xx, geometry.xy);
  columns.taps = most_taps(wide);
  for (std::int32_t x = 0; x < args.out_width; ++x) {
    const float position = geometry.xx * (static_cast<float>(x) + 0.5f) + geometry.x0;
    const Tent tent = make_tent(position, wide, args.in_width);
    columns.first[x] = tent.first;
    columns.scale[x] = tent.inverse_total;
    float* weights = columns.weights.get() + x * columns.taps;
    for (std::int32_t k = 0; k < columns.taps; ++k) {
      weights[k] = k < tent.count ? tent.weight(k) : 0.0f;
    }
  }
  const auto ends = std::minmax(columns.first.front(), columns.first.back());  // it is monotonic
  const std::int32_t low = ends.first, high = ends.second + columns.taps;
  const bool inside = low >= 0 && high <= args.in_width;
  columns.begin = inside ? low : 0;  // what stands for columns beyond the borders may be any
  columns.end = inside ? high : args.in_width;
  columns.low = std::min(low, columns.begin);
  columns.high = std::max(high, columns.end);
}

ZEROREAL_VECTOR_CLONES void weigh_row(const std::uint8_t* __restrict__ row, std::int64_t length,
                                      float weight, float* __restrict__ sums) {
  for (std::int64_t i = 0; i < length; ++i) sums[i] = weight * static_cast<float>(row[i]);
}

ZEROREAL_VECTOR_CLONES void add_row(const std::uint8_t* __restrict__ row, std::int64_t length,
                                    float weight, float* __restrict__ sums) {
  for (std::int64_t i = 0; i < length; ++i) sums[i] += weight * static_cast<float>(row[i]);
}

// `Taps`: those of `columns`, where the compiler is to know them; 0 where not.
template <int C, int Taps>
ZEROREAL_VECTOR_CLONES void filter_row(const Columns& columns, const float* __restrict__ sums,
                                       float row_scale, std::int64_t width,
                                       float* __restrict__ out) {
  const std::int32_t taps = Taps > 0 ? Taps : columns.taps, low = columns.low;
  const std::int32_t* __restrict__ first = columns.first.data();
  const float* __restrict__ scale = columns.scale.data();
  const float* __restrict__ weight = columns.weights.get();
  for (std::int64_t x = 0; x < width; ++x) {
    const float* tap = sums + (first[x] - low) * C;
    Pixel<C> total{};
    for (std::int32_t k = 0; k < taps; ++k, ++weight, tap += C) {
      Pixel<C> pixel;
      memcpy(&pixel, tap, sizeof(pixel));
      total += pixel * *weight;
    }
    total = total * (scale[x] * row_scale);
    memcpy(out + x * C, &total, sizeof(total));
  }
}

template <int C>
void sample_separable_row(const std::uint8_t* image, const AugmentArgs& args,
                          const Geometry& geometry, std::int32_t y, Workspace& work, float* out) {
  const Columns& columns = work.columns;
  const float position = geometry.yy * (static_cast<float>(y) + 0.5f) + geometry.y0;
  const Tent rows = make_tent(position, half_width(geometry.yx, geometry.yy), args.in_height);
  float* sums = work.sums.get() + (columns.begin - columns.low) * C;
  const std::int64_t length = static_cast<std::int64_t>(columns.end - columns.begin) * C;
  for (std::int32_t j = 0; j < rows.count; ++j) {
    const std::int64_t row = source_index(rows.first + j, args.in_height, args.reflect);
    const auto sum_row = j == 0 ? weigh_row : add_row;
    sum_row(image + (row * args.in_width + columns.begin) * C, length, rows.weight(j), sums);
  }
  const auto repeat = [&](std::int32_t column) {
    const std::int32_t source = source_index(column, args.in_width, args.reflect);
    std::copy_n(sums + (source - columns.begin) * C, C, sums + (column - columns.begin) * C);
  };
  for (std::int32_t column = columns.low; column < columns.begin; ++column) repeat(column);
  for (std::int32_t column = columns.end; column < columns.high; ++column) repeat(column);
  const auto filter = columns.taps == 2   ? filter_row<C, 2>  // what grows
                      : columns.taps == 3 ? filter_row<C, 3>  // what shrinks by up to a third
                                          : filter_row<C, 0>;
  filter(columns, work.sums.get(), rows.inverse_total, args.out_width, out);
}

// The source row that a row of whole pixels is.
template <int C>
const std::uint8_t* whole_row(const std::uint8_t* image, const AugmentArgs& args,
                              const Geometry& geometry, std::int32_t y) {
  const float position = geometry.yy * (static_cast<float>(y) + 0.5f) + geometry.y0;
  const Tent tent = make_tent(position, 1.0f, args.in_height);
  const std::int64_t row = source_index(tent.first, args.in_height, args.reflect);
  return image + row * args.in_width * C;
}

template <int C>
void copy_row(const std::uint8_t* __restrict__ row, const Columns& columns, std::int64_t width,
              float* __restrict__ out) {
  for (std::int64_t x = 0; x < width; ++x) {
    const std::uint8_t* pixel = row + columns.first[x] * C;
    for (int c = 0; c < C; ++c) out[x * C + c] = static_cast<float>(pixel[c]);
  }
}

template <int C>
ZEROREAL_VECTOR_CLONES void sample_turned_row(const std::uint8_t* __restrict__ image,
                                              const AugmentArgs args, const Geometry geometry,
                                              std::int32_t y, float* __restrict__ out) {
  for (std::int32_t x = 0; x < args.out_width; ++x) {
    sample_at<C>(image, args, geometry, x, y, out + x * C);
  }
}

template <int C>
void sample_row(const std::uint8_t* image, const AugmentArgs& args, const Geometry& geometry,
                std::int32_t y, Workspace& work, float* out) {
  if (geometry.whole_pixels(args)) {
    copy_row<C>(whole_row<C>(image, args, geometry, y), work.columns, args.out_width, out);
  } else if (geometry.separable()) {
    sample_separable_row<C>(image, args, geometry, y, work, out);
  } else {
    sample_turned_row<C>(image, args, geometry, y, out);
  }
}

template <int C>
ZEROREAL_VECTOR_CLONES std::uint32_t row_luma(const float* __restrict__ row, std::int64_t width) {
  std::uint32_t sum = 0;
  for (std::int64_t x = 0; x < width; ++x) sum += whole_luma<C>(row + x * C);
  return sum;
}

template <class T, int C, bool Recolour>
ZEROREAL_VECTOR_CLONES void write_row(const float* __restrict__ row, const Colour<C> colour,
                                      const AugmentArgs args, T* __restrict__ out) {
  for (std::int64_t x = 0; x < args.out_width; ++x) {
    float values[C];
    for (int c = 0; c < C; ++c) values[c] = row[x * C + c];
    if constexpr (Recolour) recolour<C>(colour, values);
    for (int c = 0; c < C; ++c) {
      out[x * C + c] = encode<T>(normalise(values[c], args.mean[c], args.std[c]));
    }
  }
}

template <class T, int C>
void erase(const Box& box, std::int64_t width, T* out) {
  for (std::int64_t y = box.top; y < box.bottom; ++y) {
    T* row = out + y * width * C;
    if (box.left < box.right) std::fill(row + box.left * C, row + box.right * C, T{});
  }
}

template <class T, int C>
void augment_image(const std::uint8_t* image, const float* parameters, const AugmentArgs& args,
                   Workspace& work, T* out) {
  const Geometry geometry = make_geometry(parameters);
  const std::int32_t height = args.out_height, width = args.out_width;
  const std::int64_t row_size = static_cast<std::int64_t>(width) * C;
  if (geometry.whole_pixels(args)) {
    find_whole_columns(args, geometry, work.columns);
  } else if (geometry.separable()) {
    find_columns(args, geometry, work.columns);
  }

  if (keeps_colours(parameters)) {
    float* row = work.rows.get();
    for (std::int32_t y = 0; y < height; ++y) {
      sample_row<C>(image, args, geometry, y, work, row);
      write_row<T, C, false>(row, {}, args, out + y * row_size);
    }
  } else {
    std::uint64_t luma = 0;
    for (std::int32_t y = 0; y < height; ++y) {
      float* row = work.rows.get() + y * row_size;
      sample_row<C>(image, args, geometry, y, work, row);
      luma += row_luma<C>(row, width);
    }
    const Colour<C> colour = make_colour<C>(parameters, mean_luma(luma, height, width));
    for (std::int32_t y = 0; y < height; ++y) {
      const float* row = work.rows.get() + y * row_size;
      write_row<T, C, true>(row, colour, args, out + y * row_size);
    }
  }
  erase<T, C>(make_erased(parameters, args), width, out);
}

template <class T, int C>
void augment_all(const AugmentArgs& args, int max_threads) {
  const std::int64_t in_size = static_cast<std::int64_t>(args.in_height) * args.in_width * C;
  const std::int64_t out_size = static_cast<std::int64_t>(args.out_height) * args.out_width * C;
  const double operations = 4.0 * static_cast<double>(args.batch * out_size);
  const int threads = useful_threads(operations, args.batch, max_threads);
  std::vector<Workspace> workspaces;
  for (int t = 0; t < threads; ++t) workspaces.push_back(make_workspace<C>(args));

  parallel_ranges(args.batch, threads, [&](std::int64_t begin, std::int64_t end, int thread) {
    for (std::int64_t sample = begin; sample < end; ++sample) {
      augment_image<T, C>(args.images + args.index[sample] * in_size,
                          args.parameters + sample * kParameters, args, workspaces[thread],
                          static_cast<T*>(args.out) + sample * out_size);
    }
  });
}

}  // namespace
}  // namespace zeroreal

// Returns a Status. Sizes and indices are trusted; `statistics` holds the means, then the standard
// deviations, of `channels` channels. What the GPU adds lumas up in is not used here.
ZEROREAL_API int zeroreal_augment_cpu(const std::uint8_t* images, std::int64_t count,
                                      std::int64_t in_height, std::int64_t in_width,
                                      std::int64_t channels, const std::int64_t* index,
                                      const float* parameters, std::int64_t batch, void* out,
                                      int dtype, std::int64_t out_height, std::int64_t out_width,
                                      const float* statistics, int reflect, std::uint64_t*,
                                      int threads) {
  using namespace zeroreal;
  const AugmentArgs args = make_augment_args(images, count, in_height, in_width, channels, index,
                                             parameters, batch, out, out_height, out_width,
                                             statistics, reflect);
  return run_with_element_type(dtype, [&](auto element) {
    using T = decltype(element);
    channels == 1 ? augment_all<T, 1>(args, threads) : augment_all<T, 3>(args, threads);
  });
}
