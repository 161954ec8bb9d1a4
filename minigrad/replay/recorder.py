"""Recorder: runs a step on copies and notes every call that it makes on arrays.

What the step would change (parameters, running statistics, the state of an optimizer) is copied when it is first written,
and the copy is worked on: a recording changes nothing outside, and the program makes the step. The engine asks the recorder
at a few places, as ``mode.get().recorder``: when an op is called (`lift_all`), for a kernel (`boxed`), when an optimizer steps
(`step`), when random numbers are drawn (`random`), and when a module is called (`module`).
"""

from __future__ import annotations

import operator
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from minigrad.backends import CaptureError, owner
from minigrad.core.device import CPU
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor, wrap
from minigrad.replay.optimizers import RecordedBucket, live_options
from minigrad.replay.origins import Origins, user_line
from minigrad.replay.program import CONSTANT, FRESH, INPUT, STATE, VALUE, Call, Live, Ref, Storage, array_at, changed, leaves
from minigrad.replay.traced import LiveNumber, Namespace, Traced

#: functions that take ``out`` and then give the same bits: their results need no memory of their own
WITH_OUT = {np.concatenate, np.stack, np.cumsum, np.cumprod, np.clip, np.ndarray.cumsum, np.ndarray.cumprod, np.ndarray.clip}
IN_PLACE = {np.put_along_axis, np.place, np.put, np.putmask, np.fill_diagonal}  #: they overwrite their first argument
LIKE = {np.zeros_like, np.ones_like, np.full_like}
SHAPED_BY_VALUES = {np.nonzero, np.argwhere, np.flatnonzero, np.unique, np.extract, np.compress, np.ndarray.nonzero, np.trim_zeros}
PLAIN = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj}  #: they look at no values
REDUCTIONS: dict[Any, str] = {getattr(np, name): name for name in ("sum", "prod", "max", "min", "any", "all", "mean")}


class Recorder:
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

    def __init__(self, is_box: Callable[[Any], bool] = lambda function: True) -> None:
        self._is_box = is_box
        self.calls: list[Call] = []
        self.inputs: list[Ref] = []
        self.tensors: dict[int, tuple[Tensor, Any, Any]] = {}
        self.modules: list[Any] = []
        self.optimizers: list[Any] = []
        self.leaves: dict[int, tuple[Any, Any, Any]] = {}  #: nodes of parameters, each with its gradient before and the array of that
        self.had_gradient: set[int] = set()  #: leaves that had a gradient when the step began, as far as that is known
        self.stepped: set[int] = set()  #: of them, those whose gradient an optimizer used
        self.origins = Origins(self)
        self.done = False
        self._state: dict[int, tuple[Storage, list[weakref.ref[Traced]]]] = {}
        self._lifted: dict[int, tuple[Any, Traced]] = {}
        self._copies: dict[Storage, Any] = {}
        self._born: dict[Storage, int] = {}
        self._buckets: dict[int, RecordedBucket] = {}
        self._draws: dict[Any, Any] = {}
        self._generators: dict[int, tuple[Any, dict[str, int], int]] = {}
        self._undo: list[Callable[[], None]] = []

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

    def lift(self, array: Any) -> Any:
        """Return what stands for an array from outside of the step; anything else as it is."""
        if array.__class__ is not np.ndarray and not isinstance(array, np.ndarray):
            return array
        known = self._lifted.get(id(array))
        if known is not None:
            return known[1]
        memory = owner(array)
        entry = self._state.get(id(memory))
        if entry is None:
            entry = self._state[id(memory)] = (Storage(STATE, memory.nbytes, memory), [])
        storage, traced = entry
        offset = _address(array) - _address(memory)
        ref = Ref(storage, offset, array.shape, array.strides, array.dtype)
        copy = self._copies.get(storage)
        base = None if array is memory else self.lift(memory)
        new = Traced(self, array if copy is None else array_at(copy, ref), ref, base)
        traced.append(weakref.ref(new))
        self._lifted[id(array)] = (array, new)
        return new

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
            return CaptureError("an array of a recorded step is used after the step: return what is wanted later, rather than keep it")
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

    # ------------------------------------------------------------------------------------------------- memory

    def constant(self, array: Any) -> Traced:
        """Return what stands for an array that is the same in every step."""
        array = np.asarray(array)
        storage = Storage(CONSTANT, array.nbytes, array)
        self._born[storage] = len(self.calls)
        return Traced(self, array, Ref(storage, 0, array.shape, array.strides, array.dtype))

    def memory(self, array: Any) -> Traced:
        """Return what stands for an array that the step fills."""
        return Traced(self, array, Ref(Storage(VALUE, array.nbytes), 0, array.shape, array.strides, array.dtype))

    def taken(self, name: str, x: Traced, dtype: Any = None, copy: Any = None, order: str = "K", **kwargs: Any) -> Traced:
        """``xp.asarray`` and its like, of an array of the step."""
        wanted = np.dtype(dtype) if dtype is not None else x.dtype
        if name == "array" and copy is None:
            copy = True
        contiguous = name == "ascontiguousarray" or order == "C"
        if wanted != x.dtype or copy or (contiguous and not x.ref.is_contiguous):
            return self.copied(x, wanted, "C" if contiguous else order)
        return x

    def copied(self, x: Traced, dtype: Any, order: str) -> Traced:
        """Return a copy of another dtype or order of elements."""
        y = self.memory(x.value.astype(dtype, order=order))
        self._note("copy", np.copyto, (x,), outs=[y.ref])
        return y

    def _about_to_write(self, x: Any) -> None:
        """Make the memory of ``x`` the recording's own, if it is not."""
        storage = x.ref.storage
        if storage.kind == STATE and storage not in self._copies:
            copy = self._copies[storage] = storage.array.copy(order="K")
            for reference in self._state[id(storage.array)][1]:
                traced = reference()
                if traced is not None:
                    traced.value = array_at(copy, traced.ref)
        elif storage.kind == CONSTANT:  # it was the initial value of something else
            root = x if x.base is None else x.base
            initial = self.constant(storage.array.copy())
            storage.kind, storage.array = VALUE, None
            call = Call("copy", np.copyto, (initial.ref,), outs=[root.ref._replace(offset=0)], origin=self.origins.now())
            self.calls.insert(self._born[storage], call)

    # ------------------------------------------------------------------------------------------------ calls on arrays

    def ufunc(self, ufunc: Any, method: str, inputs: Any, kwargs: dict[str, Any]) -> Any:
        """``ufunc(*inputs)``, or a method of it."""
        inputs = tuple([self.lift(i) for i in inputs])
        if method == "reduce":
            return self.reduce(ufunc, inputs[0], *inputs[1:], **kwargs)
        if method == "at":
            self._about_to_write(inputs[0])
            ufunc.at(*self._values(inputs))
            self._note("box", ufunc.at, inputs, writes=[inputs[0].ref], effect=True)
            return None
        out = kwargs.pop("out", None)
        if method != "__call__" or ufunc.nout > 1 or kwargs.keys() - {"casting", "dtype"}:
            if out is not None:
                kwargs["out"] = out if len(out) > 1 else out[0]
            return self.call(getattr(ufunc, method) if method != "__call__" else ufunc, inputs, kwargs)
        if out is not None:
            target = self.lift(out[0])
            self._about_to_write(target)
            ufunc(*self._values(inputs), out=target.value, **kwargs)
            self._note("ufunc", ufunc, inputs, kwargs, outs=[target.ref])
            return target
        y = self.memory(np.asarray(ufunc(*self._values(inputs), **kwargs)))
        self._note("ufunc", ufunc, inputs, kwargs, outs=[y.ref])
        return y

    def reduce(self, ufunc: Any, x: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False, **rest: Any) -> Any:
        """``ufunc.reduce(x, ...)``."""
        if isinstance(out, tuple):
            (out,) = out
        if out is not None or rest:
            return self.call(ufunc.reduce, (x, axis, dtype, out, keepdims), rest)
        y = self.memory(np.asarray(ufunc.reduce(x.value, axis=axis, dtype=dtype, keepdims=keepdims)))
        self._note("reduce", ufunc, (x, axis, None if dtype is None else np.dtype(dtype), keepdims), outs=[y.ref])
        return y

    def function(self, function: Any, args: Any, kwargs: Any) -> Any:
        """A function of NumPy's other than a ufunc."""
        if function in LIKE:
            return self.constant(function(*self._values(args), **self._values(kwargs)))
        if function is np.empty_like:
            return self.memory(function(*self._values(args), **self._values(kwargs)))
        if function in PLAIN:
            return function(*self._values(args), **self._values(kwargs))
        if function in REDUCTIONS and isinstance(args[0], Traced):
            return getattr(args[0], REDUCTIONS[function])(*args[1:], **kwargs)
        if function is np.where and len(args) == 3:
            args = tuple([self.lift(a) for a in args])
            y = self.memory(np.asarray(function(*self._values(args))))
            self._note("where", function, args, outs=[y.ref])
            return y
        if function is np.copyto:
            self.setitem(args[0], ..., args[1])
            return None
        return self.call(function, args, kwargs)

    def call(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Any other function: its results are views of its arguments, or memory of its own."""
        if function in SHAPED_BY_VALUES or (function is np.where and len(args) == 1):
            raise self.refusal(f"{function.__name__}: the shape of its result depends on values")
        args, kwargs = changed(args, self.lift), changed(kwargs, self.lift)
        if function in IN_PLACE:
            self._about_to_write(args[0])
            function(*self._values(args), **self._values(kwargs))
            self._note("box", function, args, kwargs, writes=[args[0].ref], effect=True)
            return None
        out = kwargs.get("out")
        if isinstance(out, Traced):
            self._about_to_write(out)
            function(*self._values(args), **self._values(kwargs))
            rest = {name: value for name, value in kwargs.items() if name != "out"}
            self._note("into", function, args, rest, outs=[out.ref])
            return out
        result = function(*self._values(args), **self._values(kwargs))
        if not isinstance(result, tuple):
            view = self._as_view(result, args, kwargs)
            if view is not None:
                return view
            if function in (np.ndarray.reshape, np.ndarray.ravel, np.ndarray.flatten, np.reshape, np.ravel):
                y = self.memory(np.asarray(result))
                self._note("copy", np.copyto, (args[0],), outs=[_like(y.ref, args[0].shape)])
                return y
            if function in WITH_OUT:
                y = self.memory(np.asarray(result))
                self._note("into", function, args, kwargs, outs=[y.ref])
                return y
        return self._note_fresh("call", function, args, kwargs, result)

    def getitem(self, x: Traced, key: Any) -> Any:
        """``x[key]``."""
        parts = key if isinstance(key, tuple) else (key,)
        if any(getattr(part, "dtype", None) == np.bool_ and isinstance(part, Traced) for part in parts):
            raise self.refusal("getitem: with a boolean mask the shape of the result depends on values")
        if parts and all(isinstance(part, (int, np.integer)) for part in parts) and len(parts) == x.ndim:  # a scalar: a copy
            element: Any = self._as_view(x.value[(*parts, Ellipsis)], (x,), {})
            return self.copied(element, x.dtype, "K")
        return self.call(operator.getitem, (x, key), {})

    def setitem(self, x: Any, key: Any, value: Any) -> None:
        """``x[key] = value``."""
        self._about_to_write(x)
        parts = key if isinstance(key, tuple) else (key,)
        if all(part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice)) for part in parts):
            target: Any = self._as_view(x.value[key if Ellipsis in parts else (*parts, Ellipsis)], (x,), {})
            value = self.lift(value)
            np.copyto(target.value, self._values(value), casting="unsafe")
            self._note("copy", np.copyto, (value,), outs=[target.ref])
            return
        key, value = changed(key, self.lift), self.lift(value)
        operator.setitem(x.value, self._values(key), self._values(value))
        self._note("box", operator.setitem, (x, key, value), writes=[x.ref], effect=True)

    # -------------------------------------------------------------------------------------------------------- within

    def _values(self, value: Any) -> Any:
        return changed(value, _value)

    def _note(self, kind: str, function: Any, args: Any, kwargs: dict[str, Any] | None = None, **rest: Any) -> None:
        if self.done:
            raise self.refusal("")
        args, kwargs = changed(args, _ref), changed(kwargs or {}, _ref)
        self.calls.append(Call(kind, function, args, kwargs, origin=self.origins.now(), **rest))

    def _note_fresh(self, kind: str, function: Any, args: Any, kwargs: Any, result: Any, **rest: Any) -> Any:
        """Note a call whose results are in memory of their own, or of its arguments."""
        several = isinstance(result, (tuple, list))
        traced: list[Any] = []
        for part in result if several else (result,):
            if part is None:
                traced.append(None)
                continue
            array = np.asarray(part)
            view = self._as_view(array, args, kwargs)
            traced.append(view if view is not None else self._fresh(array))
        outs = [None if t is None else t.ref for t in traced]
        self._note(kind, function, args, kwargs, outs=outs, several=several, **rest)
        return type(result)(traced) if type(result) in (tuple, list) else tuple(traced) if several else traced[0]

    def _fresh(self, array: Any) -> Traced:
        return Traced(self, array, Ref(Storage(FRESH, array.nbytes), 0, array.shape, array.strides, array.dtype))

    def _as_view(self, result: Any, args: Any, kwargs: Any) -> Traced | None:
        """Return what stands for a result that is a view of an argument; None if it is none."""
        if not isinstance(result, np.ndarray):
            return None
        empty_of = owner(result) if not result.size else None
        for x in leaves((args, kwargs)):
            if isinstance(x, Traced) and (np.may_share_memory(result, x.value) or owner(x.value) is empty_of):
                offset = x.ref.offset + _address(result) - _address(x.value)
                ref = Ref(x.ref.storage, offset, result.shape, result.strides, result.dtype)
                view = Traced(self, result, ref, x if x.base is None else x.base)
                if ref.storage.kind == STATE:
                    self._state[id(ref.storage.array)][1].append(weakref.ref(view))
                return view
        return None


def _value(value: Any) -> Any:
    return value.value if isinstance(value, (Traced, Live)) else value


def _ref(value: Any) -> Any:
    return value.ref if isinstance(value, Traced) else value


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


def _like(ref: Ref, shape: tuple[int, ...]) -> Ref:
    """Return a contiguous place with another shape of as many elements."""
    strides, step = [], ref.dtype.itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return ref._replace(shape=shape, strides=tuple(reversed(strides)))
