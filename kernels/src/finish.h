// VAE decoder output to uint8 pixels, and statistics of it: decode, map to 0..1, filter, quantise.
//
// The arithmetic of `finish`, shared by the host loop (finish.cpp) and the CUDA kernel (finish.cu).
// The filter is the separable triangle of PyTorch's antialiased bilinear resize.
#pragma once

#include "element.h"

namespace zeroreal {

constexpr int kMaxChannels = 4;
constexpr int kStatistics = 4;  // minimum, maximum, mean, number of non-finite values

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

// Statistics as whole numbers, so that no order of summation changes them. All begin at 0 and hold
// finite values only, mapped to 0..1: there, floats compare as their bits do.
struct Counts {
  std::uint32_t minimum;    // kOne less the bits of the smallest value
  std::uint32_t maximum;    // the bits of the largest value
  std::uint32_t nonfinite;  // how many values are not finite
  std::uint64_t sum;        // of the others, in units of 2^-16

  static constexpr std::uint32_t kOne = 0x3f800000u;  // the bits of 1.0f

  ZEROREAL_INLINE void add(const Counts& other) {
    minimum = minimum > other.minimum ? minimum : other.minimum;
    maximum = maximum > other.maximum ? maximum : other.maximum;
    nonfinite += other.nonfinite;
    sum += other.sum;
  }
};
static_assert(sizeof(Counts) == 24, "kernels/finish.py allocates so many bytes");

// All bits where the value is finite, else none.
ZEROREAL_INLINE std::uint32_t finite_mask(float value) {
  return (bits_as<std::uint32_t>(value) & 0x7f800000u) != 0x7f800000u ? 0xffffffffu : 0u;
}

// 0..1 to 0..2^16, half to even, as `quantise` does it.
ZEROREAL_INLINE std::uint32_t fixed_point(float value) {
  return bits_as<std::uint32_t>(value * 65536.0f + 8388608.0f) & 0x1ffffu;
}

// The Counts of one value that `unit` mapped.
ZEROREAL_INLINE Counts count_one(float value, float mapped) {
  const std::uint32_t mask = finite_mask(value), bits = bits_as<std::uint32_t>(mapped);
  return {(Counts::kOne - bits) & mask, bits & mask, ~mask & 1u, fixed_point(mapped) & mask};
}

// Counts of one channel, `size` values, as `kStatistics` floats.
ZEROREAL_INLINE void write_statistics(const Counts& counts, std::int64_t size, float* statistics) {
  const std::int64_t finite = size - static_cast<std::int64_t>(counts.nonfinite);
  const double mean = static_cast<double>(counts.sum) / (65536.0 * static_cast<double>(finite));
  statistics[0] = bits_as<float>(Counts::kOne - counts.minimum);
  statistics[1] = bits_as<float>(counts.maximum);
  statistics[2] = finite == 0 ? 0.0f : static_cast<float>(mean);
  statistics[3] = static_cast<float>(counts.nonfinite);
}

// What one call works on. Strides count elements; the output is contiguous [B, h, w, C].
struct FinishArgs {
  const void* images;                       // [batch, channels, in_height, in_width]
  std::int64_t batch, channels, in_height, in_width;
  std::int64_t stride_b, stride_c, stride_h, stride_w;
  std::uint8_t* out;                        // [batch, out_height, out_width, channels]
  std::int64_t out_height, out_width;
  float* statistics;                        // [batch, channels, kStatistics]
  Counts* totals;                           // [batch, channels], workspace
};

// The input positions that one output position averages, along one axis.
//
// With m = max(in, out), input j weighs 1 - |(2j+1) out - (2i+1) in| / 2m at output i, where that
// is positive, divided by the sum of the weights. Times 2m, every term is a whole number: weights
// are exact but for one rounding, and equal sizes give one tap of weight 1.
//
// Neighbours share inputs. For statistics, every input is owned by the output in whose cell its
// centre lies, 2i in <= (2j+1) out < 2(i+1) in, where it is a tap in any case.
struct Taps {
  std::int32_t first, count;      // inputs first .. first + count - 1
  std::int32_t owned, owned_end;  // the taps that this output owns
  std::int32_t distance, step;    // signed numerator of the first input, and from each to the next
  std::int32_t peak;              // 2m
  float total;                    // sum of the whole-number weights

  ZEROREAL_INLINE std::int32_t whole_weight(std::int32_t tap) const {
    const std::int32_t offset = distance + tap * step;
    return peak - (offset < 0 ? -offset : offset);
  }
  ZEROREAL_INLINE float weight(std::int32_t tap) const {
    return static_cast<float>(whole_weight(tap)) / total;
  }
  ZEROREAL_INLINE bool owns(std::int32_t tap) const { return owned <= tap && tap < owned_end; }
};

// The first input that the output at `index` or a later one owns.
ZEROREAL_INLINE std::int64_t first_owned(std::int64_t index, std::int64_t in, std::int64_t out) {
  const std::int64_t numerator = 2 * index * in - out;
  return numerator <= 0 ? 0 : (numerator + 2 * out - 1) / (2 * out);
}

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
  taps.owned = static_cast<std::int32_t>(first_owned(index, in, out) - first);
  taps.owned_end = static_cast<std::int32_t>(first_owned(index + 1, in, out) - first);
  taps.distance = static_cast<std::int32_t>((2 * first + 1) * out - center);
  taps.step = static_cast<std::int32_t>(2 * out);
  taps.peak = static_cast<std::int32_t>(peak);
  std::int64_t total = 0;
  for (std::int32_t tap = 0; tap < taps.count; ++tap) total += taps.whole_weight(tap);
  taps.total = static_cast<float>(total);
  return taps;
}

// One output pixel, from the start of its image: every tap of every channel. `out` takes `channels`
// bytes; what the pixel owns is added to `counts`. The body of the CUDA kernel.
template <class T>
ZEROREAL_INLINE void finish_pixel(const T* image, const FinishArgs& args, const Taps& rows,
                                  const Taps& columns, std::uint8_t* out,
                                  Counts (&counts)[kMaxChannels]) {
  float sums[kMaxChannels] = {0.0f, 0.0f, 0.0f, 0.0f};
  for (std::int32_t j = 0; j < rows.count; ++j) {
    const T* row = image + (rows.first + j) * args.stride_h;
    float row_sums[kMaxChannels] = {0.0f, 0.0f, 0.0f, 0.0f};
    for (std::int32_t k = 0; k < columns.count; ++k) {
      const T* tap = row + (columns.first + k) * args.stride_w;
      const float weight = columns.weight(k);
      const bool owned = rows.owns(j) && columns.owns(k);
      for (int c = 0; c < kMaxChannels; ++c) {
        if (c >= args.channels) continue;
        const float value = decode(tap[c * args.stride_c]), mapped = unit(value);
        row_sums[c] += weight * mapped;
        if (owned) counts[c].add(count_one(value, mapped));
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
