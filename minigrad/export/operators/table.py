"""Which operator of ONNX is which function: one row for each."""

from __future__ import annotations

from minigrad.export.operators import elementwise, layers, reductions, shapes
from minigrad.export.operators.elementwise import Operator

OPERATORS: dict[str, Operator] = {**elementwise.ROWS, **shapes.ROWS, **reductions.ROWS, **layers.ROWS}

#: operator -> how many of its outputs there are, where it is not the first alone; None: all that a node names
OUTPUTS: dict[str, int | None] = {"Split": None, "TopK": 2, "LayerNormalization": 3, "LSTM": 3, "GRU": 2, "RNN": 2}
