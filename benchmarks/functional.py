"""The workloads as functions of arrays in the vocabulary of NumPy, which JAX and autograd differentiate.

Each returns what the step of the same name in workloads.py does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from workloads import Step, initial, normal

Make = Callable[[], Step]
LAYERS = ((784, 256), (256, 128), (128, 10))


def labels(classes: int, n: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, classes, n)


def mlp_shapes(norm: bool) -> list[tuple[int, ...]]:
    hidden = [[(m, n), (m,), *([(m,), (m,)] if norm else [])] for n, m in LAYERS[:-1]]
    return [shape for layer in hidden for shape in layer] + [(10, 128), (10,)]


# ------------------------------------------------------------------------------------------------- JAX and autograd


def cross_entropy(xp: Any, x: Any, one_hot: Any) -> Any:
    top = xp.max(x, axis=-1, keepdims=True)
    return xp.mean(xp.log(xp.sum(xp.exp(x - top), axis=-1)) - xp.sum((x - top) * one_hot, axis=-1))


def normalized(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    centred = x - xp.mean(x, axis=axes, keepdims=True)
    return centred / xp.sqrt(xp.mean(centred * centred, axis=axes, keepdims=True) + np.float32(1e-5))


def mlp_loss(xp: Any, norm: bool) -> Callable[..., Any]:
    def loss(params: list[Any], x: Any, one_hot: Any) -> Any:
        step = 4 if norm else 2
        for i in range(0, 2 * step, step):
            x = x @ params[i].T + params[i + 1]
            if norm:
                x = normalized(xp, x, (0,)) * params[i + 2] + params[i + 3]
            x = xp.maximum(x, 0)
        return cross_entropy(xp, x @ params[-2].T + params[-1], one_hot)

    return loss


def attention_value(xp: Any) -> Callable[..., Any]:
    batch, length, width, heads = 16, 64, 128, 4
    mask = np.triu(np.full((length, length), -1e9, np.float32), 1)

    def value(x: Any, w: Any, b: Any, v: Any, c: Any) -> Any:
        qkv = xp.reshape(normalized(xp, x, (-1,)) @ w.T + b, (batch, length, 3, heads, width // heads))
        q, k, u = (xp.swapaxes(qkv[:, :, i], 1, 2) for i in range(3))
        scores = q @ xp.swapaxes(k, -1, -2) * np.float32((width // heads) ** -0.5) + mask
        e = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
        mixed = (e / xp.sum(e, axis=-1, keepdims=True)) @ u
        return xp.reshape(xp.swapaxes(mixed, 1, 2), (batch, length, width)) @ v.T + c

    return value


def pull(
    pulled_back: Callable[..., Any], f: Callable[..., Any], args: Callable[[], list[np.ndarray]], g: np.ndarray, kept: tuple[int, ...]
) -> Make:
    """The value of f, and the gradients for the arguments that are ``kept``, given the cotangent g."""

    def make() -> Step:
        arrays, run = args(), pulled_back(f)

        def step() -> list[Any]:
            y, grads = run(arrays, g)
            return [y, *(grads[k] for k in kept)]

        return step

    return make


def definitions(xp: Any, with_gradients: Callable[..., Any], pulled_back: Callable[..., Any]) -> dict[str, Make]:
    """The workloads in the vocabulary of NumPy.

    ``with_gradients(f)`` gives f's value and its gradient for the first argument; ``pulled_back(f)`` gives, for
    arguments and a cotangent, f's value and the gradients for all arguments.
    """

    def mlp(batch: int, norm: bool) -> Make:
        def make() -> Step:
            params, x = initial(mlp_shapes(norm)), normal(batch, 784)
            one_hot = np.eye(10, dtype=np.float32)[labels(10, batch)]
            run = with_gradients(mlp_loss(xp, norm), np.float32(0.05))

            def step() -> list[Any]:
                nonlocal params
                loss, grads, params = run(params, x, one_hot)
                return [loss, grads[0]]

            return step

        return make

    def batch_norm(*shape: int) -> Make:
        axes, one = (0, *range(2, len(shape))), (1, shape[1], *[1] * (len(shape) - 2))

        def f(x: Any, w: Any, b: Any) -> Any:
            return normalized(xp, x, axes) * xp.reshape(w, one) + xp.reshape(b, one)

        args = lambda: [normal(*shape) * 2 + 1, np.ones(shape[1], np.float32), np.zeros(shape[1], np.float32)]
        return pull(pulled_back, f, args, normal(*shape, seed=2), (0,))

    def chain(x: Any, w: Any) -> Any:
        y = x
        for _ in range(333):
            y = xp.tanh(y * w + x)
        return y

    start = np.random.default_rng(0).random((4, 4))
    classes = np.eye(1000, dtype=np.float32)[labels(1000, 512)]
    weights = lambda: initial([(384, 128), (384,)]) + initial([(128, 128), (128,)])
    windows = (64, 32, 14, 2, 14, 2)
    return {
        "overhead": pull(pulled_back, chain, lambda: [start, start], np.ones((4, 4)), (0,)),
        **{f"{'bn' * norm}mlp{batch}": mlp(batch, norm) for norm in (False, True) for batch in (64, 512)},
        **{f"bn_{'x'.join(map(str, s))}": batch_norm(*s) for s in ((64, 32, 28, 28), (32, 64, 56, 56), (256, 1024))},
        "attention": pull(pulled_back, attention_value(xp), lambda: [normal(16, 64, 128), *weights()], normal(16, 64, 128, seed=2), (0, 1)),
        "maxpool": pull(
            pulled_back,
            lambda x: xp.max(xp.reshape(x, windows), axis=(3, 5)),
            lambda: [normal(64, 32, 28, 28)],
            normal(64, 32, 14, 14, seed=2),
            (0,),
        ),
        "softmax_ce": pull(
            pulled_back, lambda x: cross_entropy(xp, x, classes), lambda: [normal(512, 1000)], np.ones((), np.float32), (0,)
        ),
    }


def autograd_makes() -> dict[str, Make]:
    import autograd
    import autograd.numpy as anp

    def with_gradients(f: Callable[..., Any], lr: Any) -> Callable[..., Any]:
        both = autograd.value_and_grad(f)

        def run(params: Any, *args: Any) -> Any:
            loss, grads = both(params, *args)
            return loss, grads, [p - lr * g for p, g in zip(params, grads, strict=True)]

        return run

    def pulled_back(f: Callable[..., Any]) -> Callable[..., Any]:
        def run(arrays: Any, g: Any) -> Any:
            back, y = autograd.make_vjp(lambda arrays: f(*arrays))(arrays)
            return y, back(g)

        return run

    return definitions(anp, with_gradients, pulled_back)
