"""An op of a user's own, with one output and with two."""

from typing import Any

import minigrad as mg


@mg.op
def softsign(xp: Any, x: Any, *, scale: float = 1.0) -> Any:
    """scale x / (1 + |x|)"""
    return scale * x / (1 + xp.abs(x))


softsign.vjp(x=lambda g, x, *, scale: g * scale / mg.square(1 + mg.abs(x)))


@mg.op(outputs=("total", "biggest"))
def totals(xp: Any, x: Any) -> tuple[Any, Any]:
    """The sum, and the largest element."""
    return x.sum(), x.max()


@totals.vjp("x")
def totals_d_x(g_total: Any, x: Any, biggest: Any, g_biggest: Any = None) -> Any:
    g = g_total * mg.ones_like(x)
    return g if g_biggest is None else g + g_biggest * (x == biggest)


def main() -> None:
    x = mg.tensor([1.0, -2.0, 3.0], requires_grad=True)
    y: mg.Tensor = softsign(x, scale=2.0)
    total, biggest = totals(x)
    y.sum().backward()
    assert x.grad is not None
    print(x.grad.numpy(), total.item(), biggest.item(), softsign.signature())


if __name__ == "__main__":
    main()
