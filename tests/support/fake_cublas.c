// A cuBLAS of three loops, on host memory, with the checks of the real one: what the ctypes binding is tested against.
#include <stddef.h>
#include "half.h"

static int known; // its address is the handle
static void* stream;
static void* workspace;

int cublasCreate_v2(void** handle) { *handle = &known; return 0; }

int cublasSetStream_v2(void* handle, void* s) {
  if (handle != &known) return 1;
  stream = s, workspace = 0;
  return 0;
}

int cublasSetWorkspace_v2(void* handle, void* memory, size_t bytes) {
  if (handle != &known || (bytes && !memory)) return 7;
  workspace = memory;
  return 0;
}

static double get(const void* p, int type, long long i) {
  return type == 2 ? (double)half_to_float(((const unsigned short*)p)[i]) : type == 0 ? (double)((const float*)p)[i] : ((const double*)p)[i];
}

static void put(void* p, int type, long long i, double v) {
  if (type == 2) ((unsigned short*)p)[i] = float_to_half((float)v);
  else if (type == 0) ((float*)p)[i] = (float)v;
  else ((double*)p)[i] = v;
}

static int at_least(int n) { return n > 1 ? n : 1; }

int cublasGemmStridedBatchedEx(void* handle, int ta, int tb, int m, int n, int k, const void* alpha, const void* A, int at, int lda, long long sa,
                               const void* B, int bt, int ldb, long long sb, const void* beta, void* C, int ct, int ldc, long long sc, int count,
                               int compute, int algorithm) {
  if (handle != &known) return 1;
  if (!workspace) return 14; // the caller forgot to set it again after the stream
  if (m < 0 || n < 0 || k < 0 || count < 0 || at != bt || at != ct) return 7;
  if (lda < at_least(ta ? k : m) || ldb < at_least(tb ? n : k) || ldc < at_least(m)) return 7;
  if ((ct == 1) != (compute == 70)) return 15;
  int scalar = compute == 70 ? 1 : 0;
  double a = get(alpha, scalar, 0), b = get(beta, scalar, 0);
  for (long long q = 0; q < count; q++)
    for (long long j = 0; j < n; j++)
      for (long long i = 0; i < m; i++) {
        double s = 0;
        for (long long l = 0; l < k; l++) s += get(A, at, q * sa + (ta ? i * lda + l : l * lda + i)) * get(B, bt, q * sb + (tb ? l * ldb + j : j * ldb + l));
        long long o = q * sc + j * ldc + i;
        put(C, ct, o, a * s + (b != 0 ? b * get(C, ct, o) : 0));
      }
  return 0;
}
