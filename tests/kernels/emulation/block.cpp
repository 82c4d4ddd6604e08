// Blocks one after another, each thread a fibre; barriers and the exchanges of warps.
//
// Fibres change places where they wait and, at random, where they access memory. All that is random
// comes from one seed.

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "emulator.h"

namespace emulated_cuda {
namespace {

constexpr unsigned kMaxThreads = 1024, kWarp = 32;
constexpr std::size_t kStack = 64 << 10;
constexpr unsigned kAccessesToASwitch = 64;  // on average

struct Fibre {
  std::unique_ptr<char[]> stack{new char[kStack]};
  ucontext_t beginning;
  jmp_buf place;
  bool begun = false;
};

struct Warp {
  const char* operation = nullptr;  // that its first lane arrived at
  unsigned arrived = 0;
  std::uint64_t given[kWarp], received[kWarp];
};

// Kept from block to block, so that contexts are made once; anew after a failure.
std::vector<Fibre> fibres;
jmp_buf scheduler;
std::mt19937_64 order;

const Call* call = nullptr;
Configuration configuration;
uint3 block;
bool running = false;
unsigned current = 0;

std::vector<unsigned> ready, at_barrier;
std::vector<Warp> warps;
unsigned ended = 0;

struct Place {
  const char* file = nullptr;
  int line = 0;
  std::string text() const { return std::string(file) + ":" + std::to_string(line); }
};
Place barrier;  // where those at a barrier are

unsigned threads() {
  const dim3& size = configuration.block;
  return size.x * size.y * size.z;
}

void leave_fibre() {
  if (_setjmp(fibres[current].place) == 0) _longjmp(scheduler, 1);
}

void run_fibre() {
  for (;;) {
    call->run(call->parameters);
    ++ended;
    leave_fibre();
  }
}

void enter_fibre(unsigned thread) {
  current = thread;
  if (_setjmp(scheduler) != 0) return;
  Fibre& fibre = fibres[thread];
  if (fibre.begun) _longjmp(fibre.place, 1);
  fibre.begun = true;
  getcontext(&fibre.beginning);
  fibre.beginning.uc_stack.ss_sp = fibre.stack.get();
  fibre.beginning.uc_stack.ss_size = kStack;
  makecontext(&fibre.beginning, run_fibre, 0);
  setcontext(&fibre.beginning);
}

void complain_of_waiting_threads() {
  const std::string all = " of " + std::to_string(threads()) + " threads ";
  if (!at_barrier.empty()) {
    fail(std::to_string(at_barrier.size()) + all + "wait at the barrier at " + barrier.text() +
         ", which the others do not reach");
    return;
  }
  const auto waits = [](const Warp& warp) { return warp.arrived != 0; };
  const auto warp = std::find_if(warps.begin(), warps.end(), waits);
  fail("not all lanes of a warp reach its " + std::string(warp->operation));
}

void run_block() {
  const unsigned count = threads();
  while (fibres.size() < count) fibres.emplace_back();
  ready.resize(count);
  for (unsigned thread = 0; thread < count; ++thread) ready[thread] = thread;
  warps.assign((count + kWarp - 1) / kWarp, Warp{});
  at_barrier.clear();
  ended = 0;
  begin_block();
  forget_copies();
  while (!ready.empty() && !failed()) {
    std::swap(ready[order() % ready.size()], ready.back());
    const unsigned thread = ready.back();
    ready.pop_back();
    running = true;
    enter_fibre(thread);
    running = false;
  }
  if (failed()) {
    fibres.clear();
  } else if (ended < count) {
    complain_of_waiting_threads();
    fibres.clear();
  }
}

// What CUDA refuses to launch.
void check_limits() {
  const dim3 &grid = configuration.grid, &size = configuration.block;
  const auto demand = [](const char* what, std::uint64_t value, std::uint64_t most) {
    if (value >= 1 && value <= most) return;
    fail(std::string(what) + " is " + std::to_string(value) + ", not 1 to " + std::to_string(most));
  };
  demand("the grid's x", grid.x, 0x7fffffffu);
  demand("the grid's y", grid.y, 65535);
  demand("the grid's z", grid.z, 65535);
  demand("the block's z", size.z, 64);
  demand("the number of threads", std::uint64_t{size.x} * size.y * size.z, kMaxThreads);
}

// What the 32 lanes of the caller's warp give, once all are there; until the warp's next exchange.
const std::uint64_t* gather(unsigned mask, const char* operation, std::uint64_t value) {
  Warp& warp = warps[current / kWarp];
  if (mask != ~0u) fail(std::string(operation) + " with a mask of some lanes is not emulated");
  if (warp.arrived == 0) warp.operation = operation;
  if (strcmp(operation, warp.operation) != 0) {
    fail("is at " + std::string(operation) + " while its warp is at " + warp.operation);
  }
  warp.given[current % kWarp] = value;
  if (++warp.arrived < kWarp) {
    leave_fibre();
  } else {
    // Nobody gets here again before all lanes have taken what they were given.
    std::copy(warp.given, warp.given + kWarp, warp.received);
    warp.arrived = 0;
    for (unsigned i = 0; i < kWarp; ++i) ready.push_back(current / kWarp * kWarp + i);
    leave_fibre();
  }
  return warps[current / kWarp].received;
}

}  // namespace

bool in_kernel() { return running; }
unsigned current_thread() { return current; }
void seed_order(std::uint64_t seed) { order.seed(seed); }

bool on_stack_of_current_thread(std::uintptr_t address) {
  const auto begin = reinterpret_cast<std::uintptr_t>(fibres[current].stack.get());
  return address >= begin && address < begin + kStack;
}

void perhaps_switch() {
  if (order() % kAccessesToASwitch != 0) return;
  ready.push_back(current);
  leave_fibre();
}

void leave_kernel() {
  if (running) _longjmp(scheduler, 1);
}

std::string where() {
  if (call == nullptr) return "";
  const auto text = [](unsigned number) { return std::to_string(number); };
  std::string place = call->name;
  if (running) {
    place += ", block (" + text(block.x) + ", " + text(block.y) + ", " + text(block.z) +
             "), thread " + text(current);
  }
  return place + ": ";
}

void run(const Configuration& launched, const Call& launched_call) {
  if (failed()) return;
  configuration = launched;
  call = &launched_call;
  check_queue(launched.stream);
  check_limits();
  if (!failed() && note_launch(launched, launched_call)) {
    begin_launch(launched_call, launched.shared);
    const dim3& grid = launched.grid;
    std::vector<std::uint64_t> blocks(std::uint64_t{grid.x} * grid.y * grid.z);
    for (std::uint64_t i = 0; i < blocks.size(); ++i) blocks[i] = i;
    std::shuffle(blocks.begin(), blocks.end(), order);
    for (const std::uint64_t i : blocks) {
      if (failed()) break;
      block = {static_cast<unsigned>(i % grid.x), static_cast<unsigned>(i / grid.x % grid.y),
               static_cast<unsigned>(i / grid.x / grid.y)};
      run_block();
    }
  }
  call = nullptr;
}

uint3 thread_index() {
  const dim3& size = configuration.block;
  return {current % size.x, current / size.x % size.y, current / size.x / size.y};
}
uint3 block_index() { return block; }
dim3 block_size() { return configuration.block; }
dim3 grid_size() { return configuration.grid; }
unsigned lane() { return current % kWarp; }

void synchronise_block(const char* file, int line) {
  const Place here{file, line};
  if (at_barrier.empty()) barrier = here;
  if (line != barrier.line || strcmp(file, barrier.file) != 0) {
    fail("is at the barrier at " + here.text() + " while others are at " + barrier.text());
  }
  at_barrier.push_back(current);
  if (at_barrier.size() == threads()) {
    ready.swap(at_barrier);
    at_barrier.clear();
    pass_barrier();
  }
  leave_fibre();
}

std::uint64_t exchange(unsigned mask, const char* operation, std::uint64_t value, unsigned source) {
  return gather(mask, operation, value)[source];
}

}  // namespace emulated_cuda

unsigned __reduce_add_sync(unsigned mask, unsigned value) {
  const std::uint64_t* values = emulated_cuda::gather(mask, __func__, value);
  return static_cast<unsigned>(std::accumulate(values, values + 32, std::uint64_t{0}));
}

unsigned __reduce_max_sync(unsigned mask, unsigned value) {
  const std::uint64_t* values = emulated_cuda::gather(mask, __func__, value);
  return static_cast<unsigned>(*std::max_element(values, values + 32));
}
