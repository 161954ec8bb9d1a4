"""Random programs beside PyTorch: values, and derivatives to the third order, of whatever ops a seed puts together.

``MINIGRAD_TORTURE=N`` tries N programs, ``MINIGRAD_TORTURE_SEED=S`` others.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import minigrad as mg

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.torch]

PROGRAMS = int(os.environ.get("MINIGRAD_TORTURE", 2000))
SEED = int(os.environ.get("MINIGRAD_TORTURE_SEED", 0))
SHAPES = [(), (3,), (1,), (2, 3), (3, 2), (2, 1), (1, 3), (2, 3, 2)]
ORDERS = 3
TOLERANCE = 1e-8  #: of the largest element: digits are lost by programs that cancel, in both


@dataclass(frozen=True)
class Step:
    """An op with its arguments set: what it is called, on how many values it works, and how in both."""

    name: str
    count: int
    ours: Callable[..., Any]
    theirs: Callable[..., Any]


def both(name: str, f: Callable[..., Any], count: int = 1) -> Step:
    """A step that is written alike in both."""
    return Step(name, count, f, f)


def torch_norm(x: Any, axes: tuple[int, ...]) -> Any:
    """Normalization from its parts: the third derivative of PyTorch's own is wrong."""
    return (x - x.mean(axes, keepdim=True)) / torch.sqrt(x.var(axes, keepdim=True, correction=0) + 1e-5)


def torch_products(x: Any, axis: int) -> Any:
    """Cumulative products one by one: PyTorch's derivatives divide by the factors, and lose digits where one is small."""
    products: list[Any] = []
    for factor in x.unbind(axis):
        products.append(products[-1] * factor if products else factor)
    return torch.stack(products, axis)


def last_product(x: Any, axis: int, keep: bool) -> Any:
    product = torch_products(x, axis).select(axis, -1)
    return product.unsqueeze(axis) if keep else product


def unary(rng: random.Random, shape: tuple[int, ...]) -> Step:
    name = rng.choice(
        ["tanh", "sin", "cos", "sigmoid", "square", "erf", "atan", "abs", "exp", "expm1", "sinh", "asinh", "softplus", "silu", "gelu",
         "relu", "elu", "logsigmoid", "softsign", "mish", "sqrt", "log", "reciprocal", "acosh", "rsqrt", "log1p", "pow", "leaky_relu",
         "hardswish", "selu", "celu", "clip", "where", "copy", "checkpoint", "hook"]
    )  # fmt: skip
    F, f = torch.nn.functional, mg.nn.functional
    if name in ("sqrt", "log", "reciprocal", "acosh", "log1p"):
        ours, theirs = getattr(mg, name), getattr(torch, name)
        return Step(name, 1, lambda x: ours(x * x + 1.5), lambda x: theirs(x * x + 1.5))
    if name in ("exp", "expm1", "sinh"):
        ours, theirs = getattr(mg, name), getattr(torch, name)
        return Step(name, 1, lambda x: ours(mg.tanh(x)), lambda x: theirs(torch.tanh(x)))
    if name in ("relu", "elu", "silu", "softplus", "gelu", "logsigmoid", "softsign", "mish", "leaky_relu", "hardswish", "selu", "celu"):
        return Step(name, 1, getattr(f, name), getattr(F, name))
    exponent, low = rng.choice([2, 3, 0.5, -1.5]), rng.uniform(-1, 0)
    special = {
        "rsqrt": both(name, lambda x: (x * x + 1.5) ** -0.5),
        "pow": both(name, lambda x: (x * x + 1.5) ** exponent),
        "clip": Step(name, 1, lambda x: mg.clip(x, low, low + 2), lambda x: torch.clip(x, low, low + 2)),
        "where": Step(name, 1, lambda x: mg.where(x > 0.1, x * x, mg.sin(x)), lambda x: torch.where(x > 0.1, x * x, torch.sin(x))),
        "copy": Step(name, 1, mg.copy, torch.clone),
        "checkpoint": Step(name, 1, lambda x: mg.checkpoint(lambda t: mg.sin(t * t), x), lambda x: torch.sin(x * x)),
        "hook": both(name, hooked),
    }
    return special.get(name) or Step(name, 1, getattr(mg, name), getattr(torch, name))


def hooked(x: Any) -> Any:
    y = x * 1.5
    if y.requires_grad:
        y.register_hook(lambda g: g * 2)
    return y


def binary(rng: random.Random) -> Step:
    return rng.choice(
        [
            both("add", lambda a, b: a + b, 2),
            both("subtract", lambda a, b: a - b, 2),
            both("multiply", lambda a, b: a * b, 2),
            both("divide", lambda a, b: a / (b * b + 1.5), 2),
            both("pow", lambda a, b: (a * a + 1.5) ** (b / (b * b + 1)), 2),
            Step("maximum", 2, mg.maximum, torch.maximum),
            Step("minimum", 2, mg.minimum, torch.minimum),
            Step("atan2", 2, lambda a, b: mg.atan2(a, b * b + 1.5), lambda a, b: torch.atan2(a, b * b + 1.5)),
            Step("hypot", 2, lambda a, b: mg.hypot(a, b * b + 1.5), lambda a, b: torch.hypot(a, b * b + 1.5)),
            Step("logaddexp", 2, mg.logaddexp, torch.logaddexp),
            Step("lerp", 2, lambda a, b: mg.lerp(a, b, 0.3), lambda a, b: a + 0.3 * (b - a)),
            Step("xlogy", 2, lambda a, b: mg.xlogy(a, b * b + 1.5), lambda a, b: torch.xlogy(a, b * b + 1.5)),
        ]
    )


def along(rng: random.Random, shape: tuple[int, ...]) -> Step:
    """A step along an axis of a value that has some."""
    axis, keep = rng.randrange(-len(shape), len(shape)), rng.random() < 0.5
    n = shape[axis]
    axes = tuple(rng.sample(range(len(shape)), rng.randint(1, len(shape))))
    shift, order = rng.randint(-2, 2), rng.sample(range(len(shape)), len(shape))
    picks = [rng.randrange(n) for _ in range(rng.randint(1, 4))]
    steps = [
        Step("sum", 1, lambda x: mg.sum(x, axis=axes, keepdims=keep), lambda x: x.sum(axes, keepdim=keep)),
        Step("mean", 1, lambda x: mg.mean(x, axis=axes, keepdims=keep), lambda x: x.mean(axes, keepdim=keep)),
        Step("prod", 1, lambda x: mg.prod(mg.tanh(x), axis=axis, keepdims=keep), lambda x: last_product(torch.tanh(x), axis, keep)),
        Step("logsumexp", 1, lambda x: mg.logsumexp(x, axis=axes, keepdims=keep), lambda x: torch.logsumexp(x, axes, keepdim=keep)),
        Step("softmax", 1, lambda x: mg.softmax(x, axis=axis), lambda x: torch.softmax(x, axis)),
        Step("log_softmax", 1, lambda x: mg.log_softmax(x, axis=axis), lambda x: torch.log_softmax(x, axis)),
        Step("cumulative_sum", 1, lambda x: mg.cumulative_sum(x, axis=axis), lambda x: torch.cumsum(x, axis)),
        Step("cumulative_prod", 1, lambda x: mg.cumulative_prod(mg.tanh(x), axis=axis), lambda x: torch_products(torch.tanh(x), axis)),
        Step("max", 1, lambda x: mg.max(x, axis=axis, keepdims=keep), lambda x: x.amax(axis, keepdim=keep)),
        Step("sort", 1, lambda x: mg.sort(x, axis=axis)[0], lambda x: torch.sort(x, dim=axis, stable=True)[0]),
        Step("flip", 1, lambda x: mg.flip(x, axis=axis), lambda x: torch.flip(x, (axis,))),
        Step("roll", 1, lambda x: mg.roll(x, shift, axis=axis), lambda x: torch.roll(x, shift, axis)),
        Step("permute", 1, lambda x: mg.permute_dims(x, tuple(order)), lambda x: x.permute(order)),
        Step("reshape", 1, lambda x: x.reshape((-1,)), lambda x: x.reshape((-1,))),
        Step("expand_dims", 1, lambda x: mg.expand_dims(x, axis), lambda x: x.unsqueeze(axis)),
        Step("take", 1, lambda x: mg.take(x, np.array(picks), axis=axis), lambda x: x.index_select(axis, torch.tensor(picks))),
        both("getitem", lambda x: x[..., ::2]),
        both("getitem twice", lambda x: x[[0, 0]]),
    ]
    if n > 1:
        steps += [
            Step("layer_norm", 1, lambda x: mg.layer_norm(x, axis=axes)[0], lambda x: torch_norm(x, axes)),
            Step("batch_norm", 1, lambda x: mg.batch_norm(x, axis=axes)[0], lambda x: torch_norm(x, axes)),
            Step("var", 1, lambda x: mg.var(x, axis=axis, keepdims=keep), lambda x: x.var(axis, keepdim=keep, correction=0)),
        ]
    if len(shape) == 2:
        steps += [both("matmul", lambda x: x @ x.T), both("outer", lambda x: x.T[:, :, None] * x[None])]
    return rng.choice(steps)


def run(rng: random.Random, arrays: list[np.ndarray], names: list[str]) -> tuple[list[Any], list[Any]]:
    """Apply random steps to both frameworks' leaves, which join the values that later steps choose from; tell their names."""
    ours = [mg.tensor(a, requires_grad=True) for a in arrays]
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    values = list(zip(ours, theirs, strict=True))
    for _ in range(rng.randint(3, 10)):
        chosen = rng.choice(values[-4:])
        shape = tuple(chosen[1].shape)
        kind = rng.random()
        if kind < 0.35 or (not shape and kind >= 0.65):
            step, picked = unary(rng, shape), [chosen]
        elif kind < 0.65:
            fits = [v for v in values if broadcast(v[1].shape, shape)]
            step, picked = binary(rng), [chosen, rng.choice(fits)]
        else:
            step, picked = along(rng, shape), [chosen]
        names.append(f"{step.name}{shape}")
        values.append((step.ours(*(v[0] for v in picked)), step.theirs(*(v[1] for v in picked))))
    return [v[0] for v in values], [v[1] for v in values]


def broadcast(a: Any, b: Any) -> bool:
    try:
        np.broadcast_shapes(tuple(a), tuple(b))
    except ValueError:
        return False
    return True


class OnlyOursIsANumber(Exception):
    """PyTorch gives nan where there is a number, as in higher derivatives of logaddexp at 30,000."""


def difference(ours: Any, theirs: Any) -> float:
    """The largest difference, as a part of the largest element; nan and infinities must be at the same places."""
    a, b = np.asarray(ours.data), theirs.numpy(force=True)
    assert a.shape == b.shape, (a.shape, b.shape)
    finite = np.isfinite(b)
    if np.isnan(b).any() and np.isfinite(a).all():
        raise OnlyOursIsANumber
    assert np.array_equal(a[~finite], b[~finite], equal_nan=True)
    return float(np.abs(a - b)[finite].max(initial=0) / max(1.0, np.abs(b[finite]).max(initial=0)))


def derivatives(rng: np.random.Generator, ours: list[Any], theirs: list[Any], leaves: int) -> float:
    """Compare the last value and its derivatives, each contracted with numbers at random; return the largest difference."""
    y, z = ours[-1], theirs[-1]
    worst = difference(y, z)
    for _ in range(ORDERS):
        weights = rng.standard_normal(y.shape)
        y, z = (y * weights).sum(), (z * torch.tensor(weights)).sum()
        if not z.requires_grad or z.grad_fn is None:
            break
        gradients = torch.autograd.grad(z, theirs[:leaves], create_graph=True, allow_unused=True, materialize_grads=True)
        found = mg.grad(y, ours[:leaves], create_graph=True, allow_unused=True)
        pairs = [(a if a is not None else mg.zeros(b.shape, dtype="float64"), b) for a, b in zip(found, gradients, strict=True)]
        worst = max(worst, *(difference(a, b) for a, b in pairs))
        weights_of = [rng.standard_normal(b.shape) for _, b in pairs]
        y = sum(((a * w).sum() for (a, _), w in zip(pairs, weights_of, strict=True)), start=mg.tensor(0.0, dtype="float64"))
        z = sum((b * torch.tensor(w)).sum() for (_, b), w in zip(pairs, weights_of, strict=True))
        if not y.requires_grad or not z.requires_grad:
            break
    return worst


def test_random_programs_beside_pytorch():
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    alone: list[int] = []
    for i in range(PROGRAMS):
        rng, numbers = random.Random(SEED * 1_000_003 + i), np.random.default_rng((SEED, i))
        arrays = [numbers.standard_normal(rng.choice(SHAPES)) for _ in range(rng.randint(1, 3))]
        names: list[str] = []
        try:
            ours, theirs = run(rng, arrays, names)
            worst = derivatives(numbers, ours, theirs, len(arrays))
        except OnlyOursIsANumber:
            alone.append(i)
            continue
        except Exception as error:  # of either: no program here is wrong
            wrong.append(f"program {i}: {names}: {type(error).__name__}: {str(error)[:300]}")
            continue
        counts.update(name.partition("(")[0] for name in names)
        if not worst < TOLERANCE:
            wrong.append(f"program {i}: {names}: differs by {worst:.1e}")
    print(f"{PROGRAMS} programs, {sum(counts.values())} steps of {len(counts)} kinds: {dict(counts.most_common())}")
    print(f"PyTorch gives nan where minigrad gives a number: {len(alone)} programs, {alone[:20]}")
    assert len(alone) <= 1 + PROGRAMS / 1000
    assert not wrong, f"{len(wrong)} of {PROGRAMS}:\n" + "\n".join(wrong[:40])
