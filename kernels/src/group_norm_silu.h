// Group normalisation of channels-last images (arXiv 1803.08494), then SiLU: x * sigmoid(x).
//
// The arithmetic of `group_norm_silu`, shared by the host loop (group_norm_silu.cpp) and the CUDA
// kernels (group_norm_one_read.h, group_norm_two_reads.h). Everything is computed in float32.
#pragma once

#include <cstdint>

#include "bounded_exp.h"
#include "element.h"

namespace zeroreal {

// What one call works on: [batch, pixels, channels], all contiguous and of one element type.
struct GroupNormArgs {
  const void* images;  // [batch, pixels, channels]
  const void* weight;  // [channels]
  const void* bias;    // [channels]
  const void* shift;   // [batch, channels], added to every pixel before the norm, or null
  void* out;           // [batch, pixels, channels]
  std::int64_t batch, pixels, channels, groups;
  float epsilon;
  bool silu;
};

template <class T>
ZEROREAL_INLINE float shift_of(const GroupNormArgs& args, std::int64_t image, std::int64_t channel) {
  if (args.shift == nullptr) return 0.0f;
  return decode(static_cast<const T*>(args.shift)[image * args.channels + channel]);
}

// Mean of some values, and the sum of the squares of their distances from it.
struct Moments {
  float mean, squares;
};

// Moments of all the values added so far (Chan, Golub and LeVeque 1983): sums of squares would
// cancel where the mean is large.
template <class Real>
struct Pooled {
  Real count = 0, mean = 0, squares = 0;

  ZEROREAL_INLINE void add(Real more_count, Real more_mean, Real more_squares) {
    const Real total = count + more_count;
    if (total == 0) return;
    const Real distance = more_mean - mean, share = more_count / total;
    mean += distance * share;
    squares += more_squares + distance * distance * count * share;
    count = total;
  }
};

// Subtracting first keeps what a large mean would round away.
ZEROREAL_INLINE float normalise(float value, float mean, float scale, float bias) {
  return (value - mean) * scale + bias;
}

// x / (1 + e^-x), with the exponential of a negative number, which cannot overflow.
ZEROREAL_INLINE float silu(float value) {
#ifdef __CUDA_ARCH__
  return __fdividef(value, 1.0f + __expf(-value));
#else
  const float size = bits_as<float>(bits_as<std::uint32_t>(value) & 0x7fffffffu);
  const float e = size < 87.0f ? bounded_exp(-size) : 0.0f;
  return value * (value < 0.0f ? e : 1.0f) / (1.0f + e);
#endif
}

}  // namespace zeroreal
