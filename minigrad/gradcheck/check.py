"""`gradcheck`: is the gradient that backward gives the derivative of what forward computes?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from minigrad.backends import is_array
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.checks.all import check_problem, nudged
from minigrad.gradcheck.checks.derivative import Settings
from minigrad.gradcheck.foreign import library_of, translate
from minigrad.gradcheck.numerics.arguments import BadUse, check_arguments
from minigrad.gradcheck.numerics.frozen import Frozen, is_module
from minigrad.gradcheck.numerics.problem import Problem
from minigrad.gradcheck.numerics.row import FAIL
from minigrad.gradcheck.result import Result

#: arguments of torch.autograd.gradcheck -> what there is in their place
ELSEWHERE = {
    "eps": ": it chooses steps by itself, and estimates the error of each derivative",
    "atol": ": what is allowed is rtol or ten times the estimated error, whichever is larger",
    "nondet_tol": ": a function that gives two results for one input fails",
    "raise_exception": ": it returns a result; to raise, call gradcheck(...).assert_ok()",
    "fast_mode": ": directions=1 checks along one random direction of each input",
    "check_undefined_grad": ": cotangents that are missing are always tried",
    "check_grad_dtypes": ": the dtype of a gradient is always that of its input",
    "check_batched_grad": ", as there is no vmap over backward passes",
    "check_forward_ad": ", as there is no forward mode; jvp is made of two backward passes",
}
NUDGES = 5  #: how often a point at a kink is moved, with kinks="nudge"


def gradcheck(
    f: Callable[..., Any],
    inputs: Any = (),
    *,
    vjp: Callable[..., Any] | None = None,
    order: int = 1,
    method: str = "auto",
    wrt: Sequence[int] | None = None,
    directions: int | None = None,
    kinks: str = "between",
    rtol: float = 1e-8,
    upcast: bool = False,
    float32: bool = False,
    name: str | None = None,
    seed: int = 0,
    **elsewhere: Any,
) -> Result:
    """Check the gradients of ``f``: what backward gives against numerical derivatives, and the rules backward must keep.

    For random cotangents v of both signs, the gradient of <v, f(x)> is compared element by element with a numerical
    derivative that estimates its own error. The verdict is *pass* if they differ by no more than
    max(rtol, 10 x the estimated error) relative to the largest element, *fail* if by more, and *cannot tell* if the
    estimate is so large that agreement would prove nothing.

    Parameters
    ----------
    f
        Takes Tensors and returns one, or a tuple, list or dict of them; or an op; or an `minigrad.nn.Module`, whose parameters
        are then checked too, in float64, and whose parameters, buffers, gradients and random state are as before after it.
        Code of others is checked as it stands: a function of PyTorch's tensors or JAX's arrays (give such as inputs), a
        ``torch.nn.Module``, a ``torch.autograd.Function``, a JAX custom_vjp.
    inputs
        The arguments: float64 arrays or Tensors; integers, None and the like are passed on.
    vjp
        The gradient of an ``f`` that takes and returns arrays, written by hand: ``vjp(g, *inputs)`` for the cotangent g of the
        output (a tuple of cotangents where ``f`` returns several arrays) returns the gradient, or one for each array.
    order
        Up to which derivative: 2 checks the gradient as a function of the inputs and of the cotangents as well.
    method
        "differences", "complex" (step), or "auto": the complex step where it proves itself against differences.
    wrt
        Positions of the inputs to check; by default every floating-point one.
    directions
        Check along this many random directions of each input; by default along every element of inputs of up to
        2000 elements and along 8 directions of larger ones. A check along elements that takes longer than 5 seconds says on
        standard error how far it is.
    kinks
        Where the slopes from left and right differ: "between" asks that the gradient lies between them, "nudge" moves the
        inputs a little (five times at most), "fail" fails.
    rtol
        Relative difference allowed.
    upcast
        Convert float32 inputs to float64 for the check, rather than refuse them.
    float32
        Also compare the gradients in float32 with those in float64, by units in the last place.
    name
        What the report calls ``f``.
    seed
        Of the random cotangents and directions.

    Returns
    -------
    Result
        ``result.ok``, ``result.rows``; print it to read it. A failure is not raised: ``result.assert_ok()`` does that.

    Raises
    ------
    BadUse
        If the inputs cannot be checked: integers, float32, overlapping memory, infinities; or a second order is asked of a ``vjp``.
    TypeError
        For arguments that it does not take; those of PyTorch's gradcheck are explained.
    """
    for argument in elsewhere:
        raise TypeError(f"gradcheck takes no {argument!r}{ELSEWHERE.get(argument, '')}")
    if not callable(f):
        raise BadUse(f"gradcheck takes a function, and its inputs as a list, gradcheck(f, [x]); a {type(f).__name__} is no function")
    if vjp is not None and order > 1:
        raise BadUse("a vjp on arrays has no derivative of its own: for order=2 declare an op, @mg.op, with the same formula")
    if order < 1 or method not in ("auto", "differences", "complex") or kinks not in ("between", "nudge", "fail"):
        raise BadUse(f"gradcheck: order={order!r}, method={method!r} or kinks={kinks!r} is not one of those it knows; see its docstring")
    started = time.perf_counter()
    with changed_mode(recording=True), np.errstate(all="ignore"):
        given = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
        library = library_of(f, given, vjp)
        problem, notes, frozen = make_problem(f, given, wrt, upcast, vjp, library)
        try:
            settings = Settings(method, directions, rtol)
            rng = np.random.default_rng(seed)
            rows, warnings = check_problem(problem, rng, order, settings, float32)
            for _ in range(NUDGES if kinks == "nudge" else 0):
                if not any(row.kinks or row.jumps for row in rows):
                    break
                problem = nudged(problem, rng)
                notes.append("the inputs were moved by up to 0.1 % away from a kink")
                rows, warnings = check_problem(problem, rng, order, settings, float32)
        finally:
            if frozen is not None:
                frozen.restore()
    if kinks == "fail":
        for row in rows:
            row.verdict = FAIL if row.kinks or row.jumps else row.verdict
    title = name or getattr(f, "__name__", None) or type(f).__name__
    notes = list(dict.fromkeys(notes + warnings))
    return Result(title, rows, notes, seed, time.perf_counter() - started, problem, f, vjp, library or "")


def make_problem(
    f: Callable[..., Any],
    given: list[Any],
    wrt: Sequence[int] | None,
    upcast: bool,
    vjp: Callable[..., Any] | None = None,
    library: str | None = None,
) -> tuple[Problem, list[str], Frozen | None]:
    """Return what is to be checked, what must be said about it, and the frozen state of a module."""
    names = input_names(f, len(given))
    if library is not None:
        if vjp is not None and names == default_names(len(given)):
            names = input_names(vjp, len(given) + 1)[1:]  # behind the cotangent
        f, given, more = translate(library, f, given, vjp)
        names += more
    args = [a.data if isinstance(a, Tensor) else np.asarray(a) if isinstance(a, np.generic) else a for a in given]
    floats = [i for i, a in enumerate(args) if is_array(a) and a.dtype.kind == "f"]
    for i in wrt if wrt is not None else ():
        if not -len(args) <= i < len(args):
            raise BadUse(f"wrt names input {i}, and there are {len(args)}")
    positions = floats if wrt is None else [i % len(args) for i in wrt]
    notes = []
    if upcast:
        for i in positions:
            if is_array(args[i]) and args[i].dtype.kind == "f" and args[i].dtype != np.float64:
                notes.append(f"{names[i]} was converted from {args[i].dtype} to float64")
                args[i] = args[i].astype(np.float64)
    if is_module(f):
        if positions or wrt is not None:
            check_arguments(args, positions, names)
        frozen = Frozen(f)
        notes += frozen.notes
        return frozen.problem(args, positions, names), notes, frozen
    check_arguments(args, positions, names)
    return Problem(f, args, positions, names), notes, None


def input_names(f: Any, n: int) -> list[str]:
    """Return what the function calls its inputs, or their numbers."""
    if isinstance(f, partial) and not f.args:
        return input_names(f.func, n)
    applied = getattr(f, "__self__", f)  # SomeFunction.apply, of PyTorch: its forward takes a context before its inputs
    forward = getattr(applied, "forward", None)
    if forward is not None and isinstance(applied, type):
        return input_names(forward, n + 1)[1:]
    f = getattr(f, "__wrapped__", f)
    inputs, variadic = getattr(f, "inputs", None), getattr(f, "variadic", False)
    if isinstance(inputs, tuple) and not variadic and len(inputs) >= n:
        return list(inputs[:n])
    code = getattr(f, "__code__", None)
    if code is not None and code.co_argcount >= n:
        return list(code.co_varnames[:n])
    return default_names(n)


def default_names(n: int) -> list[str]:
    """Return what inputs are called whose function does not name them."""
    return [f"input {i}" for i in range(n)]
