"""Tensor: an array, and the node that says where it came from.  (Read after graph.py.)

A Tensor holds ``data`` (a NumPy or CuPy array) and ``node`` (None where no gradient is wanted). It knows no
mathematics: ``+``, ``.sum()`` and the rest are ops, bound to it by one table in ops/__init__.py. What stands here is
what a tensor *is*: its shape and device, and its gradient. Its ways in and out of other libraries are in its base class,
`minigrad.core._interop.Interop`.

A tensor that a user makes with ``requires_grad=True`` has a `minigrad.core.graph.leaf` for its node, and that is where its
gradient is kept. Values are never changed by an op. To overwrite a leaf there is `Tensor.copy_`; it tells the graph, as
optimizers do (`minigrad.core.graph.changed_in_place`), and whatever had saved the old value then refuses to run backward.
"""

from __future__ import annotations

from _thread import allocate_lock as Lock  # threading is slow to import, and NumPy does without
from collections.abc import Callable, Iterator
from typing import Any, Self

import numpy as np

from minigrad.backends import Array, is_writable, namespace, owner
from minigrad.core import _advice, _dtypes, graph
from minigrad.core._capturing import recorded
from minigrad.core._interop import DEFAULT_DTYPE, Interop, as_array
from minigrad.core.device import Device, device_of, move
from minigrad.core.graph import Node
from minigrad.core.mode import changed_mode

__all__ = ["DEFAULT_DTYPE", "Tensor", "array_of", "as_array", "wrap"]

_adding = Lock()  # threads may add to the gradient of one leaf


class Tensor(Interop):
    """An n-dimensional array that remembers how it was computed.

    Parameters
    ----------
    data
        An array, a Tensor, a number or nested lists of numbers. An array is taken as it is, not copied (use
        `minigrad.core.tensor` for a copy); Python floats become float32.
    requires_grad
        Whether gradients with respect to this tensor are wanted; only floating-point tensors can have one.
    """

    __slots__ = ("__weakref__", "data", "label", "node")

    data: Array
    node: Node | None

    def __init__(self, data: Any, requires_grad: bool = False) -> None:
        if not isinstance(requires_grad, bool):
            raise TypeError(f"Tensor(data, requires_grad): requires_grad is True or False, not {requires_grad!r}; see mg.zeros for a shape")
        self.data = as_array(data)
        self.node = None
        if requires_grad:
            self.requires_grad_()

    # ------------------------------------------------------------------------------------------------- what it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along each axis."""
        return self.data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.data.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.data.size  # type: ignore[no-any-return]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self.data.dtype  # type: ignore[no-any-return]

    @property
    def device(self) -> Device:
        """Where the elements are: read off the array, so it cannot be stale."""
        return device_of(self.data)

    def __len__(self) -> int:
        if not self.data.shape:
            raise TypeError("a 0-d tensor has no length")
        return self.data.shape[0]  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Tensor]:
        return iter([self[i] for i in range(len(self))])

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError(
            "a tensor cannot be changed by assignment, as its graph would no longer be right. Make a new one with "
            "mg.where, mg.index_add, mg.scatter_add or mg.concat; to overwrite a leaf, use x.copy_(...)"
        )

    # ------------------------------------------------------------------------------------------------- gradients

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to or through this tensor."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say whether a gradient with respect to this tensor is wanted. Returns the tensor."""
        if not self.is_leaf:
            if not requires_grad:
                raise RuntimeError(f"this tensor was computed by {self.node.name}; use detach() to cut it off")  # type: ignore[union-attr]
        elif not requires_grad:
            self.node = None
        elif self.dtype.kind != "f":
            raise TypeError(f"only floating-point tensors can have a gradient, and this one is {self.dtype}; use astype first")
        elif self.node is None:
            self.node = graph.leaf(self.data.shape, self.data.dtype, self.name)
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether the tensor was made by the user rather than computed by an op that is recorded."""
        return self.node is None or self.node.is_leaf

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated here: a Tensor, or None."""
        keeper = self._keeper_of_grad()
        return keeper.grad if keeper is not None else _advice.on_missing_gradient(self)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        keeper = self._keeper_of_grad()
        if keeper is None and value is None:
            return
        if keeper is None:
            raise RuntimeError("only a leaf tensor with requires_grad=True, or one after retain_grad(), has a gradient that can be set")
        if value is not None and (not isinstance(value, Tensor) or value.shape != self.shape or value.dtype != self.dtype):
            given = f"{type(value).__name__} of {getattr(value, 'dtype', '')}{list(getattr(value, 'shape', ()))}"
            raise ValueError(f"a gradient is a Tensor of the same shape and dtype: of {self.dtype}{list(self.shape)}, not a {given}")
        keeper.grad = value

    def _keeper_of_grad(self) -> Any:
        """Return what holds the gradient: the node of a leaf, the last hook of a computed tensor after `retain_grad`."""
        if self.node is None or self.node.is_leaf:
            return self.node
        return next((hook.function for hook in self.node.hooks or () if isinstance(hook.function, _Retained)), None)

    def retain_grad(self) -> None:
        """Add the gradient of this computed tensor to its ``.grad`` when backward passes through it, after other hooks."""
        if self.node is None:
            raise RuntimeError("retain_grad() on a tensor that does not require a gradient")
        if self._keeper_of_grad() is None:
            self.register_hook(_Retained())

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Callable[[], None]:
        """Call ``hook(gradient)`` when the gradient of this tensor is known; what it returns, if anything, replaces it.

        Returns a function that removes the hook.
        """
        node = self.node
        if node is None:
            raise RuntimeError("a hook on a tensor that does not require a gradient would never be called")
        hooks = node.hooks = node.hooks if node.hooks is not None else []
        own = _Hook(hook)  # an object of its own, so that each can be removed, if there are two of it
        retained = bool(hooks) and isinstance(hooks[-1].function, _Retained)  # which sees what the other hooks leave
        hooks.insert(len(hooks) - 1 if retained else len(hooks), own)
        return lambda: hooks.remove(own) if own in hooks else None

    def backward(self, gradient: Any = None, *, retain_graph: bool | None = None, create_graph: bool = False) -> None:
        """Add the derivative of this tensor with respect to every leaf to the ``grad`` of that leaf.

        Parameters
        ----------
        gradient
            The cotangent to start from, of this tensor's shape: what the gradient of some scalar with respect to this
            tensor is. May be left out where the tensor has one element; it is 1 then.
        retain_graph
            Keep what the graph saved, so that backward can run again. Default: the value of ``create_graph``.
        create_graph
            Record the backward pass itself, so that the gradients can be differentiated. Each leaf then keeps a gradient whose
            graph leads back to that leaf: a cycle, which lasts until ``grad`` is set to None or Python's garbage collector
            finds it. `minigrad.grad` makes none.

        Raises
        ------
        RuntimeError
            If the tensor requires no gradient, has more than one element and no ``gradient`` is given, the graph was
            freed, or a saved array was changed in place.
        """
        start = start_of_backward(self, gradient, create_graph)
        keep = create_graph if retain_graph is None else retain_graph
        with changed_mode(recording=create_graph):
            found = graph.walk(start, lift=wrap if create_graph else None, free=not keep)
        handed_out = {id(owner(array_of(g))) for g in start.values()}
        for leaf, g in found.items():
            add_to_grad(leaf, g, handed_out)

    def detach(self) -> Tensor:
        """Return the same values with no history; the array is shared."""
        return wrap(self.data, None)

    def copy_(self, source: Any) -> Self:
        """Overwrite the values in place. Graphs that saved the old values will refuse to run backward.

        The tensor must be a leaf. ``source`` must be broadcastable to its shape; it is cast to its dtype, into which integers must fit.
        """
        if not self.is_leaf:
            raise RuntimeError(f"copy_ on a tensor computed by {self.node.name}: only a leaf can be overwritten")  # type: ignore[union-attr]
        array = _dtypes.cast_exactly("copy_", move(as_array(source), self.device), self.dtype)
        lengths = zip(reversed(array.shape), reversed(self.shape), strict=False)
        if array.ndim > self.ndim or any(n not in (1, m) for n, m in lengths):
            raise ValueError(f"copy_: the source has shape {array.shape}, the tensor {self.shape}")
        if not is_writable(self.data):
            self.data = self.data.copy()
        self.data[...] = array
        graph.changed_in_place(self.data)
        return self

    __hash__ = object.__hash__


class _Hook:
    """A user's function of Tensors as the walk calls it: given a cotangent, array or Tensor, it returns it or what replaces it."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        self.function = function

    def __call__(self, node: Node, g: Any) -> Any:
        new = self.function(g if isinstance(g, Tensor) else wrap(g.copy(), None))  # a copy, as the function may keep it
        if new is None:
            return g
        shape = getattr(new, "shape", None)
        if shape != node.shape:
            what = f"a {type(new).__name__}" if shape is None else f"a gradient of shape {shape}"
            raise ValueError(f"a hook on the output of {node.name} returned {what}; the value has shape {node.shape}")
        if isinstance(g, Tensor):
            return new if new.dtype == node.dtype else new.astype(node.dtype)
        return array_of(new).astype(node.dtype)  # always a copy: the walk may add to what it is given, and this is somebody's


class _Retained:
    """A hook that keeps the gradient it sees. It belongs to the node, so that tensor and node form no cycle."""

    grad: Tensor | None = None

    def __call__(self, gradient: Tensor) -> None:
        self.grad = gradient if self.grad is None else self.grad + gradient


def wrap(data: Array, node: Node | None) -> Tensor:
    """Make a Tensor of an array and a node without any check: the engine's constructor."""
    tensor = Tensor.__new__(Tensor)
    tensor.data, tensor.node = data, node
    return tensor


def array_of(value: Any) -> Any:
    """Return the array of a Tensor; anything else as it is."""
    return value.data if isinstance(value, Tensor) else value


def start_of_backward(output: Tensor, gradient: Any, create_graph: bool) -> dict[Node, Any]:
    """Return the cotangent that a backward pass from ``output`` starts with, by node."""
    if output.node is None:
        raise RuntimeError(
            "this tensor does not depend on any tensor that requires a gradient: there is nothing to differentiate "
            "(requires_grad=False, or computed under no_grad)"
        )
    if gradient is None:
        if output.size != 1:
            raise RuntimeError(
                f"backward from a tensor of shape {output.shape} needs to know where to start: reduce it to a scalar "
                "first, for example with .sum(), or pass a gradient of the same shape"
            )
        gradient = namespace(output.data).ones_like(output.data)
    array = recorded(as_array(gradient))
    if array.shape != output.shape:
        raise ValueError(f"the gradient to start from has shape {array.shape}, the tensor {output.shape}")
    if array.dtype != output.dtype:
        array = array.astype(output.dtype)
        gradient = array
    if create_graph:
        return {output.node: gradient if isinstance(gradient, Tensor) else wrap(array, None)}
    return {output.node: array}


def add_to_grad(leaf: Node, g: Any, handed_out: set[int]) -> None:
    """Add ``g`` to the gradient of a leaf.

    The gradient must be the leaf's own memory, as optimizers and later passes add to it in place; formulas may return
    one array, or views of it, for several inputs. ``handed_out`` holds the memory that already belongs to somebody.
    """
    with _adding:
        old = leaf.grad
        if old is None:
            g = g if isinstance(g, Tensor) else wrap(namespace(g).asarray(g), None)
            if id(owner(g.data)) in handed_out or not is_writable(g.data):
                g = g.copy()
            handed_out.add(id(owner(g.data)))
            leaf.grad = g
        elif old.node is None and not isinstance(g, Tensor) and is_writable(old.data):
            old.data += g
        else:
            leaf.grad = old + g
