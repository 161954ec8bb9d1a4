"""What a tangent costs: `jvp`, two backward passes in its place, and `vjp`, each as a multiple of the function itself.

    python benchmarks/forward_mode.py

Of an MLP of three layers and a small CNN, for the input. Processor time on one thread, medians (and quartiles) of rounds in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import minigrad as mg
from minigrad import nn

ROUNDS = 200


def nets() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    mlp = nn.Sequential(nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    convolutions = (nn.Conv2d(1, 8, 3), nn.ReLU(), nn.BatchNorm2d(8), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten())
    return {"mlp": (mlp, (128, 256)), "cnn": (nn.Sequential(*convolutions, nn.Linear(16 * 12 * 12, 10)), (32, 1, 16, 16))}


def by_two_backward_passes(net: nn.Module, x: mg.Tensor, v: mg.Tensor) -> mg.Tensor:
    """J v: u -> u^T J is linear in u, and its own derivative, applied to v, is J v."""
    x = x.detach().requires_grad_()
    y = net(x)
    u = mg.zeros_like(y).requires_grad_()
    (g,) = mg.grad(y, x, u, create_graph=True)
    return mg.grad(g, u, v)[0]


def main() -> None:
    rng = np.random.default_rng(0)
    for name, (net, shape) in nets().items():
        x, v = (mg.tensor(rng.standard_normal(shape), dtype="float32") for _ in range(2))
        y = net(x)
        u = mg.tensor(rng.standard_normal(y.shape), dtype="float32")
        np.testing.assert_allclose(mg.jvp(net, x, v)[1].data, by_two_backward_passes(net, x, v).data, rtol=1e-3, atol=1e-4)
        ways: dict[str, Callable[[], object]] = {
            "f": mg.no_grad(lambda net=net, x=x: net(x)),
            "jvp": lambda net=net, x=x, v=v: mg.jvp(net, x, v),
            "two backward passes": lambda net=net, x=x, v=v: by_two_backward_passes(net, x, v),
            "vjp": lambda net=net, x=x, u=u: mg.vjp(net, x, u),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, run in ways.items():
                start = time.process_time()
                run()
                times[way].append(time.process_time() - start)
        for way in list(ways)[1:]:
            low, middle, high = np.quantile(np.divide(times[way], times["f"]), (0.25, 0.5, 0.75))
            print(f"{name:4} {way:20} {middle:.2f} of f ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
