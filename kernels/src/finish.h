// VAE decoder output to uint8 pixels: decode, map to 0..1, filter, quantise.
//
// The arithmetic of `finish`, shared by the host loop (finish.cpp) and the CUDA kernel (finish.cu).
// The filter is the separable triangle of PyTorch's antialiased bilinear resize.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define ZEROREAL_INLINE __host__ __device__ __forceinline__
#else
#define ZEROREAL_INLINE inline
#endif

namespace zeroreal {

constexpr int kMaxChannels = 4;

// Element types by the number that Python passes.
enum DType : int { kFloat32 = 0, kFloat16 = 1, kBFloat16 = 2 };

// 16-bit floats as bits: decoded by hand, so that no compiler needs to know the types.
struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

// What one call works on. Strides count elements; the output is contiguous [B, h, w, C].
struct FinishArgs {
  const void* images;                       // [batch, channels, in_height, in_width]
  std::int64_t batch, channels, in_height, in_width;
  std::int64_t stride_b, stride_c, stride_h, stride_w;
  std::uint8_t* out;                        // [batch, out_height, out_width, channels]
  std::int64_t out_height, out_width;
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
  const std::uint32_t magnitude = static_cast<std::uint32_t>(value.bits & 0x7fffu) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000u) << 16;
  const float scaled = bits_as<float>(magnitude) * 5.192296858534828e33f;  // 2^112
  const std::uint32_t special = scaled >= 65536.0f ? 0x7f800000u : 0u;
  return bits_as<float>(bits_as<std::uint32_t>(scaled) | special | sign);
}

// -1..1 to 0..1, clamped. The first comparison is false for NaN, which so becomes 0.
ZEROREAL_INLINE float unit(float value) {
  const float mapped = value * 0.5f + 0.5f;
  const float positive = mapped > 0.0f ? mapped : 0.0f;
  return positive < 1.0f ? positive : 1.0f;
}

// 0..1 to 0..255, half to even: floats from 2^23 on are whole numbers, so the addition rounds, and
// the low byte of the sum's bits is the result. Build without fused multiply-add: it rounds once
// where PyTorch rounds twice.
ZEROREAL_INLINE std::uint8_t quantise(float value) {
  return static_cast<std::uint8_t>(bits_as<std::uint32_t>(value * 255.0f + 8388608.0f) & 0xffu);
}

// The input positions that one output position averages, along one axis.
//
// With m = max(in, out), input j weighs 1 - |(2j+1) out - (2i+1) in| / 2m at output i, where that
// is positive, divided by the sum of the weights. Times 2m, every term is a whole number: weights
// are exact but for one rounding, and equal sizes give one tap of weight 1.
struct Taps {
  std::int32_t first, count;    // inputs first .. first + count - 1
  std::int32_t distance, step;  // signed numerator of the first input, and from each to the next
  std::int32_t peak;            // 2m
  float total;                  // sum of the whole-number weights

  ZEROREAL_INLINE std::int32_t whole_weight(std::int32_t tap) const {
    const std::int32_t offset = distance + tap * step;
    return peak - (offset < 0 ? -offset : offset);
  }
  ZEROREAL_INLINE float weight(std::int32_t tap) const {
    return static_cast<float>(whole_weight(tap)) / total;
  }
};

ZEROREAL_INLINE Taps make_taps(std::int64_t index, std::int64_t in, std::int64_t out) {
  const std::int64_t peak = 2 * (in > out ? in : out);
  const std::int64_t center = (2 * index + 1) * in;
  // The first j with (2j+1) out > center - peak, and the first with (2j+1) out >= center + peak.
  const std::int64_t low = center - peak - out;
  const std::int64_t first = low < 0 ? 0 : low / (2 * out) + 1;
  const std::int64_t beyond = (center + peak - out + 2 * out - 1) / (2 * out);
  const std::int64_t last = beyond < in ? beyond : in;

  Taps taps;
  taps.first = static_cast<std::int32_t>(first);
  taps.count = static_cast<std::int32_t>(last - first);
  taps.distance = static_cast<std::int32_t>((2 * first + 1) * out - center);
  taps.step = static_cast<std::int32_t>(2 * out);
  taps.peak = static_cast<std::int32_t>(peak);
  std::int64_t total = 0;
  for (std::int32_t tap = 0; tap < taps.count; ++tap) total += taps.whole_weight(tap);
  taps.total = static_cast<float>(total);
  return taps;
}

// One output pixel, from the start of its image: every tap of every channel. `out` takes `channels`
// bytes. The CUDA kernel's whole body.
template <class T>
ZEROREAL_INLINE void finish_pixel(const T* image, const FinishArgs& args, const Taps& rows,
                                  const Taps& columns, std::uint8_t* out) {
  float sums[kMaxChannels] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (std::int32_t j = 0; j < rows.count; ++j) {
    const T* row = image + (rows.first + j) * args.stride_h;
    float row_sums[kMaxChannels] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (std::int32_t k = 0; k < columns.count; ++k) {
      const T* tap = row + (columns.first + k) * args.stride_w;
      const float weight = columns.weight(k);
      for (int c = 0; c < kMaxChannels; ++c) {
        if (c < args.channels) row_sums[c] += weight * unit(decode(tap[c * args.stride_c]));
      }
    }
    const float weight = rows.weight(j);
    for (int c = 0; c < kMaxChannels; ++c) sums[c] += weight * row_sums[c];
  }
  for (int c = 0; c < kMaxChannels; ++c) {
    if (c < args.channels) out[c] = quantise(sums[c]);
  }
}

}  // namespace zeroreal
