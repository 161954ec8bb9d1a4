"""Op: a function of arrays with a formula for the derivative with respect to each input.  (Read after tensor.py.)

An op is declared by writing the function, and its formulas beside it::

    @op
    def exp(xp, x):
        return xp.exp(x)

    exp.vjp(x=lambda g, y: g * y)

``xp`` is NumPy or CuPy, whichever the arrays belong to. Positional arguments are *inputs* (arrays), keyword-only ones
are *parameters*. A formula is given what it names, and nothing else:

=================  ==================================================================================================
``g``              the cotangent of the output (of the first one, where there are several)
``g_NAME``         the cotangent of the output called NAME; it may be None if the formula gives it the default None,
                   otherwise it is zero where nothing depends on that output
``x``              the input of that name
``x_shape``        the shape of that input, without keeping the array
``y``              the output of that name (``y`` unless the op names its outputs)
``*, axis``        a parameter, by keyword
=================  ==================================================================================================

What a formula names is what the graph saves, for each input, and only if that input needs a gradient. The formula must
use only what arrays and Tensors share (operators, ``.sum``, ``.reshape``, ``.shape``, ..., and ops): run on arrays it is
the gradient, run on Tensors it is recorded and can be differentiated again. There is no other place where a formula
could keep a value, so no second derivative can be wrong because something was smuggled past the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Generic, overload

import numpy as np

from minigrad.backends import KINDS, XP, Array, Namespace, kind_of, namespace
from minigrad.core._dtypes import result_of, settled
from minigrad.core._fast_calls import specialise
from minigrad.core._messages import add_note, check_one_device, op_in_words, shape_of
from minigrad.core._rules import check_formula, check_inputs, check_kernel, check_names, check_output
from minigrad.core._signature import REQUIRED, DeclaredSignature, F, P, R, in_words, parameters_of
from minigrad.core.formula import Formula, Plan
from minigrad.core.graph import Node, Output, next_sequence
from minigrad.core.mode import mode
from minigrad.core.tensor import Tensor, wrap

OPS: dict[str, Op] = {}  #: every op that was declared, by name (those outside minigrad by module.name)


class Op(Generic[P, R]):
    """A differentiable function. Made by the decorator `op`."""

    __signature__ = DeclaredSignature()

    def __init__(self, forward: Callable[..., Any], *, outputs: Sequence[str] = ("y",), broadcasts: bool = False) -> None:
        parameters = parameters_of(forward)
        self.forward, self.outputs, self.broadcasts = forward, tuple(outputs), broadcasts
        self.name = self.__name__ = forward.__name__.strip("_")
        self.__doc__, self.__module__ = forward.__doc__, forward.__module__
        self.inputs = tuple(p.name for p in parameters[1:] if p.kind != "keyword")
        self.variadic = any(p.kind == "variadic" for p in parameters)
        self.optional_inputs = {p.name: p.default for p in parameters[1:] if p.kind == "positional" and p.default is not REQUIRED}
        self.params = {p.name: p.default for p in parameters if p.kind == "keyword"}
        self.formulas: list[Formula] = []
        self.reasons: dict[str, str] = {}  #: input -> why it has no gradient, or a zero one
        self.zeros: set[str] = set()  #: inputs whose gradient is zero wherever it exists
        self.plans: dict[Any, Plan] = {}
        self.kernels: dict[tuple[str, tuple[str, ...]], Callable[..., Any]] = {}  #: (kind of device, inputs) -> function
        check_names(self, parameters)

    # -------------------------------------------------------------------------------------------------- declaring

    def vjp(self, *inputs: str, **formulas: Callable[..., Any]) -> Callable[[F], F]:
        """Declare formulas: ``op.vjp(x=formula, ...)``, or ``@op.vjp("x", "w")`` for one that returns several gradients."""
        for name, formula in formulas.items():
            self._add((name,), formula)

        def decorate(formula: F) -> F:
            self._add(inputs, formula)
            return formula

        return decorate

    def nondiff(self, **reasons: str) -> None:
        """Declare that inputs have no derivative, and why: ``take.nondiff(indices="positions are integers")``."""
        check_inputs(self, "nondiff gives a reason", reasons)
        self.reasons.update(reasons)

    def zero(self, **reasons: str) -> None:
        """Declare that the derivative is zero wherever it exists, and why: ``floor.zero(x="piecewise constant")``."""
        for name, reason in reasons.items():
            self._add((name,), _zeros_like)
            self.reasons[name] = reason
            self.zeros.add(name)

    def kernel(self, *inputs: str, device: str = "cpu") -> Callable[[F], F]:
        """Declare a faster form for one kind of device: of the function, or of the formula for ``inputs``.

        It has the signature of what it stands for and must agree with it; it may return NotImplemented for arguments
        that it does not handle, and the plain form runs. Only arrays reach a kernel, never Tensors.
        """
        check_kernel(self, inputs)

        def decorate(function: F) -> F:
            self.kernels[device, inputs] = function
            self.plans.clear()
            return function

        return decorate

    def _add(self, inputs: tuple[str, ...], formula: Callable[..., Any]) -> None:
        check_formula(self, inputs)
        self.formulas.append(Formula(self, inputs, formula))
        self.plans.clear()

    # -------------------------------------------------------------------------------------------------- calling

    @overload
    def __call__(self, *args: P.args, **params: P.kwargs) -> R: ...
    @overload
    def __call__(self, x: Array, /, *inputs_and_parameters: Any) -> R: ...
    def __call__(self, *args: Any, **params: Any) -> Any:
        """Apply the op: to Tensors, giving Tensors and recording a node; to plain arrays, giving plain arrays.

        This is what a call means. The commonest calls take a shorter path with the same result (_fast_calls.py); within
        ``with mg.plain():`` each one runs the lines below, so that a debugger can step through them.
        """
        if len(args) != len(self.inputs) and not self.variadic:
            args = self._sorted_arguments(args, params)
        now = mode.get()
        args = args if now.recorder is None else now.recorder.lift_all(args)
        args = args if now.autocast is None else now.autocast.cast(self, args)
        arrays, nodes, boxed = [], [], False
        for a in args:
            if isinstance(a, Tensor):
                boxed = True
                arrays.append(a.data)
                nodes.append(a.node)
            else:
                arrays.append(a)
                nodes.append(None)
        if boxed:  # beside a Tensor NumPy's scalars are taken like Python's: x / np.sqrt(3) has the dtype of x
            arrays = settled(self, [a.item() if isinstance(a, np.generic) else array for a, array in zip(args, arrays, strict=True)])
        xp = namespace(*arrays)
        try:
            if len(KINDS) > 1 and len(arrays) > 1:  # there are arrays of CuPy beside NumPy's
                check_one_device(self, arrays)
            kernel = self.kernels.get((kind_of(*arrays), ())) if self.kernels and not now.plain else None
            kernel = kernel if kernel is None or now.recorder is None else now.recorder.boxed(kernel)
            out: Any = NotImplemented if kernel is None else kernel(xp, *arrays, **params)
            if out is NotImplemented:
                out = self.forward(xp, *arrays, **params)
            if out.__class__ not in XP or len(self.outputs) > 1:
                check_output(self, out)
        except Exception as error:
            add_note(error, self, arrays, params, args)
            raise
        out = tuple([_as_array(o, xp) for o in out]) if out.__class__ is tuple else _as_array(out, xp)
        if not boxed:  # the caller works with arrays, as the forward function or a formula of another op does
            return out
        out = result_of(self, arrays, out, params)
        node = self._record(nodes, arrays, params, out) if now.recording else None
        for observer in now.observers:
            observer.on_forward(self, tuple(arrays), params, out, node)
        if out.__class__ is tuple:
            return tuple([wrap(o, node and _output(node, i)) for i, o in enumerate(out)])
        return wrap(out, node)

    def _sorted_arguments(self, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, ...]:
        """Return just the inputs. Parameters given by position go to ``params``; inputs given by keyword come out of it."""
        n, missing = len(self.inputs), object()
        if len(args) > n + len(self.params):
            raise TypeError(f"{self.name} takes at most {n + len(self.params)} arguments, and {len(args)} were given")
        for name, value in zip(self.params, args[n:], strict=False):
            if name in params:
                raise TypeError(f"{self.name} was given {name!r} twice")
            params[name] = value
        inputs = [*args[:n], *[params.pop(name, self.optional_inputs.get(name, missing)) for name in self.inputs[len(args) :]]]
        for name, value in zip(self.inputs, inputs, strict=True):
            if value is missing:
                raise TypeError(f"{self.name} needs its input {name!r}: {self.signature()}")
        return tuple(inputs)

    def _record(self, nodes: list[Node | None], arrays: list[Any], params: dict[str, Any], out: Any) -> Node | None:
        """Make the node of this application, or None where no gradient can flow: the one place that makes op nodes (_fast_calls.py does
        the same, for one arity)."""
        mask = tuple([node is not None for node in nodes])
        plan = self.plans.get(mask) or self.plan(mask)
        several = out.__class__ is tuple
        if not plan.formulas or not (several or out.dtype.kind in "fc"):  # astype(int) cuts the graph
            return None
        node = Node()
        node.plan, node.hooks, node.seq = plan, None, next_sequence()
        node.parents = tuple(nodes) if plan.live == mask else tuple([n if live else None for n, live in zip(nodes, plan.live, strict=True)])
        node.params = {**self.params, **params} if plan.takes_params else params
        values = [tuple(arrays)] if self.variadic else arrays
        values = [*values, *(out if several else (out,))]
        if plan.keeps_shapes:
            values += [tuple(map(shape_of, arrays))] if self.variadic else [shape_of(a) for a in arrays]
        node.saved = plan.pick(values)
        if several:
            node.shape, node.dtype, node.hooks_of_outputs = tuple([o.shape for o in out]), tuple([o.dtype for o in out]), {}
        else:
            node.shape, node.dtype = out.shape, out.dtype
        return node

    def plan(self, mask: tuple[bool, ...]) -> Plan:
        """Work out what to save and which formulas to run when ``mask`` says which inputs need gradients."""
        plan = self.plans[mask] = Plan(self, mask)
        return plan

    # -------------------------------------------------------------------------------------------------- explaining

    def input_name(self, position: int) -> str:
        """Name of the input at ``position``."""
        return f"{self.inputs[0]}[{position}]" if self.variadic else self.inputs[position]

    def signature(self) -> str:
        """How the op is called, as text."""
        return self.name + in_words(self.__signature__)

    def __repr__(self) -> str:
        return f"<op {self.signature()}>"

    explain = op_in_words


@overload
def op(forward: Callable[Concatenate[Namespace, P], Array], /) -> Op[P, Tensor]: ...
@overload
def op(*, broadcasts: bool = ...) -> Callable[[Callable[Concatenate[Namespace, P], Array]], Op[P, Tensor]]: ...
@overload
def op(*, outputs: Sequence[str], broadcasts: bool = ...) -> Callable[[Callable[Concatenate[Namespace, P], R]], Op[P, R]]: ...
def op(forward: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare an op: a decorator, with or without options.

    Parameters
    ----------
    outputs
        Names of the outputs, where there are several: the function returns a tuple, and formulas may name them.
    broadcasts
        Whether the inputs broadcast against one another. The gradients are then summed to the shapes of the inputs by
        the engine; for other ops a gradient of the wrong shape is an error.
    """
    if forward is None:
        return lambda f: op(f, **options)
    new = specialise(Op(forward, **options))
    OPS[new.name if new.__module__.startswith("minigrad.") else f"{new.__module__}.{new.name}"] = new
    return new


def _output(node: Node, index: int) -> Output | None:
    """Return the node of one of several outputs, None if that output is not of floating point."""
    return Output(node, index) if node.dtype[index].kind in "fc" else None


def _as_array(value: Any, xp: Any) -> Array:
    """Return what a forward function returned as an array: reductions give NumPy scalars."""
    return value if value.__class__ in XP and not isinstance(value, np.generic) else xp.asarray(value)


def _zeros_like(g: Any) -> Any:
    """Zeros: the formula of a piecewise constant function."""
    return wrap(_zeros_like(g.data), None) if isinstance(g, Tensor) else namespace(g).zeros_like(g)
