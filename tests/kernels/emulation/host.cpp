// The host's side of the emulation: device, stream, errors, and the interface for Python.

#include "emulator.h"

namespace emulated_cuda {
namespace {

constexpr cudaError_t kLaunchFailure = 719;

int device = 0, wanted_device = 0;
cudaStream_t wanted_stream = nullptr;
std::string first_complaint, launches;
cudaError_t last_error = cudaSuccess;
bool runs = true;

}  // namespace

void fail(const std::string& complaint) {
  if (first_complaint.empty()) first_complaint = where() + complaint;
  leave_kernel();
}

bool failed() { return !first_complaint.empty(); }

void check_device() {
  if (device == wanted_device) return;
  fail("work for device " + std::to_string(device) + ", not " + std::to_string(wanted_device));
}

cudaError_t refuse(cudaError_t status) {
  last_error = status;
  return status;
}

bool note_launch(const Configuration& configuration, const Call& call) {
  const dim3 &grid = configuration.grid, &block = configuration.block;
  launches += std::string(call.name) + "|" + std::to_string(grid.x) + "|" + std::to_string(grid.y) +
              "|" + std::to_string(block.x) + "|" + std::to_string(configuration.shared) + "\n";
  return runs;
}

void check_queue(cudaStream_t stream) {
  check_device();
  if (!failed() && stream != wanted_stream) fail("work on another stream than the caller's");
}

}  // namespace emulated_cuda

using namespace emulated_cuda;

cudaError_t cudaGetDevice(int* current) {
  *current = device;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int next) {
  device = next;
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  if (failed()) return kLaunchFailure;
  const cudaError_t status = last_error;
  last_error = cudaSuccess;
  return status;
}

const char* cudaGetErrorString(cudaError_t status) {
  return status == kLaunchFailure ? first_complaint.c_str() : "invalid argument";
}

cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t size, cudaStream_t stream) {
  check_queue(stream);
  check_memset(memory, size);
  if (failed()) return kLaunchFailure;
  memset(memory, value, size);
  return cudaSuccess;
}

// Begins anew: nothing failed, no memory is known. Work must go to `device` and `stream`; unless it
// `runs`, launches are noted only.
extern "C" void emulated_cuda_reset(std::uint64_t seed, int work_device, void* stream, bool is_run) {
  device = 0;
  wanted_device = work_device;
  wanted_stream = stream;
  first_complaint.clear();
  launches.clear();
  last_error = cudaSuccess;
  runs = is_run;
  forget_memory();
  seed_order(seed);
}

// Makes memory known that kernels may read and write.
extern "C" void emulated_cuda_tensor(const void* begin, std::size_t size) {
  add_tensor(begin, size);
}

extern "C" void emulated_cuda_shared_memory(int block, int multiprocessor) {
  set_shared_memory({block, multiprocessor});
}

// A line for each launch: kernel, the grid's x and y, threads, bytes of dynamic shared memory.
extern "C" const char* emulated_cuda_launches() { return launches.c_str(); }

extern "C" int emulated_cuda_device() { return device; }
