"""Recurrent layers: RNN, LSTM and GRU, with layers and directions, and their single cells.

A layer in one direction is two calls: `minigrad.nn.functional.linear` for what the inputs contribute to all steps at
once, and one of the ops of `minigrad.ops.recurrent` for the steps.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from minigrad import ops
from minigrad.core.tensor import Tensor
from minigrad.creation import zeros
from minigrad.nn import functional as F, init
from minigrad.nn.module import Module, empty_parameter
from minigrad.nn.utils.rnn import PackedSequence, end_to_end, pad_packed_sequence, rows, taken

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]


def _zeros(like: Any, *shape: int) -> Tensor:
    return zeros(shape, dtype=like.dtype, device=like.device)


def _steps(kind: str, x: Any, state: tuple[Any, ...], weights: dict[str, Any], nonlinearity: str) -> tuple[Any, ...]:
    """Run one layer in one direction over (T, N, features). Returns every h_t, and for an LSTM every c_t."""
    w_ih, w_hh, b_ih, b_hh = (weights.get(name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    if kind == "gru":
        return (ops.gru(F.linear(x, w_ih, b_ih), *state, w_hh, b_hh)[0],)
    inputs = F.linear(x, w_ih, None if b_ih is None else b_ih + b_hh)
    if kind == "rnn":
        return (ops.rnn(inputs, state[0], w_hh, nonlinearity=nonlinearity),)
    return ops.lstm(inputs, *state, w_hh, weights.get("weight_hr"))[:2]


def _reversed(x: Any, lengths: Any) -> Any:
    """Turn the steps of (T, N, features) round: of each sequence of its own length, and padding stays behind."""
    if lengths is None:
        return ops.flip(x, axis=0)
    t, n = np.arange(x.shape[0])[:, None], len(lengths)
    return taken(rows(x), (np.where(t < lengths, lengths - 1 - t, t) * n + np.arange(n)).reshape(-1)).reshape(x.shape)


def _last(x: Any, lengths: Any) -> Any:
    """Return the last step of (T, N, features), of each sequence of its own length."""
    return x[-1] if lengths is None else taken(rows(x), (lengths - 1) * len(lengths) + np.arange(len(lengths)))


class _Recurrent(Module):
    """Layers of recurrences, in one or both directions.

    Attributes
    ----------
    weight_ih_l0 : (gates * hidden_size, input_size)
    weight_hh_l0 : (gates * hidden_size, hidden_size)
    bias_ih_l0, bias_hh_l0 : (gates * hidden_size,)
        And so on for l1, l2, ...; with the ending ``_reverse`` for the other direction. All are drawn evenly from
        +-1/sqrt(hidden_size).
    """

    _kind: ClassVar[str]
    _gates: ClassVar[int]
    nonlinearity = "tanh"
    proj_size = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if hidden_size < 1 or num_layers < 1 or input_size < 0:
            raise ValueError(f"{name}: hidden_size and num_layers must be positive, and they are {hidden_size} and {num_layers}")
        if not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout is a probability, from 0 to 1, not {dropout}")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        rows, out = self._gates * hidden_size, self.proj_size or hidden_size
        for layer, ending in self._directions():
            columns = input_size if layer == 0 else out * (2 if bidirectional else 1)
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, columns), "weight_hh": (rows, out)}
            if bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            if self.proj_size:
                shapes["weight_hr"] = (self.proj_size, hidden_size)
            for kind, shape in shapes.items():
                setattr(self, f"{kind}_l{layer}{ending}", empty_parameter(*shape, device=device, dtype=dtype))
        self.reset_parameters()

    def _directions(self) -> list[tuple[int, str]]:
        """Return every layer and direction, as PyTorch orders them: the number, and the ending of its parameters' names."""
        return [(layer, ending) for layer in range(self.num_layers) for ending in ("", "_reverse")[: 2 if self.bidirectional else 1]]

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Tensor | tuple[Tensor, ...]]:
        """Run over a sequence, or over several.

        Parameters
        ----------
        input : (T, N, input_size), or (N, T, input_size) where ``batch_first`` is set, or (T, input_size)
            Or a `minigrad.nn.utils.rnn.PackedSequence`, for sequences of different lengths; the output is one, too.
        hx
            The state to start from, of shape (layers * directions, N, hidden_size), for an LSTM a pair (h, c) of them;
            zero by default. N is absent where it is from ``input``.

        Returns
        -------
        tuple
            Every h_t of the last layer, in the layout of ``input``, and the last state of every layer and direction.
        """
        if isinstance(input, PackedSequence):
            return self._packed(input, hx)
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: the input has shape {input.shape}; expected 2 or 3 axes, the last of length {self.input_size}"
            )
        batched = input.ndim == 3
        x = input if batched else ops.expand_dims(input, 1)
        x = x.swapaxes(0, 1) if batched and self.batch_first else x
        x, finals = self._layers(x, self._initial(x, hx, batched))
        x = x.swapaxes(0, 1) if batched and self.batch_first else x if batched else x.squeeze(1)
        finals = finals if batched else tuple([final.squeeze(1) for final in finals])
        return x, finals[0] if len(finals) == 1 else finals

    def _packed(self, sequence: PackedSequence, hx: Any) -> tuple[PackedSequence, Tensor | tuple[Tensor, ...]]:
        """Run over sequences of different lengths: over a padded batch, whose padding comes after all that counts."""
        if sequence.data.ndim != 2 or sequence.data.shape[1] != self.input_size:
            shapes = f"{sequence.data.shape}; expected (sum of the lengths, {self.input_size})"
            raise ValueError(f"{type(self).__name__}: the data of the packed sequence have shape {shapes}")
        x, _ = pad_packed_sequence(sequence)
        x, finals = self._layers(x, self._initial(x, hx, batched=True), sequence.lengths)
        packed = sequence._replace(data=end_to_end(x, sequence.batch_sizes, sequence.sorted_indices))
        return packed, finals[0] if len(finals) == 1 else finals

    def _layers(self, x: Any, states: tuple[Any, ...], lengths: Any = None) -> tuple[Any, tuple[Any, ...]]:
        """Run all layers over (T, N, input_size). Returns every h_t of the last one, and the last states of all."""
        last: list[tuple[Any, ...]] = []
        for layer in range(self.num_layers):
            outputs = []
            for backward in (False, True)[: 2 if self.bidirectional else 1]:
                state = tuple([s[len(last)] for s in states])
                steps = self._direction(_reversed(x, lengths) if backward else x, state, layer, "_reverse" if backward else "")
                outputs.append(_reversed(steps[0], lengths) if backward else steps[0])
                last.append(tuple([_last(s, lengths) for s in steps]))
            x = ops.concat(outputs, axis=-1) if self.bidirectional else outputs[0]
            if layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        return x, tuple([ops.stack(parts) for parts in zip(*last, strict=True)])

    def _direction(self, x: Any, state: tuple[Any, ...], layer: int, ending: str) -> tuple[Any, ...]:
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        weights = {name: self.__dict__.get(f"{name}_l{layer}{ending}") for name in names}
        return _steps(self._kind, x, state, weights, self.nonlinearity)

    def _initial(self, x: Any, hx: Any, batched: bool) -> tuple[Any, ...]:
        """Return the states to start from, with a batch axis, after checking their shapes."""
        count, n = len(self._directions()), x.shape[1]
        widths = (self.proj_size or self.hidden_size, self.hidden_size) if self._kind == "lstm" else (self.hidden_size,)
        if hx is None:
            return tuple([_zeros(x, count, n, width) for width in widths])
        states = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        expected = [(count, n, width) if batched else (count, width) for width in widths]
        if [s.shape for s in states] != expected:
            raise ValueError(f"{type(self).__name__}: the state has shapes {[s.shape for s in states]}; expected {expected}")
        return states if batched else tuple([ops.expand_dims(s, 1) for s in states])

    def extra_repr(self) -> str:
        shown = [f"{self.input_size}, {self.hidden_size}"]
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0, "bidirectional": False}
        shown += [f"{name}={getattr(self, name)}" for name, default in defaults.items() if getattr(self, name) != default]
        return ", ".join(shown)


class RNN(_Recurrent):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), or max(., 0) where ``nonlinearity`` is "relu"."""

    _kind, _gates = "rnn", 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", *args: Any, **kwargs: Any
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: unknown nonlinearity {nonlinearity!r}: expected 'tanh' or 'relu'")
        super().__init__(input_size, hidden_size, num_layers, *args, **kwargs)
        self.nonlinearity = nonlinearity


class LSTM(_Recurrent):
    """Long short-term memory; see `minigrad.ops.lstm`. With ``proj_size`` h_t is multiplied by a matrix weight_hr."""

    _kind, _gates = "lstm", 4

    def __init__(self, input_size: int, hidden_size: int, *args: Any, proj_size: int = 0, **kwargs: Any) -> None:
        if not 0 <= proj_size < max(hidden_size, 1):
            raise ValueError(f"LSTM: proj_size is less than hidden_size, {hidden_size}, or 0 for none; it is {proj_size}")
        self.proj_size = proj_size
        super().__init__(input_size, hidden_size, *args, **kwargs)


class GRU(_Recurrent):
    """Gated recurrent unit; see `minigrad.ops.gru`."""

    _kind, _gates = "gru", 3


class _Cell(Module):
    """One step of a recurrence: (N, input_size) or (input_size,) and a state, which is zero by default."""

    _kind: ClassVar[str]
    _gates: ClassVar[int]
    nonlinearity = "tanh"

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, device: Any = None, dtype: Any = None) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        rows = self._gates * hidden_size
        self.weight_ih = empty_parameter(rows, input_size, device=device, dtype=dtype)
        self.weight_hh = empty_parameter(rows, hidden_size, device=device, dtype=dtype)
        self.bias_ih = empty_parameter(rows, device=device, dtype=dtype) if bias else None
        self.bias_hh = empty_parameter(rows, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0.0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the next state: h, and for an LSTM (h, c)."""
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: the input has shape {input.shape}; expected 1 or 2 axes, the last of length {self.input_size}"
            )
        one_step = input.reshape((1, -1, self.input_size))
        n_states = 2 if self._kind == "lstm" else 1
        given = hx if isinstance(hx, (tuple, list)) else (hx,) * n_states
        shape = (*input.shape[:-1], self.hidden_size)
        if hx is not None and [s.shape for s in given] != [shape] * n_states:
            raise ValueError(f"{type(self).__name__}: the state has shape {[s.shape for s in given]}; expected {[shape] * n_states}")
        state = [_zeros(input, one_step.shape[1], self.hidden_size) if s is None else s.reshape((-1, self.hidden_size)) for s in given]
        weights = {name: getattr(self, name) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        new = tuple([s[-1].reshape(shape) for s in _steps(self._kind, one_step, tuple(state), weights, self.nonlinearity)])
        return new if n_states == 2 else new[0]

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias else ', bias=False'}"


class RNNCell(_Cell):
    """One step of `RNN`."""

    _kind, _gates = "rnn", 1

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", *, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device=device, dtype=dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNNCell: unknown nonlinearity {nonlinearity!r}: expected 'tanh' or 'relu'")
        self.nonlinearity = nonlinearity


class LSTMCell(_Cell):
    """One step of `LSTM`: ``(h, c) = cell(input, (h, c))``."""

    _kind, _gates = "lstm", 4


class GRUCell(_Cell):
    """One step of `GRU`."""

    _kind, _gates = "gru", 3
