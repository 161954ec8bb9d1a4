// Elementwise functions and their gradients, each in one launch (minigrad/ops/activation.py, elementwise.py).

#define MG_EACH(i, n) for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x)

__device__ __forceinline__ accum mg_logistic(accum x) { return 1 / (1 + exp(-x)); }

// y = mask ? x scale : 0
extern "C" __global__ void mg_masked(const real* __restrict__ x, const unsigned char* __restrict__ mask, real* __restrict__ y, double scale, long long n) {
  MG_EACH(i, n) y[i] = mask[i] ? real((accum)x[i] * (accum)scale) : real(accum(0));
}

// gx = y > 0 ? g : 0
extern "C" __global__ void mg_relu_gradient(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ gx, long long n) {
  MG_EACH(i, n) gx[i] = (accum)y[i] > 0 ? g[i] : real(accum(0));
}

extern "C" __global__ void mg_sigmoid(const real* __restrict__ x, real* __restrict__ y, long long n) {
  MG_EACH(i, n) y[i] = real(mg_logistic((accum)x[i]));
}

extern "C" __global__ void mg_sigmoid_gradient(const real* __restrict__ g, const real* __restrict__ x, real* __restrict__ gx, long long n) {
  MG_EACH(i, n) { accum v = (accum)x[i]; gx[i] = real((accum)g[i] * (mg_logistic(v) * mg_logistic(-v))); }
}

extern "C" __global__ void mg_tanh_gradient(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ gx, long long n) {
  MG_EACH(i, n) { accum v = (accum)y[i]; gx[i] = real((accum)g[i] * (1 - v * v)); }
}

extern "C" __global__ void mg_silu(const real* __restrict__ x, real* __restrict__ y, long long n) {
  MG_EACH(i, n) { accum v = (accum)x[i]; y[i] = real(v * mg_logistic(v)); }
}

extern "C" __global__ void mg_silu_gradient(const real* __restrict__ g, const real* __restrict__ x, real* __restrict__ gx, long long n) {
  MG_EACH(i, n) { accum v = (accum)x[i], s = mg_logistic(v); gx[i] = real((accum)g[i] * (s + v * s * mg_logistic(-v))); }
}

extern "C" __global__ void mg_gelu(const real* __restrict__ x, real* __restrict__ y, long long n) {
  MG_EACH(i, n) { accum v = (accum)x[i]; y[i] = real(v * accum(0.5) * erfc(-v * accum(0.70710678118654752440))); }
}

extern "C" __global__ void mg_gelu_gradient(const real* __restrict__ g, const real* __restrict__ x, real* __restrict__ gx, long long n) {
  MG_EACH(i, n) {
    accum v = (accum)x[i], below = accum(0.5) * erfc(-v * accum(0.70710678118654752440));
    accum density = accum(0.39894228040143267794) * exp(accum(-0.5) * v * v);
    gx[i] = real((accum)g[i] * (below + (density == 0 ? 0 : v * density)));  // at an infinite v the product would be nan
  }
}

// Largest element of a row, its exponentials' sum, and the row itself; a warp for each row. As log: x - top - log(sum).
extern "C" __global__ void mg_softmax(const real* __restrict__ x, real* __restrict__ y, long long R, int K, int as_log) {
  int lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  for (long long r = (long long)blockIdx.x * warps + (threadIdx.x >> 5); r < R; r += (long long)gridDim.x * warps) {
    const real* a = x + r * K;
    accum top = -INFINITY, total = 0;
    for (int k = lane; k < K; k += 32) top = fmax(top, (accum)a[k]);
    for (int o = 16; o; o >>= 1) top = fmax(top, __shfl_xor_sync(MG_FULL_WARP, top, o));
    for (int k = lane; k < K; k += 32) total += exp((accum)a[k] - top);
    total = mg_warp_sum(total);
    accum shift = log(total), scale = 1 / total;
    for (int k = lane; k < K; k += 32) y[r * K + k] = real(as_log ? (accum)a[k] - top - shift : exp((accum)a[k] - top) * scale);
  }
}

// softmax: gx = y (g - sum g y); log_softmax: gx = g - e^y sum g.
extern "C" __global__ void mg_softmax_gradient(const real* __restrict__ g, const real* __restrict__ y, real* __restrict__ gx, long long R, int K, int as_log) {
  int lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  for (long long r = (long long)blockIdx.x * warps + (threadIdx.x >> 5); r < R; r += (long long)gridDim.x * warps) {
    accum total = 0;
    for (int k = lane; k < K; k += 32) total += (accum)g[r * K + k] * (as_log ? accum(1) : (accum)y[r * K + k]);
    total = mg_warp_sum(total);
    for (int k = lane; k < K; k += 32) {
      accum v = (accum)y[r * K + k], t = (accum)g[r * K + k];
      gx[r * K + k] = real(as_log ? t - exp(v) * total : v * (t - total));
    }
  }
}
