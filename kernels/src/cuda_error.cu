#include <cuda_runtime.h>

#include "export.h"

// The text of a status that a CUDA function of this library returned.
ZEROREAL_API const char* zeroreal_cuda_error(int status) {
  return cudaGetErrorString(static_cast<cudaError_t>(status));
}
