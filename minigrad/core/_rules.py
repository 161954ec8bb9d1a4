"""What can be wrong with an op that somebody declares, and what they are told.  (Not needed to understand minigrad.)"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.backends import is_array
from minigrad.core._signature import Parameter

if TYPE_CHECKING:
    from minigrad.core.op import Op


def check_names(op: Op, parameters: list[Parameter]) -> None:
    """Refuse a function that does not take the array module first, and an input whose name means something else in a formula."""
    if not parameters or parameters[0].name != "xp":
        raise TypeError(f"the first parameter of op {op.forward.__name__} must be xp, the array module")
    for name in {"g", *(f"g_{output}" for output in op.outputs)} & set(op.inputs):
        raise TypeError(f"an input of op {op.name} is called {name}, which in a formula is the cotangent: give it another name")


def check_inputs(op: Op, what: str, names: Iterable[str]) -> None:
    """Refuse to declare something for an input that the op does not have."""
    for name in names:
        if name not in op.inputs:
            raise TypeError(f"{op.name}.{what} for {name!r}; the inputs are {', '.join(op.inputs)}")


def check_formula(op: Op, inputs: tuple[str, ...]) -> None:
    """Refuse a formula for an input that there is not, or that has one: both would run, and their gradients be added."""
    check_inputs(op, "vjp declares a formula", inputs)
    for name in {name for formula in op.formulas for name in formula.inputs} & set(inputs):
        raise TypeError(f"{op.name} has a formula for {name!r} already: to change it, declare the op again")


def check_kernel(op: Op, inputs: tuple[str, ...]) -> None:
    """Refuse a kernel for inputs that no formula is for."""
    if inputs and not any(formula.inputs == inputs for formula in op.formulas):
        raise TypeError(f"{op.name}.kernel: there is no formula for exactly ({', '.join(inputs)})")


def check_wanted(op: Op, mask: tuple[bool, ...]) -> None:
    """Refuse an input that needs a gradient and has neither a formula nor a reason why it has none."""
    declared = {name for formula in op.formulas for name in formula.inputs} | set(op.reasons)
    for i, wanted in enumerate(mask):
        name = op.inputs[0 if op.variadic else i]
        if wanted and name not in declared:
            raise TypeError(
                f"{op.name} has no formula for its input {name!r}, which needs a gradient: declare it with "
                f"{op.name}.vjp({name}=formula), or say with {op.name}.nondiff({name}='why') that there is none"
            )


def check_output(op: Op, out: Any) -> None:
    """Refuse what a forward function returned if it is not one array for each output."""
    outs = out if isinstance(out, tuple) else (out,)
    if len(outs) == len(op.outputs) and all(is_array(o) or isinstance(o, (int, float, complex, np.ndarray)) for o in outs):
        return
    one = "an array; an op with several outputs names them: @op(outputs=...)"
    expected = one if len(op.outputs) == 1 else f"a tuple of {len(op.outputs)} arrays ({', '.join(op.outputs)})"
    kinds = ", ".join("None" if o is None else f"a {type(o).__name__}" for o in outs)
    raise TypeError(f"{op.name} returned {f'a tuple of {len(out)}: {kinds}' if isinstance(out, tuple) else kinds}; expected {expected}")
