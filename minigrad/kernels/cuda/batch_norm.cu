// Batch normalization (minigrad/ops/batch_norm.py) of x seen as (N, C, S), with m = N S values in each channel.
//
// A block has blockDim.x neighbouring channels and blockDim.y lanes for each: (1, 256) where S > 1, so that lanes read
// along S; (32, 16) where S = 1, so that threads read along C. Lanes first reduce for themselves, with their first
// element as the origin, which keeps the digits of the variance when the mean is large; then (count, mean, M2) are merged
// (Chan, Golub, LeVeque 1983) in double and in a fixed order.

struct mg_moments { double n, mean, m2; };

__device__ __forceinline__ mg_moments mg_merge(mg_moments a, mg_moments b) {
  if (b.n == 0) return a;
  if (a.n == 0) return b;
  double n = a.n + b.n, d = b.mean - a.mean, w = b.n / n;
  return {n, a.mean + d * w, a.m2 + b.m2 + d * d * a.n * w};
}

struct mg_sums { double g, gc, c; };  // over a channel: g, g (x - mean), x - mean

// How many of the packs first, first + step, ... of W elements begin before the element `end`.
template <int W> __device__ __forceinline__ int mg_count(long long first, long long end, long long step) {
  return first * W < end ? (int)((unsigned)(end - first * W - 1) / (unsigned)(step * W)) + 1 : 0;
}

// Calls f(offset) for these packs of channel c. x has less than 2**31 elements, so 32 bits suffice, and one division is
// made for all. Several packs are asked for before the first has come, as memory takes longer than the work on them.
template <int W, class F> __device__ __forceinline__ void mg_each(int c, int C, int S, long long first, long long end, long long step, F f) {
  unsigned length = S, stride = (unsigned)(step * W), n = (unsigned)(first * W) / length, r = (unsigned)(first * W) - n * length;
  unsigned images = stride / length, rest = stride - images * length;
  int packs = mg_count<W>(first, end, step);
#pragma unroll 4
  for (int k = 0; k < packs; k++) {
    f((n * C + c) * length + r);
    n += images;
    r += rest;
    if (r >= length) { r -= length; n++; }
  }
}

template <int W> __device__ __forceinline__ mg_moments mg_lane_moments(const real* x, int c, int C, int S, long long first, long long end, long long step) {
  double count = (double)mg_count<W>(first, end, step) * W;
  if (count == 0) return {0, 0, 0};
  unsigned n = (unsigned)(first * W) / S;
  accum origin = (accum)x[(n * C + c) * S + ((unsigned)(first * W) - n * S)], s1 = 0, s2 = 0;
  mg_each<W>(c, C, S, first, end, step, [&](unsigned at) {
    mg_pack<real, W> p = *reinterpret_cast<const mg_pack<real, W>*>(x + at);
    for (int k = 0; k < W; k++) { accum d = (accum)p.v[k] - origin; s1 += d; s2 += d * d; }
  });
  double mean = (double)s1 / count, m2 = (double)s2 - (double)s1 * mean;
  return {count, (double)origin + mean, m2 < 0 ? 0 : m2};
}

__device__ __forceinline__ mg_moments mg_merge_lanes(mg_moments v, mg_moments* s) {
  int at = threadIdx.y * blockDim.x + threadIdx.x;
  s[at] = v;
  __syncthreads();
  for (int h = blockDim.y >> 1; h; h >>= 1) {
    if ((int)threadIdx.y < h) s[at] = mg_merge(s[at], s[at + h * blockDim.x]);
    __syncthreads();
  }
  v = s[threadIdx.x];
  __syncthreads();
  return v;
}

// Whether lanes may read four neighbours at once: along S, and from aligned memory.
__device__ __forceinline__ bool mg_by_four(int S, const void* a, const void* b, const void* c) {
  return blockDim.x == 1 && S % 4 == 0 && ((size_t)a | (size_t)b | (size_t)c) % sizeof(mg_pack<real, 4>) == 0;
}

__device__ __forceinline__ mg_moments mg_block_moments(const real* x, int c, int C, int S, long long begin, long long end, mg_moments* s) {
  mg_moments v = {0, 0, 0};
  if (c < C) v = mg_by_four(S, x, x, x) ? mg_lane_moments<4>(x, c, C, S, begin / 4 + threadIdx.y, end, blockDim.y)
                               : mg_lane_moments<1>(x, c, C, S, begin + threadIdx.y, end, blockDim.y);
  return mg_merge_lanes(v, s);
}

// y = (x - mean) scale + shift, where mean is rounded to the type of x and shift makes up for it.
template <int W> __device__ __forceinline__ void mg_apply(const real* x, real* y, int c, int C, int S, long long first, long long end, long long step,
    accum mean, accum scale, accum shift, int relu) {
  mg_each<W>(c, C, S, first, end, step, [&](unsigned at) {
    mg_pack<real, W> p = *reinterpret_cast<const mg_pack<real, W>*>(x + at);
    for (int k = 0; k < W; k++) { accum v = ((accum)p.v[k] - mean) * scale + shift; p.v[k] = real(relu && v < 0 ? accum(0) : v); }
    *reinterpret_cast<mg_pack<real, W>*>(y + at) = p;
  });
}

__device__ __forceinline__ void mg_normalize(mg_moments v, const real* x, const real* weight, const real* bias, real* y, real* mean, real* var,
    int c, int C, int S, long long begin, long long end, bool writes_statistics, double eps, int relu) {
  if (c >= C) return;
  double variance = v.m2 / v.n, scale = 1.0 / sqrt(variance + eps) * (weight ? (double)(accum)weight[c] : 1.0);
  accum rounded = (accum)real(v.mean);
  double shift = (bias ? (double)(accum)bias[c] : 0.0) - (v.mean - (double)rounded) * scale;
  if (writes_statistics && threadIdx.y == 0) { mean[c] = real(v.mean); var[c] = real(variance); }
  if (mg_by_four(S, x, y, y)) mg_apply<4>(x, y, c, C, S, begin / 4 + threadIdx.y, end, blockDim.y, rounded, (accum)scale, (accum)shift, relu);
  else mg_apply<1>(x, y, c, C, S, begin + threadIdx.y, end, blockDim.y, rounded, (accum)scale, (accum)shift, relu);
}

// Where part q of P of a channel's M values begins: a multiple of four, so that packs stay whole.
__device__ __forceinline__ long long mg_part(long long M, int q, int P) {
  long long at = (M + P - 1) / P * q;
  at = (at + 3) / 4 * 4;
  return at < M ? at : M;
}

// Small channels: statistics and result in one launch. Shared: a mg_moments for each thread.
extern "C" __global__ void __launch_bounds__(512, 2) mg_batch_norm_forward(const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y, real* __restrict__ mean, real* __restrict__ var, int N, int C, int S, double eps, int relu) {
  MG_DYN_SHARED(mg_moments, s);
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  long long M = (long long)N * S;
  mg_moments v = mg_block_moments(x, c, C, S, 0, M, s);
  mg_normalize(v, x, weight, bias, y, mean, var, c, C, S, 0, M, true, eps, relu);
}

// Large channels, first launch: gridDim.y partial results for each channel, in `parts` (C, P, 3).
extern "C" __global__ void __launch_bounds__(512, 2) mg_batch_norm_moments(const real* __restrict__ x, double* __restrict__ parts, int N, int C, int S) {
  MG_DYN_SHARED(mg_moments, s);
  int c = blockIdx.x * blockDim.x + threadIdx.x, P = gridDim.y, q = blockIdx.y;
  long long M = (long long)N * S;
  mg_moments v = mg_block_moments(x, c, C, S, mg_part(M, q, P), mg_part(M, q + 1, P), s);
  if (c < C && threadIdx.y == 0) reinterpret_cast<mg_moments*>(parts)[(long long)c * P + q] = v;
}

// Second launch: every block merges the parts of its channels in the same order, and normalizes its own.
extern "C" __global__ void __launch_bounds__(512, 2) mg_batch_norm_apply(const real* __restrict__ x, const double* __restrict__ parts, const real* __restrict__ weight,
    const real* __restrict__ bias, real* __restrict__ y, real* __restrict__ mean, real* __restrict__ var, int N, int C, int S, double eps, int relu) {
  int c = blockIdx.x * blockDim.x + threadIdx.x, P = gridDim.y, q = blockIdx.y;
  long long M = (long long)N * S;
  mg_moments v = {0, 0, 0};
  if (c < C) for (int k = 0; k < P; k++) v = mg_merge(v, reinterpret_cast<const mg_moments*>(parts)[(long long)c * P + k]);
  mg_normalize(v, x, weight, bias, y, mean, var, c, C, S, mg_part(M, q, P), mg_part(M, q + 1, P), q == 0, eps, relu);
}

// ------------------------------------------------------------------------------------------------------- backward
//
// g_x = scale (g - <g> - (x - mean) k), with k = rstd^2 sum((g - <g>) (x - mean)) / m, plus what comes by way of the
// statistics: g_mean / m + 2 g_var (x - mean) / m. With y given, g counts only where y > 0: the ReLU that was fused.

template <int W> __device__ __forceinline__ mg_sums mg_lane_sums(const real* x, const real* g, const real* y, int c, int C, int S, long long first,
    long long end, long long step, accum mean) {
  accum sg = 0, sgc = 0, sc = 0;
  mg_each<W>(c, C, S, first, end, step, [&](unsigned at) {
    mg_pack<real, W> p = *reinterpret_cast<const mg_pack<real, W>*>(x + at), q = *reinterpret_cast<const mg_pack<real, W>*>(g + at), r = q;
    if (y) r = *reinterpret_cast<const mg_pack<real, W>*>(y + at);
    for (int k = 0; k < W; k++) {
      accum d = (accum)p.v[k] - mean, t = !y || (accum)r.v[k] > 0 ? (accum)q.v[k] : accum(0);
      sg += t; sgc += t * d; sc += d;
    }
  });
  return {(double)sg, (double)sgc, (double)sc};
}

__device__ __forceinline__ mg_sums mg_block_sums(const real* x, const real* g, const real* y, int c, int C, int S, long long begin, long long end,
    accum mean, double* s) {
  mg_sums v = {0, 0, 0};
  if (c < C) v = mg_by_four(S, x, g, y) ? mg_lane_sums<4>(x, g, y, c, C, S, begin / 4 + threadIdx.y, end, blockDim.y, mean)
                               : mg_lane_sums<1>(x, g, y, c, C, S, begin + threadIdx.y, end, blockDim.y, mean);
  return {mg_lane_sum(v.g, s), mg_lane_sum(v.gc, s), mg_lane_sum(v.c, s)};
}

template <int W> __device__ __forceinline__ void mg_apply_gradient(const real* x, const real* g, const real* y, real* gx, int c, int C, int S,
    long long first, long long end, long long step, accum mean, accum scale, accum offset, accum slope) {
  mg_each<W>(c, C, S, first, end, step, [&](unsigned at) {
    mg_pack<real, W> p = *reinterpret_cast<const mg_pack<real, W>*>(x + at), q = *reinterpret_cast<const mg_pack<real, W>*>(g + at), r = q;
    if (y) r = *reinterpret_cast<const mg_pack<real, W>*>(y + at);
    for (int k = 0; k < W; k++) {
      accum t = !y || (accum)r.v[k] > 0 ? (accum)q.v[k] : accum(0);
      p.v[k] = real(scale * t + offset + slope * ((accum)p.v[k] - mean));
    }
    *reinterpret_cast<mg_pack<real, W>*>(gx + at) = p;
  });
}

__device__ __forceinline__ void mg_gradient(mg_sums v, const real* x, const real* g, const real* y, const real* weight, const real* mean, const real* var,
    const real* g_mean, const real* g_var, real* gx, real* gw, real* gb, int c, int C, int S, double M, long long begin, long long end, bool writes, double eps) {
  if (c >= C) return;
  double rstd = 1.0 / sqrt((double)(accum)var[c] + eps), scale = rstd * (weight ? (double)(accum)weight[c] : 1.0);
  double rest = (v.gc - v.g * v.c / M) * rstd;  // sum of (g - <g>) xhat
  double offset = -scale * v.g / M + (g_mean ? (double)(accum)g_mean[c] / M : 0.0);
  double slope = -scale * rest * rstd / M + (g_var ? 2.0 * (double)(accum)g_var[c] / M : 0.0);
  offset -= slope * v.c / M;  // x - mean is not quite centred, as mean is rounded
  if (writes && threadIdx.y == 0) { gw[c] = real(rest); gb[c] = real(v.g); }
  accum mu = (accum)mean[c];
  if (mg_by_four(S, x, g, y) && mg_by_four(S, gx, gx, gx)) mg_apply_gradient<4>(x, g, y, gx, c, C, S, begin / 4 + threadIdx.y, end, blockDim.y, mu, (accum)scale, (accum)offset, (accum)slope);
  else mg_apply_gradient<1>(x, g, y, gx, c, C, S, begin + threadIdx.y, end, blockDim.y, mu, (accum)scale, (accum)offset, (accum)slope);
}

// Small channels: in one launch. Shared: a double for each thread.
extern "C" __global__ void __launch_bounds__(512, 2) mg_batch_norm_backward(const real* __restrict__ x, const real* __restrict__ g, const real* __restrict__ y,
    const real* __restrict__ weight, const real* __restrict__ mean, const real* __restrict__ var, const real* __restrict__ g_mean,
    const real* __restrict__ g_var, real* __restrict__ gx, real* __restrict__ gw, real* __restrict__ gb, int N, int C, int S, double eps) {
  MG_DYN_SHARED(double, s);
  int c = blockIdx.x * blockDim.x + threadIdx.x;
  long long M = (long long)N * S;
  mg_sums v = mg_block_sums(x, g, y, c, C, S, 0, M, c < C ? (accum)mean[c] : accum(0), s);
  mg_gradient(v, x, g, y, weight, mean, var, g_mean, g_var, gx, gw, gb, c, C, S, (double)M, 0, M, true, eps);
}

// Large channels, first launch: sums over gridDim.y parts of each channel, in `parts` (C, P, 3).
extern "C" __global__ void __launch_bounds__(512, 2) mg_batch_norm_sums(const real* __restrict__ x, const real* __restrict__ g, const real* __restrict__ y,
    const real* __restrict__ mean, double* __restrict__ parts, int N, int C, int S) {
  MG_DYN_SHARED(double, s);
  int c = blockIdx.x * blockDim.x + threadIdx.x, P = gridDim.y, q = blockIdx.y;
  long long M = (long long)N * S;
  mg_sums v = mg_block_sums(x, g, y, c, C, S, mg_part(M, q, P), mg_part(M, q + 1, P), c < C ? (accum)mean[c] : accum(0), s);
  if (c < C && threadIdx.y == 0) reinterpret_cast<mg_sums*>(parts)[(long long)c * P + q] = v;
}

// Second launch.
extern "C" __global__ void __launch_bounds__(512, 2) mg_batch_norm_gradient(const real* __restrict__ x, const real* __restrict__ g, const real* __restrict__ y,
    const double* __restrict__ parts, const real* __restrict__ weight, const real* __restrict__ mean, const real* __restrict__ var,
    const real* __restrict__ g_mean, const real* __restrict__ g_var, real* __restrict__ gx, real* __restrict__ gw, real* __restrict__ gb,
    int N, int C, int S, double eps) {
  int c = blockIdx.x * blockDim.x + threadIdx.x, P = gridDim.y, q = blockIdx.y;
  long long M = (long long)N * S;
  mg_sums v = {0, 0, 0};
  if (c < C) for (int k = 0; k < P; k++) {
    mg_sums u = reinterpret_cast<const mg_sums*>(parts)[(long long)c * P + k];
    v.g += u.g; v.gc += u.gc; v.c += u.c;
  }
  mg_gradient(v, x, g, y, weight, mean, var, g_mean, g_var, gx, gw, gb, c, C, S, (double)M, mg_part(M, q, P), mg_part(M, q + 1, P), q == 0, eps);
}

// Running statistics of the layer, in place, with the unbiased variance; and how many batches there were. One block.
// momentum < 0 asks for the average over all batches.
extern "C" __global__ void mg_batch_norm_running(const real* __restrict__ mean, const real* __restrict__ var, real* __restrict__ running_mean,
    real* __restrict__ running_var, long long* __restrict__ batches, double momentum, double unbiased, int C) {
  double factor = momentum < 0 ? 1.0 / (double)(batches[0] + 1) : momentum;
  __syncthreads();
  if (batches && threadIdx.x == 0) batches[0] += 1;
  for (int c = threadIdx.x; c < C; c += blockDim.x) {
    running_mean[c] = real((double)(accum)running_mean[c] * (1 - factor) + (double)(accum)mean[c] * factor);
    running_var[c] = real((double)(accum)running_var[c] * (1 - factor) + (double)(accum)var[c] * unbiased * factor);
  }
}
