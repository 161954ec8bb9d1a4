// Optimizer steps (minigrad/optim) over a flat buffer of parameters, in one launch. The gradients need not be flat: a
// table, passed by value, says where each begins. What changes from step to step (the learning rate, the corrections
// for the number of steps) is in `live`, on the device, if the step is being captured, and given by value otherwise.

#define MG_TABLE 64
struct mg_gradients {
  mg_u64 at[MG_TABLE];           // address of the gradient of each parameter
  long long first[MG_TABLE + 1]; // where each parameter begins in the buffer, and where the last ends
  int count;
};

__device__ __forceinline__ accum mg_gradient(const mg_gradients& table, long long i) {
  int low = 0, high = table.count;  // first[low] <= i < first[high]
  while (high - low > 1) { int middle = (low + high) / 2; if (table.first[middle] <= i) low = middle; else high = middle; }
  return (accum)reinterpret_cast<const real*>(table.at[low])[i - table.first[low]];
}

#define MG_EACH_PARAMETER(i) \
  for (long long i = table.first[0] + (long long)blockIdx.x * blockDim.x + threadIdx.x; i < table.first[table.count]; i += (long long)gridDim.x * blockDim.x)

// live: [lr, 0 or the dampening's complement]. buffer may be null: no momentum.
extern "C" __global__ void mg_sgd(real* __restrict__ x, real* __restrict__ buffer, mg_gradients table, const double* __restrict__ live, double lr,
    double fresh, double momentum, double decay, double sign, int nesterov) {
  accum rate = (accum)(live ? live[0] : lr), part = (accum)(live ? live[1] : fresh), mu = (accum)momentum;
  MG_EACH_PARAMETER(i) {
    accum v = (accum)x[i], g = (accum)sign * mg_gradient(table, i) + (accum)decay * v;
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
    double lr, double bias1, double bias2, double beta1, double beta2, double eps, double decay, double sign, int decoupled) {
  if (live) { lr = live[0]; bias1 = live[1]; bias2 = live[2]; }
  accum rate = (accum)(lr * bias2 / bias1), shift = (accum)(eps * bias2), keep = decoupled ? (accum)(1 - lr * decay) : accum(1);
  accum pull = decoupled ? accum(0) : (accum)decay, new1 = (accum)(1 - beta1), new2 = (accum)(1 - beta2);
  MG_EACH_PARAMETER(i) {
    accum p = (accum)x[i] * keep, g = (accum)sign * mg_gradient(table, i) + pull * p, a = (accum)m[i], b = (accum)v[i];
    a += (g - a) * new1;
    b += (g * g - b) * new2;
    m[i] = real(a);
    v[i] = real(b);
    x[i] = real(p - rate * a / (sqrt(b) + shift));
  }
}
