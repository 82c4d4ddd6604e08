// The exponential for host loops, in operations that all become vector code.
#pragma once

#include <cstdint>

#include "element.h"

namespace zeroreal {

// exp for -87 to 88, to 2 units in the last place: 2^n e^r, with r within half of log(2) and its
// exponential by the polynomial of Cephes (expf.c).
ZEROREAL_INLINE float bounded_exp(float value) {
  const float shifted = value * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: rounds to whole n
  const float n = shifted - 12582912.0f;
  const float r = (value - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  return bits_as<float>(bits_as<std::uint32_t>(p) + (bits_as<std::uint32_t>(shifted) << 23));
}

}  // namespace zeroreal
