// The numbers of `philox_normal` on the CPU, for the kernels that take them as they go.
#pragma once

#include <cstdint>

namespace zeroreal {

// Elements first .. first + count - 1 of a draw; `first` is a multiple of 4.
void fill_normal(std::uint64_t seed, std::uint32_t draw, std::int64_t first, std::int64_t count,
                 float* out);

}  // namespace zeroreal
