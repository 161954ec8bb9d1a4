// Layer normalization (minigrad/ops/normalization.py) of R rows of D features. A warp for each row.

// y, and mean and variance of each row; sums are taken from the row's first element, which keeps their digits.
extern "C" __global__ void mg_layer_norm(const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias,
    real* __restrict__ y, real* __restrict__ mean, real* __restrict__ var, long long R, int D, double eps) {
  int lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  for (long long r = (long long)blockIdx.x * warps + (threadIdx.x >> 5); r < R; r += (long long)gridDim.x * warps) {
    const real* a = x + r * D;
    accum origin = (accum)a[0], s = 0;
    for (int d = lane; d < D; d += 32) s += (accum)a[d] - origin;
    double from_origin = (double)mg_warp_sum(s) / D, exact = (double)origin + from_origin;
    accum q = 0, centre = (accum)from_origin;
    for (int d = lane; d < D; d += 32) { accum t = (accum)a[d] - origin - centre; q += t * t; }
    double variance = (double)mg_warp_sum(q) / D;
    accum rstd = (accum)(1.0 / sqrt(variance + eps));
    for (int d = lane; d < D; d += 32) {
      accum t = ((accum)a[d] - origin - centre) * rstd;
      y[r * D + d] = real((weight ? t * (accum)weight[d] : t) + (bias ? (accum)bias[d] : accum(0)));
    }
    if (lane == 0) { mean[r] = real((accum)exact); var[r] = real((accum)variance); }
  }
}

// gx = rstd (t - <t> - xhat <t xhat>) with t = g weight.
extern "C" __global__ void mg_layer_norm_gradient(const real* __restrict__ g, const real* __restrict__ x, const real* __restrict__ weight,
    const real* __restrict__ mean, const real* __restrict__ var, real* __restrict__ gx, long long R, int D, double eps) {
  int lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  for (long long r = (long long)blockIdx.x * warps + (threadIdx.x >> 5); r < R; r += (long long)gridDim.x * warps) {
    accum mu = (accum)mean[r], rstd = (accum)(1.0 / sqrt((double)(accum)var[r] + eps)), st = 0, sx = 0, sh = 0;
    for (int d = lane; d < D; d += 32) {
      accum t = (accum)g[r * D + d] * (weight ? (accum)weight[d] : accum(1)), h = ((accum)x[r * D + d] - mu) * rstd;
      st += t; sx += t * h; sh += h;
    }
    double average = (double)mg_warp_sum(st) / D, along = ((double)mg_warp_sum(sx) - average * (double)mg_warp_sum(sh)) / D;
    for (int d = lane; d < D; d += 32) {
      accum t = (accum)g[r * D + d] * (weight ? (accum)weight[d] : accum(1)), h = ((accum)x[r * D + d] - mu) * rstd;
      gx[r * D + d] = real(rstd * (t - (accum)average - h * (accum)along));
    }
  }
}

// gw = sum_r g xhat and gb = sum_r g: blockDim.x features, blockDim.y lanes that share the rows. Shared: a double each.
extern "C" __global__ void __launch_bounds__(512, 2) mg_layer_norm_parameters(const real* __restrict__ g, const real* __restrict__ x, const real* __restrict__ mean,
    const real* __restrict__ var, real* __restrict__ gw, real* __restrict__ gb, long long R, int D, double eps) {
  MG_DYN_SHARED(double, s);
  int d = blockIdx.x * blockDim.x + threadIdx.x;
  accum w = 0, b = 0;
  if (d < D) for (long long r = threadIdx.y; r < R; r += blockDim.y) {
    accum t = (accum)g[r * D + d];
    b += t;
    w += t * ((accum)x[r * D + d] - (accum)mean[r]) * (accum)(1.0 / sqrt((double)(accum)var[r] + eps));
  }
  double sum_w = mg_lane_sum((double)w, s), sum_b = mg_lane_sum((double)b, s);
  if (d < D && threadIdx.y == 0) { gw[d] = real((accum)sum_w); gb[d] = real((accum)sum_b); }
}
