// Lets g++ compile a CUDA C++ kernel and run it on the CPU: a fiber for each thread of a block, blocks one after another.
//
// __syncthreads, __syncwarp and shuffles are places where a fiber gives way. The order in which fibers run is shuffled by
// a seed, so that a missing barrier shows. Shared memory starts as NaN. A barrier that some threads do not reach is
// reported. What this cannot show: races between blocks, the memory model, the GPU's own expf, speed.
#pragma once
#include "half.h"
#include <algorithm>
#include <functional>
#include <math.h>
#include <random>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>
#include <vector>

#define MG_CPU_SHIM 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define MG_DYN_SHARED(T, name) T* name = reinterpret_cast<T*>(mg_shim::world.shared.data())

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};

namespace mg_shim {
enum Wait { RUNNING, AT_BLOCK_BARRIER, AT_WARP_BARRIER };
enum Fault { NONE, BARRIER_AFTER_RETURN, BARRIER_NOT_REACHED };

struct Fiber {
  ucontext_t start;  // its stack; from its first wait on _setjmp and _longjmp go to and fro, which make no system call
  jmp_buf at;
  bool begun;
  std::vector<char> stack;
  dim3 thread;
  bool done;
  Wait wait;
};

struct World {
  dim3 grid, block, at;
  std::vector<Fiber> fibers;
  jmp_buf main;
  Fiber* current;
  std::vector<char> shared;
  std::function<void()> body;
  unsigned long long lanes[1024];
};
inline World world;

inline void enter() {
  world.body();
  world.current->done = true;
  _longjmp(world.main, 1);
}

// Run a fiber until it waits or has ended. What lives in the caller is not touched: only this frame is left by a jump and entered by one.
__attribute__((noinline)) inline void resume(Fiber& f) {
  world.current = &f;
  if (_setjmp(world.main)) return;
  if (f.begun) _longjmp(f.at, 1);
  f.begun = true;
  setcontext(&f.start);
}

inline void wait(Wait kind) {
  Fiber* me = world.current;
  me->wait = kind;
  if (!_setjmp(me->at)) _longjmp(world.main, 1);
}

inline unsigned linear() {
  dim3& t = world.current->thread;
  return t.x + world.block.x * (t.y + world.block.y * t.z);
}

// Let every fiber of fibers[from, to) that is alive go on, if all of them wait at a barrier of this kind.
inline bool release(unsigned from, unsigned to, Wait kind) {
  unsigned alive = 0, waiting = 0;
  for (unsigned i = from; i < to; i++)
    if (!world.fibers[i].done) alive++, waiting += world.fibers[i].wait == kind;
  if (!alive || alive != waiting) return false;
  for (unsigned i = from; i < to; i++) world.fibers[i].wait = RUNNING;
  return true;
}

inline Fault run_block(unsigned n, std::vector<unsigned>& order, std::mt19937& random, bool shuffled) {
  Fault fault = NONE;
  for (;;) {
    bool ran = false;
    if (shuffled) std::shuffle(order.begin(), order.end(), random);
    for (unsigned i : order) {
      Fiber& f = world.fibers[i];
      if (f.done || f.wait != RUNNING) continue;
      ran = true;
      resume(f);
    }
    bool released = false;
    for (unsigned w = 0; w < n; w += 32) released |= release(w, std::min(n, w + 32), AT_WARP_BARRIER);
    if (released) continue;
    bool any_done = false, all_done = true;
    for (unsigned i = 0; i < n; i++) any_done |= world.fibers[i].done, all_done &= world.fibers[i].done;
    if (all_done) return fault;
    if (release(0, n, AT_BLOCK_BARRIER)) {
      if (any_done) fault = BARRIER_AFTER_RETURN;
    } else if (!ran) {
      return BARRIER_NOT_REACHED;
    }
  }
}

inline int launch(dim3 grid, dim3 block, size_t shared, unsigned seed, std::function<void()> body) {
  unsigned n = block.x * block.y * block.z;
  world.grid = grid, world.block = block, world.body = body;
  if (world.fibers.size() < n) world.fibers.resize(n);
  for (Fiber& f : world.fibers)
    if (f.stack.empty()) f.stack.resize(64 * 1024);
  std::mt19937 random(seed);
  std::vector<unsigned> order(n);
  int fault = NONE;
  for (unsigned z = 0; z < grid.z; z++)
    for (unsigned y = 0; y < grid.y; y++)
      for (unsigned x = 0; x < grid.x; x++) {
        world.at = dim3(x, y, z);
        world.shared.assign(shared, (char)0xff);
        for (unsigned i = 0; i < n; i++) {
          Fiber& f = world.fibers[i];
          f.thread = dim3(i % block.x, i / block.x % block.y, i / (block.x * block.y));
          f.done = f.begun = false, f.wait = RUNNING, order[i] = i;
          getcontext(&f.start);
          f.start.uc_stack.ss_sp = f.stack.data();
          f.start.uc_stack.ss_size = f.stack.size();
          makecontext(&f.start, (void (*)())enter, 0);
        }
        if (Fault found = run_block(n, order, random, seed != 0)) fault = found;
      }
  return fault;
}

template <class T> inline T shuffle(T value, unsigned from) {
  static_assert(sizeof(T) <= sizeof(unsigned long long));
  unsigned me = linear();
  memcpy(&world.lanes[me], &value, sizeof value);
  wait(AT_WARP_BARRIER);
  T got;
  memcpy(&got, &world.lanes[(me & ~31u) | (from & 31u)], sizeof got);
  wait(AT_WARP_BARRIER);
  return got;
}
}  // namespace mg_shim

#define threadIdx (mg_shim::world.current->thread)
#define blockIdx (mg_shim::world.at)
#define blockDim (mg_shim::world.block)
#define gridDim (mg_shim::world.grid)

static inline void __syncthreads() { mg_shim::wait(mg_shim::AT_BLOCK_BARRIER); }
static inline void __syncwarp(unsigned = 0xffffffffu) { mg_shim::wait(mg_shim::AT_WARP_BARRIER); }
template <class T> static inline T __shfl_xor_sync(unsigned, T v, int mask) { return mg_shim::shuffle(v, (mg_shim::linear() & 31) ^ mask); }
template <class T> static inline T __shfl_sync(unsigned, T v, int from) { return mg_shim::shuffle(v, from); }
static inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return (unsigned long long)(((unsigned __int128)a * b) >> 64); }
template <class T> static inline T atomicMin(T* p, T v) { T old = *p; *p = std::min(old, v); return old; }
