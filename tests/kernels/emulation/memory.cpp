// Every access of a kernel to memory, checked: is it inside a tensor or shared memory, was the
// shared memory written before, does another thread access it at the same time.
//
// The compiler calls what stands at the end for every access (-fsanitize=thread, without its
// library). Threads of a block are ordered by barriers, blocks of a launch not at all: of two
// accesses to a byte that nothing orders, one a write, both must be atomic.

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "emulator.h"

namespace emulated_cuda {
namespace {

constexpr std::size_t kUsualShared = 48 << 10;  // bytes a block, unless more is allowed
constexpr int kReservedShared = 1 << 10;
constexpr std::uint16_t kSeveral = 0xffff;    // threads

// Time passes at barriers, and from block to block.
std::uint32_t now = 1, launch_began = 1, block_began = 1;

// The last access of a kind to a byte. One by an earlier block of the launch stays: it is in
// conflict with more.
struct Event {
  std::uint32_t time = 0;  // 0: never
  std::uint16_t thread = 0;
  bool atomic = false;

  bool of_earlier_block() const { return time >= launch_began && time < block_began; }

  // Whether nothing orders it and an access of the current thread.
  bool is_concurrent() const {
    return of_earlier_block() || (time == now && thread != current_thread());
  }

  void record(bool is_atomic) {
    if (of_earlier_block()) return;
    const auto own = static_cast<std::uint16_t>(current_thread());
    thread = time == now && thread != own ? kSeveral : own;
    atomic = is_atomic && (time != now || atomic);
    time = now;
  }
};

struct Byte {
  Event write, read;
};

struct Region {
  std::string name;
  std::uintptr_t begin;
  std::size_t size;
  bool shared;
  const void* key = nullptr;      // of a shared variable
  std::vector<Byte> bytes = {};
  std::unique_ptr<char[]> memory = nullptr;  // of shared memory

  bool holds(std::uintptr_t address, std::size_t count) const {
    return address >= begin && address + count <= begin + size;
  }
};

std::vector<Region> tensors, shared_regions;
Region parameters;
std::size_t dynamic_size = 0, shared_in_use = 0, most_shared = kUsualShared;
SharedMemory device_memory{};
std::map<const void*, std::size_t> allowed;  // dynamic shared memory, by kernel

Region* find(std::vector<Region>& regions, std::uintptr_t address, std::size_t size) {
  const auto holds = [=](const Region& region) { return region.holds(address, size); };
  const auto found = std::find_if(regions.begin(), regions.end(), holds);
  return found == regions.end() ? nullptr : &*found;
}

const char* verb(Access access) { return access == Access::kRead ? "reads " : "writes "; }

// "byte 12 of tensor 3, which has 12"
std::string place(const Region& region, std::uintptr_t address) {
  const auto offset = static_cast<std::ptrdiff_t>(address - region.begin);
  return "byte " + std::to_string(offset) + " of " + region.name + ", which has " +
         std::to_string(region.size);
}

// The same for an address outside of all: seen from the nearest, where one is near.
std::string place_near(std::uintptr_t address) {
  std::uintptr_t nearest = 4096;
  std::string found = "what is neither a tensor nor shared memory";
  for (const std::vector<Region>* regions : {&tensors, &shared_regions}) {
    for (const Region& region : *regions) {
      const std::uintptr_t end = region.begin + region.size;
      const std::uintptr_t distance = address < region.begin ? region.begin - address
                                      : address < end        ? 0
                                                             : address - end;
      if (distance >= nearest) continue;
      nearest = distance;
      found = place(region, address);
    }
  }
  return found;
}

Region& add_shared(const char* name, const void* key, std::size_t size, std::size_t alignment) {
  shared_in_use = (shared_in_use + alignment - 1) / alignment * alignment + size;
  if (shared_in_use > most_shared) {
    fail(std::to_string(shared_in_use) + " bytes of shared memory, more than " +
         std::to_string(most_shared));
  }
  constexpr std::size_t kAlignment = 16;
  Region region{name, 0, size, true, key};
  region.memory.reset(new char[size + kAlignment]);
  const auto begin = reinterpret_cast<std::uintptr_t>(region.memory.get());
  region.begin = (begin + kAlignment - 1) / kAlignment * kAlignment;
  region.bytes.resize(size);
  shared_regions.push_back(std::move(region));
  return shared_regions.back();
}

void check_byte(Byte& byte, const Region& region, std::size_t offset, Access access) {
  const bool reads = access != Access::kWrite, writes = access != Access::kRead;
  const bool atomic = access == Access::kAtomic;
  const auto complain = [&](const char* what) {
    fail(verb(access) + place(region, region.begin + offset) + ", " + what);
  };
  if (reads && region.shared && byte.write.time == 0) {
    complain("which no thread of the block wrote");
  }
  if (byte.write.is_concurrent() && !(atomic && byte.write.atomic)) {
    complain("while another thread writes it: a barrier is missing");
  }
  if (writes && byte.read.is_concurrent() && !(atomic && byte.read.atomic)) {
    complain("while another thread reads it: a barrier is missing");
  }
  if (reads) byte.read.record(atomic);
  if (writes) byte.write.record(atomic);
}

}  // namespace

void forget_memory() {
  tensors.clear();
  shared_regions.clear();
}

void add_tensor(const void* begin, std::size_t size) {
  const std::string name = "tensor " + std::to_string(tensors.size());
  tensors.push_back({name, reinterpret_cast<std::uintptr_t>(begin), size, false});
  tensors.back().bytes.resize(size);
}

void begin_launch(const Call& call, std::size_t shared) {
  launch_began = ++now;
  const auto begin = reinterpret_cast<std::uintptr_t>(call.parameters);
  parameters = {"the parameters", begin, call.size, false};
  dynamic_size = shared;
  most_shared = std::max(kUsualShared, allowed[call.kernel]);
  // What is allowed is dynamic: static shared memory comes on top.
  if (shared > kUsualShared && shared <= most_shared) most_shared = device_memory.block;
}

const SharedMemory& shared_memory() { return device_memory; }

void set_shared_memory(const SharedMemory& memory) {
  device_memory = memory;
  allowed.clear();
}

cudaError_t allow_dynamic_shared(const void* kernel, int size) {
  check_device();
  if (size < 0 || size > device_memory.block) return refuse(cudaErrorInvalidValue);
  allowed[kernel] = static_cast<std::size_t>(size);
  return cudaSuccess;
}

void begin_block() {
  block_began = ++now;
  shared_regions.clear();
  shared_in_use = 0;
  add_shared("dynamic shared memory", nullptr, dynamic_size, 1);
}

void pass_barrier() { ++now; }

bool is_shared(const void* address, std::size_t size) {
  return find(shared_regions, reinterpret_cast<std::uintptr_t>(address), size) != nullptr;
}

void check_access(const void* pointer, std::size_t size, Access access) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  if (!in_kernel() || on_stack_of_current_thread(address)) return;
  if (access == Access::kRead && parameters.holds(address, size)) return;
  Region* region = find(tensors, address, size);
  if (region == nullptr) region = find(shared_regions, address, size);
  if (region == nullptr) {
    fail(verb(access) + std::to_string(size) + " bytes at " + place_near(address));
  }
  const std::size_t offset = address - region->begin;
  for (std::size_t i = offset; i < offset + size; ++i) {
    check_byte(region->bytes[i], *region, i, access);
  }
  perhaps_switch();
}

void check_memset(const void* pointer, std::size_t size) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  if (find(tensors, address, size) == nullptr) {
    fail("sets " + std::to_string(size) + " bytes at " + place_near(address));
  }
}

void* shared_variable(const void* key, const char* name, std::size_t size, std::size_t alignment) {
  const auto is_it = [=](const Region& region) { return region.key == key; };
  const auto found = std::find_if(shared_regions.begin(), shared_regions.end(), is_it);
  Region& region = found == shared_regions.end() ? add_shared(name, key, size, alignment) : *found;
  return reinterpret_cast<void*>(region.begin);
}

void* dynamic_shared_memory() { return reinterpret_cast<void*>(shared_regions.front().begin); }

}  // namespace emulated_cuda

using namespace emulated_cuda;

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  switch (attribute) {
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *value = device_memory.multiprocessor; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = device_memory.block; break;
    case cudaDevAttrReservedSharedMemoryPerBlock: *value = kReservedShared; break;
    default: return refuse(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

unsigned atomicAdd(unsigned* address, unsigned value) {
  check_access(address, sizeof(*address), Access::kAtomic);
  const unsigned old = *address;
  *address = old + value;
  return old;
}

unsigned long long atomicAdd(unsigned long long* address, unsigned long long value) {
  check_access(address, sizeof(*address), Access::kAtomic);
  const unsigned long long old = *address;
  *address = old + value;
  return old;
}

unsigned atomicMax(unsigned* address, unsigned value) {
  check_access(address, sizeof(*address), Access::kAtomic);
  const unsigned old = *address;
  *address = std::max(old, value);
  return old;
}

// What the compiler calls before an access.
extern "C" {
#define EMULATED_CUDA_ACCESSES(size)                                                         \
  void __tsan_read##size(void* at) { check_access(at, size, Access::kRead); }                \
  void __tsan_write##size(void* at) { check_access(at, size, Access::kWrite); }              \
  void __tsan_unaligned_read##size(void* at) { check_access(at, size, Access::kRead); }      \
  void __tsan_unaligned_write##size(void* at) { check_access(at, size, Access::kWrite); }
EMULATED_CUDA_ACCESSES(1)
EMULATED_CUDA_ACCESSES(2)
EMULATED_CUDA_ACCESSES(4)
EMULATED_CUDA_ACCESSES(8)
EMULATED_CUDA_ACCESSES(16)
void __tsan_read_range(void* at, std::size_t size) { check_access(at, size, Access::kRead); }
void __tsan_write_range(void* at, std::size_t size) { check_access(at, size, Access::kWrite); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
}
