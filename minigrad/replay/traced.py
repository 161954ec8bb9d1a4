"""Traced: an array that computes and tells a recorder what it computed.

It stands where a NumPy array would: in the ``data`` of Tensors, in forward functions, formulas and optimizers. It is no
NumPy array, so that whatever it does not know is an error rather than a value that the recording misses. Likewise
`LiveNumber` stands for a Python number that will be another in the next step.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.backends import BACKENDS, XP
from minigrad.core.tensor import Tensor
from minigrad.replay.program import Live, Ref

LOOKED = "a value was looked at"


class Traced:
    """An array of a step that is being recorded: its values now, and its place in the program."""

    __slots__ = ("__weakref__", "base", "recorder", "ref", "value")
    __array_priority__ = 1000.0
    __hash__ = object.__hash__

    def __init__(self, recorder: Any, value: Any, ref: Ref, base: Traced | None = None) -> None:
        self.recorder, self.value, self.ref, self.base = recorder, value, ref, base

    shape = property(lambda self: self.ref.shape)
    strides = property(lambda self: self.ref.strides)
    dtype = property(lambda self: self.ref.dtype)
    ndim = property(lambda self: len(self.ref.shape))
    size = property(lambda self: self.ref.size)
    itemsize = property(lambda self: self.ref.dtype.itemsize)
    nbytes = property(lambda self: self.ref.size * self.ref.dtype.itemsize)
    flags = property(lambda self: self.value.flags)
    T = property(lambda self: self.transpose())
    mT = property(lambda self: self.swapaxes(-1, -2))
    real = property(lambda self: self if self.dtype.kind != "c" else self.recorder.call(_real, (self,), {}))
    imag = property(lambda self: self.recorder.call(_imag, (self,), {}))

    # ------------------------------------------------------------------------------ a value that Python would look at

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise self.recorder.refusal("an array was handed to NumPy, or to a library, as plain numbers")

    def _looked_at(self, *args: Any) -> Any:
        raise self.recorder.refusal(LOOKED)

    __float__ = __int__ = __index__ = __complex__ = __bool__ = item = tolist = tobytes = _looked_at

    # -------------------------------------------------------------------------------------------------- what NumPy asks

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if any(isinstance(x, Tensor) for x in (*inputs, *kwargs.get("out", ()))):
            return NotImplemented  # the tensor answers, as it does beside an array
        return self.recorder.ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self.recorder.function(function, args, kwargs)

    # ------------------------------------------------------------------------------------------------------- as an array

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Any:
        return iter([self[i] for i in range(len(self.value))])

    def __getitem__(self, key: Any) -> Any:
        return self.recorder.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.recorder.setitem(self, key, value)

    def __pow__(self, exponent: Any) -> Any:
        plain = _POWERS.get(exponent) if isinstance(exponent, (int, float)) else None  # as NumPy does for the power of an array
        return plain(self) if plain is not None and (exponent == 2 or self.dtype.kind == "f") else np.power(self, exponent)

    def __rpow__(self, base: Any) -> Any:
        return np.power(base, self)

    def astype(self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True) -> Any:
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        return self.recorder.copied(self, np.dtype(dtype), order)

    def copy(self, order: str = "C") -> Any:
        return self.recorder.copied(self, self.dtype, order)

    def fill(self, value: Any) -> None:
        self.recorder.setitem(self, ..., value)

    def sum(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return self.recorder.reduce(np.add, self, axis, dtype, out, keepdims)

    def prod(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return self.recorder.reduce(np.multiply, self, axis, dtype, out, keepdims)

    def max(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return self.recorder.reduce(np.maximum, self, axis, None, out, keepdims)

    def min(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return self.recorder.reduce(np.minimum, self, axis, None, out, keepdims)

    def any(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return self.recorder.reduce(np.logical_or, self, axis, None, out, keepdims)

    def all(self, axis: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        return self.recorder.reduce(np.logical_and, self, axis, None, out, keepdims)

    def mean(self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False) -> Any:
        kind = self.dtype if dtype is None else np.dtype(dtype)
        if out is not None or self.dtype.char not in "fd" or kind.char not in "fd" or not self.size:
            return self.recorder.call(np.ndarray.mean, (self, axis, dtype, out), {"keepdims": keepdims})
        total = self.sum(axis=axis, dtype=dtype, keepdims=keepdims)  # what NumPy does, in its order
        return np.true_divide(total, self.size // max(total.size, 1), out=total, casting="unsafe")

    def __repr__(self) -> str:
        return f"<an array of a captured step, {self.dtype}{list(self.shape)}>"


def _real(x: Any) -> Any:
    return x.real


def _imag(x: Any) -> Any:
    return x.imag


_OPERATORS = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.true_divide, "floordiv": np.floor_divide, "mod": np.remainder,
    "matmul": np.matmul, "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor, "lshift": np.left_shift,
    "rshift": np.right_shift,
}  # fmt: skip
_COMPARISONS = {
    "eq": np.equal, "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal,
}  # fmt: skip
_POWERS: dict[Any, Any] = {2: np.square, 0.5: np.sqrt, -1: np.reciprocal, 1: np.positive}
_UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.absolute, "invert": np.invert}
_METHODS = (
    "reshape", "transpose", "swapaxes", "squeeze", "ravel", "flatten", "view", "take", "argmax", "argmin", "argsort", "repeat", "cumsum",
    "cumprod", "nonzero", "dot", "diagonal", "trace", "conj", "round", "clip", "var", "std", "searchsorted",
)  # fmt: skip


def _bind() -> None:
    def in_place(ufunc: Any) -> Callable[..., Any]:
        return lambda a, b: ufunc(a, b, out=a)

    for name, ufunc in _OPERATORS.items():
        setattr(Traced, f"__{name}__", lambda a, b, ufunc=ufunc: ufunc(a, b))
        setattr(Traced, f"__r{name}__", lambda a, b, ufunc=ufunc: ufunc(b, a))
        setattr(Traced, f"__i{name}__", in_place(ufunc))
    for name, ufunc in _COMPARISONS.items():
        setattr(Traced, f"__{name}__", lambda a, b, ufunc=ufunc: ufunc(a, b))
    for name, ufunc in _UNARY.items():
        setattr(Traced, f"__{name}__", lambda a, ufunc=ufunc: ufunc(a))
    for name in _METHODS:
        method = getattr(np.ndarray, name)
        setattr(Traced, name, lambda a, *args, method=method, **kwargs: a.recorder.call(method, (a, *args), kwargs))


_bind()


class LiveNumber(Live):
    """A Python number that changes from step to step: what is computed from it is recorded."""

    __slots__ = ("recorder",)
    __hash__ = object.__hash__

    def __init__(self, recorder: Any, value: Any) -> None:
        super().__init__(value)
        self.recorder = recorder

    def __bool__(self) -> bool:
        return bool(self.recorder.guard(self))

    def _made_constant(self) -> Any:
        raise self.recorder.refusal("a number that changes from step to step (a learning rate, a count of steps) was made a constant")

    __float__ = __int__ = _made_constant

    def __index__(self) -> int:
        """As the length of a loop: the program holds while it is this number."""
        self.recorder.guard(self == self.value)
        return operator.index(self.value)

    def __repr__(self) -> str:
        return f"<live {self.value!r}>"


def _bind_numbers() -> None:
    def binary(function: Callable[..., Any]) -> tuple[Callable[..., Any], Callable[..., Any]]:
        def forward(a: LiveNumber, b: Any) -> Any:
            return a.recorder.host(function, a, b) if isinstance(b, (int, float, LiveNumber)) else NotImplemented

        def reflected(a: LiveNumber, b: Any) -> Any:
            return a.recorder.host(function, b, a) if isinstance(b, (int, float)) else NotImplemented

        return forward, reflected

    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        forward, reflected = binary(getattr(operator, name))
        setattr(LiveNumber, f"__{name}__", forward)
        setattr(LiveNumber, f"__r{name}__", reflected)
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(LiveNumber, f"__{name}__", binary(getattr(operator, name))[0])
    for name in ("neg", "abs"):
        function = getattr(operator, name)
        setattr(LiveNumber, f"__{name}__", lambda a, function=function: a.recorder.host(function, a))


_bind_numbers()

_MAKERS = ("zeros", "ones", "full", "arange", "eye", "linspace", "tri", "tril_indices", "triu_indices", "indices")
_TAKERS = ("asarray", "ascontiguousarray", "array", "asanyarray")


class Namespace:
    """What stands for the module ``numpy`` where forward functions are given one: arrays that it makes are traced, too."""

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        if name in _MAKERS or name in ("empty", *_TAKERS):
            function = _made(name, function)
        setattr(self, name, function)  # looked up once
        return function


def _made(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    from minigrad.core.mode import mode

    def make(*args: Any, **kwargs: Any) -> Any:
        recorder = mode.get().recorder
        if recorder is None:
            return function(*args, **kwargs)
        if args and isinstance(args[0], Traced):
            return recorder.taken(name, *args, **kwargs)
        array = function(*args, **kwargs)
        return recorder.memory(array) if name == "empty" else recorder.constant(array)

    return make


class TracedBackend:
    """Traced arrays are on the CPU; what looks at them is refused."""

    kind = "cpu"
    array_type = Traced
    xp: Any = Namespace()

    def __init__(self) -> None:
        self.services: dict[str, Any] = {}

    def device_index(self, array: Any) -> int:
        return 0

    def device_count(self) -> int:
        return 1

    def from_host(self, array: Any, index: int) -> Any:
        return array

    def to_host(self, array: Any) -> Any:
        raise array.recorder.refusal(LOOKED)


def register() -> None:
    """Let ops take traced arrays. They are of no device of their own, so that nothing that looks for mixtures is slowed."""
    backend: Any = TracedBackend()
    XP[Traced], BACKENDS[Traced] = backend.xp, backend


register()
