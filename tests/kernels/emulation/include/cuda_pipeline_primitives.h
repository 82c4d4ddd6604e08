// CUDA's copies to shared memory that go on beside the thread: here they arrive when it waits.
#pragma once

#include <cstddef>

void __pipeline_memcpy_async(void* to_shared, const void* from_global, std::size_t size);
void __pipeline_commit();
void __pipeline_wait_prior(std::size_t commits);
