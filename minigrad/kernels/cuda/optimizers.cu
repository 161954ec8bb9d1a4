// Optimizer steps (minigrad/optim) over a flat buffer of parameters, in one launch. The gradients need not be flat: a
// table, passed by value, says where each begins. What changes from step to step (the learning rate, the corrections
// for the number of steps) is in `live`, on the device, if the step is being captured or may be left out, and given by
// value otherwise. A step is left out if `found` is given and not zero there: a gradient scaler met an infinity.

#define MG_TABLE 64
struct mg_gradients {
  mg_u64 at[MG_TABLE];           // address of the gradient of each parameter
  long long first[MG_TABLE + 1]; // where each parameter begins in the buffer, and where the last ends
  int count;
};

__device__ __forceinline__ real* mg_gradient_at(const mg_gradients& table, long long i) {
  int low = 0, high = table.count;  // first[low] <= i < first[high]
  while (high - low > 1) { int middle = (low + high) / 2; if (table.first[middle] <= i) low = middle; else high = middle; }
  return reinterpret_cast<real*>(table.at[low]) + (i - table.first[low]);
}

#define MG_EACH_PARAMETER(i) \
  for (long long i = table.first[0] + (long long)blockIdx.x * blockDim.x + threadIdx.x; i < table.first[table.count]; i += (long long)gridDim.x * blockDim.x)

// live: [lr, 0 or the dampening's complement]. buffer may be null: no momentum.
extern "C" __global__ void mg_sgd(real* __restrict__ x, real* __restrict__ buffer, mg_gradients table, const double* __restrict__ live,
    const long long* __restrict__ found, double lr, double fresh, double momentum, double decay, double sign, int nesterov) {
  if (found && found[0]) return;
  accum rate = (accum)(live ? live[0] : lr), part = (accum)(live ? live[1] : fresh), mu = (accum)momentum;
  MG_EACH_PARAMETER(i) {
    accum v = (accum)x[i], g = (accum)sign * (accum)*mg_gradient_at(table, i) + (accum)decay * v;
    if (buffer) {
      accum b = mu * (accum)buffer[i] + part * g;
      buffer[i] = real(b);
      g = nesterov ? g + mu * b : b;
    }
    x[i] = real(v - rate * g);
  }
}

// live: [lr, 1 - beta1^t, sqrt(1 - beta2^t)].
extern "C" __global__ void mg_adam(real* __restrict__ x, real* __restrict__ m, real* __restrict__ v, mg_gradients table, const double* __restrict__ live,
    const long long* __restrict__ found, double lr, double bias1, double bias2, double beta1, double beta2, double eps, double decay, double sign,
    int decoupled) {
  if (found && found[0]) return;
  if (live) { lr = live[0]; bias1 = live[1]; bias2 = live[2]; }
  accum rate = (accum)(lr * bias2 / bias1), shift = (accum)(eps * bias2), keep = decoupled ? (accum)(1 - lr * decay) : accum(1);
  accum pull = decoupled ? accum(0) : (accum)decay, new1 = (accum)(1 - beta1), new2 = (accum)(1 - beta2);
  MG_EACH_PARAMETER(i) {
    accum p = (accum)x[i] * keep, g = (accum)sign * (accum)*mg_gradient_at(table, i) + pull * p, a = (accum)m[i], b = (accum)v[i];
    a += (g - a) * new1;
    b += (g * g - b) * new2;
    m[i] = real(a);
    v[i] = real(b);
    x[i] = real(p - rate * a / (sqrt(b) + shift));
  }
}

// --------------------------------------------------------------------------------- clipping (minigrad/optim/clip.py)

// parts[b]: the sum of squares of what block b, of (1, threads), goes through. Shared: a double for each thread.
extern "C" __global__ void mg_square_sums(mg_gradients table, double* __restrict__ parts) {
  MG_DYN_SHARED(double, s);
  double sum = 0;
  for (long long i = table.first[0] + (long long)blockIdx.x * blockDim.y + threadIdx.y; i < table.first[table.count]; i += (long long)gridDim.x * blockDim.y) {
    double g = (double)(accum)*mg_gradient_at(table, i);
    sum += g * g;
  }
  sum = mg_lane_sum(sum, s);
  if (threadIdx.y == 0) parts[blockIdx.x] = sum;
}

// g *= min(1, most / (norm + 1e-6)), where P parts add up to the square of the norm; each block, of (1, threads), adds them up.
extern "C" __global__ void mg_clip(mg_gradients table, const double* __restrict__ parts, real* __restrict__ norm, int P, double most) {
  MG_DYN_SHARED(double, s);
  double sum = 0;
  for (int k = threadIdx.y; k < P; k += blockDim.y) sum += parts[k];
  double length = sqrt(mg_lane_sum(sum, s)), scale = most / (length + 1e-6);
  if (blockIdx.x == 0 && threadIdx.y == 0) norm[0] = real((accum)length);
  accum factor = scale > 1 ? accum(1) : (accum)scale;
  for (long long i = table.first[0] + (long long)blockIdx.x * blockDim.y + threadIdx.y; i < table.first[table.count]; i += (long long)gridDim.x * blockDim.y) {
    real* at = mg_gradient_at(table, i);
    *at = real((accum)*at * factor);
  }
}

// ------------------------------------------------------------------------------------- a gradient scaler (minigrad/amp.py)

// g /= scale, in place; found is set to 1 if an element is not finite.
extern "C" __global__ void mg_unscale(mg_gradients table, const float* __restrict__ scale, long long* __restrict__ found) {
  accum factor = (accum)(1.0 / (double)scale[0]);
  bool bad = false;
  MG_EACH_PARAMETER(i) {
    real* at = mg_gradient_at(table, i);
    accum g = (accum)*at;
    bad = bad || !(g - g == 0);
    *at = real(g * factor);
  }
  if (bad) found[0] = 1;
}

// What an optimizer needs for its step number t, or live[1]: those left out, this one too if `found` says so, do not count.
// Adam (beta1, beta2): lr, 1 - beta1^t, sqrt(1 - beta2^t); SGD: lr, beta1 from the second step on and 1 before. One thread.
extern "C" __global__ void mg_step_numbers(double* __restrict__ numbers, long long* __restrict__ skipped, const double* __restrict__ live,
    const long long* __restrict__ found, double lr, double t, double beta1, double beta2, int adam) {
  if (live) { lr = live[0]; t = live[1]; }
  if (found && found[0]) skipped[0] += 1;
  t -= (double)skipped[0];
  numbers[0] = lr;
  numbers[1] = adam ? 1 - pow(beta1, t) : t > 1 ? beta1 : 1;
  numbers[2] = adam ? sqrt(1 - pow(beta2, t)) : 0;
}

// The scale after a step: lowered if an infinity was found, raised after `interval` good steps in a row. One thread.
extern "C" __global__ void mg_scale_update(float* __restrict__ scale, long long* __restrict__ good_steps, const long long* __restrict__ found,
    double growth, double backoff, long long interval) {
  if (found[0]) {
    scale[0] = (float)((double)scale[0] * backoff);
    good_steps[0] = 0;
  } else if (++good_steps[0] == interval) {
    float grown = (float)((double)scale[0] * growth);
    if (grown - grown == 0) scale[0] = grown;
    good_steps[0] = 0;
  }
}
