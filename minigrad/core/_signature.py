"""Signatures: of the functions that an op is made of, and of an op as tools see it.  (Not needed to understand minigrad.)

What an op and its formulas need is said by their signatures, and several hundred of them are read when minigrad is
imported; ``inspect`` and what it brings along would take a fifth of that time. They are read off the code objects, and
`inspect.Signature` is made when somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import inspect

    from typing_extensions import ParamSpec, TypeVar  # where both can have defaults: an Op is an Op[..., Any]

    from minigrad.core.op import Op

    P = ParamSpec("P", default=...)
    R = TypeVar("R", default=Any)
else:
    from typing import ParamSpec, TypeVar

    P, R = ParamSpec("P"), TypeVar("R")  #: how an op is called, and what it returns

F = TypeVar("F", bound=Callable[..., Any])  #: a function that a decorator gives back

REQUIRED: Any = object()  #: in place of the default of a parameter that has none
_VARIADIC = 0x04  # the flag CO_VARARGS of a code object


class Parameter(NamedTuple):
    """A parameter: its name, how it is passed ("positional", "variadic" or "keyword") and its default."""

    name: str
    kind: str
    default: Any


def parameters_of(function: Callable[..., Any]) -> list[Parameter]:
    """Return the parameters of a plain function, in order.

    Raises
    ------
    TypeError
        If it is not a function written in Python with ``def`` or ``lambda``.
    """
    while hasattr(function, "__wrapped__"):  # a wrapper has the signature of what it wraps
        function = function.__wrapped__
    code = getattr(function, "__code__", None)
    if code is None:
        raise TypeError(f"{function!r} is not a function written with def or lambda, whose signature could be read")
    n, names = code.co_argcount, code.co_varnames
    defaults, by_keyword = function.__defaults__ or (), function.__kwdefaults__ or {}
    padded = [REQUIRED] * (n - len(defaults)) + list(defaults)
    found = [Parameter(name, "positional", default) for name, default in zip(names[:n], padded, strict=True)]
    keywords = names[n : n + code.co_kwonlyargcount]
    if code.co_flags & _VARIADIC:
        found.append(Parameter(names[n + code.co_kwonlyargcount], "variadic", REQUIRED))
    return found + [Parameter(name, "keyword", by_keyword.get(name, REQUIRED)) for name in keywords]


class DeclaredSignature:
    """What ``inspect.signature`` says of an op, and so ``help`` and editors: the signature of its function, but for ``xp``."""

    def __get__(self, op: Op | None, owner: type) -> inspect.Signature:
        if op is None:
            raise AttributeError("__signature__")  # of the class Op: inspect then looks at its __init__
        import inspect

        declared = inspect.signature(op.forward)
        return declared.replace(parameters=list(declared.parameters.values())[1:])


def in_words(signature: inspect.Signature) -> str:
    """Write a signature without annotations: how something is called."""
    import inspect

    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
