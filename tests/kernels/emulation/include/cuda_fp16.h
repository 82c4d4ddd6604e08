// CUDA's conversions of half precision, written another way than the kernels' own for the host.
#pragma once

#include <cmath>
#include <cstdint>

struct __half {
  std::uint16_t bits;
};

inline float __half2float(__half value) {
  const int exponent = value.bits >> 10 & 31, mantissa = value.bits & 1023;
  float magnitude = std::ldexp(1024.0f + mantissa, exponent - 25);
  if (exponent == 0) magnitude = std::ldexp(static_cast<float>(mantissa), -24);
  if (exponent == 31) magnitude = mantissa == 0 ? INFINITY : NAN;
  return value.bits & 0x8000 ? -magnitude : magnitude;
}

inline __half __float2half_rn(float value) {
  if (std::isnan(value)) return {0x7fff};
  const unsigned sign = std::signbit(value) ? 0x8000 : 0;
  const float magnitude = std::fabs(value);
  if (magnitude == 0.0f) return {static_cast<std::uint16_t>(sign)};
  if (magnitude >= 65520.0f) return {static_cast<std::uint16_t>(sign | 0x7c00)};
  // A value is rounded to 11 significant bits, or to multiples of the smallest subnormal.
  int exponent = 0;
  std::frexp(magnitude, &exponent);
  const int unit = exponent - 11 > -24 ? exponent - 11 : -24;
  const int steps = static_cast<int>(std::nearbyint(std::ldexp(magnitude, -unit)));
  // Adding carries from the mantissa, of 1024 for each exponent, to the exponent.
  return {static_cast<std::uint16_t>(sign | (1024 * (unit + 24) + steps))};
}
