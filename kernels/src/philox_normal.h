// Standard normal numbers as a pure function of (seed, draw, position).
//
// The arithmetic of `philox_normal`, the same bits on every CPU and GPU: beside whole numbers it
// takes only sums, products and square roots, which IEEE 754 rounds in one way. Build without fused
// multiply-add.
#pragma once

#include <cmath>

#include "philox.h"

namespace zeroreal {

struct Normals {
  float a, b, c, d;
};

// The natural logarithm of 2^-32 <= x <= 1, to 1e-7 of its value (polynomial: Cephes, logf).
ZEROREAL_INLINE float natural_log(float x) {
  // x = m 2^e with m from sqrt(1/2) to sqrt(2).
  const std::int32_t bits = bits_as<std::int32_t>(x);
  const std::int32_t exponent = (bits - 0x3f3504f3) >> 23;
  const float r = bits_as<float>(bits - exponent * (1 << 23)) - 1.0f;
  const float e = static_cast<float>(exponent);
  float p = 7.0376836292e-2f;
  p = p * r - 1.1514610310e-1f;
  p = p * r + 1.1676998740e-1f;
  p = p * r - 1.2420140846e-1f;
  p = p * r + 1.4249322787e-1f;
  p = p * r - 1.6668057665e-1f;
  p = p * r + 2.0000714765e-1f;
  p = p * r - 2.4999993993e-1f;
  p = p * r + 3.3333331174e-1f;
  const float square = r * r;
  const float tail = p * r * square - 2.12194440e-4f * e - 0.5f * square;
  return r + tail + 0.693359375f * e;  // the last and 2.12194440e-4 e together are e log(2)
}

// Two normal numbers from two uniform words (Box and Muller 1958). The radius comes from 31 bits of
// `word`, the angle, word / 2^32 of a turn, from all of the other (polynomials: Cephes, sinf, cosf).
ZEROREAL_INLINE void box_muller(std::uint32_t radius_word, std::uint32_t angle_word, float& first,
                                float& second) {
  const float whole = static_cast<float>(static_cast<std::int32_t>(radius_word >> 1));
  const float uniform = (whole + 0.5f) * 4.656612873077393e-10f;  // 2^-31
  const float radius = sqrtf(-2.0f * natural_log(uniform));

  // The nearest quarter turn, and the angle from there: -1/8 to 1/8 of a turn.
  const std::uint32_t quarter = (angle_word + 0x20000000u) >> 30;
  const std::int32_t rest = static_cast<std::int32_t>(angle_word - (quarter << 30));
  const float x = static_cast<float>(rest) * 1.4629180792671596e-9f;  // 2 pi / 2^32
  const float z = x * x;
  const float sine = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x;
  const float cosine = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z +
                        4.166664568298827e-2f) * z * z - 0.5f * z + 1.0f;
  const bool odd = (quarter & 1u) != 0u;
  // cos is negative in quarters 1 and 2, sin in 2 and 3.
  const std::uint32_t cosine_sign = ((quarter + 1u) & 2u) << 30;
  const std::uint32_t sine_sign = (quarter & 2u) << 30;
  const float unsigned_cosine = odd ? sine : cosine;
  const float unsigned_sine = odd ? cosine : sine;
  first = radius * bits_as<float>(bits_as<std::uint32_t>(unsigned_cosine) ^ cosine_sign);
  second = radius * bits_as<float>(bits_as<std::uint32_t>(unsigned_sine) ^ sine_sign);
}

// Elements 4 block .. 4 block + 3 of a draw: the Philox counter is (block, its high half, 0, draw),
// the key the halves of the seed, low half first.
ZEROREAL_INLINE Normals four_normals(std::uint64_t seed, std::uint32_t draw, std::uint64_t block) {
  const Words counter{static_cast<std::uint32_t>(block), high_half(block), 0u, draw};
  const Words words = philox4x32(counter, static_cast<std::uint32_t>(seed), high_half(seed));
  Normals normals;
  box_muller(words.a, words.b, normals.a, normals.b);
  box_muller(words.c, words.d, normals.c, normals.d);
  return normals;
}

}  // namespace zeroreal
