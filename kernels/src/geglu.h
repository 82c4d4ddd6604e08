// The gated linear unit with GELU as its gate (arXiv 2002.05202): value * gelu(gate).
//
// The arithmetic of `geglu`, shared by the host loop (geglu.cpp) and the CUDA kernel (geglu.cu).
// Everything is computed in float32.
#pragma once

#include <cstdint>

#include "bounded_exp.h"
#include "element.h"

namespace zeroreal {

// What one call works on, all contiguous and of one element type.
struct GegluArgs {
  const void* projected;  // [rows, 2 * width]: of each row the values, then their gates
  void* out;              // [rows, width]
  std::int64_t rows, width;
};

// x times the share of the normal distribution below x, which is that of the tail beyond |x|, or
// all but that: where x is negative, nothing cancels.
//
// The tail is e^(-x^2/2) t Q(t), with t = 1 / (1 + 3/8 |x| / sqrt(2)); the polynomial Q was fitted
// to it for |x| to 13.19, with a relative error of 1.2e-8. What lies beyond is below 1e-38.
ZEROREAL_INLINE float gelu(float value) {
  const float size = bits_as<float>(bits_as<std::uint32_t>(value) & 0x7fffffffu);
  const float x = size > 13.19f ? 13.19f : size;  // NaN stays
  const float divisor = 1.0f + 0.265165043f * x;
#ifdef __CUDA_ARCH__
  const float t = __fdividef(1.0f, divisor), e = __expf(-0.5f * x * x);
#else
  const float t = 1.0f / divisor, e = bounded_exp(-0.5f * x * x);
#endif
  float q = 3.084831058e-02f;
  q = q * t - 1.440377041e-01f;
  q = q * t + 2.169469153e-01f;
  q = q * t - 1.155382380e-01f;
  q = q * t + 1.374220771e-01f;
  q = q * t + 6.051947454e-02f;
  q = q * t + 1.027152130e-01f;
  q = q * t + 1.053167495e-01f;
  q = q * t + 1.058072077e-01f;
  return (value < 0.0f ? 0.0f : value) - x * (e * (t * q));
}

}  // namespace zeroreal
