"""Recorder: runs a step on copies and notes every call that it makes on arrays.

What the step would change (parameters, running statistics, the state of an optimizer) is copied when it is first written,
and the copy is worked on: a recording changes nothing outside, and the program makes the step. The engine asks the recorder
at a few places, as ``mode.get().recorder``: when an op is called (`lift_all`), for a kernel (`boxed`), when an optimizer steps
(`step`), when random numbers are drawn (`random`), and when a module is called (`module`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.backends import CaptureError
from minigrad.core.device import CPU
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor, wrap
from minigrad.replay.array_calls import ArrayCalls
from minigrad.replay.optimizers import RecordedBucket, live_options
from minigrad.replay.origins import Origins, user_line
from minigrad.replay.program import INPUT, Call, Live, Ref, Storage
from minigrad.replay.traced import LiveNumber, Namespace, Traced


class Recorder(ArrayCalls):
    """Notes what one run of a step does.

    Parameters
    ----------
    is_box
        Tells whether a kernel is noted as one call; otherwise the plain formula is recorded.

    Attributes
    ----------
    calls
        What the step did, in order.
    inputs
        The places of its arguments.
    tensors
        Tensors of the user's whose arrays the step used, each with its array and node.
    """

    def __init__(self, is_box: Callable[[Any], bool] | None = None) -> None:
        super().__init__()
        self._is_box = is_box or (lambda function: True)
        self.fuses = is_box is not None  #: whether calls over the same elements become one loop, so that nobody need cut arrays into parts
        self.inputs: list[Ref] = []
        self.tensors: dict[int, tuple[Tensor, Any, Any]] = {}
        self.modules: list[Any] = []
        self.optimizers: list[Any] = []
        self.leaves: dict[int, tuple[Any, Any, Any]] = {}  #: nodes of parameters, each with its gradient before and the array of that
        self.had_gradient: set[int] = set()  #: leaves that had a gradient when the step began, as far as that is known
        self.stepped: set[int] = set()  #: of them, those whose gradient an optimizer used
        self.origins = Origins(self)
        self._buckets: dict[int, RecordedBucket] = {}
        self._draws: dict[Any, Any] = {}
        self._generators: dict[int, tuple[Any, dict[str, int], int]] = {}

    # --------------------------------------------------------------------------------------- what the engine asks

    def lift_all(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the arguments of an op with what stands for their arrays in the recording."""
        return tuple([self._lifted_argument(a) for a in args])

    def _lifted_argument(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            array = value.data
            if not isinstance(array, np.ndarray):
                return value
            if id(value) not in self.tensors:
                self._note_tensor(value)
            return wrap(self.lift(array), value.node)
        return self.lift(value)

    def _note_tensor(self, tensor: Tensor) -> None:
        self.tensors[id(tensor)] = (tensor, tensor.data, tensor.node)
        node = tensor.node
        if node is not None and node.is_leaf and id(node) not in self.leaves:
            self.leaves[id(node)] = (node, node.grad, None if node.grad is None else node.grad.data)

    def boxed(self, function: Callable[..., Any], *, writes: tuple[int, ...] = (), effect: bool = False) -> Callable[..., Any]:
        """Return a function that calls ``function`` with the real arrays and notes it as one call, without looking into it."""

        def box(*args: Any, **kwargs: Any) -> Any:
            if not effect and not self._is_box(function):
                return NotImplemented
            args = tuple([np if isinstance(a, Namespace) else self.lift(a) for a in args])
            for position in writes:
                self._about_to_write(args[position])
            with changed_mode(recorder=None):
                result = function(*self._values(args), **self._values(kwargs))
            if result is NotImplemented:
                return result
            written = [args[position].ref for position in writes]
            return self._note_fresh("box", function, args, kwargs, result, writes=written, effect=effect or bool(writes))

        return box

    def step(self, optimizer: Any, bucket: Any, group: dict[str, Any]) -> None:
        """Make the step of an optimizer, on what stands for its parameters and options."""
        self.optimizers.append(optimizer)
        self.stepped.update(id(p.node) for p in bucket.params if p.node is not None)
        with self.origins.named("update", optimizer.name):
            recorded = self._buckets.setdefault(id(bucket), RecordedBucket(self, bucket, optimizer.elementwise))
            optimizer._step_bucket(recorded, live_options(self, group))

    def random(self, generator: Any, n: int) -> Any:
        """Return random words: drawn now, and anew at each replay. A second draw of the same words gives the first."""
        state = generator.state
        known, start, expected = self._generators.get(id(generator), (generator, state, state["counter"]))
        key = (id(generator), state["seed"], state["counter"], n)
        if key in self._draws:  # a checkpoint computes a second time
            with changed_mode(recorder=None):
                generator.bits(n, CPU)
            return self._draws[key]
        if state["counter"] != expected or state["seed"] != start["seed"]:
            raise self.refusal("the state of a generator of random numbers was set within the step")
        self._draws[key] = draw = self.boxed(generator.bits, effect=True)(n, CPU)
        self._generators[id(generator)] = (known, start, generator.state["counter"])
        return draw

    def module(self, module: Any, args: Any, kwargs: Any) -> Any:
        """Call a module: the outermost one is watched for changes, and names what is within."""
        if self.origins.outermost():
            self.modules.append(module)
            self.origins.name_parts(module)
        with self.origins.within(module):
            return module.forward(*args, **kwargs) if module._hooks is None else module._hooks.call(module, args, kwargs)

    # ------------------------------------------------------------------------------------------ beginning and ending

    def input(self, array: Any) -> Any:
        """Return what stands for an argument of the step."""
        array = np.asarray(array)
        copy = np.array(array, order="C")
        ref = Ref(Storage(INPUT, copy.nbytes), 0, copy.shape, copy.strides, copy.dtype)
        self.inputs.append(ref)
        return Traced(self, copy, ref)

    def live(self, read: Callable[[], Any]) -> Any:
        """Return what stands for a number that ``read()`` gives anew in each step."""
        return self.host(read)

    def after(self, action: Callable[..., Any], *args: Any) -> None:
        """Do something on the host at each replay, at this place."""
        self.calls.append(Call("host", action, args, effect=True, origin=self.origins.now()))

    def finish(self) -> None:
        """Take back what the recording did to Python's objects."""
        for generator, start, _ in self._generators.values():
            generator.state = start
        for leaf, before, array in self.leaves.values():
            leaf.grad = before
            if before is not None:
                before.data = array
        self.done = True

    def names(self) -> dict[Any, str]:
        """Names of places outside of the step, and of its arguments."""
        found: dict[Any, str] = {}
        for tensor, array, _ in self.tensors.values():
            name = self.origins.names.get(id(tensor))
            if name is not None:
                found[self.lift(array).ref] = name
        for bucket in self._buckets.values():
            found.setdefault(bucket.values.ref, "parameters")
            for name, array in bucket.arrays.items():
                found.setdefault(array.ref.storage, name)
            found.setdefault(bucket.values.ref.storage, "parameters")
        for k, ref in enumerate(self.inputs):
            found[ref.storage] = f"x{k}"
        return found

    def name_of(self, storage: Storage) -> str:
        """Name of a piece of memory outside of the step, for errors."""
        names = [name for place, name in self.names().items() if place is storage or getattr(place, "storage", None) is storage]
        return names[0] if names else f"an array of {storage.array.dtype}{list(storage.array.shape)}"

    def refusal(self, what: str) -> CaptureError:
        """Return the error that says what cannot be recorded, where, and what to do."""
        if self.done:
            return CaptureError("an array of a captured step is used after the step: return what is wanted later, rather than keep it")
        where = user_line()
        return CaptureError(
            f"the step cannot be captured: {what}{f' ({where})' if where else ''}. A captured step must not look at values (item, float, "
            "bool, print, a boolean mask); return what is to be looked at, or make steps without capture"
        )

    # ----------------------------------------------------------------------------------------------------- numbers

    def host(self, function: Callable[..., Any], *args: Any) -> LiveNumber:
        """Compute with Python's numbers now and at each replay."""
        number = LiveNumber(self, function(*[a.value if isinstance(a, Live) else a for a in args]))
        self.calls.append(Call("host", function, args, outs=[number], origin=self.origins.now()))
        return number

    def guard(self, number: LiveNumber) -> Any:
        """Note that the program holds only while a number is true, or false, as it is now."""
        self.calls.append(Call("guard", bool, (number, bool(number.value)), effect=True, origin=self.origins.now()))
        return number.value
