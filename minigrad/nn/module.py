"""Module: a function with parameters, and a tree of them.  (Read this first in nn/.)

A module is a Python object whose attributes are what they look like: a `Parameter` assigned to an attribute is a
parameter, a `Module` assigned to one is a child, and both are found by looking at the attributes in the order in which
they were made. Only buffers, which are plain tensors, have to be declared (`Module.register_buffer`).

The names in the tree (``"encoder.0.weight"``) are those of PyTorch, so a state dict moves across unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, Self, TypeVar

import numpy as np

from minigrad.backends import namespace
from minigrad.core._source import layer_in_words, layers_of
from minigrad.core.device import Device, as_device, default_device, move
from minigrad.core.mode import mode
from minigrad.core.tensor import DEFAULT_DTYPE, Tensor, wrap
from minigrad.nn import state
from minigrad.nn.hooks import CHANGES, Handle, Hooks

M = TypeVar("M", bound="Module")
P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class HasForward(Protocol[P, R]):
    """Whatever has ``forward``: a module is called as its forward is, and returns what that returns."""

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R: ...


class Parameter(Tensor):
    """A tensor that a module learns: assigned to an attribute of a module, it is one of its parameters.

    Parameters
    ----------
    data
        As for `minigrad.Tensor`.
    requires_grad
        Whether gradients with respect to it are wanted.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data, requires_grad)


def empty_parameter(*shape: int, device: str | Device | None = None, dtype: Any = None) -> Parameter:
    """Return a parameter of zeros, for an initializer of `minigrad.nn.init` to fill."""
    place = default_device() if device is None else as_device(device)
    if not all(isinstance(n, (int, np.integer)) and n >= 0 for n in shape):
        raise ValueError(f"the lengths of a parameter are integers of at least 0; this one would have {shape}")
    return Parameter(move(np.zeros(shape, dtype or DEFAULT_DTYPE), place))


class Module:
    """A function with parameters. Subclass it, make parameters and children in ``__init__``, write ``forward``.

    Examples
    --------
    >>> class Perceptron(nn.Module):
    ...     def __init__(self, n):
    ...         super().__init__()
    ...         self.hidden, self.out = nn.Linear(n, 64), nn.Linear(64, 10)
    ...
    ...     def forward(self, x):
    ...         return self.out(self.hidden(x).relu())
    """

    training: bool  #: whether `train` (the default) or `eval` was called last
    _persistent: dict[str, bool]  #: the buffers by name, and whether they are part of the state dict
    _hooks: Hooks | None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        self = super().__new__(cls)  # here, so that a subclass that forgets super().__init__() is still a whole module
        self.__dict__.update(training=True, _persistent={}, _hooks=None)
        return self

    def __init__(self) -> None:  # so that arguments for a class without __init__ are an error
        pass

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output. To be written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} has no forward method: write one that computes its output")

    if TYPE_CHECKING:

        def __call__(self: HasForward[P, R], *args: P.args, **kwargs: P.kwargs) -> R: ...

    else:

        def __call__(self, *args, **kwargs):
            try:
                recorder = mode.get().recorder
                if recorder is not None:
                    return recorder.module(self, args, kwargs)
                return self.forward(*args, **kwargs) if self._hooks is None else self._hooks.call(self, args, kwargs)
            except Exception as error:
                if not any(note.startswith("in layer ") for note in getattr(error, "__notes__", ())):  # the innermost names it
                    error.add_note(f"in layer {layer_in_words(layers_of(error))}")
                raise

    # ------------------------------------------------------------------------------------------------- the attributes

    def __setattr__(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name)
        if old is not None and value is not None:
            for kind, what in ((Parameter, "parameter"), (Module, "child module")):
                if isinstance(old, kind) and not isinstance(value, kind):
                    raise TypeError(
                        f"{type(self).__name__}.{name} is a {what}, and a {type(value).__name__} was assigned to it. "
                        f"Assign a {kind.__name__}, or None; to change its values, use {name}.copy_(...)"
                    )
            if name in self._persistent and (not isinstance(value, Tensor) or isinstance(value, Parameter)):
                raise TypeError(f"{type(self).__name__}.{name} is a buffer: assign a Tensor or None, not a {type(value).__name__}")
        elif isinstance(value, (Parameter, Module)) and hasattr(type(self), name):
            self._check_name(name, type(value))  # a part under the name of a method would hide the method
        if isinstance(value, Parameter) and value.name is None:
            value.name = name
        object.__setattr__(self, name, value)
        CHANGES[0] += 1

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._persistent.pop(name, None)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter: the same as ``setattr(self, name, param)`` after checking the name."""
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(f"parameter {name!r}: expected a Parameter or None, not a {type(param).__name__}")
        self._check_name(name, Parameter)
        setattr(self, name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is part of the state but is not learned, such as a running mean.

        Parameters
        ----------
        persistent
            Whether the state dict holds it.
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"buffer {name!r}: expected a Tensor or None, not a {type(tensor).__name__}")
        if name not in self._persistent:
            self._check_name(name, ())
        setattr(self, name, tensor)
        self._persistent[name] = persistent

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a child: the same as ``setattr(self, name, module)`` after checking the name."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"child {name!r}: expected a Module or None, not a {type(module).__name__}")
        self._check_name(name, Module)
        setattr(self, name, module)

    register_module = add_module

    def _check_name(self, name: str, replaceable: Any) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{name!r} is not a name for a part of a module: expected a non-empty string without a dot")
        if hasattr(self, name) and not isinstance(getattr(self, name), (*(replaceable and (replaceable,)), type(None))):
            raise KeyError(f"{type(self).__name__} already has an attribute {name!r}: choose another name")

    # ------------------------------------------------------------------------------------------------- walking the tree

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the children with their names, each once."""
        seen = set()
        for name, value in self.__dict__.items():
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        """Yield the children, each once."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """Yield this module and all below it, parents first, with their names."""
        return self._walk(prefix, set() if remove_duplicate else None)

    def _walk(self, prefix: str, seen: set[int] | None) -> Iterator[tuple[str, Module]]:
        if seen is not None:
            if id(self) in seen:
                return
            seen.add(id(self))
        yield prefix, self
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                yield from value._walk(f"{prefix}.{name}" if prefix else name, seen)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Parameter]]:
        """Yield the parameters with their names, each once unless ``remove_duplicate`` is false."""
        return self._named(Module._own_parameters, prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Yield the buffers with their names, each once unless ``remove_duplicate`` is false."""
        return self._named(Module._own_buffers, prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        return ((name, value) for name, value in self.__dict__.items() if isinstance(value, Parameter))

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        return ((name, self.__dict__[name]) for name in self._persistent if self.__dict__[name] is not None)

    def _named(
        self, own: Callable[[Module], Iterator[tuple[str, Any]]], prefix: str, recurse: bool, once: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        for path, module in self.named_modules(prefix, once) if recurse else [(prefix, self)]:
            for name, value in own(module):
                if not once or id(value) not in seen:
                    seen.add(id(value))
                    yield f"{path}.{name}" if path else name, value

    def get_submodule(self, target: str) -> Module:
        """Return the module of that name in the tree, such as ``"encoder.0"``."""
        found = self._get(target)
        if not isinstance(found, Module):
            raise AttributeError(f"{type(self).__name__} has no module {target!r}")
        return found

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter of that name in the tree."""
        found = self._get(target)
        if not isinstance(found, Parameter):
            raise AttributeError(f"{type(self).__name__} has no parameter {target!r}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer of that name in the tree."""
        path, _, name = target.rpartition(".")
        owner = self._get(path)
        if not isinstance(owner, Module) or name not in owner._persistent:
            raise AttributeError(f"{type(self).__name__} has no buffer {target!r}")
        return owner.__dict__[name]

    def _get(self, target: str) -> Any:
        found: Any = self
        for name in target.split(".") if target else ():
            found = found.__dict__.get(name) if isinstance(found, Module) else None
        return found

    # ------------------------------------------------------------------------------------------------- the state

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """Return parameters and persistent buffers by name. The tensors share memory with the module's."""
        found = {}
        for path, module in self.named_modules(prefix.rstrip("."), remove_duplicate=False):
            own = [*module._own_parameters(), *(pair for pair in module._own_buffers() if module._persistent[pair[0]])]
            found.update({f"{path}.{name}" if path else name: value.detach() for name, value in own})
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any] | Iterable[tuple[str, Any]], strict: bool = True) -> state.IncompatibleKeys:
        """Copy values into the parameters and buffers of the same names.

        Parameters
        ----------
        state_dict
            Tensors or arrays (PyTorch's tensors will do) by name, or pairs of both, as ``named_parameters()`` yields.
        strict
            Whether names that are missing or unexpected are an error. A wrong shape or type always is.

        Raises
        ------
        ValueError
            With a list of what is missing, unexpected, misshapen or of the wrong type. Nothing was changed then.

        Notes
        -----
        One warning says what was converted: tensors of PyTorch in bfloat16 or in floats of 8 bits, and batch counts of batch
        norm in an old form (of shape (1,), or a float). A state without batch counts, as PyTorch wrote until 0.4, is taken.
        """
        return state.load(self, state.by_name(state_dict), strict)

    def to(self: M, device: Any = None, dtype: Any = None) -> M:
        """Move parameters and buffers to a device, or convert those of floating point to a dtype, or both. In place.

        Returns the module. The parameters stay the same objects, so an optimizer that has them still does.
        """
        state.convert([*self.parameters(), *self.buffers()], device, dtype)
        return self

    def cpu(self: M) -> M:
        """Move to the CPU."""
        return self.to("cpu")

    def cuda(self: M, index: int = 0) -> M:
        """Move to a GPU."""
        return self.to(f"cuda:{index}")

    def float(self: M) -> M:
        """Convert to float32."""
        return self.to(dtype=np.float32)

    def double(self: M) -> M:
        """Convert to float64."""
        return self.to(dtype=np.float64)

    # ------------------------------------------------------------------------------------------------- settings

    def train(self: M, mode: bool = True) -> M:
        """Switch this module and all below it to training (dropout drops, batch norm uses the batch). Returns it."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self: M) -> M:
        """Switch this module and all below it to evaluation. Returns it."""
        return self.train(False)

    def apply(self: M, function: Callable[[Module], Any]) -> M:
        """Call ``function`` on every module below this one and then on itself. Returns it."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def requires_grad_(self: M, requires_grad: bool = True) -> M:
        """Say for all parameters whether gradients are wanted. Returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or set them to zero."""
        for parameter in self.parameters():
            grad = parameter.grad
            parameter.grad = None if set_to_none or grad is None else wrap(namespace(grad.data).zeros_like(grad.data), None)

    # ------------------------------------------------------------------------------------------------- hooks

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(module, args)`` before every forward; what it returns, if anything, replaces the arguments."""
        return self._add_hook("forward_pre", hook)

    def register_forward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(module, args, output)`` after every forward; what it returns, if anything, replaces the output."""
        return self._add_hook("forward", hook)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(module, grad_output)`` before backward passes the module; what it returns replaces ``grad_output``."""
        return self._add_hook("backward_pre", hook)

    def register_full_backward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` after backward passed; what it returns replaces ``grad_input``."""
        return self._add_hook("backward", hook)

    def _add_hook(self, kind: str, hook: Callable[..., Any]) -> Handle:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks.add(kind, hook)

    # ------------------------------------------------------------------------------------------------- showing

    def extra_repr(self) -> str:
        """Return what ``repr`` shows between the brackets: the settings of the module."""
        return ""

    def _repr_html_(self) -> str:
        from minigrad.nn.display import html

        return html(self)

    def __treescope_repr__(self, path: str | None, subtree_renderer: Any) -> Any:
        from minigrad.nn.display import treescope

        return treescope(self, path, subtree_renderer)

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self.__dict__.items() if isinstance(child, Module)]
        if not lines:
            return f"{type(self).__name__}({extra})"
        return "\n  ".join([f"{type(self).__name__}({extra}", *lines]) + "\n)"
