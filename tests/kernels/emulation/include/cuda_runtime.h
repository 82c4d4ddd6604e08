// The part of CUDA that the kernels use, for a C++ compiler: they run on the CPU, in tests.
//
// Stands in the place of CUDA's own header. `tests/helpers/emulated_cuda.py` rewrites launches and
// shared memory to what is declared here; what a kernel uses beyond it does not compile. Blocks run
// one after another, in random order; the threads of a block are fibres that take turns at random
// (block.cpp), and every access to memory is checked (memory.cpp).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

#define threadIdx (emulated_cuda::thread_index())
#define blockIdx (emulated_cuda::block_index())
#define blockDim (emulated_cuda::block_size())
#define gridDim (emulated_cuda::grid_size())
#define __syncthreads() emulated_cuda::synchronise_block(__FILE__, __LINE__)

using cudaStream_t = void*;
using cudaError_t = int;
constexpr cudaError_t cudaSuccess = 0, cudaErrorInvalidValue = 1;

enum cudaDeviceAttr {
  cudaDevAttrMaxSharedMemoryPerMultiprocessor,
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
  cudaDevAttrReservedSharedMemoryPerBlock,
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetLastError();
const char* cudaGetErrorString(cudaError_t status);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t size, cudaStream_t stream);

unsigned atomicAdd(unsigned* address, unsigned value);
unsigned long long atomicAdd(unsigned long long* address, unsigned long long value);
unsigned atomicMax(unsigned* address, unsigned value);

unsigned __reduce_add_sync(unsigned mask, unsigned value);
unsigned __reduce_max_sync(unsigned mask, unsigned value);

inline float __expf(float value) { return expf(value); }

// As documented: 0 for the largest divisors, whose reciprocals the GPU does not represent.
inline float __fdividef(float value, float divisor) {
  const float size = fabsf(divisor);
  if (size > 8.5070592e37f && size < INFINITY) return std::isinf(value) ? NAN : 0.0f;  // 2^126
  return value / divisor;
}

namespace emulated_cuda {

uint3 thread_index();
uint3 block_index();
dim3 block_size();
dim3 grid_size();
void synchronise_block(const char* file, int line);

// What the lane `source` of the caller's warp gives as `value`.
std::uint64_t exchange(unsigned mask, const char* operation, std::uint64_t value, unsigned source);
unsigned lane();

// The block's memory for the shared variable that `key` stands for.
void* shared_variable(const void* key, const char* name, std::size_t size, std::size_t alignment);
void* dynamic_shared_memory();

template <class T, class Key>
T& shared(const char* name, Key) {
  static const char key = 0;  // one for each variable and instance of its kernel
  return *static_cast<T*>(shared_variable(&key, name, sizeof(T), alignof(T)));
}

template <class T>
T* dynamic_shared() {
  static_assert(alignof(T) <= 16, "CUDA aligns dynamic shared memory to 16 bytes");
  return static_cast<T*>(dynamic_shared_memory());
}

struct Configuration {
  dim3 grid, block;
  std::size_t shared = 0;
  cudaStream_t stream = nullptr;
};

// A kernel and its arguments, by value.
struct Call {
  const char* name;
  const void* kernel;
  void (*run)(const void* parameters);
  const void* parameters;
  std::size_t size;
};
void run(const Configuration& configuration, const Call& call);

template <class... Parameters>
struct Launch {
  const char* name;
  void (*kernel)(Parameters...);
  Configuration configuration;

  void operator()(Parameters... parameters) const {
    struct Bound {
      void (*kernel)(Parameters...);
      std::tuple<Parameters...> parameters;
    };
    const Bound bound{kernel, {parameters...}};
    const auto apply = [](const void* data) {
      const Bound& bound = *static_cast<const Bound*>(data);
      std::apply(bound.kernel, bound.parameters);
    };
    run(configuration,
        {name, reinterpret_cast<const void*>(kernel), apply, &bound, sizeof(bound)});
  }
};

template <class... Parameters>
Launch<Parameters...> launch(const char* name, void (*kernel)(Parameters...),
                             const Configuration& configuration) {
  return {name, kernel, configuration};
}

// The most dynamic shared memory that a kernel may be launched with; a status.
cudaError_t allow_dynamic_shared(const void* kernel, int size);

template <class T>
std::uint64_t to_word(T value) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t), "warps exchange up to 8 bytes");
  std::uint64_t word = 0;
  memcpy(&word, &value, sizeof(value));
  return word;
}

template <class T>
T from_word(std::uint64_t word) {
  T value;
  memcpy(&value, &word, sizeof(value));
  return value;
}

}  // namespace emulated_cuda

template <class... Parameters>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Parameters...), cudaFuncAttribute, int value) {
  return emulated_cuda::allow_dynamic_shared(reinterpret_cast<const void*>(kernel), value);
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits) {
  using namespace emulated_cuda;
  return from_word<T>(exchange(mask, __func__, to_word(value), lane() ^ bits));
}

// A lane whose source is beyond the warp keeps its own value.
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance) {
  using namespace emulated_cuda;
  const unsigned source = lane() + distance;
  return from_word<T>(exchange(mask, __func__, to_word(value), source < 32 ? source : lane()));
}
