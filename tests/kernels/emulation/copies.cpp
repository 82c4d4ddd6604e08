// Copies to shared memory that go on beside a thread. They are made as late as CUDA may make them,
// when the thread waits for them, so that what it reads before was not written.

#include <algorithm>
#include <map>
#include <vector>

#include "cuda_pipeline_primitives.h"
#include "emulator.h"

namespace emulated_cuda {
namespace {

struct Copy {
  void* to;
  const void* from;
  std::size_t size;
  bool committed = false;
};

std::map<unsigned, std::vector<Copy>> copies;  // of the block, by thread

}  // namespace

void forget_copies() { copies.clear(); }

}  // namespace emulated_cuda

using namespace emulated_cuda;

void __pipeline_memcpy_async(void* to, const void* from, std::size_t size) {
  if (size != 4 && size != 8 && size != 16) {
    fail("copies " + std::to_string(size) + " bytes to shared memory beside it, not 4, 8 or 16");
  }
  const auto bits = reinterpret_cast<std::uintptr_t>(to) | reinterpret_cast<std::uintptr_t>(from);
  if (bits % size != 0) fail("a misaligned copy of " + std::to_string(size) + " bytes");
  if (!is_shared(to, size)) fail("copies beside it to what is not shared memory");
  copies[current_thread()].push_back({to, from, size});
}

void __pipeline_commit() {
  for (Copy& copy : copies[current_thread()]) copy.committed = true;
}

void __pipeline_wait_prior(std::size_t commits) {
  if (commits != 0) fail("waiting for some of the copies is not emulated");
  // Other threads may take their turn at each access, and bring copies of their own.
  std::vector<Copy> own, later;
  for (const Copy& copy : copies[current_thread()]) (copy.committed ? own : later).push_back(copy);
  copies[current_thread()] = later;
  for (const Copy& copy : own) {
    check_access(copy.from, copy.size, Access::kRead);
    check_access(copy.to, copy.size, Access::kWrite);
    memcpy(copy.to, copy.from, copy.size);
  }
}
