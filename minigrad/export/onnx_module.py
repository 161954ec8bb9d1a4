"""`import_onnx`: an ONNX file as a module that answers, and that can be trained."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.core.device import Device, as_device, move
from minigrad.core.tensor import Tensor, wrap
from minigrad.creation import tensor
from minigrad.export import onnx_file
from minigrad.export.onnx_file import File, OnnxNode, Wanted
from minigrad.export.operators.values import OnnxImportError, numbers_of, sized
from minigrad.nn.module import Module, Parameter

DEEPEST = 16  #: levels of children that a name may ask for
FAULTS = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, TypeError, ValueError)  #: of a node that cannot be run


def import_onnx(path: str | Path) -> OnnxModel:
    """Return the model in an ONNX file (opsets 13 to 28) as a module, in evaluation mode. Needs the extra ``onnx``.

    The module runs the nodes of the graph one after the other, each as minigrad's function of that operator: gradients flow to its
    inputs and parameters, at every order. After ``train()`` batch norm goes by the batch and moves its
    statistics, and dropout drops.

    An array of floating-point numbers is a `minigrad.nn.Parameter`, but for the statistics of a BatchNormalization, which are
    buffers, and single numbers without an axis, which are constants; a file that `export_onnx` wrote says itself what is
    learned. Names with dots become children: ``"0.weight"`` is ``model.state_dict()["0.weight"]``.

    Parameters
    ----------
    path
        The file. Arrays beside it are read from its own folder alone.

    Raises
    ------
    ImportError
        If onnx is not installed.
    OnnxImportError
        If the file is missing or damaged, or an operator or a setting has no counterpart (`docs/onnx.md` lists those that have).
        The text names the node. A setting that depends on shapes is refused by the call of the module.
    """
    return OnnxModel(onnx_file.read(path))


class OnnxModel(Module):
    """The graph of an ONNX file, run node by node. It is called with the inputs of the file, in their order or by their names.

    It returns a Tensor, or a tuple of them where the file has several outputs.

    Attributes
    ----------
    inputs
        Name, type and shape of what the file takes.
    """

    def __init__(self, file: File) -> None:
        super().__init__()
        self.inputs: list[Wanted] = file.inputs
        self._nodes, self._outputs, self._finished = file.nodes, file.outputs, finished(file)
        self._constants: dict[str, np.ndarray[Any, Any]] = {}
        self._moved: dict[tuple[str, str], Tensor] = {}  #: constants on a GPU, by name and device
        self._places: dict[str, tuple[Module, str]] = {}  #: module and attribute of what is in the state dict, by its name in the file
        learned = learned_names(file)
        free = (name for name in (f"array_{k}" for k in count()) if name not in file.arrays)
        for name, array in file.arrays.items():
            if array.dtype.kind == "f" and (array.ndim or name in learned):
                self._places[name] = placed(self, name, array, name in learned, free)
            else:
                self._constants[name] = array
        self.eval()

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Run all nodes."""
        values: dict[str, Any] = {**self._constants, **{name: getattr(*place) for name, place in self._places.items()}}
        values.update(self._given(inputs, named))
        device = next((v.device for v in values.values() if isinstance(v, Tensor)), as_device("cpu"))
        for node, done in zip(self._nodes, self._finished, strict=True):
            values.update(self._run(node, values))
            for name in done:  # so that it does not live longer than it is needed
                del values[name]
        results = tuple([beside(values[name], device) for name in self._outputs])
        return results[0] if len(results) == 1 else results

    def _given(self, inputs: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        """Return what the model is called with, by name, if it is what the file takes."""
        names = [wanted.name for wanted in self.inputs]
        given = dict(zip(names, inputs, strict=False))
        if len(inputs) > len(names) or given.keys() & named.keys() or {*given, *named} != set(names):
            got = ", ".join([f"{len(inputs)} by position", *named])
            raise TypeError(f"OnnxModel takes {len(names)} inputs, {'; '.join(map(str, self.inputs))}, and was given {got}")
        found = {name: value if isinstance(value, Tensor) else tensor(value) for name, value in {**given, **named}.items()}
        for wanted in self.inputs:
            value = found[wanted.name]
            if not wanted.takes(value):
                raise ValueError(f"OnnxModel takes {wanted}, and was given {value.dtype} of shape {value.shape}")
        return found

    def _run(self, node: OnnxNode, values: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs of a node by name."""
        given = [values[name] if name else None for name in node.inputs]
        device = next((v.device for v in given if isinstance(v, Tensor)), None)
        settings = {**node.settings, "training": self.training} if node.modal else node.settings
        try:
            inputs = [
                numbers_of(value)
                if k in node.numbers
                else self._constant(name, device)
                if name in self._constants
                else beside(value, device)
                for k, (name, value) in enumerate(zip(node.inputs, given, strict=True))
            ]
            result = node.function(*inputs, **settings)
            made = result if isinstance(result, tuple) else (result,)
            for value in made:
                sized(value.shape)
        except FAULTS as error:
            kinds = ", ".join("none" if v is None else f"{v.dtype} {v.shape}" for v in given)
            raise OnnxImportError(f"{node.words}: {first_line(error)}; its inputs: {kinds or 'none'}") from error
        return dict(zip(node.outputs, made, strict=False))

    def _constant(self, name: str, device: Device | None) -> Any:
        """Return a constant where it is needed; it is moved once."""
        if device is None or device.kind == "cpu":
            return beside(self._constants[name], device)
        key = name, str(device)
        if key not in self._moved:
            self._moved[key] = beside(self._constants[name], device)
        return self._moved[key]

    def extra_repr(self) -> str:
        """Inputs, and how many nodes there are."""
        return f"{'; '.join(map(str, self.inputs))}; {len(self._nodes)} nodes"


def beside(value: Any, device: Device | None) -> Any:
    """Return a NumPy array as a Tensor where the Tensors are; what depends on shapes and constants alone stays as it is until then."""
    if value is None or device is None or isinstance(value, Tensor):
        return value
    return wrap(move(np.asarray(value), device), None)


def first_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


# -------------------------------------------------------------------------------------------------- what is learned


def learned_names(file: File) -> frozenset[str]:
    """Return which arrays are learned: those that the file names, or all but single numbers and the averages of batch norms."""
    if file.learned is not None:
        return file.learned
    averages = {name for node in file.nodes if node.op_type == "BatchNormalization" for name in node.inputs[3:5]}
    return frozenset(name for name, array in file.arrays.items() if array.dtype.kind == "f" and array.ndim and name not in averages)


def placed(root: Module, name: str, array: np.ndarray[Any, Any], learned: bool, free: Iterator[str]) -> tuple[Module, str]:
    """Make an array a parameter or a buffer under its own name, with a child for each dot, or under a free name where that cannot be."""
    *path, last = name.split(".")
    module = root
    try:
        if len(path) > DEEPEST:
            raise KeyError(name)
        for part in path:
            if not isinstance(getattr(module, part, None), Module):
                module.add_module(part, Module())
            module = getattr(module, part)
        put(module, last, array, learned)
    except KeyError:
        module, last = root, next(free)
        put(module, last, array, learned)
    return module, last


def put(module: Module, name: str, array: np.ndarray[Any, Any], learned: bool) -> None:
    """Register an array."""
    if learned:
        module.register_parameter(name, Parameter(array))
    else:
        module.register_buffer(name, wrap(array, None))


def finished(file: File) -> list[list[str]]:
    """Return for each node which values are read by none after it."""
    last = {name: k for k, node in enumerate(file.nodes) for name in node.inputs if name and name not in file.outputs}
    done: list[list[str]] = [[] for _ in file.nodes]
    for name, k in last.items():
        done[k].append(name)
    return done
