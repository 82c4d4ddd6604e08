// CUDA's conversion to bfloat16, written another way than the kernels' own for the host.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline __nv_bfloat16 __float2bfloat16_rn(float value) {
  if (std::isnan(value)) return {0x7fff};
  // A value is rounded to 8 significant bits, or to multiples of the smallest subnormal.
  int exponent = 0;
  const double magnitude = std::fabs(static_cast<double>(value));
  std::frexp(magnitude, &exponent);
  const double unit = std::ldexp(1.0, exponent - 8 > -133 ? exponent - 8 : -133);
  const float rounded = static_cast<float>(std::nearbyint(magnitude / unit) * unit);
  std::uint32_t bits = 0, sign = 0;
  memcpy(&bits, &rounded, sizeof(bits));
  memcpy(&sign, &value, sizeof(sign));
  return {static_cast<std::uint16_t>((bits | (sign & 0x80000000u)) >> 16)};
}
