"""Blocks that are also decorators: what ``with`` does for a stretch of code, ``@`` does for the body of a function.

`contextlib.contextmanager` makes such blocks too, but one that decorates a generator function is left as soon as the
generator is made, before any of its code has run.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import _GeneratorContextManager
from functools import partial, wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class Block(_GeneratorContextManager[T]):
    """What a function decorated with `block` returns: for one ``with``, or to decorate any number of functions."""

    def __call__(self, function: F) -> F:
        """Return ``function`` with its body in this block; the body of a generator is in it whenever it runs."""
        if iscoroutinefunction(function) or isasyncgenfunction(function):
            name = getattr(function, "__name__", type(function).__name__)
            raise TypeError(f"{name} is an async function, whose body runs after the call: write the with block inside it")
        return self._covering(function) if isgeneratorfunction(function) else super().__call__(function)

    def _covering(self, function: Any) -> Any:
        """Return a generator function that enters this block when it is resumed, and leaves it when it yields."""

        @wraps(function)
        def covered(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            resume: Callable[[], Any] = partial(next, generator)
            while True:
                with self._recreate_cm():
                    try:
                        value = resume()
                    except StopIteration as stop:
                        return stop.value
                try:
                    resume = partial(generator.send, (yield value))
                except GeneratorExit:
                    with self._recreate_cm():
                        generator.close()
                    raise
                except BaseException as error:
                    resume = partial(generator.throw, error)

        return covered


def block(function: Callable[P, Iterator[T]]) -> Callable[P, Block[T]]:
    """Make a function of one ``yield`` a block, as `contextlib.contextmanager` does."""

    @wraps(function)
    def new(*args: P.args, **kwargs: P.kwargs) -> Block[T]:
        return Block(function, args, kwargs)  # type: ignore[arg-type]

    return new
