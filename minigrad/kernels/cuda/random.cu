// Philox4x64-10 (Salmon, Moraes, Dror, Shaw 2011): the generator of minigrad/random.py, to the last bit. A block is the
// scrambling of a 64-bit counter under a 128-bit key and gives four words. The first counter is in `live`, on the
// device, if the step is being captured.

__device__ __forceinline__ void mg_philox(mg_u64 counter, mg_u64 k0, mg_u64 k1, mg_u64* out) {
  mg_u64 c0 = counter, c1 = 0, c2 = 0, c3 = 0;
  for (int round = 0; round < 10; round++) {
    mg_u64 high0 = __umul64hi(0xD2E7470EE14C6C93ull, c0), low0 = 0xD2E7470EE14C6C93ull * c0;
    mg_u64 high1 = __umul64hi(0xCA5A826395121157ull, c2), low1 = 0xCA5A826395121157ull * c2;
    c0 = high1 ^ c1 ^ k0; c1 = low1; c2 = high0 ^ c3 ^ k1; c3 = low0;
    k0 += 0x9E3779B97F4A7C15ull; k1 += 0xBB67AE8584CAA73Bull;
  }
  out[0] = c0; out[1] = c1; out[2] = c2; out[3] = c3;
}

// n words, in the order of the blocks.
extern "C" __global__ void mg_random_words(mg_u64* __restrict__ words, mg_u64 k0, mg_u64 k1, const mg_u64* __restrict__ live, mg_u64 first, long long n) {
  if (live) first = live[0];
  for (long long b = (long long)blockIdx.x * blockDim.x + threadIdx.x; 4 * b < n; b += (long long)gridDim.x * blockDim.x) {
    mg_u64 w[4];
    mg_philox(first + 1 + b, k0, k1, w);
    for (int k = 0; k < 4 && 4 * b + k < n; k++) words[4 * b + k] = w[k];
  }
}

// n booleans, true with probability p: the halves of the words, their upper 24 bits as a number from 0 to 1, below p.
extern "C" __global__ void mg_random_mask(unsigned char* __restrict__ mask, mg_u64 k0, mg_u64 k1, const mg_u64* __restrict__ live, mg_u64 first,
    float p, long long n) {
  if (live) first = live[0];
  for (long long b = (long long)blockIdx.x * blockDim.x + threadIdx.x; 8 * b < n; b += (long long)gridDim.x * blockDim.x) {
    mg_u64 w[4];
    mg_philox(first + 1 + b, k0, k1, w);
    for (int k = 0; k < 8 && 8 * b + k < n; k++) {
      unsigned half = (unsigned)(w[k / 2] >> (k % 2 ? 32 : 0));
      mask[8 * b + k] = (float)(half >> 8) * 5.9604644775390625e-8f < p;  // 2**-24
    }
  }
}
