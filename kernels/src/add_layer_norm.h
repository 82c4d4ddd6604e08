// A sum, and its layer normalisation (arXiv 1607.06450).
//
// The arithmetic of `add_layer_norm`, shared by the host loop (add_layer_norm.cpp) and the CUDA
// kernel (add_layer_norm.cu). Everything is computed in float32, from the sum as it is stored.
#pragma once

#include <cmath>
#include <cstdint>

#include "element.h"

namespace zeroreal {

// What one call works on, all contiguous and of one element type.
struct AddLayerNormArgs {
  const void* values;    // [rows, channels]
  const void* residual;  // [rows, channels]
  const void* weight;    // [channels]
  const void* bias;      // [channels]
  void* sum;             // [rows, channels]: values + residual
  void* out;             // [rows, channels]: the norm of that
  std::int64_t rows, channels;
  float epsilon;
};

// How a row is normalised: (value - mean) * scale, then the weight and bias of each channel.
struct RowNorm {
  float mean, scale;
};

// From a mean that is nearly right, and sums over the row of the distances from it and of their
// squares: sums of squares of the values themselves would cancel where the mean is large.
ZEROREAL_INLINE RowNorm row_norm(float near_mean, float distances, float squares, float count,
                                 float epsilon) {
  const float off = distances / count;
  return {near_mean + off, 1.0f / sqrtf((squares - off * distances) / count + epsilon)};
}

ZEROREAL_INLINE float normalise(float value, const RowNorm& norm, float weight, float bias) {
  return (value - norm.mean) * norm.scale * weight + bias;
}

}  // namespace zeroreal
