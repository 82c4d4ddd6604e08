// `philox_normal` on the CPU: chunks of images in parallel, blocks of four elements as vectors.

#include "philox_normal.h"

#include "fill_normal.h"
#include "host.h"

namespace zeroreal {

ZEROREAL_VECTOR_CLONES void fill_normal(std::uint64_t seed, std::uint32_t draw, std::int64_t first,
                                        std::int64_t count, float* __restrict__ out) {
  const std::uint64_t first_block = static_cast<std::uint64_t>(first) / 4;
  const std::int64_t blocks = count / 4;
  for (std::int64_t block = 0; block < blocks; ++block) {
    const Normals normals = four_normals(seed, draw, first_block + block);
    out[4 * block] = normals.a;
    out[4 * block + 1] = normals.b;
    out[4 * block + 2] = normals.c;
    out[4 * block + 3] = normals.d;
  }
  if (count % 4 == 0) return;
  const Normals normals = four_normals(seed, draw, first_block + blocks);
  const float values[4] = {normals.a, normals.b, normals.c, normals.d};
  for (std::int64_t i = 4 * blocks; i < count; ++i) out[i] = values[i % 4];
}

}  // namespace zeroreal

// Fills `out` [batch, size]. Returns a Status. Sizes are trusted.
ZEROREAL_API int zeroreal_philox_normal_cpu(float* out, const std::int64_t* seeds,
                                            std::int64_t batch, std::int64_t size,
                                            std::int64_t draw, int threads) {
  using namespace zeroreal;
  constexpr std::int64_t kChunk = 4096;
  constexpr double kOperationsPerElement = 64.0;
  const std::int64_t chunks = (size + kChunk - 1) / kChunk;  // of one image
  const double operations = kOperationsPerElement * static_cast<double>(batch * size);
  const int useful = useful_threads(operations, batch * chunks, threads);
  parallel_ranges(batch * chunks, useful, [=](std::int64_t begin, std::int64_t end, int) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / chunks, first = i % chunks * kChunk;
      fill_normal(static_cast<std::uint64_t>(seeds[image]), static_cast<std::uint32_t>(draw), first,
                  std::min(kChunk, size - first), out + image * size + first);
    }
  });
  return kDone;
}
