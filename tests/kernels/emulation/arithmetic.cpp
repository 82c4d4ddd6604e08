// What the compiler calls where a kernel does what C++ leaves undefined (-fsanitize, without its
// library): GPUs fault on some of it and compute something else than the CPU with the rest.

#include "emulator.h"

namespace {

// What the compiler says about the place begins with this.
struct Place {
  const char* file;
  std::uint32_t line, column;
};

void complain(const Place* place, const char* what) {
  emulated_cuda::fail(std::string(what) + " at " + place->file + ":" + std::to_string(place->line));
}

}  // namespace

extern "C" {
void __ubsan_handle_type_mismatch_v1(Place* place, void*) { complain(place, "misaligned access"); }
void __ubsan_handle_out_of_bounds(Place* place, void*) { complain(place, "index out of bounds"); }
void __ubsan_handle_float_cast_overflow(Place* place, void*) {
  complain(place, "a float that no integer of the type holds");
}
void __ubsan_handle_divrem_overflow(Place* place, void*, void*) {
  complain(place, "a division by 0, or that overflows");
}
void __ubsan_handle_shift_out_of_bounds(Place* place, void*, void*) {
  complain(place, "a shift by too much");
}
void __ubsan_handle_add_overflow(Place* place, void*, void*) { complain(place, "overflow of +"); }
void __ubsan_handle_sub_overflow(Place* place, void*, void*) { complain(place, "overflow of -"); }
void __ubsan_handle_mul_overflow(Place* place, void*, void*) { complain(place, "overflow of *"); }
void __ubsan_handle_negate_overflow(Place* place, void*) { complain(place, "overflow of -"); }
}
