// Images of the pool to a training batch: sample by an affine map, recolour, erase, normalise.
//
// The arithmetic of `augment`, shared by the host loop (augment.cpp) and the CUDA kernel
// (augment.cu), which give the same bits. What each step means stands in kernels/augment.py.
#pragma once

#include <cmath>
#include <cstdint>

#include "element.h"

namespace zeroreal {

// The columns of the parameters, one row of floats for each image.
constexpr int kGeometry = 0;   // 2x3 matrix
constexpr int kColour = 6;     // 3x4 matrix
constexpr int kPivot = 18;     // share of the mean luma that is added
constexpr int kErase = 19;     // top, left, bottom, right
constexpr int kParameters = 23;

// Bounds the work for one pixel: what shrinks by more than this is sampled with gaps.
constexpr float kMaxHalfWidth = 32.0f;
constexpr int kMaxTaps = 64;  // twice that

// Luma is summed in whole numbers of 1/256, so that every order of summation gives the same mean,
// and a row of 32767 pixels fits in 32 bits.
constexpr float kLumaUnit = 256.0f;

// What one call works on. Everything is contiguous; `channels` is 1 or 3.
struct AugmentArgs {
  const std::uint8_t* images;      // [count, in_height, in_width, channels]
  std::int64_t count;
  std::int32_t in_height, in_width;
  const std::int64_t* index;       // [batch]
  const float* parameters;         // [batch, kParameters]
  std::int64_t batch;
  void* out;                       // [batch, out_height, out_width, channels]
  std::int32_t out_height, out_width;
  float mean[3], std[3];           // of values of 0..1
  bool reflect;                    // beyond its borders the image is mirrored, not continued
  std::uint64_t* luma_sums;        // [batch], of whole lumas: where blocks of the GPU add them up
};

// `statistics`, on the host: the mean of each channel, then the standard deviation of each.
inline AugmentArgs make_augment_args(const std::uint8_t* images, std::int64_t count,
                                     std::int64_t in_height, std::int64_t in_width,
                                     std::int64_t channels, const std::int64_t* index,
                                     const float* parameters, std::int64_t batch, void* out,
                                     std::int64_t out_height, std::int64_t out_width,
                                     const float* statistics, int reflect,
                                     std::uint64_t* luma_sums = nullptr) {
  AugmentArgs args{images, count, static_cast<std::int32_t>(in_height),
                   static_cast<std::int32_t>(in_width), index, parameters, batch, out,
                   static_cast<std::int32_t>(out_height), static_cast<std::int32_t>(out_width),
                   {0.0f, 0.0f, 0.0f}, {1.0f, 1.0f, 1.0f}, reflect != 0, luma_sums};
  for (std::int64_t c = 0; c < channels; ++c) {
    args.mean[c] = statistics[c];
    args.std[c] = statistics[channels + c];
  }
  return args;
}

// Whether no position of an axis, `start + step (i + 1/2)`, lies farther outside than a side.
ZEROREAL_INLINE bool stays_near(float step, float start, std::int32_t count, std::int32_t size) {
  const float first = start + 0.5f * step, last = start + (count - 0.5f) * step;
  const float low = first < last ? first : last, high = first < last ? last : first;
  return low > -static_cast<float>(size) && high < 2.0f * static_cast<float>(size);
}

// Where an output pixel lies in the source: (x, y) = matrix (x + 1/2, y + 1/2, 1).
struct Geometry {
  float xx, xy, x0;
  float yx, yy, y0;

  // Rows come from rows and columns from columns.
  ZEROREAL_INLINE bool separable() const { return xy == 0.0f && yx == 0.0f; }

  // Every output pixel is one source pixel. What lies farther outside than a side is not: it stays
  // there (`make_tent`), between two pixels.
  ZEROREAL_INLINE bool whole_pixels(const AugmentArgs& args) const {
    return separable() && (xx == 1.0f || xx == -1.0f) && (yy == 1.0f || yy == -1.0f) &&
           x0 == floorf(x0) && y0 == floorf(y0) &&
           stays_near(xx, x0, args.out_width, args.in_width) &&
           stays_near(yy, y0, args.out_height, args.in_height);
  }
};

ZEROREAL_INLINE Geometry make_geometry(const float* parameters) {
  const float* g = parameters + kGeometry;
  return {g[0], g[1], g[2], g[3], g[4], g[5]};
}

// The source positions along one axis that one output position averages: those under a triangle
// around `position`, as wide on either side as an output pixel measures in the source, and at least
// one pixel, which is linear interpolation.
struct Tent {
  std::int32_t first, count;
  float position, slope;  // slope: 1 / half width
  float inverse_total;    // of the weights

  ZEROREAL_INLINE float weight(std::int32_t tap) const {
    return 1.0f - fabsf(static_cast<float>(first + tap) + 0.5f - position) * slope;
  }
};

// Written so that NaN, which fails every comparison, becomes a number too.
ZEROREAL_INLINE float half_width(float across, float along) {
  const float footprint = sqrtf(across * across + along * along);
  const float wide = footprint > 1.0f ? footprint : 1.0f;
  return wide < kMaxHalfWidth ? wide : kMaxHalfWidth;
}

// The most positions that a tent covers.
ZEROREAL_INLINE std::int32_t most_taps(float half_width) {
  return static_cast<std::int32_t>(ceilf(2.0f * half_width));
}

ZEROREAL_INLINE Tent make_tent(float position, float half_width, std::int32_t size) {
  const float low = -static_cast<float>(size), high = 2.0f * static_cast<float>(size);
  position = position > low ? position : low;
  position = position < high ? position : high;

  Tent tent;
  tent.first = static_cast<std::int32_t>(floorf(position - half_width - 0.5f)) + 1;
  const auto beyond = static_cast<std::int32_t>(ceilf(position + half_width - 0.5f));
  const std::int32_t count = beyond - tent.first, most = most_taps(half_width);
  tent.count = count < most ? count : most;
  tent.position = position;
  tent.slope = 1.0f / half_width;
  float total = 0.0f;
  for (std::int32_t tap = 0; tap < tent.count; ++tap) total += tent.weight(tap);
  tent.inverse_total = 1.0f / total;
  return tent;
}

// The pixel that stands for position `j` of an axis, `j` itself where that is inside.
ZEROREAL_INLINE std::int32_t source_index(std::int32_t j, std::int32_t size, bool reflect) {
  if (reflect) {
    j = j < 0 ? -j : j;
    j = j < size ? j : 2 * (size - 1) - j;
    j = j < 0 ? -j : j;  // mirrored twice
  }
  j = j > 0 ? j : 0;
  return j < size ? j : size - 1;
}

// One pixel of 0..255: down the columns first, then along the row.
template <int C>
ZEROREAL_INLINE void sample_pixel(const std::uint8_t* image, const AugmentArgs& args,
                                  const Tent& columns, const Tent& rows, float* values) {
  for (int c = 0; c < C; ++c) values[c] = 0.0f;
  for (std::int32_t k = 0; k < columns.count; ++k) {
    const std::int32_t column = source_index(columns.first + k, args.in_width, args.reflect);
    float sums[C] = {};
    for (std::int32_t j = 0; j < rows.count; ++j) {
      const std::int64_t row = source_index(rows.first + j, args.in_height, args.reflect);
      const std::uint8_t* pixel = image + (row * args.in_width + column) * C;
      const float weight = rows.weight(j);
      for (int c = 0; c < C; ++c) sums[c] += weight * static_cast<float>(pixel[c]);
    }
    const float weight = columns.weight(k);
    for (int c = 0; c < C; ++c) values[c] += weight * sums[c];
  }
  const float scale = columns.inverse_total * rows.inverse_total;
  for (int c = 0; c < C; ++c) values[c] *= scale;
}

// The source columns, and the source rows, of an output pixel.
ZEROREAL_INLINE Tent columns_at(const AugmentArgs& args, const Geometry& g, std::int32_t x,
                                std::int32_t y) {
  const float right = static_cast<float>(x) + 0.5f, down = static_cast<float>(y) + 0.5f;
  return make_tent(g.xx * right + g.xy * down + g.x0, half_width(g.xx, g.xy), args.in_width);
}

ZEROREAL_INLINE Tent rows_at(const AugmentArgs& args, const Geometry& g, std::int32_t x,
                             std::int32_t y) {
  const float right = static_cast<float>(x) + 0.5f, down = static_cast<float>(y) + 0.5f;
  return make_tent(g.yx * right + g.yy * down + g.y0, half_width(g.yx, g.yy), args.in_height);
}

template <int C>
ZEROREAL_INLINE void sample_at(const std::uint8_t* image, const AugmentArgs& args,
                               const Geometry& geometry, std::int32_t x, std::int32_t y,
                               float* values) {
  sample_pixel<C>(image, args, columns_at(args, geometry, x, y), rows_at(args, geometry, x, y),
                  values);
}

template <int C>
ZEROREAL_INLINE std::uint32_t whole_luma(const float* values) {
  float luma = values[0];
  if constexpr (C == 3) luma = 0.299f * values[0] + 0.587f * values[1] + 0.114f * values[2];
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(luma * kLumaUnit + 0.5f));
}

ZEROREAL_INLINE float mean_luma(std::uint64_t whole_sum, std::int32_t height, std::int32_t width) {
  return static_cast<float>(static_cast<double>(whole_sum) /
                            (static_cast<double>(kLumaUnit) * height * width));
}

// The image's colours are left as they are.
ZEROREAL_INLINE bool keeps_colours(const float* parameters) {
  bool keeps = parameters[kPivot] == 0.0f;
  for (int i = 0; i < 12; ++i) {
    keeps = keeps && parameters[kColour + i] == (i % 5 == 0 ? 1.0f : 0.0f);
  }
  return keeps;
}

// An affine map of colours of 0..255. One channel is the grey of three equal ones.
template <int C>
struct Colour {
  float matrix[C][C], offset[C];
};

template <int C>
ZEROREAL_INLINE Colour<C> make_colour(const float* parameters, float mean) {
  Colour<C> colour;
  for (int to = 0; to < C; ++to) {
    const float* row = parameters + kColour + 4 * to;
    for (int from = 0; from < C; ++from) {
      colour.matrix[to][from] = C == 1 ? row[0] + row[1] + row[2] : row[from];
    }
    colour.offset[to] = row[3] * 255.0f + parameters[kPivot] * mean;
  }
  return colour;
}

template <int C>
ZEROREAL_INLINE void recolour(const Colour<C>& colour, float* values) {
  float recoloured[C];
  for (int to = 0; to < C; ++to) {
    float sum = colour.matrix[to][0] * values[0];
    for (int from = 1; from < C; ++from) sum += colour.matrix[to][from] * values[from];
    sum += colour.offset[to];
    const float positive = sum > 0.0f ? sum : 0.0f;
    recoloured[to] = positive < 255.0f ? positive : 255.0f;
  }
  for (int c = 0; c < C; ++c) values[c] = recoloured[c];
}

// A value of 0..255, rounded as torchvision rounds it.
ZEROREAL_INLINE float normalise(float value, float mean, float std) {
  return (value * (1.0f / 255.0f) - mean) / std;
}

// The output pixels that are erased: rows top .. bottom - 1, columns left .. right - 1.
struct Box {
  std::int32_t top, left, bottom, right;

  ZEROREAL_INLINE bool contains(std::int32_t x, std::int32_t y) const {
    return y >= top && y < bottom && x >= left && x < right;
  }
};

// The first whole position from `bound` on, within 0..size.
ZEROREAL_INLINE std::int32_t first_from(float bound, std::int32_t size) {
  const float inside = bound > 0.0f ? ceilf(bound) : 0.0f;
  return inside < static_cast<float>(size) ? static_cast<std::int32_t>(inside) : size;
}

ZEROREAL_INLINE Box make_erased(const float* parameters, const AugmentArgs& args) {
  const float* box = parameters + kErase;
  return {first_from(box[0], args.out_height), first_from(box[1], args.out_width),
          first_from(box[2], args.out_height), first_from(box[3], args.out_width)};
}

}  // namespace zeroreal
