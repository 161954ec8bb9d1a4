"""Bad inputs: every op must refuse them, with an error that names the op and says what came, and change nothing.

The calls stand in `minigrad.gradcheck.samples.bad`. Each is made on arrays, on Tensors that need gradients, and, where the op has
kernels, without them: a kernel may not let through what its formula refuses.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from minigrad.core.mode import changed_mode, mode
from minigrad.core.op import Op
from minigrad.core.tensor import Tensor
from minigrad.gradcheck.numerics.row import FAIL, PASS, Row
from minigrad.gradcheck.samples.bad import ALIKE, ARRAYS, Bad
from minigrad.gradcheck.samples.bad_distributed import DISTRIBUTED
from minigrad.gradcheck.samples.bad_layers import TABLES

BAD: dict[str, list[Bad]] = {}  #: by name of the op
for _table in (ALIKE, ARRAYS, DISTRIBUTED, *TABLES):
    for _name, _calls in _table.items():
        BAD.setdefault(_name, []).extend(_calls)


def refusal_rows(name: str, op: Op) -> list[Row]:
    """Make every bad call of an op, and say of each whether it was refused as it must be."""
    rows = []
    for bad in BAD.get(name, []):
        complaints = {"arrays": complaint(op, bad, bad.args), "tensors": complaint(op, bad, tuple(map(_tensor, bad.args)))}
        if op.kernels:
            with changed_mode(plain=True):
                complaints["arrays without kernels"] = complaint(op, bad, bad.args)
        wrong = [f"on {form}: {text}" for form, text in complaints.items() if text]
        message = f"{bad}: " + ("; ".join(wrong) or f"{bad.error.__name__} naming {', '.join(bad.words)}")
        rows.append(Row("bad input", 0, "", (), FAIL if wrong else PASS, message=message))
    return rows


def complaint(op: Op, bad: Bad, args: tuple[Any, ...]) -> str:
    """Return what is wrong with how ``op`` takes a bad call; nothing if it refuses it as it must."""
    before, now = [_bytes(a) for a in args], mode.get()
    try:
        with np.errstate(all="ignore"):
            op(*args, **bad.params)
    except Exception as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
        if not isinstance(error, bad.error):
            return f"expected {bad.error.__name__}, got {type(error).__name__}: {text}"
    else:
        return "no error"
    missing = [word for word in bad.words if word not in text]
    if not re.search(rf"\b{re.escape(op.name)}\b", text):
        missing = [f"the op, {op.name}", *missing]
    if missing:
        return f"the error does not name {', '.join(missing)}: {text}"
    if before != [_bytes(a) for a in args] or any(isinstance(a, Tensor) and a.grad is not None for a in args):
        return "an argument was changed"
    return "" if mode.get() is now else "the recording mode was changed"


def _tensor(value: Any) -> Any:
    """Return an array as a Tensor, which needs a gradient if it can have one."""
    return Tensor(value, requires_grad=value.dtype.kind == "f") if isinstance(value, np.ndarray) else value


def _bytes(value: Any) -> Any:
    array = value.data if isinstance(value, Tensor) else value
    return (array.shape, array.tobytes()) if isinstance(array, np.ndarray) else None
