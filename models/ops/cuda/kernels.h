// The CUDA kernels as C++ calls: raw pointers of the GPU and a stream. No torch and no CUDA headers.
#pragma once

#include <cstdint>

struct CUstream_st;  // cudaStream_t points at it

namespace atelier::cuda {

enum class NumberType { kFloat32, kFloat16, kBfloat16 };

/// NHWC tensors; everything but statistics and scratch in one number type.
struct GroupNorm {
  NumberType type;
  int64_t samples, pixels;
  int channels, groups;
  bool silu;
  const void *input, *weight, *bias;  // [samples, pixels, channels], [channels], [channels]
  float *mean, *rstd;                 // [samples, groups]
  float* scratch;                     // [group_norm_scratch]
};

/// Whether the kernels take this many channels.
bool group_norm_fits(int channels);
/// Floats.
int64_t group_norm_scratch(const GroupNorm& call);

/// Writes the statistics and the output.
void group_norm_forward(const GroupNorm& call, double eps, void* output, CUstream_st* stream);
/// The output from statistics that are there.
void group_norm_again(const GroupNorm& call, void* output, CUstream_st* stream);
void group_norm_backward(const GroupNorm& call, const void* gradient, void* input_gradient, void* weight_gradient,
                         void* bias_gradient, CUstream_st* stream);

/// Rows [value, gate] of 2 * `width`.
void geglu(NumberType type, const void* input, void* output, int64_t rows, int64_t width, CUstream_st* stream);
void geglu_backward(NumberType type, const void* gradient, const void* input, void* input_gradient, int64_t rows,
                    int64_t width, CUstream_st* stream);

}  // namespace atelier::cuda
