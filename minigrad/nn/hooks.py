"""Hooks of modules: functions that see, and may change, what goes through a module forward and backward.

A forward hook is a plain call. A backward hook has to see the gradients of all inputs (or outputs) of the module at
once, and only the part of them that came through this module; so the tensors pass through a *seam*, an identity made
of a concatenation and slices, whose one cotangent is handed to the hook.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from minigrad import ops
from minigrad.core.mode import mode
from minigrad.core.tensor import Tensor
from minigrad.creation import zeros_like

KINDS = ("forward_pre", "forward", "backward_pre", "backward")
CHANGES = [0]  #: how often a setting or a hook of any module was changed; captured steps look at modules only after that


class Handle:
    """What registering a hook returns: ``handle.remove()`` takes the hook away, as does the end of a ``with`` block."""

    def __init__(self, hooks: dict[int, Callable[..., Any]], key: int) -> None:
        self._hooks, self._key = hooks, key

    def remove(self) -> None:
        """Take the hook away. A second time does nothing."""
        self._hooks.pop(self._key, None)
        CHANGES[0] += 1

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.remove()


class Hooks:
    """The hooks of one module."""

    def __init__(self) -> None:
        self._by_kind: dict[str, dict[int, Callable[..., Any]]] = {kind: {} for kind in KINDS}
        self._count = 0

    def add(self, kind: str, hook: Callable[..., Any]) -> Handle:
        """Add a hook of that kind."""
        self._count += 1
        CHANGES[0] += 1
        self._by_kind[kind][self._count] = hook
        return Handle(self._by_kind[kind], self._count)

    def of(self, kind: str) -> list[Callable[..., Any]]:
        """Return the hooks of that kind, in the order in which they were added."""
        return list(self._by_kind[kind].values())

    def call(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run ``module.forward`` with the hooks around it."""
        for hook in self.of("forward_pre"):
            changed = hook(module, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        backward = _Backward(module, self.of("backward_pre"), self.of("backward"))
        if backward.wanted:
            args = seam(args, backward.on_inputs)
        out = module.forward(*args, **kwargs)
        for hook in self.of("forward"):
            changed = hook(module, args, out)
            out = out if changed is None else changed
        if not backward.wanted:
            return out
        outs = seam(out if isinstance(out, tuple) else (out,), backward.on_outputs)
        backward.inputs_have_gradients = any(_is_live(a) for a in args)
        backward.n_inputs = len(args)
        return outs if isinstance(out, tuple) else outs[0]


class _Backward:
    """One passage of backward through a module: gradients of the outputs come first, those of the inputs last."""

    def __init__(self, module: Any, pre: list[Callable[..., Any]], post: list[Callable[..., Any]]) -> None:
        self.module, self.pre, self.post = module, pre, post
        self.wanted = bool(pre or post) and mode.get().recording
        self.inputs_have_gradients = False
        self.n_inputs = 0
        self.grad_output: tuple[Any, ...] = ()

    def on_outputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.pre:
            changed = hook(self.module, grads)
            if changed is not None:
                grads = changed if isinstance(changed, tuple) else (changed,)
        self.grad_output = grads
        if not self.inputs_have_gradients:
            self.on_inputs((None,) * self.n_inputs)
        return grads

    def on_inputs(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        for hook in self.post:
            changed = hook(self.module, grads, self.grad_output)
            if changed is not None:
                grads = changed if isinstance(changed, tuple) else (changed,)
        return grads


def seam(values: tuple[Any, ...], hook: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the same values, with ``hook`` called on all their gradients at once.

    ``hook`` gets one gradient for each value, None for those that are not tensors or need none, and returns as many, where
    None stands for zero.
    """
    live = [i for i, value in enumerate(values) if _is_live(value)]
    if not live:
        return values
    shapes, dtypes = [values[i].shape for i in live], [values[i].dtype for i in live]
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + math.prod(shape))
    flat = ops.concat([values[i].reshape((-1,)) for i in live])

    def split(whole: Any) -> list[Any]:
        parts = [whole[start:end].reshape(shape) for start, end, shape in zip(ends, ends[1:], shapes, strict=False)]
        return [part if part.dtype == dtype else part.astype(dtype) for part, dtype in zip(parts, dtypes, strict=True)]

    def on_gradient(g: Tensor) -> Any:
        grads: list[Any] = [None] * len(values)
        for i, part in zip(live, split(g), strict=True):
            grads[i] = part
        changed = hook(tuple(grads))
        if len(changed) != len(values):
            raise ValueError(f"a backward hook returned {len(changed)} gradients, expected {len(values)}")
        return ops.concat([(zeros_like(grads[i]) if changed[i] is None else changed[i]).reshape((-1,)) for i in live])

    flat.register_hook(on_gradient)
    new = list(values)
    for i, part in zip(live, split(flat), strict=True):
        new[i] = part
    return tuple(new)


def _is_live(value: Any) -> bool:
    return isinstance(value, Tensor) and value.node is not None
