// Philox4x32-10: counter-based uniform random words (Salmon et al., "Parallel random numbers: as
// easy as 1, 2, 3", SC 2011).
#pragma once

#include "element.h"

namespace zeroreal {

struct Words {
  std::uint32_t a, b, c, d;
};

ZEROREAL_INLINE std::uint32_t high_half(std::uint64_t product) {
  return static_cast<std::uint32_t>(product >> 32);
}

ZEROREAL_INLINE Words philox4x32_round(Words counter, std::uint32_t key0, std::uint32_t key1) {
  const std::uint64_t left = std::uint64_t{0xD2511F53u} * counter.a;
  const std::uint64_t right = std::uint64_t{0xCD9E8D57u} * counter.c;
  return {high_half(right) ^ counter.b ^ key0, static_cast<std::uint32_t>(right),
          high_half(left) ^ counter.d ^ key1, static_cast<std::uint32_t>(left)};
}

ZEROREAL_INLINE Words philox4x32(Words counter, std::uint32_t key0, std::uint32_t key1) {
  for (std::uint32_t round = 0; round < 10; ++round) {
    counter = philox4x32_round(counter, key0 + round * 0x9E3779B9u, key1 + round * 0xBB67AE85u);
  }
  return counter;
}

}  // namespace zeroreal
