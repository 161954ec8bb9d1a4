"""ArrayCalls: what a recorder notes of calls on arrays, each of which it makes on real arrays as well.

What lives outside of the step is copied when it is first written. Results that are views of an argument are other places in its
memory; others are memory of their own, planned where the call can be told where to put them.
"""

from __future__ import annotations

import operator
import weakref
from typing import Any

import numpy as np

from minigrad.backends import CaptureError, owner
from minigrad.replay.program import CONSTANT, FRESH, STATE, VALUE, Call, Live, Ref, Storage, array_at, changed, leaves
from minigrad.replay.traced import Traced

#: functions that take ``out`` and then give the same bits: their results need no memory of their own
WITH_OUT = {np.concatenate, np.stack, np.cumsum, np.cumprod, np.clip, np.ndarray.cumsum, np.ndarray.cumprod, np.ndarray.clip}
IN_PLACE = {np.put_along_axis, np.place, np.put, np.putmask, np.fill_diagonal}  #: they overwrite their first argument
LIKE = {np.zeros_like, np.ones_like, np.full_like}
SHAPED_BY_VALUES = {np.nonzero, np.argwhere, np.flatnonzero, np.unique, np.extract, np.compress, np.ndarray.nonzero, np.trim_zeros}
PLAIN = {np.shape, np.ndim, np.size, np.result_type, np.iscomplexobj, np.isrealobj}  #: they look at no values
REDUCTIONS: dict[Any, str] = {getattr(np, name): name for name in ("sum", "prod", "max", "min", "any", "all", "mean")}


class ArrayCalls:
    """Makes calls on arrays and notes them.

    Attributes
    ----------
    calls
        What was done, in order.
    done
        Whether the recording is over.
    """

    origins: Any  #: minigrad.replay.origins.Origins

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.done = False
        self._state: dict[int, tuple[Storage, list[weakref.ref[Traced]]]] = {}
        self._lifted: dict[int, tuple[Any, Traced]] = {}
        self._copies: dict[Storage, Any] = {}
        self._born: dict[Storage, int] = {}

    def refusal(self, what: str) -> CaptureError:
        """Return the error that says what cannot be recorded."""
        raise NotImplementedError

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
