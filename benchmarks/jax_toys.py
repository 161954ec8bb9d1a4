"""The workloads of toys.py for JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from functional import Make
from toys import BATCH, HEADS, LENGTH, WIDTH, WORDS, digit_labels, sentences, xor_data
from workloads import Step, initial, normal

Update = Callable[[Any, Any, Any], tuple[Any, Any]]


def jax_toys(adam: Update, start_of: Callable[[Any], Any]) -> dict[str, Make]:
    """Return the makes; ``adam(params, grads, state)`` returns parameters and state, and ``start_of(params)`` the first state."""
    import jax

    jnp = jax.numpy

    def trained(loss: Callable[[Any], Any], shapes: list[tuple[int, ...]], update: Update, shown: int = 0) -> Step:
        params = initial(shapes)
        state = start_of(params)

        @jax.jit
        def run(params: Any, state: Any) -> Any:
            value, grads = jax.value_and_grad(loss)(params)
            return value, grads[shown], *update(params, grads, state)

        def step() -> list[Any]:
            nonlocal params, state
            value, gradient, params, state = jax.block_until_ready(run(params, state))
            return [value, gradient]

        return step

    def descent(params: Any, grads: Any, state: Any) -> tuple[Any, Any]:
        return [p - 0.1 * g for p, g in zip(params, grads, strict=True)], state

    def norm(x: Any, weight: Any, bias: Any, axis: int) -> Any:
        centred = x - x.mean(axis, keepdims=True)
        return centred / jnp.sqrt((centred**2).mean(axis, keepdims=True) + 1e-5) * weight + bias

    def cross_entropy(scores: Any, labels: Any) -> Any:
        return -jnp.take_along_axis(jax.nn.log_softmax(scores), labels[:, None], 1).mean()

    def xor() -> Step:
        x, target = xor_data()

        def loss(p: Any) -> Any:
            return ((jnp.tanh(x @ p[0].T + p[1]) @ p[2].T + p[3] - target) ** 2).mean()

        return trained(loss, [(8, 2), (8,), (1, 8), (1,)], descent)

    def digits_mlp() -> Step:
        x, labels = normal(32, 64), digit_labels()

        def loss(p: Any) -> Any:
            h = x
            for k in (0, 4):
                h = jax.nn.relu(norm(h @ p[k].T + p[k + 1], p[k + 2], p[k + 3], 0))
            return cross_entropy(h @ p[8].T + p[9], labels)

        return trained(loss, [*[(64, 64), (64,), (64,), (64,)] * 2, (10, 64), (10,)], adam)

    def transformer() -> Step:
        words, labels, mask = sentences()
        vectors = [(WIDTH,)] * 6
        matrices = [(n, m) for n, m in ((3 * WIDTH, WIDTH), (WIDTH, WIDTH), (4 * WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (WORDS, WIDTH))]
        shapes = [(WORDS, WIDTH), (LENGTH, WIDTH), *vectors, *[shape for n, m in matrices for shape in ((n, m), (n,))]]

        def loss(p: Any) -> Any:
            x = p[0][words] + p[1]
            qkv = (norm(x, p[2], p[3], -1) @ p[8].T + p[9]).reshape(BATCH, LENGTH, 3, HEADS, WIDTH // HEADS)
            q, k, v = (part.swapaxes(1, 2) for part in jnp.moveaxis(qkv, 2, 0))
            scores = jax.nn.softmax(q @ k.swapaxes(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask, -1)
            x = x + (scores @ v).swapaxes(1, 2).reshape(BATCH, LENGTH, WIDTH) @ p[10].T + p[11]
            x = x + jax.nn.relu(norm(x, p[4], p[5], -1) @ p[12].T + p[13]) @ p[14].T + p[15]
            return cross_entropy((norm(x, p[6], p[7], -1) @ p[16].T + p[17]).reshape(BATCH * LENGTH, WORDS), labels)

        return trained(loss, [tuple(int(n) for n in np.atleast_1d(shape)) for shape in shapes], adam, shown=12)

    return {"xor": xor, "digits_mlp": digits_mlp, "transformer": transformer}
