// Marks the functions of the plain C interface; all else stays hidden.
#pragma once

#ifdef _WIN32
#define ZEROREAL_API extern "C" __declspec(dllexport)
#else
#define ZEROREAL_API extern "C" __attribute__((visibility("default")))
#endif
