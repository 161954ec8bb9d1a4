// Adding to places named by indices (minigrad/ops/indexing.py), giving the same bytes every run: each place belongs to
// one thread, which adds what is for it in the order of the updates. Every thread reads every index of its row.

// y[r, indices[r, m]] += updates[r, m]; a warp for each row of K places and M updates. Indices may be negative.
extern "C" __global__ void mg_scatter_rows(real* __restrict__ y, const long long* __restrict__ indices, const real* __restrict__ updates,
    long long R, int K, int M, int from_zero) {
  int lane = threadIdx.x & 31, warps = blockDim.x >> 5;
  for (long long r = (long long)blockIdx.x * warps + (threadIdx.x >> 5); r < R; r += (long long)gridDim.x * warps) {
    if (from_zero) for (int k = lane; k < K; k += 32) y[r * K + k] = real(accum(0));
    for (int m = 0; m < M; m++) {
      long long k = indices[r * M + m];
      k += k < 0 ? K : 0;
      if (k >= 0 && k < K && (k & 31) == lane) y[r * K + k] = real((accum)y[r * K + k] + (accum)updates[r * M + m]);
    }
  }
}

// y[indices[m], d] += updates[m, d]; gridDim.y blocks share the V rows of y, threads lie along d.
extern "C" __global__ void mg_index_add(real* __restrict__ y, const long long* __restrict__ indices, const real* __restrict__ updates,
    long long V, long long M, long long D) {
  long long d = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (d >= D) return;
  for (long long m = 0; m < M; m++) {
    long long v = indices[m];
    v += v < 0 ? V : 0;
    if (v >= 0 && v < V && v % gridDim.y == blockIdx.y) y[v * D + d] = real((accum)y[v * D + d] + (accum)updates[m * D + d]);
  }
}
