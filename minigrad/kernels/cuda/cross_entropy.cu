// Softmax cross-entropy (minigrad/ops/loss.py). x (R, K); a row that does not count has the label `ignored`.
//
// A label outside 0 .. K - 1 makes the loss NaN, and is noted: the smallest position, with the label, in wrong[0], and K
// in wrong[1]; the host looks there when it next has to wait anyway.

__device__ __forceinline__ bool mg_is_class(long long label, int K, long long row, long long* wrong) {
  if (label >= 0 && label < K) return true;
  atomicMin(&wrong[0], row << 32 | (label & 0xffffffffll));
  wrong[1] = K;
  return false;
}

// Loss of row r, and its probabilities. `lanes` neighbouring threads share a row: 1 or a warp.
__device__ __forceinline__ accum mg_row_loss(const real* x, const long long* labels, real* p, long long r, int K, accum smoothing,
    long long ignored, long long* wrong, int lane, int lanes) {
  x += r * K; p += r * K;
  accum top = -INFINITY, total = 0, sum = 0;
  for (int k = lane; k < K; k += lanes) top = fmax(top, (accum)x[k]);
  if (lanes > 1) for (int o = 16; o; o >>= 1) top = fmax(top, __shfl_xor_sync(MG_FULL_WARP, top, o));
  for (int k = lane; k < K; k += lanes) { accum d = (accum)x[k] - top; total += exp(d); sum += d; }
  if (lanes > 1) { total = mg_warp_sum(total); sum = mg_warp_sum(sum); }
  accum scale = 1 / total;
  for (int k = lane; k < K; k += lanes) p[k] = real(exp((accum)x[k] - top) * scale);
  long long label = labels[r];
  if (label == ignored) return 0;
  if (!mg_is_class(label, K, r, wrong)) return (accum)NAN;
  accum own = (accum)x[label] - top;
  return log(total) - (smoothing == 0 ? own : (1 - smoothing) * own + smoothing * sum / K);  // 0 times the -inf of a masked class is nan
}

// A loss for each row. A warp for each row, or a thread where there are at most 32 classes.
extern "C" __global__ void mg_cross_entropy_rows(const real* __restrict__ x, const long long* __restrict__ labels, real* __restrict__ loss,
    real* __restrict__ p, long long* __restrict__ wrong, long long R, int K, double smoothing, long long ignored) {
  int lanes = K <= 32 ? 1 : 32, lane = threadIdx.x % lanes;
  long long step = (long long)gridDim.x * blockDim.x / lanes;
  for (long long r = ((long long)blockIdx.x * blockDim.x + threadIdx.x) / lanes; r < R; r += step) {
    accum v = mg_row_loss(x, labels, p, r, K, (accum)smoothing, ignored, wrong, lane, lanes);
    if (lane == 0) loss[r] = real(v);
  }
}

// The mean over the rows that count, in one block of (1, threads). Shared: a double for each thread.
extern "C" __global__ void __launch_bounds__(1024, 1) mg_cross_entropy_mean(const real* __restrict__ x, const long long* __restrict__ labels, real* __restrict__ loss,
    real* __restrict__ p, long long* __restrict__ wrong, long long R, int K, double smoothing, long long ignored) {
  MG_DYN_SHARED(double, s);
  int lanes = K <= 32 ? 1 : 32, lane = threadIdx.y % lanes;
  double sum = 0, count = 0;
  for (long long r = threadIdx.y / lanes; r < R; r += blockDim.y / lanes) {
    accum v = mg_row_loss(x, labels, p, r, K, (accum)smoothing, ignored, wrong, lane, lanes);
    if (lane == 0 && labels[r] != ignored) { sum += (double)v; count += 1; }
  }
  sum = mg_lane_sum(sum, s);
  count = mg_lane_sum(count, s);
  if (threadIdx.y == 0) loss[0] = real((accum)(sum / count));
}

// The mean of losses that were computed before, over the rows that count. One block of (1, threads).
extern "C" __global__ void __launch_bounds__(1024, 1) mg_mean_of_counted(const real* __restrict__ losses, const long long* __restrict__ labels, real* __restrict__ loss,
    double* __restrict__ counted, long long R, long long ignored) {
  MG_DYN_SHARED(double, s);
  double sum = 0, count = 0;
  for (long long r = threadIdx.y; r < R; r += blockDim.y)
    if (labels[r] != ignored) { sum += losses ? (double)(accum)losses[r] : 0.0; count += 1; }
  sum = mg_lane_sum(sum, s);
  count = mg_lane_sum(count, s);
  if (threadIdx.y == 0 && loss) loss[0] = real((accum)(sum / count));
  if (threadIdx.y == 0 && counted) counted[0] = count;
}

// gx = g (p - q), q the smoothed label. With `mean`, g is one number, to be divided by how many rows count: `counted`
// where that is known, otherwise each block, of (1, threads), counts. Shared: a double for each thread.
extern "C" __global__ void mg_cross_entropy_gradient(const real* __restrict__ g, const long long* __restrict__ labels, const real* __restrict__ p,
    real* __restrict__ gx, const double* __restrict__ counted, long long R, int K, double smoothing, long long ignored, int mean) {
  MG_DYN_SHARED(double, s);
  accum scale = 1;
  if (mean) {
    double count = 0;
    if (counted) count = counted[0];
    else {
      for (long long r = threadIdx.y; r < R; r += blockDim.y) count += labels[r] != ignored;
      count = mg_lane_sum(count, s);
    }
    scale = (accum)((double)(accum)g[0] / count);
  }
  accum away = (accum)(smoothing / K), hit = (accum)(1 - smoothing);
  for (long long i = (long long)blockIdx.x * blockDim.y + threadIdx.y; i < R * K; i += (long long)gridDim.x * blockDim.y) {
    long long r = i / K, k = i - r * K, label = labels[r];
    accum v = label == ignored ? accum(0) : (accum)p[i] - away - (k == label ? hit : accum(0));
    gx[i] = real(v * (mean ? scale : (accum)g[r]));
  }
}
