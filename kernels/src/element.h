// Element types that every kernel reads and writes, in code for host and device alike.
//
// ZEROREAL_INLINE marks functions of both. The 16-bit floats are plain bits on the host, so that no
// compiler needs to know the types; the GPU converts them with its own instructions, to the same
// values.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#define ZEROREAL_INLINE __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define ZEROREAL_INLINE inline __attribute__((always_inline))
#else
#define ZEROREAL_INLINE inline
#endif

namespace zeroreal {

// Element types by the number that Python passes (kernels/_operators.py).
enum DType : int { kFloat32 = 0, kFloat16 = 1, kBFloat16 = 2 };

struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

template <class To, class From>
ZEROREAL_INLINE To bits_as(From from) {
  static_assert(sizeof(To) == sizeof(From), "bits_as keeps the size");
  To to;
  memcpy(&to, &from, sizeof(to));
  return to;
}

ZEROREAL_INLINE float decode(float value) { return value; }

ZEROREAL_INLINE float decode(BFloat16 value) {
  return bits_as<float>(static_cast<std::uint32_t>(value.bits) << 16);
}

// Half to float without a branch: the half's exponent and mantissa read as a float are too small by
// 2^112, subnormals included. What ends at 65536 or above had the exponent of infinity and NaN.
ZEROREAL_INLINE float decode(Float16 value) {
#ifdef __CUDA_ARCH__
  return __half2float(bits_as<__half>(value));
#else
  const std::uint32_t magnitude = static_cast<std::uint32_t>(value.bits & 0x7fffu) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const float scaled = bits_as<float>(magnitude) * 5.192296858534828e33f;  // 2^112
  const std::uint32_t special = scaled >= 65536.0f ? 0x7f800000u : 0u;
  return bits_as<float>(bits_as<std::uint32_t>(scaled) | special | sign);
#endif
}

// Float to T, rounded half to even; NaN stays NaN, what is too large becomes infinite.
template <class T>
ZEROREAL_INLINE T encode(float value);

template <>
ZEROREAL_INLINE float encode<float>(float value) {
  return value;
}

template <>
ZEROREAL_INLINE BFloat16 encode<BFloat16>(float value) {
#ifdef __CUDA_ARCH__
  return bits_as<BFloat16>(__float2bfloat16_rn(value));
#else
  const std::uint32_t bits = bits_as<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
  return {static_cast<std::uint16_t>((is_nan ? bits | 0x400000u : rounded) >> 16)};
#endif
}

template <>
ZEROREAL_INLINE Float16 encode<Float16>(float value) {
#ifdef __CUDA_ARCH__
  return bits_as<Float16>(__float2half_rn(value));
#else
  const std::uint32_t bits = bits_as<std::uint32_t>(value);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  // The exponent's bias goes from 127 to 15; the carry of rounding may run into it.
  const std::uint32_t normal = (magnitude - (112u << 23) + 0xfffu + ((magnitude >> 13) & 1u)) >> 13;
  // Below 2^-14 the addition of 1/2 rounds to the multiples of 2^-24 that subnormals are.
  const std::uint32_t subnormal = bits_as<std::uint32_t>(bits_as<float>(magnitude) + 0.5f);
  const std::uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  const std::uint32_t finite = magnitude < (113u << 23) ? subnormal - (126u << 23) : normal;
  const std::uint32_t half = magnitude < (143u << 23) ? finite : special;
  return {static_cast<std::uint16_t>(half | ((bits >> 16) & 0x8000u))};
#endif
}

// Calls `body` with a value of the element type that `dtype` names: false if it names none.
template <class Body>
bool with_element_type(int dtype, const Body& body) {
  switch (dtype) {
    case kFloat32: body(float{}); return true;
    case kFloat16: body(Float16{}); return true;
    case kBFloat16: body(BFloat16{}); return true;
    default: return false;
  }
}

}  // namespace zeroreal
