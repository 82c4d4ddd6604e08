// Guidance and the scheduler's update after the UNet, with noise from each image's own seed.
//
// The arithmetic of `guided_step`, shared by the host loop (guided_step.cpp) and the CUDA kernel
// (guided_step.cu). Build without fused multiply-add: it rounds once where PyTorch rounds twice.
#pragma once

#include "element.h"

namespace zeroreal {

// What one call works on. Strides count elements; all but `output` is contiguous.
struct GuidedStepArgs {
  const void* output;                         // [rows, channels, height, width]
  std::int64_t stride_row, stride_c, stride_h, stride_w;
  std::int64_t batch, channels, height, width;
  const std::int64_t* unconditional;          // [batch], or null: no guidance
  const float* guidance;                      // [batch]
  const float* latents;                       // [batch, channels, height, width]
  const float* history;                       // likewise
  const float* coefficients;                  // [7]
  const std::int64_t* seeds;                  // [batch]
  const std::int64_t* draw;                   // [1]
  float* next_latents;                        // [batch, channels, height, width]
  float* carry;                               // likewise

  ZEROREAL_INLINE std::int64_t image_size() const { return channels * height * width; }
};

// Where the planes of the output lie in one line, as in both common layouts, a plane is one row.
inline GuidedStepArgs with_long_rows(GuidedStepArgs args) {
  if (args.stride_h != args.width * args.stride_w) return args;
  args.width *= args.height;
  args.height = 1;
  return args;
}

ZEROREAL_INLINE float guide(float toward, float away, float guidance) {
  return away + guidance * (toward - away);
}

ZEROREAL_INLINE float next_latent(const float* coefficients, float latent, float output,
                                  float history, float noise) {
  return coefficients[1] * latent + coefficients[2] * output + coefficients[3] * history +
         coefficients[4] * noise;
}

ZEROREAL_INLINE float carried(const float* coefficients, float latent, float output) {
  return coefficients[5] * latent + coefficients[6] * output;
}

}  // namespace zeroreal
