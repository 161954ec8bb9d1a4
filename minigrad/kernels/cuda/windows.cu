// Windows over two spatial axes (minigrad/ops/windows.py): convolution's columns and max pooling. A thread makes one
// element of the result and gathers what belongs to it, so nothing is added twice to one place.

struct mg_windows {  // passed by value; the fields are set by minigrad/kernels/cuda/windows.py
  int C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, OH, OW;
};

#define MG_EACH(i, n) for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x)

// columns (N, C KH KW, OH OW) of x (N, C, H, W): threads lie along the windows, blockDim.y rows of columns in a block.
extern "C" __global__ void mg_columns(const real* __restrict__ x, real* __restrict__ columns, mg_windows w, int rows) {
  int places = w.OH * w.OW;
  for (int r = blockIdx.y * blockDim.y + threadIdx.y; r < rows; r += gridDim.y * blockDim.y) {
    int kw = r % w.KW, kh = r / w.KW % w.KH, top = kh * w.DH - w.PH, left = kw * w.DW - w.PW;
    const real* p = x + (long long)(r / w.KW / w.KH) * w.H * w.W;
    real* row = columns + (long long)r * places;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < places; i += gridDim.x * blockDim.x) {
      int oh = i / w.OW, h = oh * w.SH + top, v = (i - oh * w.OW) * w.SW + left;
      row[i] = h >= 0 && h < w.H && v >= 0 && v < w.W ? p[(long long)h * w.W + v] : real(accum(0));
    }
  }
}

// The number of the window of `stride` that begins at `at`, of n; negative if there is none.
__device__ __forceinline__ int mg_window_at(int at, int stride, int n) {
  if (stride > 1) {  // all threads alike, and division is slow
    if (at < 0 || at % stride) return -1;
    at /= stride;
  }
  return at < n ? at : -1;
}

// The adjoint: x (N, C, H, W) of columns, each element the sum of those that were taken from it.
extern "C" __global__ void mg_add_columns(const real* __restrict__ columns, real* __restrict__ x, mg_windows w, long long n) {
  MG_EACH(i, n) {
    long long plane = i / ((long long)w.H * w.W);
    int h = (i / w.W) % w.H, v = i % w.W;
    accum sum = 0;
    for (int kh = 0; kh < w.KH; kh++) {
      int oh = mg_window_at(h + w.PH - kh * w.DH, w.SH, w.OH);
      if (oh < 0) continue;
      for (int kw = 0; kw < w.KW; kw++) {
        int ow = mg_window_at(v + w.PW - kw * w.DW, w.SW, w.OW);
        if (ow >= 0) sum += (accum)columns[(((plane * w.KH + kh) * w.KW + kw) * w.OH + oh) * w.OW + ow];
      }
    }
    x[i] = real(sum);
  }
}

// The largest element of each window, and where in its plane it is: the first of equals, NaN above all.
extern "C" __global__ void mg_max_pool(const real* __restrict__ x, real* __restrict__ y, long long* __restrict__ indices, mg_windows w, long long n) {
  MG_EACH(i, n) {
    long long plane = i / ((long long)w.OH * w.OW);
    int oh = (i / w.OW) % w.OH, ow = i % w.OW, at = -1;
    const real* p = x + plane * w.H * w.W;
    accum best = 0;
    for (int kh = 0; kh < w.KH; kh++) {
      int h = oh * w.SH - w.PH + kh * w.DH;
      if (h < 0 || h >= w.H) continue;
      for (int kw = 0; kw < w.KW; kw++) {
        int v = ow * w.SW - w.PW + kw * w.DW;
        if (v < 0 || v >= w.W) continue;
        accum c = (accum)p[h * w.W + v];
        if (at < 0 || c > best || c != c) { best = c; at = h * w.W + v; }
      }
    }
    y[i] = real(best);
    indices[i] = at;
  }
}

// y[n, c, i] += bias[c], in place.
extern "C" __global__ void mg_add_channel_bias(real* __restrict__ y, const real* __restrict__ bias, long long n, int C, int S) {
  MG_EACH(i, n) y[i] = real((accum)y[i] + (accum)bias[(i / S) % C]);
}

// ------------------------------------------------------------------------------------------------ grouped convolution
//
// Output channel o of O sees the C / G input channels of its group alone, with weight (O, C / G, KH, KW): too few for a
// product of matrices where G is large (depthwise: one), so the windows are walked through directly.

// y (N, O, OH, OW), and bias unless it is null.
extern "C" __global__ void mg_grouped(const real* __restrict__ x, const real* __restrict__ weight, const real* __restrict__ bias, real* __restrict__ y,
    mg_windows w, int O, int G, long long n) {
  int inputs = w.C / G, outputs = O / G;
  MG_EACH(i, n) {
    long long r = i;
    int ow = r % w.OW; r /= w.OW;
    int oh = r % w.OH; r /= w.OH;
    int o = r % O; r /= O;
    accum sum = bias ? (accum)bias[o] : accum(0);
    for (int c = 0; c < inputs; c++) {
      const real* p = x + (r * w.C + o / outputs * inputs + c) * w.H * w.W;
      const real* q = weight + ((long long)o * inputs + c) * w.KH * w.KW;
      for (int kh = 0; kh < w.KH; kh++) {
        int h = oh * w.SH - w.PH + kh * w.DH;
        if (h < 0 || h >= w.H) continue;
        for (int kw = 0; kw < w.KW; kw++) {
          int v = ow * w.SW - w.PW + kw * w.DW;
          if (v >= 0 && v < w.W) sum += (accum)p[(long long)h * w.W + v] * (accum)q[kh * w.KW + kw];
        }
      }
    }
    y[i] = real(sum);
  }
}

// The adjoint for x (N, C, H, W): each element gathers from the windows that saw it.
extern "C" __global__ void mg_grouped_spread(const real* __restrict__ g, const real* __restrict__ weight, real* __restrict__ x, mg_windows w, int O, int G,
    long long n) {
  int inputs = w.C / G, outputs = O / G;
  MG_EACH(i, n) {
    long long r = i;
    int v = r % w.W; r /= w.W;
    int h = r % w.H; r /= w.H;
    int c = r % w.C; r /= w.C;
    accum sum = 0;
    for (int o = c / inputs * outputs; o < (c / inputs + 1) * outputs; o++) {
      const real* p = g + (r * O + o) * w.OH * w.OW;
      const real* q = weight + ((long long)o * inputs + c % inputs) * w.KH * w.KW;
      for (int kh = 0; kh < w.KH; kh++) {
        int oh = mg_window_at(h + w.PH - kh * w.DH, w.SH, w.OH);
        if (oh < 0) continue;
        for (int kw = 0; kw < w.KW; kw++) {
          int ow = mg_window_at(v + w.PW - kw * w.DW, w.SW, w.OW);
          if (ow >= 0) sum += (accum)p[(long long)oh * w.OW + ow] * (accum)q[kh * w.KW + kw];
        }
      }
    }
    x[i] = real(sum);
  }
}

// The adjoint for the weight: a block of (1, threads) for each of its elements, whose lanes share the windows of N images
// and are added up in a fixed order. Shared: a double for each thread.
extern "C" __global__ void mg_grouped_weight(const real* __restrict__ x, const real* __restrict__ g, real* __restrict__ gw, mg_windows w, int O, int G, int N) {
  MG_DYN_SHARED(double, s);
  int inputs = w.C / G, outputs = O / G, e = blockIdx.x;
  int kw = e % w.KW, kh = e / w.KW % w.KH, c = e / w.KW / w.KH % inputs, o = e / w.KW / w.KH / inputs;
  accum sum = 0;
  for (long long m = threadIdx.y; m < (long long)N * w.OH * w.OW; m += blockDim.y) {
    int ow = m % w.OW, oh = m / w.OW % w.OH;
    long long image = m / w.OW / w.OH;
    int h = oh * w.SH - w.PH + kh * w.DH, v = ow * w.SW - w.PW + kw * w.DW;
    if (h >= 0 && h < w.H && v >= 0 && v < w.W)
      sum += (accum)x[((image * w.C + o / outputs * inputs + c) * w.H + h) * w.W + v] * (accum)g[((image * O + o) * w.OH + oh) * w.OW + ow];
  }
  double total = mg_lane_sum((double)sum, s);
  if (threadIdx.y == 0) gw[e] = real((accum)total);
}
