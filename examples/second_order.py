"""Second derivatives at work: Newton's method on logistic regression, without ever making the Hessian.

    python examples/second_order.py            # 1 s
    python examples/second_order.py --quick    # 1 s

Newton's method goes from w to w + d, where H d = -g, with gradient g and Hessian H. Here w has 640 numbers, so H would have
409,600; conjugate gradients solve the equation with products H v alone, and `hvp` gives those at the price of about two
gradients each. Close to the minimum every step doubles the number of right digits: look at the column |gradient|. It
would not if the second derivatives were a little wrong. Gradient descent with the same number of gradients is far behind.

Expected: |gradient| falls from 5e-1 to below 1e-16 in 7 steps (the last ones: 4e-4, 4e-6, 4e-10, 4e-17), with 205 products; gradient
descent is at 6e-4 after as much work.
"""

import argparse

import numpy as np

import minigrad as mg
from minigrad import data
from minigrad.nn import functional as F


def conjugate_gradients(product, b: mg.Tensor, tolerance: float) -> tuple[mg.Tensor, int]:
    """Solve A x = b, where product(v) is A v and A is positive definite (Hestenes and Stiefel, 1952).

    Returns x, and how many products it took.
    """
    x, r = mg.zeros_like(b), b
    p, rr, products = r, (r * r).sum(), 0
    while rr.item() ** 0.5 > tolerance * (b * b).sum().item() ** 0.5:
        q = product(p)
        alpha = rr / (p * q).sum()
        x, r = x + alpha * p, r - alpha * q
        new = (r * r).sum()
        p, rr, products = r + new / rr * p, new, products + 1
    return x, products


def main(quick: bool = False) -> None:
    images, labels = data.digits().train.arrays
    x = mg.tensor(images.reshape(len(images), 64), dtype=np.float64)  # ten right digits need more than float32 has
    y = mg.tensor(labels)

    def loss(w: mg.Tensor) -> mg.Tensor:
        """Cross-entropy, and a penalty that makes the minimum unique."""
        return F.cross_entropy(x @ w, y) + 0.5e-3 * (w * w).sum()

    def gradient(w: mg.Tensor) -> mg.Tensor:
        return mg.vjp(loss, w)[1]

    w, work = mg.zeros((64, 10), dtype=np.float64), 0
    print("step  loss          |gradient|  products H v")
    for step in range(10):
        g = gradient(w)
        size = (g * g).sum().item() ** 0.5
        print(f"{step:4}  {loss(w).item():.10f}  {size:.1e}  {work:9}")
        if size < 1e-12:
            break
        d, products = conjugate_gradients(lambda v: mg.hvp(loss, w, v)[1], -g, min(0.1, size))
        w, work = w + d, work + products + 1

    other = mg.zeros((64, 10), dtype=np.float64)
    for _ in range(100 if quick else 2 * work):  # H v costs about two gradients
        other = other - 4.0 * gradient(other)  # at 5 it diverges
    other_size = (gradient(other) ** 2).sum().item() ** 0.5
    print(f"gradient descent: loss {loss(other).item():.10f}, |gradient| {other_size:.1e}")
    assert size < 1e-12 < other_size


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    main(parser.parse_args().quick)
