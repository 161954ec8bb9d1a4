"""Names that people know from PyTorch and NumPy, and what they are called here.  (Not needed to understand minigrad.)

There is one way to do a thing, so none of these names works; but whoever types one is told the name that does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minigrad.core.op import OPS
from minigrad.core.tensor import Tensor

#: methods and attributes of a tensor -> what to write instead
TENSOR = {
    "view": "x.reshape(shape)",
    "unsqueeze": "mg.expand_dims(x, axis)",
    "permute": "x.transpose(axes)",
    "t": "x.T",
    "mm": "x @ y",
    "bmm": "x @ y",
    "matmul": "x @ y",
    "pow": "x ** p",
    "norm": "mg.vector_norm(x)",
    "softmax": "mg.softmax(x, axis=-1)",
    "log_softmax": "mg.log_softmax(x, axis=-1)",
    "gather": "mg.take_along_axis(x, indices, axis=axis)",
    "masked_fill": "mg.where(mask, value, x)",
    "clamp": "x.clip(low, high)",
    "expand": "mg.broadcast_to(x, shape)",
    "flip": "mg.flip(x, axis=axis)",
    "sin": "mg.sin(x)",
    "cos": "mg.cos(x)",
    "dim": "x.ndim",
    "numel": "x.size",
    "cpu": 'x.to("cpu")',
    "cuda": 'x.to("cuda")',
    "float": 'x.astype("float32")',
    "double": 'x.astype("float64")',
    "half": 'x.astype("float16")',
    "int": 'x.astype("int32")',
    "long": 'x.astype("int64")',
    "bool": 'x.astype("bool")',
    "type": "x.astype(dtype)",
    "clone": "x.copy()",
    "contiguous": "x as it is; its layout is taken care of",
    "zero_grad": "x.grad = None, or zero_grad() of the optimizer or module",
    "zero_": "x.copy_(0.0)",
    "fill_": "x.copy_(value)",
    "add_": "x + y, a new tensor; for a leaf x.copy_(x.detach() + y)",
    "sub_": "x - y, a new tensor; for a leaf x.copy_(x.detach() - y)",
    "mul_": "x * y, a new tensor; for a leaf x.copy_(x.detach() * y)",
    "div_": "x / y, a new tensor; for a leaf x.copy_(x.detach() / y)",
    "detach_": "x.detach()",
    "grad_fn": "x.node",
}

#: functions and types of the package -> what to write instead
PACKAGE = {
    "cat": "mg.concat([x, y], axis=0)",
    "rand": "mg.random.uniform(shape)",
    "randn": "mg.random.normal(shape)",
    "randint": "mg.random.integers(low, high, shape)",
    "randperm": "mg.random.permutation(n)",
    "from_numpy": "mg.as_tensor(array)",
    "array": "mg.tensor(data)",
    "unsqueeze": "mg.expand_dims(x, axis)",
    "permute": "mg.permute_dims(x, axes)",
    "mm": "x @ y",
    "bmm": "x @ y",
    "norm": "mg.vector_norm(x)",
    "gather": "mg.take_along_axis(x, indices, axis=axis)",
    "clamp": "mg.clip(x, low, high)",
    "cumsum": "mg.cumulative_sum(x, axis=axis)",
    "mul": "x * y",
    "sub": "x - y",
    "div": "x / y",
    "inference_mode": "mg.no_grad()",
    "rand_like": "mg.random.uniform_like(x)",
    "randn_like": "mg.random.normal_like(x)",
    "randint_like": "mg.random.integers_like(x, low, high)",
    "multinomial": "mg.random.categorical(mg.log(p), shape=shape)",
    "float": "mg.float32",
    "double": "mg.float64",
    "half": "mg.float16",
    "long": "mg.int64",
}


class Elsewhere:
    """An attribute that is not there: to ask for it is an AttributeError that says what to write instead."""

    def __init__(self, name: str, instead: str) -> None:
        self.message = f"Tensor has no attribute {name!r}; write {instead}"

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(self.message)


#: functions that NumPy calls for ``array <operator> tensor`` -> the method of the tensor that answers
REFLECTED = {
    "add": "__radd__",
    "subtract": "__rsub__",
    "multiply": "__rmul__",
    "divide": "__rtruediv__",
    "floor_divide": "__rfloordiv__",
    "remainder": "__rmod__",
    "power": "__rpow__",
    "matmul": "__rmatmul__",
    "bitwise_and": "__rand__",
    "bitwise_or": "__ror__",
    "bitwise_xor": "__rxor__",
    "left_shift": "__rlshift__",
    "right_shift": "__rrshift__",
    "equal": "__eq__",
    "not_equal": "__ne__",
    "less": "__gt__",
    "less_equal": "__ge__",
    "greater": "__lt__",
    "greater_equal": "__le__",
}
#: functions of NumPy that have another name here
RENAMED = {
    "absolute": "abs",
    "fabs": "abs",
    "float_power": "pow",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "arcsinh": "asinh",
    "arccosh": "acosh",
    "arctanh": "atanh",
    "conjugate": "conj",
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
}


def ufunc_on_tensors(self: Any, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
    """Make ndarray + Tensor a Tensor, and np.exp(tensor) an error, with the words for it, rather than a lost gradient."""
    name = ufunc.__name__
    if "out" in options:
        raise TypeError(
            f"np.{name} cannot write a tensor into an array, as a.data -= ... or array += tensor ask for; take the tensor's values, "
            "tensor.data (no gradient flows through them), or change a leaf by x.copy_(...) under mg.no_grad()"
        )
    left, right = inputs if len(inputs) == 2 else (None, None)
    if method == "__call__" and name in REFLECTED and not options and not isinstance(left, Tensor) and isinstance(right, Tensor):
        return getattr(right, REFLECTED[name])(left)
    own = RENAMED.get(name, name)
    instead = f"mg.{own}" if own in OPS and method == "__call__" else "an op of minigrad"
    called = f"np.{name}" if method == "__call__" else f"np.{name}.{method}"
    raise TypeError(f"{called} works on arrays and would lose the gradient; use {instead}, or x.detach().numpy() where none is needed")


#: operators that change their left side in PyTorch and NumPy, by the stem of their names
IN_PLACE = {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@"}


def _in_place(symbol: str) -> Callable[[Any, Any], Any]:
    """Return the method for ``x += y``, which means ``x = x + y`` here: refused where that would leave a leaf unchanged."""

    def method(x: Any, y: Any) -> Any:
        if x.node is not None and x.node.is_leaf:
            raise TypeError(
                f"x {symbol}= ... would call a new tensor x and leave this leaf, of shape {x.shape}, as it is: change its values with "
                f"x.copy_(x {symbol} ...) under mg.no_grad(), or write x = x {symbol} ... for a new tensor"
            )
        return NotImplemented

    return method


def bind(tensor: Any) -> None:
    """Put the names on the class of tensors, out of sight of ``dir``."""
    for name, instead in TENSOR.items():
        setattr(tensor, name, Elsewhere(name, instead))
    for stem, symbol in IN_PLACE.items():
        setattr(tensor, f"__i{stem}__", _in_place(symbol))
    tensor.__array_ufunc__ = ufunc_on_tensors
    tensor.__dir__ = lambda self: [name for name in object.__dir__(self) if name not in TENSOR]
