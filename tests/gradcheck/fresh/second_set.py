"""A second set of wrong gradients, written by someone who had read none of gradcheck's rules, to be used once as a measure.

As in ``answers.py``: functions and backward passes are NumPy, and ``vjp(g, *inputs)`` gives the gradient for each input. Labels,
masks and other constants are no inputs: the functions hold them. Each backward pass has one mistake, which ``meant`` says.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.gradcheck.fresh.answers import Answer

RNG = np.random.default_rng(7031)
N = RNG.standard_normal


def pos(*shape):
    return np.abs(N(shape)) + 0.4


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_softmax(x):
    s = x - x.max(axis=-1, keepdims=True)
    return s - np.log(np.exp(s).sum(axis=-1, keepdims=True))


# Elementwise


def tanh_vjp(g, x):
    return g * (1 - x**2)


def sigmoid_vjp(g, x):
    y = sigmoid(x)
    return g * sigmoid(y) * (1 - sigmoid(y))


GELU_C = np.sqrt(2 / np.pi)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(GELU_C * (x + 0.044715 * x**3)))


def gelu_vjp(g, x):
    t = np.tanh(GELU_C * (x + 0.044715 * x**3))
    dinner = GELU_C * (1 + 0.044715 * x**2)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * dinner)


def silu_vjp(g, x):
    s = sigmoid(x)
    return g * s


BETA = 2.5


def softplus_vjp(g, x):
    return g * sigmoid(x)


ALPHA = 0.7


def elu(x):
    return np.where(x > 0, x, ALPHA * (np.exp(np.minimum(x, 0)) - 1))


def elu_vjp(g, x):
    y = elu(x)
    return g * np.where(x > 0, 1, y)


def leaky_relu_vjp(g, x):
    return np.where(x > 0, 0.1 * g, g)


def sqrt_vjp(g, x):
    return g * 0.5 * np.sqrt(x)


def pow_vjp(g, x, p):
    return [g * p * x ** (p - 1), g * x**p * np.log(p)]


def hypot_vjp(g, x, y):
    r = np.hypot(x, y)
    return [g * y / r, g * x / r]


def logaddexp_vjp(g, a, b):
    y = np.logaddexp(a, b)
    return [g * np.exp(a - y), g * np.exp(a - y)]


def clip_vjp(g, x):
    return np.clip(g, -0.6, 0.9)


def log_eps_vjp(g, x):
    return g / x


def glu_vjp(g, a, b):
    s = sigmoid(b)
    return [g * s, g * s * (1 - s)]


def reparameterize(mu, logvar):
    return mu + np.exp(0.5 * logvar) * NOISE


NOISE = N((5, 2))


def reparameterize_vjp(g, mu, logvar):
    return [g, g * NOISE * np.exp(0.5 * logvar)]


def sin_square_vjp(g, x):
    return g * np.cos(x**2)


# Products


def square_linear_vjp(g, x, w):
    return [g @ w.T, g.T @ x]


def linear_vjp(g, x, w, b):
    return [g @ w.T, x.T @ g, g.mean(axis=0)]


def outer_vjp(g, a, b):
    return [g.sum(axis=1), a @ g]


def bilinear(x, w, y):
    return np.einsum("bi,ij,bj->b", x, w, y)


def bilinear_vjp(g, x, w, y):
    dx = g[:, None] * (y @ w.T)
    dw = x.T @ y
    dy = g[:, None] * (x @ w)
    return [dx, dw, dy]


def batched_matmul_vjp(g, a, b):
    return [g @ b, np.swapaxes(a, 1, 2) @ g]


def shared_matmul_vjp(g, x, w):
    dx = np.empty_like(x)
    for i in range(len(x)):
        dx[i] = g[i] @ w.T
        dw = x[i].T @ g[i]
    return [dx, dw]


def trace_vjp(g, a, b):
    return [g * b, g * a.T]


def quadratic_vjp(g, x, a):
    return [g * 2 * (a @ x), g * np.outer(x, x)]


def factorization(u, v):
    return np.sum((u @ v.T - RATINGS) ** 2)


RATINGS = N((5, 4))


def factorization_vjp(g, u, v):
    r = u @ v.T - RATINGS
    return [g * 2 * r @ v, g * r.T @ u]


# Broadcasting


def column_scale_vjp(g, x, s):
    return [g * s, g.sum(axis=0) * x.sum(axis=0)]


def outer_difference_vjp(g, a, b):
    return [g.sum(axis=1), g.sum(axis=0)]


def column_bias_vjp(g, x, b):
    return [g, g.sum(axis=0)]


def pairwise(x):
    return ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=-1)


def pairwise_vjp(g, x):
    d = x[:, None, :] - x[None, :, :]
    return (2 * g[:, :, None] * d).sum(axis=1)


def row_scale_vjp(g, x, s):
    ds = (g * x)[:, :1]
    return [g * s, ds]


def ratio_vjp(g, x, s):
    return [g / s, -(g * x).sum(axis=0) / s]


# Reductions


def mean_vjp(g, x):
    return np.broadcast_to(g[:, None], x.shape) / x.size


def var_vjp(g, x):
    n = x.shape[0]
    return g * 2 * (x - x.mean(axis=0)) / n


def std_vjp(g, x):
    return g * (x - x.mean(axis=0)) / (len(x) * x.var(axis=0))


def row_max_vjp(g, x):
    return g[:, None] * (x == x.max())


def logsumexp(x):
    m = x.max(axis=1)
    return m + np.log(np.exp(x - m[:, None]).sum(axis=1))


def logsumexp_vjp(g, x):
    e = np.exp(x - x.max())
    return g[:, None] * e / e.sum(axis=0)


def row_norm_vjp(g, x):
    return g[:, None] * x


def prod_vjp(g, x):
    return (g * x.prod(axis=1))[:, None] * np.ones_like(x)


WITH_ZERO = pos(3, 4)
WITH_ZERO[1, 2] = 0


def prod_zero_vjp(g, x):
    y = g * x.prod(axis=1)
    safe = np.where(x == 0, 1, x)
    return np.where(x == 0, 0, y[:, None] / safe)


def cumsum_vjp(g, x):
    return np.cumsum(g)


def running_mean(x):
    return np.cumsum(x) / np.arange(1, len(x) + 1)


def running_mean_vjp(g, x):
    k = np.arange(1, len(x) + 1)
    return np.cumsum(g[::-1])[::-1] / k


def ema(x):
    h, out = np.zeros(x.shape[1]), []
    for row in x:
        h = 0.8 * h + 0.2 * row
        out.append(h)
    return np.array(out)


def ema_vjp(g, x):
    dx, dh = np.zeros_like(x), np.zeros(x.shape[1])
    for t in reversed(range(len(x))):
        dh = g[t]
        dx[t] = 0.2 * dh
        dh = 0.8 * dh
    return dx


# Softmax and losses


def softmax_vjp(g, x):
    p = softmax(x)
    return g * p * (1 - p)


TEMPERATURE = 3.0


def tempered_vjp(g, x):
    p = softmax(x / TEMPERATURE)
    return p * (g - (g * p).sum(axis=-1, keepdims=True))


def log_softmax_vjp(g, x):
    return g - softmax(x) * g


LABELS = np.array([2, 0, 3, 2, 1])
ONE_HOT = np.eye(4)[LABELS]
SMOOTH = 0.85 * ONE_HOT + 0.15 / 4


def cross_entropy(z):
    return -log_softmax(z)[np.arange(5), LABELS].mean()


def cross_entropy_vjp(g, z):
    return g * (softmax(z) - ONE_HOT)


def smoothed(z):
    return -(SMOOTH * log_softmax(z)).sum() / 5


def smoothed_vjp(g, z):
    d = softmax(z)
    d[np.arange(5), LABELS] -= 1
    return g * d / 5


CLASS_WEIGHTS = np.array([0.5, 1.7, 1.2, 2.4])


def weighted(z):
    w = CLASS_WEIGHTS[LABELS]
    return -(w * log_softmax(z)[np.arange(5), LABELS]).sum() / w.sum()


def weighted_vjp(g, z):
    w = CLASS_WEIGHTS[LABELS]
    return g * w[:, None] * (softmax(z) - ONE_HOT) / len(z)


KEPT = np.array([True, True, False, True, False])


def ignoring(z):
    return -log_softmax(z)[np.arange(5), LABELS][KEPT].sum() / KEPT.sum()


def ignoring_vjp(g, z):
    d = (softmax(z) - ONE_HOT) / KEPT.sum()
    return g * d


def mse_vjp(g, y, t):
    d = g * 2 * (y - t) / y.size
    return [d, d]


TARGETS = (N((5, 3)) > 0).astype(float)
POS_WEIGHT = 3.0


def bce(z):
    return (POS_WEIGHT * TARGETS * np.logaddexp(0, -z) + (1 - TARGETS) * np.logaddexp(0, z)).mean()


def bce_vjp(g, z):
    return g * POS_WEIGHT * (sigmoid(z) - TARGETS) / z.size


def kl_vjp(g, p, q):
    return [g * (np.log(p) - np.log(q)), -g * p / q]


def margins(s):
    m = np.maximum(0, s - s[np.arange(5), LABELS][:, None] + 1)
    m[np.arange(5), LABELS] = 0
    return m


def hinge_vjp(g, s):
    d = (margins(s) > 0).astype(float)
    d[np.arange(5), LABELS] = -1
    return g * d / 5


DELTA = 0.6


def huber(y, t):
    r = y - t
    return np.where(np.abs(r) <= DELTA, 0.5 * r**2, DELTA * (np.abs(r) - 0.5 * DELTA)).sum()


def huber_vjp(g, y, t):
    r = y - t
    d = g * np.where(np.abs(r) <= DELTA, r, np.sign(r))
    return [d, -d]


def vae_kl(mu, logvar):
    return -0.5 * (1 + logvar - mu**2 - np.exp(logvar)).sum()


def vae_kl_vjp(g, mu, logvar):
    return [g * mu, g * 0.5 * np.exp(logvar)]


def triplet(a, p, n):
    return np.maximum(0, ((a - p) ** 2).sum(axis=1) - ((a - n) ** 2).sum(axis=1) + 0.5).sum()


def triplet_vjp(g, a, p, n):
    return [g * 2 * (n - p), -g * 2 * (a - p), g * 2 * (a - n)]


def ridge_softmax(w):
    return -log_softmax(DATA @ w)[np.arange(5), LABELS].mean() + 0.3 * (w**2).sum()


DATA = N((5, 3))


def ridge_softmax_vjp(g, w):
    dz = (softmax(DATA @ w) - ONE_HOT) / 5
    return g * (DATA.T @ dz + 0.3 * w)


# Normalization


def normalized(x, axis, eps=1e-5):
    """x with mean 0 and variance 1 along the axes, and 1 / the standard deviation."""
    inv = 1 / np.sqrt(x.var(axis=axis, keepdims=True) + eps)
    return (x - x.mean(axis=axis, keepdims=True)) * inv, inv


def batch_norm(x, gamma, beta):
    return normalized(x, 0)[0] * gamma + beta


def batch_norm_vjp(g, x, gamma, beta):
    xhat, inv = normalized(x, 0)
    dxhat = g * gamma
    dx = inv * (dxhat - dxhat.mean(axis=0))
    return [dx, (g * xhat).sum(axis=0), g.sum(axis=0)]


def batch_norm_gamma_vjp(g, x, gamma, beta):
    xhat, inv = normalized(x, 0)
    dxhat = g * gamma
    dx = inv * (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0))
    return [dx, (g * x).sum(axis=0), g.sum(axis=0)]


def batch_norm_steps_vjp(g, x, gamma, beta):
    n = len(x)
    mu, var = x.mean(axis=0), x.var(axis=0) + 1e-5
    dxhat = g * gamma
    dvar = (dxhat * (x - mu)).sum(axis=0) * -0.5 * var**-0.5
    dmu = -dxhat.sum(axis=0) / np.sqrt(var)
    dx = dxhat / np.sqrt(var) + dvar * 2 * (x - mu) / n + dmu / n
    return [dx, (g * (x - mu) / np.sqrt(var)).sum(axis=0), g.sum(axis=0)]


def layer_norm(x, gamma):
    return normalized(x, -1)[0] * gamma


def layer_norm_vjp(g, x, gamma):
    xhat, inv = normalized(x, -1)
    dx = inv * (g - g.mean(axis=-1, keepdims=True) - xhat * (g * xhat).mean(axis=-1, keepdims=True))
    return [dx * gamma, (g * xhat).sum(axis=0)]


def layer_norm_frozen_vjp(g, x):
    _, inv = normalized(x, -1)
    return g * inv


def rms_norm(x):
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6)


def rms_norm_vjp(g, x):
    r = np.sqrt((x**2).mean(axis=-1, keepdims=True) + 1e-6)
    return g / r - x * (g * x).sum(axis=-1, keepdims=True) / r**3


def group_norm(x):
    n = len(x)
    return normalized(x.reshape(n, 2, -1), 2)[0].reshape(x.shape)


def group_norm_vjp(g, x):
    shape = x.shape
    xhat, inv = normalized(x.reshape(shape[0], 2, -1), 2)
    g = g.reshape(xhat.shape)
    dx = inv * (g - g.mean(axis=2, keepdims=True) + xhat * (g * xhat).mean(axis=2, keepdims=True))
    return dx.reshape(shape)


def instance_norm_vjp(g, x):
    xhat, inv = normalized(x, (2, 3))
    dx = g - g.mean(axis=(0, 2, 3), keepdims=True) - xhat * (g * xhat).mean(axis=(0, 2, 3), keepdims=True)
    return inv * dx


EPS = 0.2


def standardized_vjp(g, x):
    mu, sd = x.mean(axis=0), x.std(axis=0)
    inv = 1 / (sd + EPS)
    xhat = (x - mu) * inv
    return inv * (g - g.mean(axis=0) - xhat * (g * xhat).mean(axis=0))


def l2_normalize(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def l2_normalize_vjp(g, x):
    y = l2_normalize(x)
    return g - y * (g * y).sum(axis=1, keepdims=True)


def cosine(a, b):
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def cosine_vjp(g, a, b):
    na, nb = np.linalg.norm(a, axis=1, keepdims=True), np.linalg.norm(b, axis=1, keepdims=True)
    c = cosine(a, b)[:, None]
    g = g[:, None]
    return [g * (b / (na * nb) - c * a / na**2), g * a / (na * nb)]


# Convolution, pooling, and moving entries


def conv1d(x, w):
    return np.einsum("nclk,ock->nol", sliding_window_view(x, w.shape[2], axis=2), w)


def conv1d_vjp(g, x, w):
    k = w.shape[2]
    dw = np.einsum("nclk,nol->ock", sliding_window_view(x, k, axis=2), g)
    gp = np.pad(g, ((0, 0), (0, 0), (k - 1, k - 1)))
    dx = np.einsum("nolk,ock->ncl", sliding_window_view(gp, k, axis=2), w)
    return [dx, dw]


def conv2d(x, w, b):
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(xp, w.shape[2:], axis=(2, 3))[:, :, ::2, ::2]
    return np.einsum("nchwij,ocij->nohw", windows, w) + b[:, None, None]


def conv2d_vjp(g, x, w, b):
    h, width = x.shape[2:]
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(g.shape[2]):
        for j in range(g.shape[3]):
            rows, cols = slice(2 * i, 2 * i + 3), slice(2 * j, 2 * j + 3)
            dxp[:, :, rows, cols] += np.einsum("no,ocij->ncij", g[:, :, i, j], w)
            dw += np.einsum("no,ncij->ocij", g[:, :, i, j], xp[:, :, rows, cols])
    return [dxp[:, :, :h, :width], dw, g.sum(axis=(0, 2, 3))]


def conv2d_bias_vjp(g, x, w, b):
    xp = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for i in range(g.shape[2]):
        for j in range(g.shape[3]):
            rows, cols = slice(2 * i, 2 * i + 3), slice(2 * j, 2 * j + 3)
            dxp[:, :, rows, cols] += np.einsum("no,ocij->ncij", g[:, :, i, j], w)
            dw += np.einsum("no,ncij->ocij", g[:, :, i, j], xp[:, :, rows, cols])
    return [dxp[:, :, 1:-1, 1:-1], dw, g.mean(axis=(0, 2, 3))]


def strided(x, w):
    return sliding_window_view(x, len(w))[::2] @ w


def strided_vjp(g, x, w):
    dx, dw = np.zeros_like(x), np.zeros_like(w)
    for i in range(len(g)):
        dx[i : i + len(w)] += g[i] * w
        dw += g[i] * x[2 * i : 2 * i + len(w)]
    return [dx, dw]


def overlapping_mean(x):
    return sliding_window_view(x, (3, 3)).mean(axis=(-2, -1))


def overlapping_mean_vjp(g, x):
    dx = np.zeros_like(x)
    for i in range(g.shape[0]):
        for j in range(g.shape[1]):
            dx[i : i + 3, j : j + 3] = g[i, j] / 9
    return dx


def blocks(x):
    return x.reshape(x.shape[0], x.shape[1] // 2, 2, x.shape[2] // 2, 2)


def average_pool_vjp(g, x):
    return np.repeat(np.repeat(g, 2, axis=1), 2, axis=2) / 2


def max_pool_vjp(g, x):
    return np.repeat(np.repeat(g, 2, axis=1), 2, axis=2)


def upsample_vjp(g, x):
    return g[::2, ::2]


INDICES = np.array([3, 1, 3, 0, 1, 3])


def embedding_vjp(g, table):
    d = np.zeros_like(table)
    d[INDICES] = g
    return d


PERMUTATION = np.array([2, 0, 3, 4, 1])


def permute_vjp(g, x):
    return g[PERMUTATION]


def concat_vjp(g, a, b):
    return [g[3:], g[:3]]


def split_sum_vjp(g, x):
    d = np.zeros_like(x)
    d[:, :2] = g
    return d


def transpose_vjp(g, x):
    return g.reshape(x.shape)


def edge_pad_vjp(g, x):
    return g[2:-2]


def roll_vjp(g, x):
    return np.roll(g, 2, axis=0)


def flip_vjp(g, x):
    return g[::-1]


def difference_vjp(g, x):
    d = np.zeros_like(x)
    d[1:] -= g
    d[:-1] += g
    return d


ORDERED = N((6,))


def sort_vjp(g, x):
    return g[np.argsort(x)]


# Linear algebra


def solve_vjp(g, a, b):
    x = np.linalg.solve(a, b)
    db = np.linalg.solve(a, g)
    return [-np.outer(np.linalg.solve(a.T, g), x), db]


def inverse_vjp(g, a):
    y = np.linalg.inv(a)
    return y.T @ g @ y.T


def logdet_vjp(g, a):
    return g * np.linalg.inv(a)


def det_vjp(g, a):
    return g * np.linalg.inv(a).T


def well_conditioned(n):
    return N((n, n)) * 0.4 + 2 * np.eye(n)


# Networks


MASK = np.tril(np.ones((5, 5), dtype=bool))


def attention(q, k, v):
    s = np.where(MASK, q @ k.T / np.sqrt(q.shape[1]), -1e9)
    return softmax(s) @ v


def attention_key_vjp(g, q, k, v):
    p = softmax(np.where(MASK, q @ k.T / np.sqrt(q.shape[1]), -1e9))
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / np.sqrt(q.shape[1])
    return [ds @ k, ds @ q, p.T @ g]


def attention_scale_vjp(g, q, k, v):
    p = softmax(np.where(MASK, q @ k.T / np.sqrt(q.shape[1]), -1e9))
    dp = g @ v.T
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    return [ds @ k, ds.T @ q, p.T @ g]


def attention_mask_vjp(g, q, k, v):
    p = softmax(q @ k.T / np.sqrt(q.shape[1]))
    dp = g @ v.T
    ds = np.where(MASK, p * (dp - (dp * p).sum(axis=1, keepdims=True)), 0) / np.sqrt(q.shape[1])
    return [ds @ k, ds.T @ q, p.T @ g]


def self_attention(x, wq, wk, wv):
    return softmax((x @ wq) @ (x @ wk).T) @ (x @ wv)


def self_attention_vjp(g, x, wq, wk, wv):
    q, k, v = x @ wq, x @ wk, x @ wv
    p = softmax(q @ k.T)
    dp, dv = g @ v.T, p.T @ g
    ds = p * (dp - (dp * p).sum(axis=1, keepdims=True))
    dq, dk = ds @ k, ds.T @ q
    dx = dq @ wq.T + dk @ wk.T
    return [dx, x.T @ dq, x.T @ dk, x.T @ dv]


def lstm(x, h, c, w):
    i, f, o, n = np.split(np.concatenate([x, h], axis=1) @ w, 4, axis=1)
    return sigmoid(o) * np.tanh(sigmoid(f) * c + sigmoid(i) * np.tanh(n))


def lstm_vjp(g, x, h, c, w):
    z = np.concatenate([x, h], axis=1)
    i, f, o, n = np.split(z @ w, 4, axis=1)
    i, f, o, n = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(n)
    new = f * c + i * n
    do = g * np.tanh(new)
    dnew = g * o
    gates = [dnew * n * i * (1 - i), dnew * c * f * (1 - f), do * o * (1 - o), dnew * i * (1 - n**2)]
    da = np.concatenate(gates, axis=1)
    dz = da @ w.T
    return [dz[:, : x.shape[1]], dz[:, x.shape[1] :], dnew * f, z.T @ da]


def lstm_candidate_vjp(g, x, h, c, w):
    z = np.concatenate([x, h], axis=1)
    i, f, o, n = np.split(z @ w, 4, axis=1)
    i, f, o, n = sigmoid(i), sigmoid(f), sigmoid(o), np.tanh(n)
    new = f * c + i * n
    do = g * np.tanh(new)
    dnew = g * o * (1 - np.tanh(new) ** 2)
    gates = [dnew * n * i * (1 - i), dnew * c * f * (1 - f), do * o * (1 - o), dnew * i * n * (1 - n)]
    da = np.concatenate(gates, axis=1)
    dz = da @ w.T
    return [dz[:, : x.shape[1]], dz[:, x.shape[1] :], dnew * f, z.T @ da]


def gru(x, h, wz, wr, wn):
    xh = np.concatenate([x, h], axis=1)
    z, r = sigmoid(xh @ wz), sigmoid(xh @ wr)
    n = np.tanh(np.concatenate([x, r * h], axis=1) @ wn)
    return (1 - z) * n + z * h


def gru_parts(x, h, wz, wr, wn):
    xh = np.concatenate([x, h], axis=1)
    z, r = sigmoid(xh @ wz), sigmoid(xh @ wr)
    xrh = np.concatenate([x, r * h], axis=1)
    return xh, z, r, xrh, np.tanh(xrh @ wn)


def gru_update_vjp(g, x, h, wz, wr, wn):
    xh, z, r, xrh, n = gru_parts(x, h, wz, wr, wn)
    m = x.shape[1]
    dan = g * (1 - z) * (1 - n**2)
    dxrh = dan @ wn.T
    daz = g * (n - h) * z * (1 - z)
    dar = dxrh[:, m:] * h * r * (1 - r)
    dxh = daz @ wz.T + dar @ wr.T
    dx = dxh[:, :m] + dxrh[:, :m]
    dh = dxh[:, m:] + dxrh[:, m:] * r + g * z
    return [dx, dh, xh.T @ daz, xh.T @ dar, xrh.T @ dan]


def gru_reset_vjp(g, x, h, wz, wr, wn):
    xh, z, r, xrh, n = gru_parts(x, h, wz, wr, wn)
    m = x.shape[1]
    dan = g * (1 - z) * (1 - n**2)
    dxrh = dan @ wn.T
    daz = g * (h - n) * z * (1 - z)
    dar = dxrh[:, m:] * h * r * (1 - r)
    dxh = daz @ wz.T + dar @ wr.T
    dx = dxh[:, :m] + dxrh[:, :m]
    dh = dxh[:, m:] + dxrh[:, m:] + g * z
    return [dx, dh, xh.T @ daz, xh.T @ dar, xrh.T @ dan]


def rnn(x, h, wx, wh):
    for row in x:
        h = np.tanh(row @ wx + h @ wh)
    return h


def rnn_vjp(g, x, h, wx, wh):
    states = [h]
    for row in x:
        states.append(np.tanh(row @ wx + states[-1] @ wh))
    dx, dwx, dwh = np.zeros_like(x), np.zeros_like(wx), np.zeros_like(wh)
    for t in reversed(range(len(x))):
        da = g * (1 - states[t + 1] ** 2)
        dx[t] = da @ wx.T
        dwx += np.outer(x[t], da)
        dwh += np.outer(states[t + 1], da)
        g = da @ wh.T
    return [dx, g, dwx, dwh]


KEEP = N((5, 4)) > -0.5


def dropout_vjp(g, x):
    return g * KEEP


def residual(x, w1, w2):
    return x + np.maximum(x @ w1, 0) @ w2


def residual_vjp(g, x, w1, w2):
    a = x @ w1
    h = np.maximum(a, 0)
    da = (g @ w2.T) * (a > 0)
    return [da @ w1.T, x.T @ da, h.T @ g]


def mlp(x, w1, b1, w2):
    return np.maximum(x @ w1 + b1, 0) @ w2


def mlp_mask_vjp(g, x, w1, b1, w2):
    h = np.maximum(x @ w1 + b1, 0)
    dh = g @ w2.T
    da = dh * (dh > 0)
    return [da @ w1.T, x.T @ da, da.sum(axis=0), h.T @ g]


def mlp_hidden_vjp(g, x, w1, b1, w2):
    a = x @ w1 + b1
    da = (g @ w2.T) * (a > 0)
    return [da @ w1.T, x.T @ da, da.sum(axis=0), a.T @ g]


def tanh_classifier(x, w1, w2):
    return -log_softmax(np.tanh(x @ w1) @ w2)[np.arange(5), LABELS].mean()


def tanh_classifier_vjp(g, x, w1, w2):
    h = np.tanh(x @ w1)
    dz = g * (softmax(h @ w2) - ONE_HOT) / 5
    dh = dz @ w2.T
    return [dh @ w1.T, x.T @ dh, h.T @ dz]


def tied(x, w):
    return np.tanh(x @ w) @ w.T


def tied_vjp(g, x, w):
    h = np.tanh(x @ w)
    da = (g @ w) * (1 - h**2)
    return [da @ w.T, x.T @ da]


def focal(z):
    p = sigmoid(z)
    return (-((1 - p) ** 2) * np.log(p)).sum()


def focal_vjp(g, z):
    p = sigmoid(z)
    return -g * (1 - p) ** 2 * (1 - p)


ANSWERS: list[Answer] = [
    Answer("tanh", np.tanh, [N((5, 3))], tanh_vjp, "1 - x**2 for 1 - tanh(x)**2: the input is squared where the output should be"),
    Answer(
        "sigmoid",
        sigmoid,
        [N((4, 3))],
        sigmoid_vjp,
        "sigmoid applied a second time: s(1 - s) is taken at the output y, not at x (y was already the sigmoid)",
    ),
    Answer("gelu", gelu, [N((5, 3))], gelu_vjp, "in the derivative of the inner polynomial the factor 3 of the cubic term is missing"),
    Answer(
        "silu",
        lambda x: x * sigmoid(x),
        [N((3, 5))],
        silu_vjp,
        "product rule: the second term, x times the derivative of the sigmoid, is missing",
    ),
    Answer(
        "softplus",
        lambda x: np.logaddexp(0, BETA * x) / BETA,
        [N((4, 2))],
        softplus_vjp,
        "beta = 2.5 forgotten inside the sigmoid: sigmoid(x) for sigmoid(beta x)",
    ),
    Answer("elu", elu, [N((6, 3))], elu_vjp, "the derivative in the negative branch is y + alpha; the alpha is missing"),
    Answer(
        "leaky_relu",
        lambda x: np.where(x > 0, x, 0.1 * x),
        [N((5, 4))],
        leaky_relu_vjp,
        "branches swapped: the slope 0.1 is used for the positive inputs",
    ),
    Answer("sqrt", np.sqrt, [pos(4, 3)], sqrt_vjp, "multiplied by sqrt(x) where it should be divided (0.5 * x**0.5 for 0.5 * x**-0.5)"),
    Answer(
        "pow",
        lambda x, p: x**p,
        [pos(5), pos(5) + 1],
        pow_vjp,
        "in the exponent's gradient the logarithm is of the exponent, not of the base",
    ),
    Answer("hypot", np.hypot, [N((4, 3)), N((4, 3))], hypot_vjp, "the gradients of the two arguments are swapped"),
    Answer(
        "logaddexp",
        np.logaddexp,
        [N((5,)), N((5,))],
        logaddexp_vjp,
        "copy and paste: the second argument gets the first's weight, exp(a - y) for exp(b - y)",
    ),
    Answer(
        "clip",
        lambda x: np.clip(x, -0.6, 0.9),
        [N((6, 3))],
        clip_vjp,
        "the upstream gradient is clipped, where it should be masked to the inputs inside the limits",
    ),
    Answer(
        "log_eps", lambda x: np.log(x + 0.1), [pos(4, 3)], log_eps_vjp, "eps = 0.1 forgotten in the denominator: g / x for g / (x + eps)"
    ),
    Answer("glu", lambda a, b: a * sigmoid(b), [N((4, 3)), N((4, 3))], glu_vjp, "the gate's gradient lacks the factor a"),
    Answer(
        "reparameterize",
        reparameterize,
        [N((5, 2)), N((5, 2))],
        reparameterize_vjp,
        "the factor 0.5 of exp(0.5 logvar) is lost in logvar's gradient (chain rule)",
    ),
    Answer("sin_square", lambda x: np.sin(x**2), [N((5, 2))], sin_square_vjp, "the inner derivative 2x is lost (chain rule)"),
    Answer(
        "square_linear",
        lambda x, w: x @ w,
        [N((5, 4)), N((4, 4))],
        square_linear_vjp,
        "the weight's gradient is transposed: g.T @ x for x.T @ g",
    ),
    Answer(
        "linear",
        lambda x, w, b: x @ w + b,
        [N((5, 4)), N((4, 3)), N((3,))],
        linear_vjp,
        "the bias gets the mean over the batch, where it should get the sum",
    ),
    Answer(
        "outer",
        np.outer,
        [N((4,)), N((3,))],
        outer_vjp,
        "the first vector's gradient sums g without weighting it by b: the other factor is missing",
    ),
    Answer(
        "bilinear",
        bilinear,
        [N((5, 3)), N((3, 4)), N((5, 4))],
        bilinear_vjp,
        "the weight's gradient ignores the upstream gradient (as if it were ones); the other two have it",
    ),
    Answer(
        "batched_matmul",
        lambda a, b: a @ b,
        [N((2, 5, 3)), N((2, 3, 3))],
        batched_matmul_vjp,
        "the transpose of b is forgotten in a's gradient",
    ),
    Answer(
        "shared_matmul",
        lambda x, w: x @ w,
        [N((4, 5, 3)), N((3, 2))],
        shared_matmul_vjp,
        "the shared weight's gradient is overwritten in the loop over the batch, not accumulated: only the last item's is kept",
    ),
    Answer(
        "trace",
        lambda a, b: np.trace(a @ b),
        [N((4, 4)), N((4, 4))],
        trace_vjp,
        "the transpose of b is forgotten in a's gradient (trace(ab): b.T)",
    ),
    Answer(
        "quadratic",
        lambda x, a: x @ a @ x,
        [N((4,)), N((4, 4))],
        quadratic_vjp,
        "2 a x for (a + a.T) x: takes the matrix for symmetric, which it is not",
    ),
    Answer(
        "factorization",
        factorization,
        [N((5, 2)), N((4, 2))],
        factorization_vjp,
        "the factor 2 of the square is missing in the second argument's gradient only",
    ),
    Answer(
        "column_scale",
        lambda x, s: x * s,
        [N((5, 3)), N((3,))],
        column_scale_vjp,
        "the scale's gradient is the product of two sums, where it should be the sum over rows of the product",
    ),
    Answer(
        "outer_difference",
        lambda a, b: a[:, None] - b,
        [N((5,)), N((3,))],
        outer_difference_vjp,
        "the minus sign of b is forgotten in its gradient",
    ),
    Answer(
        "column_bias",
        lambda x, b: x + b[:, None],
        [N((4, 4)), N((4,))],
        column_bias_vjp,
        "the bias of the rows is summed over the wrong axis (0 for 1)",
    ),
    Answer(
        "pairwise",
        pairwise,
        [N((5, 3))],
        pairwise_vjp,
        "x is used twice; only its use as the first point of each pair gets a gradient, not that as the second",
    ),
    Answer(
        "row_scale",
        lambda x, s: x * s,
        [N((5, 3)), N((5, 1))],
        row_scale_vjp,
        "missing sum after the broadcast: keeps the first column of g * x",
    ),
    Answer(
        "ratio",
        lambda x, s: x / s,
        [N((5, 3)), pos(3)],
        ratio_vjp,
        "the square of the denominator is forgotten in its gradient: -x / s for -x / s**2",
    ),
    Answer(
        "mean",
        lambda x: x.mean(axis=1),
        [N((5, 3))],
        mean_vjp,
        "divided by the number of all entries (15), where the mean is over a row's 3",
    ),
    Answer("var", lambda x: x.var(axis=0, ddof=1), [N((5, 3))], var_vjp, "divided by n where ddof = 1 means n - 1"),
    Answer(
        "std",
        lambda x: x.std(axis=0),
        [N((5, 3))],
        std_vjp,
        "divided by the variance where it should be the standard deviation (square root forgotten)",
    ),
    Answer(
        "row_max",
        lambda x: x.max(axis=1),
        [N((4, 5))],
        row_max_vjp,
        "compared with the maximum of the whole array, not of each row: only one row gets a gradient",
    ),
    Answer("logsumexp", logsumexp, [N((5, 3))], logsumexp_vjp, "the softmax of the gradient is normalized over the wrong axis (0 for 1)"),
    Answer(
        "row_norm",
        lambda x: np.linalg.norm(x, axis=1),
        [N((5, 3))],
        row_norm_vjp,
        "the division by the norm is missing: g x for g x / norm",
    ),
    Answer(
        "prod",
        lambda x: x.prod(axis=1),
        [N((4, 3))],
        prod_vjp,
        "the division by x is missing: each entry gets the whole product, its own factor included",
    ),
    Answer(
        "prod_zero",
        lambda x: x.prod(axis=1),
        [WITH_ZERO],
        prod_zero_vjp,
        "where the input is 0 the gradient is set to 0, though it is the product of the other factors",
    ),
    Answer(
        "cumsum",
        np.cumsum,
        [N((6,))],
        cumsum_vjp,
        "the gradient is accumulated from the start, where it should be from the end (not reversed)",
    ),
    Answer(
        "running_mean",
        running_mean,
        [N((6,))],
        running_mean_vjp,
        "wrong order: divided by the counts after the reversed cumulative sum, where it should be before",
    ),
    Answer(
        "ema",
        ema,
        [N((5, 3))],
        ema_vjp,
        "the gradient carried from the later steps is overwritten by g[t], not added to it: each step has only its own output's share",
    ),
    Answer(
        "softmax",
        softmax,
        [N((4, 3))],
        softmax_vjp,
        "only the diagonal of the Jacobian: p (1 - p), without the terms between different classes",
    ),
    Answer("tempered", lambda x: softmax(x / TEMPERATURE), [N((4, 3))], tempered_vjp, "the division by the temperature (3) is forgotten"),
    Answer(
        "log_softmax", log_softmax, [N((4, 3))], log_softmax_vjp, "the sum of g over the classes is forgotten: g - p g for g - p sum(g)"
    ),
    Answer("cross_entropy", cross_entropy, [N((5, 4))], cross_entropy_vjp, "the mean over the batch is forgotten: not divided by 5"),
    Answer(
        "smoothed", smoothed, [N((5, 4))], smoothed_vjp, "the label smoothing is forgotten in the gradient: one-hot targets are subtracted"
    ),
    Answer("weighted", weighted, [N((5, 4))], weighted_vjp, "divided by the batch size, where the loss divides by the sum of the weights"),
    Answer("ignoring", ignoring, [N((5, 4))], ignoring_vjp, "the mask is forgotten: the ignored rows get a gradient too"),
    Answer(
        "mse",
        lambda y, t: ((y - t) ** 2).mean(),
        [N((5, 3)), N((5, 3))],
        mse_vjp,
        "the target's gradient has the prediction's sign: the minus is missing",
    ),
    Answer("bce", bce, [N((5, 3))], bce_vjp, "the weight of the positives is applied to the negatives too"),
    Answer(
        "kl",
        lambda p, q: (p * np.log(p / q)).sum(),
        [softmax(N((4, 3))), softmax(N((4, 3)))],
        kl_vjp,
        "p's gradient lacks the + 1 (p's derivative through the logarithm of p)",
    ),
    Answer(
        "hinge",
        lambda s: margins(s).sum() / 5,
        [N((5, 4))],
        hinge_vjp,
        "the right class gets -1, where it should get minus the number of classes that violate the margin",
    ),
    Answer("huber", huber, [N((5, 3)), N((5, 3))], huber_vjp, "the factor delta = 0.6 is missing in the linear branch"),
    Answer(
        "vae_kl",
        vae_kl,
        [N((5, 2)), N((5, 2))],
        vae_kl_vjp,
        "the -1 is missing in logvar's gradient: exp(logvar) / 2 for (exp(logvar) - 1) / 2",
    ),
    Answer(
        "triplet",
        triplet,
        [N((6, 3)), N((6, 3)), N((6, 3))],
        triplet_vjp,
        "the mask is forgotten: triplets whose loss is 0 get a gradient too",
    ),
    Answer("ridge_softmax", ridge_softmax, [N((3, 4))], ridge_softmax_vjp, "the factor 2 of the L2 penalty's gradient is missing"),
    Answer(
        "batch_norm",
        batch_norm,
        [N((6, 3)), N((3,)), N((3,))],
        batch_norm_vjp,
        "the term through the variance is missing in x's gradient (the variance is treated as a constant)",
    ),
    Answer(
        "batch_norm_gamma",
        batch_norm,
        [N((6, 3)) + 1, N((3,)), N((3,))],
        batch_norm_gamma_vjp,
        "gamma's gradient uses x, not the normalized x",
    ),
    Answer(
        "batch_norm_steps",
        batch_norm,
        [2 * N((6, 3)), N((3,)), N((3,))],
        batch_norm_steps_vjp,
        "step by step: the power in dvar is -0.5, where it should be -1.5",
    ),
    Answer(
        "layer_norm",
        layer_norm,
        [N((5, 4)), N((4,))],
        layer_norm_vjp,
        "gamma is applied too late: after the means are subtracted, not to g before",
    ),
    Answer(
        "layer_norm_frozen",
        lambda x: normalized(x, -1)[0],
        [N((3, 5))],
        layer_norm_frozen_vjp,
        "mean and variance are treated as constants: g / std",
    ),
    Answer(
        "rms_norm",
        rms_norm,
        [N((4, 5))],
        rms_norm_vjp,
        "sum for mean in the term through the root mean square: the division by n is missing",
    ),
    Answer("group_norm", group_norm, [N((2, 4, 3))], group_norm_vjp, "the term through the variance has the wrong sign"),
    Answer(
        "instance_norm",
        lambda x: normalized(x, (2, 3))[0],
        [N((2, 3, 4, 2))],
        instance_norm_vjp,
        "wrong axes: the means of the gradient are over the batch too (as for batch norm), not over each image's channel",
    ),
    Answer(
        "standardized",
        lambda x: normalized(x, 0, EPS)[0],
        [N((5, 3))],
        standardized_vjp,
        "eps is added to the standard deviation, where the function adds it to the variance under the root",
    ),
    Answer("l2_normalize", l2_normalize, [N((4, 3))], l2_normalize_vjp, "the division by the norm is missing (the projection is right)"),
    Answer("cosine", cosine, [N((5, 3)), N((5, 3))], cosine_vjp, "the second argument's gradient lacks the term through its norm"),
    Answer("conv1d", conv1d, [N((2, 3, 7)), N((4, 3, 3))], conv1d_vjp, "the kernel is not flipped in x's gradient"),
    Answer(
        "conv2d",
        conv2d,
        [N((2, 2, 5, 7)), N((3, 2, 3, 3)), N((3,))],
        conv2d_vjp,
        "the padding is cut off at the wrong place: x's gradient starts one row and one column too early",
    ),
    Answer(
        "conv2d_bias",
        conv2d,
        [N((2, 2, 5, 7)), N((3, 2, 3, 3)), N((3,))],
        conv2d_bias_vjp,
        "the bias gets the mean over batch and positions, where it should get the sum",
    ),
    Answer(
        "strided", strided, [N((9,)), N((3,))], strided_vjp, "the stride is forgotten in x's gradient: window i is put at i, not at 2 i"
    ),
    Answer(
        "overlapping_mean",
        overlapping_mean,
        [N((5, 6))],
        overlapping_mean_vjp,
        "the windows overlap and overwrite each other's gradient, where it should be accumulated",
    ),
    Answer(
        "average_pool",
        lambda x: blocks(x).mean(axis=(2, 4)),
        [N((2, 4, 6))],
        average_pool_vjp,
        "divided by the window's side 2, not by its 4 entries",
    ),
    Answer(
        "max_pool",
        lambda x: blocks(x).max(axis=(2, 4)),
        [N((2, 4, 6))],
        max_pool_vjp,
        "the mask of the maximum is forgotten: every entry of the window gets the gradient",
    ),
    Answer(
        "upsample",
        lambda x: np.repeat(np.repeat(x, 2, axis=0), 2, axis=1),
        [N((3, 4))],
        upsample_vjp,
        "keeps the gradient of the first of the four copies, where it should be their sum",
    ),
    Answer(
        "embedding",
        lambda table: table[INDICES],
        [N((5, 3))],
        embedding_vjp,
        "repeated indices overwrite each other: the gradient is not accumulated",
    ),
    Answer(
        "permute",
        lambda x: x[PERMUTATION],
        [N((5, 3))],
        permute_vjp,
        "permuted forward once more, where the inverse permutation should be applied",
    ),
    Answer(
        "concat",
        lambda a, b: np.concatenate([a, b]),
        [N((3, 4)), N((3, 4))],
        concat_vjp,
        "the two parts are swapped: each argument gets the other's gradient",
    ),
    Answer(
        "split_sum",
        lambda x: x[:, :2] + x[:, 2:],
        [N((5, 4))],
        split_sum_vjp,
        "only the first half gets the gradient; that of the second half stays 0",
    ),
    Answer("transpose", lambda x: x.T, [N((5, 3))], transpose_vjp, "reshaped to the input's shape, where it should be transposed"),
    Answer(
        "edge_pad",
        lambda x: np.pad(x, 2, mode="edge"),
        [N((5,))],
        edge_pad_vjp,
        "the padding is only cut off: the gradients of the repeated edges are not added to the edge entries",
    ),
    Answer(
        "roll",
        lambda x: np.roll(x, 2, axis=0),
        [N((5, 3))],
        roll_vjp,
        "rolled in the forward direction again, where it should be rolled back (-2)",
    ),
    Answer("flip", lambda x: x[:, ::-1], [N((4, 3))], flip_vjp, "flipped along the wrong axis (rows for columns)"),
    Answer(
        "difference",
        lambda x: np.diff(x),
        [N((6,))],
        difference_vjp,
        "the signs are swapped: the gradient is the negative of the right one",
    ),
    Answer(
        "sort",
        np.sort,
        [ORDERED],
        sort_vjp,
        "the gradient is gathered with argsort, where it should be scattered (the inverse permutation)",
    ),
    Answer(
        "solve",
        np.linalg.solve,
        [well_conditioned(4), N((4,))],
        solve_vjp,
        "the right-hand side's gradient is solved with a, not with its transpose",
    ),
    Answer("inverse", np.linalg.inv, [well_conditioned(3)], inverse_vjp, "the minus sign is missing"),
    Answer("logdet", lambda a: np.linalg.slogdet(a)[1], [well_conditioned(4)], logdet_vjp, "the inverse is not transposed"),
    Answer("det", np.linalg.det, [well_conditioned(3)], det_vjp, "the factor det(a) is missing (this is the gradient of log det)"),
    Answer(
        "attention_key",
        attention,
        [N((5, 3)), N((5, 3)), N((5, 2))],
        attention_key_vjp,
        "the transpose of the scores' gradient is forgotten in the keys' gradient: ds @ q for ds.T @ q",
    ),
    Answer(
        "attention_scale",
        attention,
        [N((5, 3)), N((5, 3)), N((5, 2))],
        attention_scale_vjp,
        "the scale 1 / sqrt(d) of the scores is forgotten in the gradients of queries and keys",
    ),
    Answer(
        "attention_mask",
        attention,
        [N((5, 3)), N((5, 3)), N((5, 2))],
        attention_mask_vjp,
        "the causal mask is forgotten where the backward pass recomputes the softmax (only ds is masked)",
    ),
    Answer(
        "self_attention",
        self_attention,
        [N((5, 3)), N((3, 2)), N((3, 2)), N((3, 4))],
        self_attention_vjp,
        "x's gradient lacks the path through the values (dv @ wv.T)",
    ),
    Answer(
        "lstm",
        lstm,
        [N((4, 2)), N((4, 3)), N((4, 3)), N((5, 12))],
        lstm_vjp,
        "the derivative of the tanh of the new cell state is lost: dnew = g o for g o (1 - tanh(new)**2)",
    ),
    Answer(
        "lstm_candidate",
        lstm,
        [N((4, 2)), N((4, 3)), N((4, 3)), N((5, 12))],
        lstm_candidate_vjp,
        "the candidate's derivative is the sigmoid's n (1 - n), where it should be the tanh's 1 - n**2",
    ),
    Answer(
        "gru_update",
        gru,
        [N((4, 2)), N((4, 3)), N((5, 3)), N((5, 3)), N((5, 3))],
        gru_update_vjp,
        "the sign of the update gate's gradient is wrong: n - h for h - n",
    ),
    Answer(
        "gru_reset",
        gru,
        [N((4, 2)), N((4, 3)), N((5, 3)), N((5, 3)), N((5, 3))],
        gru_reset_vjp,
        "the reset gate's factor r is lost on the candidate's way back to h",
    ),
    Answer(
        "rnn",
        rnn,
        [N((4, 2)), N((3,)), N((2, 3)), N((3, 3))],
        rnn_vjp,
        "off by one: the recurrent weight's gradient uses the state after each step, not the one before it",
    ),
    Answer("dropout", lambda x: x * KEEP / 0.7, [N((5, 4))], dropout_vjp, "the scale 1 / 0.7 of the kept entries is forgotten"),
    Answer(
        "residual",
        residual,
        [N((5, 3)), N((3, 4)), N((4, 3))],
        residual_vjp,
        "the skip connection is forgotten in x's gradient: + g is missing",
    ),
    Answer(
        "mlp_mask",
        mlp,
        [N((5, 3)), N((3, 4)), N((4,)), N((4, 2))],
        mlp_mask_vjp,
        "the ReLU's mask is of the upstream gradient's sign, not of the pre-activation's",
    ),
    Answer(
        "mlp_hidden",
        mlp,
        [N((5, 3)), N((3, 4)), N((4,)), N((4, 2))],
        mlp_hidden_vjp,
        "the second weight's gradient uses the pre-activation, not the activation",
    ),
    Answer(
        "tanh_classifier",
        tanh_classifier,
        [N((5, 3)), N((3, 6)), N((6, 4))],
        tanh_classifier_vjp,
        "the derivative of tanh is lost on the way to the first layer",
    ),
    Answer("tied", tied, [N((5, 3)), N((3, 4))], tied_vjp, "the weight is used twice (tied); its use in the decoder gets no gradient"),
    Answer(
        "focal", focal, [N((5, 2))], focal_vjp, "the focusing factor (1 - p)**2 is treated as a constant: the term through it is missing"
    ),
]
