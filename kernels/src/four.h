// Four neighbouring floats a thread, in one access where that is possible.
#pragma once

#include "launch.h"

namespace zeroreal {

// Whether every row of `size` floats from `values` on begins and ends at a multiple of 16 bytes.
inline bool aligned_to_four(const float* values, std::int64_t size) {
  return size % 4 == 0 && reinterpret_cast<std::uintptr_t>(values) % sizeof(float4) == 0;
}

// x covers one row of `size` floats, y the rows.
inline dim3 grid_of_fours(std::int64_t size, std::int64_t rows, unsigned threads) {
  const std::int64_t fours = (size + 3) / 4;
  return dim3(static_cast<unsigned>((fours + threads - 1) / threads),
              static_cast<unsigned>(rows < kMaxGridY ? rows : kMaxGridY));
}

// The first min(left, 4) of four values.
__device__ inline void load_four(const float* from, std::int64_t left, bool aligned,
                                 float (&values)[4]) {
  if (aligned) {
    const float4 four = *reinterpret_cast<const float4*>(from);
    values[0] = four.x;
    values[1] = four.y;
    values[2] = four.z;
    values[3] = four.w;
    return;
  }
  for (int i = 0; i < 4; ++i) values[i] = i < left ? from[i] : 0.0f;
}

__device__ inline void store_four(float* to, std::int64_t left, bool aligned,
                                  const float (&values)[4]) {
  if (aligned) {
    *reinterpret_cast<float4*>(to) = make_float4(values[0], values[1], values[2], values[3]);
    return;
  }
  for (int i = 0; i < 4; ++i) {
    if (i < left) to[i] = values[i];
  }
}

}  // namespace zeroreal
