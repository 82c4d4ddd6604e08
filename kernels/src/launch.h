// What every CUDA kernel shares: launching on a device's stream.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "element.h"
#include "export.h"

namespace zeroreal {

constexpr std::int64_t kMaxGridX = 0x7fffffff;
constexpr std::int64_t kMaxGridY = 65535;

// Calls `launch(stream)` with `device` as the current one, and gives the cudaError_t: 0 is success.
// Never synchronises, so it can be captured in a CUDA graph.
template <class Launch>
int launch_on(int device, void* stream, const Launch& launch) {
  int caller_device = 0;
  cudaError_t status = cudaGetDevice(&caller_device);
  if (status == cudaSuccess && device != caller_device) status = cudaSetDevice(device);
  if (status != cudaSuccess) return status;
  launch(static_cast<cudaStream_t>(stream));
  status = cudaGetLastError();
  if (device != caller_device) cudaSetDevice(caller_device);
  return status;
}

// The same, calling `launch(stream, element)` with a value of the element type that `dtype` names.
template <class Launch>
int launch_with_element_type(int dtype, int device, void* stream, const Launch& launch) {
  bool known = true;
  const int status = launch_on(device, stream, [&](cudaStream_t queue) {
    known = with_element_type(dtype, [&](auto element) { launch(queue, element); });
  });
  return known ? status : cudaErrorInvalidValue;
}

}  // namespace zeroreal
