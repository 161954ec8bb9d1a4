"""Modules that hold modules, and those that only change the shape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minigrad.core.op import Op
from minigrad.nn import functional as F
from minigrad.nn.activation import ReLU
from minigrad.nn.batch_normalization import BatchNorm
from minigrad.nn.module import Module, Parameter

__all__ = ["Flatten", "Identity", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential", "Unflatten"]


def _in_words(part: Any) -> str:
    """Say what was given for a part of a container, and what to write instead."""
    if isinstance(part, type):
        return f"the class {part.__name__}; make one: {part.__name__}(...)"
    if isinstance(part, Op):
        return f"the op {part.name}; take its layer, such as nn.ReLU() for relu, or a Module whose forward calls it"
    return f"a {type(part).__name__}" + ("; spread it: Sequential(*layers)" if isinstance(part, list) else "")


class _Numbered(Module):
    """Parts under the names "0", "1", ..., which is what PyTorch calls them in a state dict."""

    _kind: type = Module

    def __init__(self, parts: Iterable[Any] | None = None) -> None:
        super().__init__()
        self.extend(parts or ())

    def _entries(self) -> dict[str, Any]:
        return {name: part for name, part in self.__dict__.items() if name.isdecimal()}

    def _parts(self) -> list[Any]:
        return list(self._entries().values())

    def _checked(self, parts: Iterable[Any]) -> list[Any]:
        parts = list(parts)
        for part in parts:
            if not isinstance(part, self._kind):
                raise TypeError(f"{type(self).__name__} holds {self._kind.__name__}s, not {_in_words(part)}")
        return parts

    def _replace(self, parts: Iterable[Any]) -> None:
        """Put in other parts, numbered from 0."""
        parts = self._checked(parts)
        for name in self._entries():
            del self.__dict__[name]
        self.extend(parts)

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._parts())

    def __getitem__(self, index: int | slice) -> Any:
        return type(self)(self._parts()[index]) if isinstance(index, slice) else self._parts()[index]

    def __setitem__(self, index: int, part: Any) -> None:
        name = list(self._entries())[index]
        (self.__dict__[name],) = self._checked([part])

    def __delitem__(self, index: int | slice) -> None:
        parts = self._parts()
        del parts[index]
        self._replace(parts)

    def append(self: Any, part: Any) -> Any:
        """Add a part at the end. Returns the container."""
        return self.extend([part])

    def extend(self: Any, parts: Iterable[Any]) -> Any:
        """Add parts at the end. Returns the container."""
        number = len(self)
        for part in self._checked(parts):
            while str(number) in self.__dict__:  # of a slice of a Sequential, which keeps its names
                number += 1
            self.__dict__[str(number)] = part
        return self

    def insert(self, index: int, part: Any) -> None:
        """Put a part before the one at ``index``."""
        parts = self._parts()
        parts.insert(index, part)
        self._replace(parts)


class Sequential(_Numbered):
    """Modules applied one after the other: ``Sequential(a, b)(x)`` is ``b(a(x))``.

    Takes modules, which are then called "0", "1", ..., or one dict of names and modules. A slice keeps the names; to delete
    or insert a part numbers all anew.
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            super().__init__()
            for name, module in modules[0].items():
                self.add_module(name, module)
        else:
            super().__init__(modules)

    def forward(self, input: Any) -> Any:
        modules = self._parts()
        parts = zip(modules, [*modules[1:], None], strict=True)
        for module, following in parts:
            if _fuses(module, following):
                input = module.relu_after(input)
                next(parts)  # the ReLU has been computed
            else:
                input = module(input)
        return input

    def _entries(self) -> dict[str, Any]:
        return {name: part for name, part in self.__dict__.items() if isinstance(part, Module)}

    def __getitem__(self, index: int | slice) -> Any:
        return type(self)(dict(list(self._entries().items())[index])) if isinstance(index, slice) else self._parts()[index]


def _fuses(module: Any, after: Any) -> bool:
    """Tell whether a batch norm can compute the ReLU after it in the same op: its forward is no other, and no hook wants to see between."""
    if type(after) is not ReLU or not isinstance(module, BatchNorm) or module._hooks is not None or after._hooks is not None:
        return False
    return getattr(module.forward, "__func__", None) is BatchNorm.forward


class ModuleList(_Numbered):
    """A list of modules that a module may have for an attribute; a plain list would hide their parameters."""


class ParameterList(_Numbered):
    """A list of parameters that a module may have for an attribute."""

    _kind = Parameter


class ModuleDict(Module):
    """A dict of modules that a module may have for an attribute."""

    _kind: type = Module

    def __init__(self, parts: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None) -> None:
        super().__init__()
        self.update(parts or {})

    def _parts(self) -> dict[str, Any]:
        return {name: part for name, part in self.__dict__.items() if isinstance(part, self._kind)}

    def __getitem__(self, key: str) -> Any:
        return self._parts()[key]

    def __setitem__(self, key: str, part: Any) -> None:
        if issubclass(self._kind, Parameter):
            self.register_parameter(key, part)
        else:
            self.add_module(key, part)

    def __delitem__(self, key: str) -> None:
        self._parts()[key]
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._parts())

    def __iter__(self) -> Iterator[str]:
        return iter(self._parts())

    def __contains__(self, key: str) -> bool:
        return key in self._parts()

    def update(self, parts: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add the parts of a dict, or of pairs of names and parts."""
        for key, part in dict(parts).items():
            self[key] = part

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._parts().keys()

    def values(self) -> Iterable[Any]:
        """Return the parts."""
        return self._parts().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return names and parts."""
        return self._parts().items()

    def pop(self, key: str) -> Any:
        """Remove a part and return it."""
        part = self[key]
        del self[key]
        return part


class ParameterDict(ModuleDict):
    """A dict of parameters that a module may have for an attribute."""

    _kind = Parameter


class Identity(Module):
    """Return the input. Takes, and ignores, any arguments: a stand-in for a layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        return input


class Flatten(Module):
    """Make one axis of those from ``start_dim`` to ``end_dim``."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Any:
        return F.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Make several axes of one: the inverse of `Flatten`."""

    def __init__(self, dim: int, unflattened_size: Iterable[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Any) -> Any:
        return F.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
