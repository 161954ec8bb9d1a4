// What every .cu file of minigrad begins with. The launcher puts it in front, after defining `real`, the type of the
// elements, and `accum`, the type of sums within a thread (float unless real is double).
//
// The files are plain CUDA C++: NVRTC compiles them for the GPU, and g++ for the CPU with tests/support/cuda_shim.h, so
// that every kernel is tested where no GPU is. Hence no inline PTX outside #ifndef MG_CPU_SHIM, dynamic shared memory by
// MG_DYN_SHARED, and names that begin with mg_. Reductions run in a fixed order and nothing is added atomically: the
// same input gives the same bytes.
//
// A kernel whose blocks have more than 256 threads says so by __launch_bounds__(threads, blocks): a multiprocessor has
// 65536 registers, and with 255 a thread, which a compiler that is told nothing may take, only 256 threads have room.
// `blocks`, of the blocks that should have room at once, leaves those bound by memory 64 registers and so enough warps.
#ifndef MG_CPU_SHIM
#define MG_DYN_SHARED(T, name) extern __shared__ __align__(16) unsigned char mg_dynamic[]; T* name = reinterpret_cast<T*>(mg_dynamic)
#endif
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#ifndef NAN
#define NAN __int_as_float(0x7fc00000)
#endif
#define MG_FULL_WARP 0xffffffffu

typedef unsigned long long mg_u64;

// IEEE half precision, for storage; arithmetic is done in float. (cuda_fp16.h is not everywhere.)
struct mg_half {
  unsigned short bits;
  mg_half() = default;
  __device__ __forceinline__ mg_half(float f) {
#ifdef MG_CPU_SHIM
    bits = float_to_half(f);
#else
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(f));
#endif
  }
  __device__ __forceinline__ operator float() const {
#ifdef MG_CPU_SHIM
    return half_to_float(bits);
#else
    float f; asm("cvt.f32.f16 %0, %1;" : "=f"(f) : "h"(bits)); return f;
#endif
  }
};

// W elements in one load or store.
template <class T, int W> struct alignas(sizeof(T) * W) mg_pack { T v[W]; };

template <class T> __device__ __forceinline__ T mg_warp_sum(T v) {
  for (int o = 16; o; o >>= 1) v += __shfl_xor_sync(MG_FULL_WARP, v, o);
  return v;
}

// Sum over the y lanes of a block of blockDim.x columns; valid in every thread. s: blockDim.x * blockDim.y values.
template <class T> __device__ __forceinline__ T mg_lane_sum(T v, T* s) {
  int at = threadIdx.y * blockDim.x + threadIdx.x;
  s[at] = v;
  __syncthreads();
  for (int h = blockDim.y >> 1; h; h >>= 1) {
    if ((int)threadIdx.y < h) s[at] += s[at + h * blockDim.x];
    __syncthreads();
  }
  v = s[threadIdx.x];
  __syncthreads();
  return v;
}
