// Neighbouring elements that a thread loads and stores in one access of up to 16 bytes.
#pragma once

#include <cstdint>

namespace zeroreal {

template <class T, int N>
struct alignas(sizeof(T) * N) Vector {
  T element[N];
};

// Elements of 16 bytes.
template <class T>
constexpr int kVectorSize = 16 / sizeof(T);

inline bool is_aligned(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) % 16 == 0;
}

}  // namespace zeroreal
