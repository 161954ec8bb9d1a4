"""Single nodes as other tools write them: an operator, its inputs and its attributes, with each operator at least once."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

RNG = np.random.default_rng(0)


class Case(NamedTuple):
    """A node whose first inputs are the model's, and whose others are constants of the file."""

    op_type: str
    inputs: tuple[Any, ...]
    attributes: dict[str, Any]
    opset: int = 18
    given: int = 1  #: how many of the inputs are the model's
    outputs: int = 1


def real(*shape):
    return RNG.uniform(0.2, 0.9, shape).astype(np.float32) * RNG.choice([-1, 1], shape).astype(np.float32)


def ints(*numbers):
    return np.array(numbers, np.int64)


def cases() -> list[Case]:
    found = []

    def add(op_type, *inputs, opset=18, given=1, outputs=1, **attributes):
        found.append(Case(op_type, inputs, attributes, opset, given, outputs))

    x, matrix, picture, truth = real(2, 3), real(3, 3), real(2, 4, 7, 6), np.array([True, False, True])
    for name in (
        "Neg", "Identity", "Sign", "Abs", "Reciprocal", "Exp", "Erf", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh",
        "Asinh", "Atanh", "Floor", "Ceil", "Round", "Relu", "LeakyRelu", "Elu", "Selu", "Celu", "Tanh", "Sigmoid",
        "HardSigmoid", "HardSwish", "Mish", "Softplus", "Softsign", "Shrink", "Softmax", "LogSoftmax", "IsNaN", "IsInf", "Sum", "Mean",
        "Max", "Min", "Shape", "Size", "ReduceSum", "ReduceMean", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2",
        "ReduceSumSquare", "ArgMax", "ArgMin", "Trilu",
    ):  # fmt: skip
        add(name, x)
    for name in ("Sqrt", "Log", "ReduceLogSum", "ReduceLogSumExp"):
        add(name, np.abs(x))
    add("Acosh", 1 + np.abs(x))
    for name in (
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Max",
        "Min",
        "Sum",
        "Mean",
        "Equal",
        "Less",
        "LessOrEqual",
        "Greater",
        "GreaterOrEqual",
    ):
        add(name, np.abs(x), np.abs(real(3)), given=2)
    add("Sum", x, real(3), real(2, 1), given=3)
    for a, b in ((7, 2), (-7, 2), (7, -2), (-7, -2)):
        add("Div", ints(a), ints(b))
        add("Mod", ints(a), ints(b))
        add("Mod", np.float32([a, a / 4]), np.float32([b]), fmod=1)
    for name in ("And", "Or", "Xor"):
        add(name, truth, np.array([True, True, False]))
    add("Not", truth)
    for negative in (0, 1):
        add("IsInf", np.float32([-np.inf, 0, np.inf, np.nan]), detect_negative=negative, detect_positive=1 - negative)
    for name in ("BitwiseAnd", "BitwiseOr", "BitwiseXor"):
        add(name, ints(6, 3), ints(5, 9))
    add("BitwiseNot", ints(6, 3))
    add("Pow", np.float32([-2, 3]), ints(2))
    add("PRelu", x, real(3))
    add("Gelu", x, opset=20)
    add("Gelu", x, opset=20, approximate="tanh")
    add("Swish", x, opset=24, alpha=0.5)
    add("LeakyRelu", x, alpha=0.3)
    add("ThresholdedRelu", x, alpha=0.3)
    add("Celu", x, alpha=2.0)
    add("Clip", x, np.float32(-0.3), np.float32(0.4))
    add("Clip", x, None, np.float32(0.4))
    add("Where", truth, real(2, 3), real(3))
    add("Cast", x, to=7)
    add("CastLike", x, ints(1))
    # shapes
    add("Constant", value=real(2, 2), given=0)
    add("Constant", value_ints=[1, 2], given=0)
    add("Constant", value_float=0.5, given=0)
    add("ConstantOfShape", ints(2, 3), given=0)
    add("Range", ints(1)[0], ints(9)[0], ints(3)[0], given=0)
    add("Shape", picture, start=1, end=-1)
    add("Reshape", picture, ints(0, -1, 3))
    add("Flatten", picture)
    add("Flatten", picture, axis=3)
    add("Flatten", picture, axis=0)
    add("Expand", x, ints(4, 1, 3))
    add("Transpose", picture)
    add("Transpose", picture, perm=[0, 2, 3, 1])
    add("Squeeze", real(1, 3, 1), ints(0))
    add("Squeeze", real(1, 3, 1))
    add("Unsqueeze", x, ints(0, -1))
    add("Slice", picture, ints(1, -1), ints(3, -100), ints(2, 3), ints(1, -2))
    add("Slice", picture, ints(0, 1), ints(1, 2**62))
    add("Split", real(5, 2), opset=18, outputs=2, num_outputs=2)
    add("Split", real(6, 2), opset=13, outputs=3)
    add("Split", real(2, 5), ints(2, 3), axis=1, outputs=2)
    add("Concat", x, real(2, 1), axis=-1, given=2)
    add("Tile", x, ints(2, 1))
    add("Gather", picture, ints(0, -1), axis=2)
    add("Gather", picture, np.int64(2), axis=1)
    add("GatherElements", real(3, 3), np.int64([[2, 0], [1, 1]]), axis=0)
    add("ScatterElements", real(3, 3), np.int64([[2, 0, 1]]), real(1, 3), axis=0)
    add("ScatterElements", real(3, 3), np.int64([[2, 0], [0, 0], [1, 2]]), real(3, 2), axis=1, reduction="add")
    add("Pad", x, ints(0, 1, 2, 0), np.float32(0.5))
    add("Pad", picture, ints(0, -1, 1, 0), None, ints(2, 3))
    add("Pad", picture, ints(0, 0, 1, 2, 0, 0, 2, 1), mode="reflect")
    add("Pad", picture, ints(0, 0, 1, 2, 0, 0, 2, 1), mode="edge")
    add("Trilu", matrix, np.int64(-1), upper=0)
    add("DepthToSpace", picture, blocksize=2)
    add("DepthToSpace", picture, blocksize=2, mode="CRD")
    add("SpaceToDepth", real(2, 2, 4, 6), blocksize=2)
    for exclusive in (0, 1):
        add("CumSum", x, np.int64(1), exclusive=exclusive, reverse=1 - exclusive)
    # reductions and products
    add("ReduceSum", picture, ints(1, -1), keepdims=0)
    add("ReduceSum", x, ints(), noop_with_empty_axes=1)
    add("ReduceMean", picture, opset=13, axes=[2, 3])
    add("ReduceMax", ints(3, 5))
    add("ArgMax", x, axis=1, keepdims=0)
    add("TopK", x, ints(2), axis=1, largest=0, outputs=2)
    add("MatMul", x, matrix)
    add("Gemm", x, real(4, 3), real(4), transB=1, alpha=0.5)
    add("Gemm", x, real(4, 3), real(4), transB=1)
    add("Gemm", real(3, 2), real(3, 4), real(2, 1), transA=1, beta=0.5)
    add("Einsum", x, matrix, equation="ij,jk->ik")
    add("Det", matrix)
    # layers
    for auto_pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        add("Conv", picture, real(3, 4, 2, 3), auto_pad=auto_pad, strides=[2, 2])
        add("MaxPool", picture, auto_pad=auto_pad, kernel_shape=[2, 3], strides=[2, 2])
        add("AveragePool", picture, auto_pad=auto_pad, kernel_shape=[2, 3], strides=[2, 2])
    add("Conv", picture, real(2, 2, 3, 3), real(2), group=2, pads=[0, 1, 2, 1], dilations=[1, 2], kernel_shape=[3, 3])
    add("ConvTranspose", picture, real(4, 3, 3, 3), real(3), strides=[2, 2], pads=[1, 0, 0, 1])
    for auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        add("ConvTranspose", picture, real(4, 3, 3, 4), strides=[2, 2], auto_pad=auto_pad)
    add("ConvTranspose", picture, real(4, 3, 3, 4), strides=[2, 2], output_shape=[14, 13])
    add("ConvTranspose", picture, real(4, 3, 3, 3), strides=[3, 2], output_shape=[22, 14])
    add("MaxPool", picture, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], ceil_mode=1)
    add("MaxPool", picture, kernel_shape=[2, 2], dilations=[2, 1])
    add("AveragePool", picture, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    add("AveragePool", picture, kernel_shape=[3, 3], pads=[0, 1, 2, 0], count_include_pad=1)
    add("AveragePool", picture, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    add("GlobalAveragePool", picture)
    add("GlobalMaxPool", picture)
    add("BatchNormalization", picture, real(4), real(4), real(4), np.abs(real(4)), epsilon=1e-3)
    add("LayerNormalization", picture, real(7, 6), real(7, 6), axis=2)
    add("LayerNormalization", picture, real(6), axis=-1)
    add("LayerNormalization", picture, real(4, 7, 6), axis=1, outputs=3)
    add("RMSNormalization", picture, real(6), opset=23)
    add("InstanceNormalization", picture, real(4), real(4))
    add("GroupNormalization", picture, real(4), real(4), num_groups=2, opset=21)
    add("LRN", picture, size=3, alpha=0.1, bias=2.0)
    add("Dropout", x, np.float32(0.5))
    for direction, ways in (("forward", 1), ("reverse", 1), ("bidirectional", 2)):
        for kind, gates in (("LSTM", 4), ("GRU", 3), ("RNN", 1)):
            weights = real(ways, gates * 5, 3), real(ways, gates * 5, 5), real(ways, gates * 10)
            more = {"linear_before_reset": 1} if kind == "GRU" else {}
            add(kind, real(4, 2, 3), *weights, hidden_size=5, direction=direction, outputs=3 if kind == "LSTM" else 2, **more)
    add("RNN", real(4, 2, 3), real(1, 5, 3), real(1, 5, 5), None, None, real(1, 2, 5), hidden_size=5, activations=["Relu"], outputs=2)
    return found
