// IEEE half precision for compilers that have no _Float16: to float, and back to nearest, ties to even.
#pragma once
#include <math.h>

static inline float half_to_float(unsigned short h) {
  int e = h >> 10 & 31, m = h & 1023;
  float v = e == 31 ? (m ? NAN : INFINITY) : e ? ldexpf((float)(1024 + m), e - 25) : ldexpf((float)m, -24);
  return h >> 15 ? -v : v;
}

static inline unsigned short float_to_half(float f) {
  unsigned short sign = signbit(f) ? 0x8000 : 0;
  float a = fabsf(f);
  int e;
  if (a != a) return sign | 0x7e00;
  if (a >= 65520.0f) return sign | 0x7c00;
  if (a < ldexpf(1.0f, -14)) return sign | (unsigned short)rintf(ldexpf(a, 24));
  frexpf(a, &e);
  return sign | (unsigned short)(((e + 14) << 10) + (int)rintf(ldexpf(a, 11 - e)) - 1024);
}
