"""Random numbers: one counter-based generator, the same numbers for the same seed on every device.

The generator is Philox4x64-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
block number *i* is a scrambling of the counter *i* under the key *seed*, so any block can be had at once, on any
device, in any order. The state is therefore two integers, the seed and how many blocks were used.

On the CPU the blocks come from NumPy's own implementation; elsewhere from `philox`, the same in array arithmetic. The
integers are equal to the last bit, and so are uniform numbers; normal ones go through ``log`` and ``cos``, which may
round differently on another device.
"""

from __future__ import annotations

import math
from _thread import allocate_lock as Lock  # threading is slow to import, and NumPy does without
from typing import Any, Never

import numpy as np

from minigrad.backends import Array, Namespace, namespace
from minigrad.core._capturing import boxed
from minigrad.core.device import Device, as_device, backend_of, default_device, device_of
from minigrad.core.mode import mode
from minigrad.core.tensor import DEFAULT_DTYPE, Tensor, array_of

__all__ = [
    "Generator",
    "bernoulli",
    "categorical",
    "default_generator",
    "get_state",
    "integers",
    "integers_like",
    "manual_seed",
    "normal",
    "normal_like",
    "one_shape",
    "permutation",
    "philox",
    "set_state",
    "uniform",
    "uniform_like",
]

_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_KEY_STEPS = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_LOW = 0xFFFFFFFF


class Generator:
    """A stream of random numbers.

    Parameters
    ----------
    seed
        Any integer from 0 to 2**128 - 1. The same seed gives the same numbers, on every device and every run.
    """

    def __init__(self, seed: int = 0) -> None:
        self._lock = Lock()
        self.state = {"seed": seed, "counter": 0}

    def __reduce__(self) -> Any:
        return _generator_in, (self.state,)

    @property
    def state(self) -> dict[str, int]:
        """Seed and number of blocks used: all there is to save and restore."""
        return {"seed": self._seed, "counter": self._counter}

    @state.setter
    def state(self, state: dict[str, int]) -> None:
        seed, counter = int(state["seed"]), int(state["counter"])
        if not 0 <= seed < 2**128:
            raise ValueError(f"a seed is an integer from 0 to 2**128 - 1, not {seed}")
        with self._lock:
            self._seed, self._counter = seed, counter

    def manual_seed(self, seed: int) -> Generator:
        """Start again from ``seed``. Returns the generator."""
        self.state = {"seed": seed, "counter": 0}
        return self

    def bits(self, n: int, device: str | Device | None = None) -> Array:
        """Return ``n`` random 64-bit words as an array of uint64 on the device."""
        blocks = -(-n // 4)
        place = default_device() if device is None else as_device(device)
        recorder = mode.get().recorder
        if recorder is not None and place.kind == "cpu":
            return recorder.random(self, n)
        first = self._take(blocks)
        if place.kind == "cpu":
            return np.random.Philox(key=self._seed, counter=first).random_raw(n)
        backend = backend_of(place.kind)
        philox_on_device = backend.services.get("philox")  # a kernel, where the backend has one
        if philox_on_device is not None:
            return philox_on_device(backend, self, first, n, place.index)
        counters = backend.from_host(np.arange(first + 1, first + 1 + blocks, dtype=np.uint64), place.index)
        return philox(backend.xp, counters, self._seed).reshape(-1)[:n]

    def _take(self, blocks: int) -> int:
        """Use up the next blocks; return the number of the first."""
        with self._lock:
            first, self._counter = self._counter, self._counter + blocks
        return first

    def uniform(
        self, shape: Any = (), *more: Never, low: float = 0.0, high: float = 1.0, dtype: Any = None, device: str | Device | None = None
    ) -> Tensor:
        """Return numbers spread evenly over [low, high): 24 random bits in float32, 53 in float64."""
        unit = self._unit(_shape(one_shape("uniform", shape, more)), np.dtype(dtype or DEFAULT_DTYPE), device)
        return Tensor(unit if (low, high) == (0.0, 1.0) else unit * (high - low) + low)

    def normal(
        self, shape: Any = (), *more: Never, mean: float = 0.0, std: float = 1.0, dtype: Any = None, device: str | Device | None = None
    ) -> Tensor:
        """Return normally distributed numbers (Box and Muller, 1958)."""
        if not std >= 0:
            raise ValueError(f"normal: std={std} must not be negative")
        dims, kind = _shape(one_shape("normal", shape, more)), np.dtype(dtype or DEFAULT_DTYPE)
        n = math.prod(dims)
        half = (n + 1) // 2
        u = self._unit((2, half), kind, device)
        xp = namespace(u)
        radius, angle = xp.sqrt(-2 * xp.log(1 - u[0])), (2 * math.pi) * u[1]
        both = xp.concatenate([radius * xp.cos(angle), radius * xp.sin(angle)])[:n].reshape(dims)
        return Tensor(both if (mean, std) == (0.0, 1.0) else both * std + mean)

    def integers(
        self, low: int, high: int | None = None, shape: Any = (), *, dtype: Any = np.int64, device: str | Device | None = None
    ) -> Tensor:
        """Return integers from ``low`` to ``high - 1`` (from 0 to ``low - 1`` if ``high`` is left out)."""
        if high is None:
            low, high = 0, low
        if high <= low:
            raise ValueError(f"integers: there is none from {low} up to, but not including, {high}")
        kind = np.dtype(dtype)
        if kind.kind in "iu" and not np.iinfo(kind).min <= low < high <= np.iinfo(kind).max + 1:
            raise ValueError(f"integers: numbers from {low} up to, but not including, {high} do not fit {kind}")
        dims = _shape(shape)
        words = self.bits(math.prod(dims), device) % np.uint64(high - low)
        return Tensor((words.astype(np.int64) + low).astype(dtype).reshape(dims))

    def bernoulli(self, shape: Any, p: float, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
        """Return ones with probability ``p`` and zeros otherwise."""
        if not 0 <= p <= 1:
            raise ValueError(f"bernoulli: p is a probability, from 0 to 1, not {p}")
        dims, kind = _shape(shape), np.dtype(dtype or DEFAULT_DTYPE)
        place = default_device() if device is None else as_device(device)
        backend = backend_of(place.kind)
        mask_on_device = backend.services.get("random_mask")
        if mask_on_device is not None:
            mask = mask_on_device(backend, self, self._take(-(-math.prod(dims) // 8)), dims, p, place.index)
        else:
            mask = self._unit(dims, np.dtype(np.float32), place) < p
        return Tensor(mask if kind == np.bool_ else mask.astype(kind))

    def categorical(self, logits: Any, axis: int = -1, shape: Any = None) -> Tensor:
        """Return numbers of classes: k with a probability of softmax(logits)[k].

        Parameters
        ----------
        logits
            Logarithms of probabilities, up to a constant, with the classes along ``axis``; -inf for a class that never comes.
        axis
            Where the classes are.
        shape
            Of the result. It ends with the shape of the logits without ``axis``, which it is if None: one draw for each.

        Returns
        -------
        Tensor
            int64, without a gradient, on the device of the logits.

        Raises
        ------
        ValueError
            If there is no class, the shape ends otherwise, or (on the CPU; a GPU would have to be waited for) logits are nan or
            inf, or all -inf.

        Notes
        -----
        The distribution function is inverted in float64, from one number of 53 random bits for each draw.
        """
        x = (logits if isinstance(logits, Tensor) else Tensor(logits)).detach()
        if axis not in range(-x.ndim, x.ndim) or not x.shape[axis]:
            raise ValueError(f"categorical: logits have shape {x.shape}; expected classes along axis {axis}")
        order = [i for i in range(x.ndim) if i != axis % x.ndim]
        batch = tuple([x.shape[i] for i in order])
        dims = batch if shape is None else _shape(shape)
        if dims[len(dims) - len(batch) :] != batch:
            raise ValueError(f"categorical: shape is {dims}; expected one that ends with {batch}, that of the logits without axis {axis}")
        x = x.transpose((*order, axis)).astype(np.float64)
        if x.device.kind == "cpu" and x.size:
            boxed(_check_logits, effect=True)(x.data)
        up_to = (x - x.max(axis=-1, keepdims=True)).exp().cumsum(axis=-1)
        return (up_to <= self.uniform((*dims, 1), dtype=np.float64, device=x.device) * up_to[..., -1:]).sum(axis=-1)

    def uniform_like(self, x: Any, *, low: float = 0.0, high: float = 1.0, dtype: Any = None, device: str | Device | None = None) -> Tensor:
        """Return `uniform` numbers; shape, dtype and device are those of x unless given."""
        return self.uniform(x.shape, low=low, high=high, dtype=dtype or x.dtype, device=_place(x, device))

    def normal_like(self, x: Any, *, mean: float = 0.0, std: float = 1.0, dtype: Any = None, device: str | Device | None = None) -> Tensor:
        """Return `normal` numbers; shape, dtype and device are those of x unless given."""
        return self.normal(x.shape, mean=mean, std=std, dtype=dtype or x.dtype, device=_place(x, device))

    def integers_like(self, x: Any, low: int, high: int | None = None, *, dtype: Any = None, device: str | Device | None = None) -> Tensor:
        """Return `integers` from ``low`` to ``high - 1``; shape, dtype and device are those of x unless given."""
        return self.integers(low, high, x.shape, dtype=dtype or x.dtype, device=_place(x, device))

    def permutation(self, n: int) -> np.ndarray[Any, Any]:
        """Return 0 to n - 1 in random order, as a NumPy array."""
        return np.argsort(self.bits(n, "cpu"))  # of 64 bits: two are equal once in 2**65 / n**2 permutations

    def _unit(self, shape: tuple[int, ...], dtype: np.dtype[Any], device: str | Device | None) -> Array:
        """Return numbers of [0, 1) with as many random bits as the dtype can hold."""
        n = math.prod(shape)
        if dtype == np.float64:
            return ((self.bits(n, device) >> np.uint64(11)).astype(np.float64) * 2.0**-53).reshape(shape)
        if dtype.kind != "f":
            raise TypeError(f"random numbers of dtype {dtype} were asked for; a floating-point dtype is needed")
        words = self.bits((n + 1) // 2, device).view(np.uint32)[:n]
        bits = 24 if dtype.itemsize == 4 else 11
        return ((words >> np.uint32(32 - bits)).astype(dtype) * dtype.type(2.0**-bits)).reshape(shape)


def philox(xp: Namespace, counters: Array, seed: int) -> Array:
    """Return the Philox4x64-10 blocks of 64-bit ``counters``, as an array of uint64 of shape (len(counters), 4)."""
    u64 = np.uint64

    def product(a: int, b: Array) -> tuple[Array, Array]:
        """High and low word of a * b, by 32-bit halves."""
        a_low, a_high = u64(a & _LOW), u64(a >> 32)
        b_low, b_high = b & u64(_LOW), b >> u64(32)
        low, mid1, mid2, high = a_low * b_low, a_high * b_low, a_low * b_high, a_high * b_high
        carry = ((low >> u64(32)) + (mid1 & u64(_LOW)) + (mid2 & u64(_LOW))) >> u64(32)
        return high + (mid1 >> u64(32)) + (mid2 >> u64(32)) + carry, b * u64(a)

    c0, c1 = counters, xp.zeros_like(counters)
    c2, c3 = xp.zeros_like(counters), xp.zeros_like(counters)
    key = [seed & 2**64 - 1, seed >> 64]
    for _ in range(10):
        high0, low0 = product(_MULTIPLIERS[0], c0)
        high1, low1 = product(_MULTIPLIERS[1], c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ u64(key[0]), low1, high0 ^ c3 ^ u64(key[1]), low0
        key = [(k + step) & 2**64 - 1 for k, step in zip(key, _KEY_STEPS, strict=True)]
    return xp.stack([c0, c1, c2, c3], axis=1)


def one_shape(name: str, shape: Any, more: tuple[Any, ...]) -> Any:
    """Refuse lengths that are given one by one, as PyTorch takes them; ``name`` is that of the function."""
    if more and all(isinstance(n, int) for n in (shape, *more)):
        raise TypeError(f"{name} takes one shape: {name}({(shape, *more)})")
    if more:
        raise TypeError(f"{name} takes one shape; all else is given by name, as in dtype='float64'")
    return shape


def _shape(shape: Any) -> tuple[int, ...]:
    dims = (shape,) if isinstance(shape, int) else tuple(int(n) for n in shape)
    if any(n < 0 for n in dims):
        raise ValueError(f"a shape has no negative lengths: {dims}")
    return dims


def _place(x: Any, device: str | Device | None) -> str | Device:
    return device_of(array_of(x)) if device is None else device


def _check_logits(x: Array) -> None:
    """Refuse logits of which no probabilities can be made."""
    if not np.isfinite(x.max(axis=-1)).all():
        raise ValueError("categorical: logits are nan or inf, or all of them -inf; expected finite ones, and -inf for what never comes")


#: the generator behind the functions of this module, initializers and dropout
default_generator = Generator(0)

manual_seed = default_generator.manual_seed
uniform = default_generator.uniform
normal = default_generator.normal
integers = default_generator.integers
bernoulli = default_generator.bernoulli
categorical = default_generator.categorical
uniform_like = default_generator.uniform_like
normal_like = default_generator.normal_like
integers_like = default_generator.integers_like
permutation = default_generator.permutation


def _generator_in(state: dict[str, int]) -> Generator:
    """Make a generator in this state: a copy, or what was pickled."""
    generator = Generator()
    generator.state = state
    return generator


def get_state() -> dict[str, int]:
    """Return the state of the default generator."""
    return default_generator.state


def set_state(state: dict[str, int]) -> None:
    """Restore the state of the default generator."""
    default_generator.state = state
