// Windows over two spatial axes (minigrad/ops/windows.py): convolution's columns and max pooling. A thread makes one
// element of the result and gathers what belongs to it, so nothing is added twice to one place.

struct mg_windows {  // passed by value; the fields are set by minigrad/kernels/cuda/windows.py
  int C, H, W, KH, KW, SH, SW, PH, PW, DH, DW, OH, OW;
};

#define MG_EACH(i, n) for (long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (long long)gridDim.x * blockDim.x)

// columns (N, C KH KW, OH OW) of x (N, C, H, W); n elements in all.
extern "C" __global__ void mg_columns(const real* __restrict__ x, real* __restrict__ columns, mg_windows w, long long n) {
  MG_EACH(i, n) {
    long long r = i;
    int ow = r % w.OW; r /= w.OW;
    int oh = r % w.OH; r /= w.OH;
    int kw = r % w.KW; r /= w.KW;
    int kh = r % w.KH; r /= w.KH;
    int h = oh * w.SH - w.PH + kh * w.DH, v = ow * w.SW - w.PW + kw * w.DW;
    columns[i] = h >= 0 && h < w.H && v >= 0 && v < w.W ? x[(r * w.H + h) * w.W + v] : real(accum(0));
  }
}

// The adjoint: x (N, C, H, W) of columns, each element the sum of those that were taken from it.
extern "C" __global__ void mg_add_columns(const real* __restrict__ columns, real* __restrict__ x, mg_windows w, long long n) {
  MG_EACH(i, n) {
    long long plane = i / ((long long)w.H * w.W);
    int h = (i / w.W) % w.H, v = i % w.W;
    accum sum = 0;
    for (int kh = 0; kh < w.KH; kh++) {
      int top = h + w.PH - kh * w.DH;
      if (top < 0 || top % w.SH || top / w.SH >= w.OH) continue;
      for (int kw = 0; kw < w.KW; kw++) {
        int left = v + w.PW - kw * w.DW;
        if (left < 0 || left % w.SW || left / w.SW >= w.OW) continue;
        sum += (accum)columns[(((plane * w.KH + kh) * w.KW + kw) * w.OH + top / w.SH) * w.OW + left / w.SW];
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
