"""Ops and their arguments in words: for error messages and for ``op.explain()``.  (Not needed to understand minigrad.)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.backends import BACKENDS, is_array, namespace
from minigrad.core._signature import REQUIRED, parameters_of
from minigrad.core.device import device_of
from minigrad.core.tensor import Tensor, array_of

if TYPE_CHECKING:
    from minigrad.core.formula import Formula
    from minigrad.core.graph import Node
    from minigrad.core.op import Op


def add_note(error: Exception, op: Op, arrays: Sequence[Any], params: dict[str, Any], args: Sequence[Any]) -> None:
    """Add to an exception which op it came from, and with which arguments, given as arrays and as they came. Its type stays."""
    names = [op.input_name(i) if i < len(op.inputs) or op.variadic else "?" for i in range(len(arrays))]
    inputs = [f"{name}{_own_name(arg)}: {describe(a)}" for name, a, arg in zip(names, arrays, args, strict=True)]
    error.add_note(f"in {op.name}({', '.join(inputs + [f'{name}={shown(value)}' for name, value in params.items()])})")
    _add_hints(error, op, arrays, params, names)
    if type(error).__name__ == "OutOfMemoryError":
        reports = [BACKENDS[a.__class__].services.get("memory_report") for a in arrays if is_array(a)]
        if reports and reports[0] is not None:
            error.add_note(reports[0]())
    modules = {namespace(a).__name__ for a in arrays if is_array(a) and shape_of(a)}
    if len(modules) > 1:
        places = sorted({str(device_of(a)) for a in arrays if is_array(a)})
        error.add_note(f"the inputs are on different devices ({' and '.join(places)}); move them to one with .to(device)")


def add_backward_note(error: Exception, node: Node, g: Any, saved: Sequence[Any]) -> None:
    """Add to an exception in which op's backward pass it was raised, and what the formulas had to work with."""
    op, plan = node.plan.op, node.plan
    values = dict(zip([f"g_{name}" for name in op.outputs], g, strict=True)) if isinstance(g, list) else {"g": g}
    owners = [node.parents[op.inputs.index(name)] if name in op.inputs and not op.variadic else None for name in plan.saves]
    values |= {name + _own_name(of): value for name, of, value in zip(plan.saves, owners, saved, strict=True)}
    given = [f"{name}: {shown(array_of(value))}" for name, value in values.items()]
    error.add_note(f"in the backward pass of {op.name}, with {', '.join(given)}")


def _own_name(value: Any) -> str:
    """Return, in brackets, the name that a user gave to a tensor or node."""
    label = getattr(value, "label", None)
    return f" ({label})" if isinstance(label, str) else ""


def check_one_device(op: Op, arrays: Sequence[Any]) -> None:
    """Raise a ValueError if the inputs of an op are on different devices."""
    known = [a for a in arrays if is_array(a) and not isinstance(a, np.generic)]
    if len({(BACKENDS[a.__class__].kind, BACKENDS[a.__class__].device_index(a)) for a in known}) > 1:
        places = {str(device_of(a)): i for i, a in reversed(list(enumerate(arrays))) if is_array(a) and not isinstance(a, np.generic)}
        named = [f"{op.input_name(i)} on {place}" for place, i in sorted(places.items())]
        raise ValueError(f"{op.name}: the inputs are on different devices ({', '.join(named)}); move them to one with .to(device)")


def _add_hints(error: Exception, op: Op, arrays: Sequence[Any], params: dict[str, Any], names: list[str]) -> None:
    """Add what the commonest mistakes ask for: how to call the op, and that it takes no lists and no arrays of others."""
    unknown = [name for name in params if name not in op.params]
    missing = [name for name, default in op.params.items() if default is REQUIRED and name not in params]
    if isinstance(error, TypeError) and (unknown or missing):  # raised by Python, which names a function that nobody called
        error.args = (f"{op.name} has no parameter {unknown[0]!r}" if unknown else f"{op.name} needs its parameter {missing[0]!r}",)
        if "out" in params and params["out"] is None:  # so do NumPy's functions call the method of what they are given
            error.args = (f"NumPy's {op.name} was given a tensor: call minigrad's, mg.{op.name}(...), or the tensor's, x.{op.name}(...)",)
            return
        error.add_note("; ".join([f"it is called as {op.signature()}", *[known for name in unknown if (known := _known(op, name))]]))
    lists = [name for name, a in zip(names, arrays, strict=True) if isinstance(a, list)]
    if lists:
        error.add_note(f"{' and '.join(lists)} must be a tensor or an array: make one of a list with mg.tensor(...)")
    for name, a in zip(names, arrays, strict=True):
        if isinstance(a, tuple):
            error.add_note(f"{name} is a tuple, as a module with several results returns it: take the one that is meant, such as {name}[0]")
        elif a is None and name not in op.optional_inputs:
            error.add_note(f"{name} is None: does the function that made it return something?")
        elif isinstance(a, Tensor):
            error.add_note(f"the data of {name} is a Tensor; it must be an array: to change the values write x.copy_(...)")
        elif hasattr(a, "__array__") and not is_array(a):
            error.add_note(f"{name} is an array of another library: make it a tensor with mg.as_tensor(...)")


#: parameters by other names, or that no op has -> what to write instead
_INSTEAD = {
    "dim": "dim is called axis",
    "keepdim": "keepdim is called keepdims",
    "out": "NumPy's functions pass out: call minigrad's",
    "dtype": "to compute in another type, write x.astype(dtype) first",
}
#: where there is a function of the op's name with parameters that the array API has and the op has not
_ELSEWHERE = {
    "linalg": {"qr": "mode", "pinv": "rtol", "svd": "full_matrices"},
    "array_api": {
        "argsort": "stable", "cumulative_prod": "include_initial", "cumulative_sum": "include_initial", "reshape": "copy",
        "searchsorted": "sorter", "sort": "stable",
    },
}  # fmt: skip


def _known(op: Op, parameter: str) -> str | None:
    """Say what to write in place of a parameter that an op has not, if that is known."""
    homes = [home for home, functions in _ELSEWHERE.items() if functions.get(op.name) == parameter]
    return f"mg.{homes[0]}.{op.name} takes {parameter}" if homes else _INSTEAD.get(parameter)


def returned(results: Any, expected: int) -> str:
    """Say what a formula for several inputs returned in place of its gradients."""
    if isinstance(results, (tuple, list)):
        return f"{len(results)} gradients, expected {expected}"
    kind = f"array of shape {tuple(results.shape)}" if hasattr(results, "shape") else type(results).__name__
    what = "None; is a return missing? It" if results is None else f"one {kind}; it"
    return f"{what} must return a tuple of {expected} gradients, one for each"


def shown(value: Any) -> str:
    """Write a parameter; arrays in it by dtype and shape, as a GPU would have to be waited for to show its numbers."""
    if isinstance(value, tuple):
        return f"({', '.join(shown(v) for v in value)}{',' if len(value) == 1 else ''})"
    return describe(value) if is_array(value) else repr(value)


def describe(value: Any) -> str:
    """Describe an argument: dtype and shape of an array, type of anything else."""
    if is_array(value):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, (int, float)):
        return repr(value)
    kind, package = type(value).__name__, type(value).__module__.partition(".")[0]
    return kind if package in ("builtins", "minigrad") else f"{package}.{kind}"


def shape_of(value: Any) -> tuple[int, ...]:
    """Shape of an array; of anything else that of a scalar."""
    return value.shape if is_array(value) else ()


def op_in_words(op: Op) -> str:
    """Describe an op: its signature, its documentation, its formulas and what each one saves."""
    from inspect import cleandoc

    lines = [op.signature(), "", cleandoc(op.__doc__ or ""), ""]
    lines += [line for formula in op.formulas if not set(formula.inputs) <= op.zeros for line in _formula_in_words(formula)]
    lines += [f"gradient for {name}: {'zero' if name in op.zeros else 'none'}, as {reason}" for name, reason in op.reasons.items()]
    return "\n".join(lines)


def _formula_in_words(formula: Formula) -> Iterable[str]:
    """Say what a formula is for, what it saves, and how it reads."""
    import inspect

    names = [p.name for p in parameters_of(formula.function)]
    saves = [p for p in names if p != "g" and not p.startswith("g_") and p not in formula.params]
    yield f"gradient for {', '.join(formula.inputs)} (saves {', '.join(saves) or 'nothing'}):"
    try:
        yield from ("    " + line for line in inspect.cleandoc(inspect.getsource(formula.function)).splitlines())
    except OSError:
        yield "    (its source is not at hand)"
