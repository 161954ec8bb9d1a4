"""The workloads for MyGrad, which has tensors of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from functional import Make, labels, mlp_shapes
from workloads import Step, initial, normal


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
