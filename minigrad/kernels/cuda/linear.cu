// Linear layers (minigrad/ops/linalg.py): what cuBLAS does not do in one launch.

// y[r, o] += bias[o], in place. An item is one element.
extern "C" __global__ void mg_add_bias(real* __restrict__ y, const real* __restrict__ bias, long long n, int O) {
  for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x)
    y[i] = real((accum)y[i] + (accum)bias[i % O]);
}

// y = x weight^T + bias for few outputs: a warp for each element of y. x (R, I), weight (O, I), y (R, O).
extern "C" __global__ void mg_linear_narrow(const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y, int R, int I, int O) {
  int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  for (long long e = (long long)blockIdx.x * warps + warp; e < (long long)R * O; e += (long long)gridDim.x * warps) {
    long long r = e / O, o = e % O;
    accum s = 0;
    for (int i = lane; i < I; i += 32) s += (accum)x[r * I + i] * (accum)weight[o * I + i];
    s = mg_warp_sum(s);
    if (lane == 0) y[e] = real(s + (bias ? (accum)bias[o] : accum(0)));
  }
}

// gw = g^T x and gb = sum_r g for few outputs, in one launch: a block has blockDim.x inputs of one output, and
// blockDim.y lanes that share the rows. Shared: an accum for each thread. gb may be null.
extern "C" __global__ void __launch_bounds__(512, 2) mg_linear_narrow_weight(const real* __restrict__ g, const real* __restrict__ x, real* __restrict__ gw,
    real* __restrict__ gb, int R, int I, int O) {
  MG_DYN_SHARED(accum, s);
  int i = blockIdx.x * blockDim.x + threadIdx.x, o = blockIdx.y;
  accum w = 0, b = 0;
  for (int r = threadIdx.y; r < R; r += blockDim.y) {
    accum t = (accum)g[(long long)r * O + o];
    b += t;
    if (i < I) w += t * (accum)x[(long long)r * I + i];
  }
  w = mg_lane_sum(w, s);
  b = mg_lane_sum(b, s);
  if (threadIdx.y == 0 && i < I) gw[(long long)o * I + i] = real(w);
  if (threadIdx.y == 0 && i == 0 && gb) gb[o] = real(b);
}
