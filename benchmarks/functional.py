"""The workloads for peers that are not shaped like PyTorch, and the floors under all of them.

JAX and autograd share a definition: a function of arrays in the vocabulary of NumPy, which they differentiate; JAX
compiles the whole step. MyGrad has tensors of its own. Each returns what the step of the same name in workloads.py
does. A floor is what NumPy itself needs for the bare matrix products, or the bare traffic of memory, of a workload; it
computes nothing that could be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import workloads
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


def definitions(xp: Any, with_gradients: Callable[..., Any], pulled_back: Callable[..., Any]) -> dict[str, Make]:
    """The workloads in the vocabulary of NumPy.

    ``with_gradients(f)`` gives f's value and its gradient for the first argument; ``pulled_back(f, k)`` gives, for
    arguments and a cotangent, f's value and the gradients for the first k arguments.
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

    def pull(f: Callable[..., Any], args: Callable[[], list[np.ndarray]], g: np.ndarray, kept: tuple[int, ...]) -> Make:
        def make() -> Step:
            arrays = args()
            run = pulled_back(f, len(arrays))

            def step() -> list[Any]:
                y, grads = run(arrays, g)
                return [y, *(grads[k] for k in kept)]

            return step

        return make

    def batch_norm(*shape: int) -> Make:
        axes, one = (0, *range(2, len(shape))), (1, shape[1], *[1] * (len(shape) - 2))

        def f(x: Any, w: Any, b: Any) -> Any:
            return normalized(xp, x, axes) * xp.reshape(w, one) + xp.reshape(b, one)

        args = lambda: [normal(*shape) * 2 + 1, np.ones(shape[1], np.float32), np.zeros(shape[1], np.float32)]
        return pull(f, args, normal(*shape, seed=2), (0,))

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
        "overhead": pull(chain, lambda: [start, start], np.ones((4, 4)), (0,)),
        **{f"{'bn' * norm}mlp{batch}": mlp(batch, norm) for norm in (False, True) for batch in (64, 512)},
        **{f"bn_{'x'.join(map(str, s))}": batch_norm(*s) for s in ((64, 32, 28, 28), (32, 64, 56, 56), (256, 1024))},
        "attention": pull(attention_value(xp), lambda: [normal(16, 64, 128), *weights()], normal(16, 64, 128, seed=2), (0, 1)),
        "maxpool": pull(
            lambda x: xp.max(xp.reshape(x, windows), axis=(3, 5)), lambda: [normal(64, 32, 28, 28)], normal(64, 32, 14, 14, seed=2), (0,)
        ),
        "softmax_ce": pull(lambda x: cross_entropy(xp, x, classes), lambda: [normal(512, 1000)], np.ones((), np.float32), (0,)),
    }


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

    def pulled_back(f: Callable[..., Any], k: int) -> Callable[..., Any]:
        def run(arrays: Any, g: Any) -> Any:
            y, back = jax.vjp(f, *arrays)
            return y, back(g)

        return finished(run)

    def convolution(batch: int, channels: int, out: int, size: int) -> Make:
        def f(x: Any, w: Any, b: Any) -> Any:
            return jax.lax.conv(x, w, (1, 1), "SAME") + b[:, None, None]

        def make() -> Step:
            arrays = [normal(batch, channels, size, size), *initial([(out, channels, 3, 3), (out,)])]
            run, g = pulled_back(f, 3), normal(batch, out, size, size, seed=2)

            def step() -> list[Any]:
                y, grads = run(arrays, g)
                return [y, grads[0], grads[1]]

            return step

        return make

    conv = {"conv_small": convolution(64, 16, 32, 14), "conv_large": convolution(32, 32, 64, 28)}
    return {**definitions(jnp, with_gradients, pulled_back), **conv}


def autograd_makes() -> dict[str, Make]:
    import autograd
    import autograd.numpy as anp

    def with_gradients(f: Callable[..., Any], lr: Any) -> Callable[..., Any]:
        both = autograd.value_and_grad(f)

        def run(params: Any, *args: Any) -> Any:
            loss, grads = both(params, *args)
            return loss, grads, [p - lr * g for p, g in zip(params, grads, strict=True)]

        return run

    def pulled_back(f: Callable[..., Any], k: int) -> Callable[..., Any]:
        def run(arrays: Any, g: Any) -> Any:
            back, y = autograd.make_vjp(lambda arrays: f(*arrays))(arrays)
            return y, back(g)

        return run

    return definitions(anp, with_gradients, pulled_back)


# ----------------------------------------------------------------------------------------------------------- MyGrad


def mygrad_makes() -> dict[str, Make]:
    import mygrad as my
    from mygrad.nnet.layers import batchnorm, conv_nd, max_pool
    from mygrad.nnet.losses import softmax_crossentropy

    my.turn_memory_guarding_off()  # its fastest setting

    def mlp(batch: int, norm: bool) -> Make:
        def make() -> Step:
            params = [my.tensor(value) for value in initial(mlp_shapes(norm))]
            x, targets, step_size = normal(batch, 784), labels(10, batch), 4 if norm else 2

            def step() -> list[Any]:
                y: Any = x
                for i in range(0, 2 * step_size, step_size):
                    y = my.matmul(y, params[i].T) + params[i + 1]
                    if norm:
                        y = batchnorm(y, gamma=params[i + 2], beta=params[i + 3], eps=1e-5)
                    y = my.maximum(y, 0)
                loss = softmax_crossentropy(my.matmul(y, params[-2].T) + params[-1], targets)
                loss.backward()
                gradient = params[0].grad
                for p in params:
                    p.data -= np.float32(0.05) * p.grad
                return [loss, gradient]

            return step

        return make

    def pull(f: Callable[..., Any], args: list[np.ndarray], g: Any, kept: tuple[int, ...]) -> Make:
        def make() -> Step:
            tensors = [my.tensor(a) for a in args]

            def step() -> list[Any]:
                for t in tensors:
                    t.null_grad()
                y = f(*tensors)
                y.backward(g)
                return [y, *(tensors[k].grad for k in kept)]

            return step

        return make

    def batch_norm(*shape: int) -> Make:
        args = [normal(*shape) * 2 + 1, np.ones(shape[1], np.float32), np.zeros(shape[1], np.float32)]
        return pull(lambda x, w, b: batchnorm(x, gamma=w, beta=b, eps=1e-5), args, normal(*shape, seed=2), (0,))

    def convolution(batch: int, channels: int, out: int, size: int) -> Make:
        args = [normal(batch, channels, size, size), *initial([(out, channels, 3, 3), (out,)])]
        f = lambda x, w, b: conv_nd(x, w, stride=1, padding=1) + b.reshape(-1, 1, 1)
        return pull(f, args, normal(batch, out, size, size, seed=2), (0, 1))

    def chain(x: Any, w: Any) -> Any:
        y = x
        for _ in range(333):
            y = my.tanh(y * w + x)
        return y

    start, targets = np.random.default_rng(0).random((4, 4)), labels(1000, 512)
    return {
        "overhead": pull(chain, [start, start], np.ones((4, 4)), (0,)),
        **{f"{'bn' * norm}mlp{batch}": mlp(batch, norm) for norm in (False, True) for batch in (64, 512)},
        **{f"bn_{'x'.join(map(str, s))}": batch_norm(*s) for s in ((64, 32, 28, 28), (32, 64, 56, 56), (256, 1024))},
        "conv_small": convolution(64, 16, 32, 14),
        "conv_large": convolution(32, 32, 64, 28),
        "maxpool": pull(lambda x: max_pool(x, (2, 2), 2), [normal(64, 32, 28, 28)], normal(64, 32, 14, 14, seed=2), (0,)),
        "softmax_ce": pull(lambda x: softmax_crossentropy(x, targets), [normal(512, 1000)], None, (0,)),
    }


# ---------------------------------------------------------------------------------------------------------- the floors


def products(*sizes: tuple[int, int, int]) -> Make:
    """The matrix products (m, k, n) of a forward pass and of the gradients for both operands."""

    def make() -> Step:
        operands = [(normal(m, k), normal(k, n), normal(m, n)) for m, k, n in sizes]
        outs = [tuple(np.empty_like(a) for a in three) for three in operands]

        def step() -> list[Any]:
            for (a, b, c), (da, db, dc) in zip(operands, outs, strict=True):
                np.matmul(a, b, out=dc)
                np.matmul(c, b.T, out=da)
                np.matmul(a.T, c, out=db)
            return []

        return step

    return make


def traffic(*shape: int) -> Make:
    """Batch norm reads x, writes y; reads x and g, writes dx: what a cache that holds a channel cannot save."""

    def make() -> Step:
        x, g, y = normal(*shape), normal(*shape), np.empty(shape, np.float32)

        def step() -> list[Any]:
            np.copyto(y, x)
            np.add(x, g, out=y)
            return []

        return step

    return make


def floor_makes() -> dict[str, Make]:
    return {
        **{f"mlp{batch}": products(*[(batch, n, m) for n, m in LAYERS]) for batch in (64, 512)},
        **{f"bnmlp{batch}": products(*[(batch, n, m) for n, m in LAYERS]) for batch in (64, 512)},
        **{f"bn_{'x'.join(map(str, s))}": traffic(*s) for s in ((64, 32, 28, 28), (32, 64, 56, 56), (256, 1024))},
        "cnn64": products((16, 9, 64 * 784), (32, 144, 64 * 196), (64, 1568, 10)),
        "conv_small": products((32, 144, 64 * 196)),
        "conv_large": products((64, 288, 32 * 784)),
        "lstm": products((1600, 128, 512), *[(32, 128, 512)] * 50),
    }


def framework_makes(name: str) -> dict[str, Make]:
    framework = {"minigrad": workloads.minigrad, "torch": workloads.torch}[name]()
    return {workload: lambda make=make: make(framework) for workload, make in workloads.WORKLOADS.items()}


#: peer -> its workloads; calling raises ImportError where the peer is not installed
PEERS: dict[str, Callable[[], dict[str, Make]]] = {
    "minigrad": lambda: framework_makes("minigrad"),
    "torch": lambda: framework_makes("torch"),
    "jax": jax_makes,
    "autograd": autograd_makes,
    "mygrad": mygrad_makes,
    "floor": floor_makes,
}
