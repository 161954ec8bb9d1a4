"""The workloads for JAX, which compiles a whole step. (A chain of 100,000 ops it would compile for hours: `deep` is left out.)

Most are the functions of functional.py; those that need JAX's own convolution or loop, or an optimizer, are here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from functional import Make, cross_entropy, definitions, labels, normalized, pull
from jax_toys import jax_toys
from workloads import ADAM_SHAPES, Step, initial, normal


def jax_makes() -> dict[str, Make]:
    import jax

    jax.config.update("jax_enable_x64", True)  # the chain of ops is in float64
    jnp = jax.numpy

    def finished(f: Callable[..., Any]) -> Callable[..., Any]:
        compiled = jax.jit(f)
        return lambda *args: jax.block_until_ready(compiled(*args))

    def with_gradients(f: Callable[..., Any], lr: Any) -> Callable[..., Any]:
        def run(params: Any, *args: Any) -> Any:
            loss, grads = jax.value_and_grad(f)(params, *args)
            return loss, grads, [p - lr * g for p, g in zip(params, grads, strict=True)]

        return finished(run)

    def pulled_back(f: Callable[..., Any]) -> Callable[..., Any]:
        def run(arrays: Any, g: Any) -> Any:
            y, back = jax.vjp(f, *arrays)
            return y, back(g)

        return finished(run)

    def conv(x: Any, w: Any, b: Any) -> Any:
        return jax.lax.conv(x, w, (1, 1), "SAME") + b[:, None, None]

    def convolution(batch: int, channels: int, out: int, size: int) -> Make:
        args = [normal(batch, channels, size, size), *initial([(out, channels, 3, 3), (out,)])]
        return pull(pulled_back, conv, lambda: args, normal(batch, out, size, size, seed=2), (0, 1))

    def lstm(x: Any, w: Any, r: Any, b: Any, c: Any) -> Any:
        def cell(state: Any, a: Any) -> Any:
            h, c = state
            i, f, u, o = jnp.split(a + h @ r.T, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(u)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        start = jnp.zeros(x.shape[1:], x.dtype)
        return jax.lax.scan(cell, (start, start), x @ w.T + b + c)[1]

    def adam_update(params: Any, grads: Any, state: Any) -> Any:
        m, v, t = state
        t = t + 1
        m = [0.9 * a + 0.1 * g for a, g in zip(m, grads, strict=True)]
        v = [0.999 * a + 0.001 * g * g for a, g in zip(v, grads, strict=True)]
        size = 1e-3 / (1 - 0.9**t)
        root = [jnp.sqrt(b / (1 - 0.999**t)).astype(b.dtype) + 1e-8 for b in v]
        params = [p - size.astype(p.dtype) * a / b for p, a, b in zip(params, m, root, strict=True)]
        return params, (m, v, t)

    def start_of(params: list[np.ndarray]) -> Any:
        zeros = [np.zeros_like(p) for p in params]
        return zeros, zeros, np.float64(0)

    def adam() -> Step:
        params = [normal(*shape, seed=i) for i, shape in enumerate(ADAM_SHAPES)]
        grads = [normal(*shape, seed=i + 100) for i, shape in enumerate(ADAM_SHAPES)]
        state, run = start_of(params), finished(adam_update)

        def step() -> list[Any]:
            nonlocal params, state
            params, state = run(params, grads, state)
            return [params[0]]

        return step

    def cnn_loss(params: Any, x: Any, one_hot: Any) -> Any:
        for w, b, scale, shift in (params[:4], params[4:8]):
            y = normalized(jnp, conv(x, w, b), (0, 2, 3)) * scale[:, None, None] + shift[:, None, None]
            n, c, height, width = y.shape
            x = jnp.maximum(y, 0).reshape(n, c, height // 2, 2, width // 2, 2).max((3, 5))
        return cross_entropy(jnp, x.reshape(len(x), -1) @ params[8].T + params[9], one_hot)

    def cnn64() -> Step:
        shapes = [shape for n, m in ((1, 16), (16, 32)) for shape in ((m, n, 3, 3), (m,), (m,), (m,))]
        params = initial([*shapes, (10, 32 * 7 * 7), (10,)])
        x, one_hot = normal(64, 1, 28, 28), np.eye(10, dtype=np.float32)[labels(10, 64)]

        def update(params: Any, state: Any) -> Any:
            loss, grads = jax.value_and_grad(cnn_loss)(params, x, one_hot)
            return loss, grads[0], *adam_update(params, grads, state)

        state, run = start_of(params), finished(update)

        def step() -> list[Any]:
            nonlocal params, state
            loss, gradient, params, state = run(params, state)
            return [loss, gradient]

        return step

    recurrent = [normal(50, 32, 128), *initial([(512, 128), (512, 128), (512,), (512,)])]
    return {
        **definitions(jnp, with_gradients, pulled_back),
        "cnn64": cnn64,
        "conv_small": convolution(64, 16, 32, 14),
        "conv_large": convolution(32, 32, 64, 28),
        "lstm": pull(pulled_back, lstm, lambda: recurrent, normal(50, 32, 128, seed=2), (0, 2)),
        "adam": adam,
        **jax_toys(adam_update, start_of),
    }
