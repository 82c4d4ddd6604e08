// What the parts of the emulation know of each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda_runtime.h"

namespace emulated_cuda {

// block.cpp: one block at a time, its threads as fibres.

// Whether kernel code is running, and not the code on the host around it.
bool in_kernel();
unsigned current_thread();  // of the block, counted along x first
bool on_stack_of_current_thread(std::uintptr_t address);
// Lets other threads of the block go on, sometimes.
void perhaps_switch();
// "finish_kernel<T>, block (0, 1, 0), thread 17"
std::string where();
// Seeds the order of blocks and threads.
void seed_order(std::uint64_t seed);

// memory.cpp: which memory there is, and who read and wrote it.

enum class Access { kRead, kWrite, kAtomic };

void forget_memory();
void add_tensor(const void* begin, std::size_t size);
// The parameters of the kernel, for its launch.
void begin_launch(const Call& call, std::size_t dynamic_shared);
// All that happened before happened before all that comes.
void begin_block();
void pass_barrier();
bool is_shared(const void* address, std::size_t size);
void check_access(const void* address, std::size_t size, Access access);
// By the host, in the order of the stream.
void check_memset(const void* address, std::size_t size);

// What a GPU has of shared memory, in bytes.
struct SharedMemory {
  int block, multiprocessor;
};
const SharedMemory& shared_memory();
// Kernels may have what all may have until they are allowed more.
void set_shared_memory(const SharedMemory& memory);

// copies.cpp: copies to shared memory that go on beside a thread.

void forget_copies();

// host.cpp: streams, devices, errors.

// Keeps the first complaint since the last reset, and ends the launch: what runs in a kernel does
// not return.
void fail(const std::string& complaint);
bool failed();
// Complains where device or stream are not those of the caller.
void check_queue(cudaStream_t stream);
void check_device();
// An error that the runtime tells at once, and once more when it is asked.
cudaError_t refuse(cudaError_t status);
// Notes a launch for Python; whether it is to run, too.
bool note_launch(const Configuration& configuration, const Call& call);
// Leaves the kernel; block.cpp.
void leave_kernel();

}  // namespace emulated_cuda
