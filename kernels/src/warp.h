// What the threads of a warp do together.
#pragma once

namespace zeroreal {

constexpr unsigned kWarp = 32;

// The sum of the lanes' values, in a fixed order: the same in every lane.
__device__ inline float warp_total(float value) {
  for (int other = kWarp / 2; other > 0; other /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, other);
  }
  return value;
}

}  // namespace zeroreal
