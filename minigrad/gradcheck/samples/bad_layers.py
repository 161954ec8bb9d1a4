"""Bad inputs of ops on matrices, of indexing, and of what layers and losses are made of; see `minigrad.gradcheck.samples.bad`."""

from __future__ import annotations

import sys

import numpy as np

from minigrad.gradcheck.samples.bad import AXIS, FAR, IMAGE, Bad, X, ints, ones

SINGULAR = np.linalg.LinAlgError
WHOLE_X = np.ones((2, 3), np.int64)
FLAT = ones(4, 4)  #: neither batch nor channels

_LINALG: dict[str, list[Bad]] = {
    "matmul": [Bad(ValueError, ["a has shape (2, 3)", "b (2, 3)"], X, X), Bad(ValueError, ["b ()", "use * there"], X, ones())],
    "linear": [
        Bad(ValueError, ["x has shape (2, 3)", "weight (3, 4)"], X, ones(3, 4)),
        Bad(ValueError, ["bias has shape (3,)", "weight (4, 3) needs (4,)"], X, ones(4, 3), ones(3)),
        Bad(TypeError, ["'weight'"], X),
    ],
    "outer": [Bad(ValueError, ["a has shape (2, 3)", "b (3,)", "1-d"], X, ones(3))],
    "vecdot": [
        Bad(ValueError, ["a has shape (2,)", "b (3,)"], ones(2), ones(3)),
        Bad(ValueError, ["axis 0 must be negative"], X, X, axis=0),
    ],
    "cross": [
        Bad(ValueError, ["a has shape (2,)", "3 long"], ones(2), ones(2)),
        Bad(ValueError, ["axis 1 must be negative"], X, X, axis=1),
    ],
    "kron": [Bad(TypeError, ["'b'"], X), Bad(TypeError, ["b: str"], X, "one")],
    "tensordot": [
        Bad(ValueError, ["a has shape (2, 3)", "b (4, 2)"], X, ones(4, 2), axes=1),
        Bad(ValueError, ["2 axes of a", "1 of b"], X, ones(3, 2), axes=((0, 1), (0,))),
        Bad(ValueError, ["(2,) are not different axes of a"], X, ones(3, 2), axes=((2,), (0,))),
    ],
    "einsum": [
        Bad(ValueError, ["operands[0]: float64[2, 3]", "operands[1]: float64[4, 5]", "'j'"], X, ones(4, 5), subscripts="ij,jk->ik"),
        Bad(ValueError, ["ijk->i", "operands[0]: float64[2, 3]"], X, subscripts="ijk->i"),
        Bad(TypeError, ["subscripts"], X),
    ],
    "cholesky": [Bad(SINGULAR, ["x: float64[2, 2]"], -np.eye(2))],
    "inv": [Bad(SINGULAR, ["x: float64[2, 2]"], ones(2, 2))],
    "solve": [
        Bad(ValueError, ["a has shape (2, 2)", "b (3, 1)"], ones(2, 2), ones(3, 1)),
        Bad(SINGULAR, ["a: float64[2, 2]", "b: float64[2]"], ones(2, 2), ones(2)),
    ],
    "pinv": [Bad(TypeError, ["rcond='small'"], X, rcond="small")],
    "lyapunov": [Bad(ValueError, ["(2, 3)", "square matrices of one size"], X, X)],
}
if sys.platform == "emscripten":  # WebAssembly has no floating-point flags, by which NumPy tells a singular matrix: what comes is NaN
    _LINALG = {name: [bad for bad in bads if bad.error is not SINGULAR] for name, bads in _LINALG.items()}

_INDEXING: dict[str, list[Bad]] = {
    "getitem": [
        Bad(IndexError, ["index 2 is out of bounds for axis 0 with size 2", "x: float64[2, 3]"], X, key=2),
        Bad(IndexError, ["index 7 is out of bounds", "key=int64[2]"], X, key=ints(0, 7)),
        Bad(IndexError, ["too many indices", "key=(0, 0, 0)"], X, key=(0, 0, 0)),
        Bad(IndexError, ["key=0.5"], X, key=0.5),
        Bad(IndexError, ["boolean", "key=bool[3]"], X, key=ones(3) > 0),
    ],
    "add_at": [
        Bad(IndexError, ["index 7 is out of bounds", "key=int64[2]"], X, ones(3), key=ints(0, 7)),
        Bad(ValueError, ["updates: float64[2]", "key=0"], X, ones(2), key=0),
        Bad(TypeError, ["key"], X, ones(3)),
    ],
    "take": [
        Bad(IndexError, ["index 9 is out of bounds for axis 1 with size 3", "indices: int64[1]"], X, ints(9), axis=1),
        Bad(ValueError, ["axis=None", "x: float64[2, 3]"], X, ints(0)),
        Bad(TypeError, ["indices: float64[1]"], X, ones(1), axis=0),
    ],
    "index_add": [
        Bad(IndexError, ["index 9 is out of bounds", "indices: int64[1]"], X, ints(9), ones(1, 3), axis=0),
        Bad(ValueError, ["updates: float64[1, 2]", "x: float64[2, 3]"], X, ints(0), ones(1, 2), axis=0),
        Bad(AXIS, [FAR], X, ints(0), X, axis=2),
    ],
    "embedding": [
        Bad(IndexError, ["index 2 is out of bounds", "weight: float64[2, 3]"], X, ints(2)),
        Bad(TypeError, ["indices: float64[1]"], X, ones(1)),
    ],
    "take_along_axis": [
        Bad(IndexError, ["index 9 is out of bounds", "indices: int64[1, 1]"], X, ints([9])),
        Bad(ValueError, ["indices: int64[1]", "x: float64[2, 3]"], X, ints(0)),
    ],
    "scatter_add": [
        Bad(IndexError, ["index 9 is out of bounds"], X, ints([9]), ones(2, 1)),
        Bad(ValueError, ["shape (1,) need the 2 axes of x", "(2, 3)"], X, ints(0), ones(1)),
        Bad(ValueError, ["updates: float64[4]"], X, ints([0, 1]), ones(4)),
    ],
    "put_along_axis": [
        Bad(IndexError, ["index 9 is out of bounds"], X, ints([9]), ones(2, 1)),
        Bad(ValueError, ["shape (1,) need the 2 axes of x", "(2, 3)"], X, ints(0), ones(1)),
    ],
    "one_hot": [
        Bad(IndexError, ["index 2 is outside the 2 classes"], ints(2), num_classes=2),
        Bad(IndexError, ["index -1 is outside the 2 classes"], ints(-1), num_classes=2),
        Bad(TypeError, ["must be an integer, not float64"], ones(2), num_classes=2),
    ],
    "pick": [
        Bad(IndexError, ["index 16 is out of bounds"], IMAGE, ints([[16]], [[0]])[None]),
        Bad(ValueError, ["indices has shape (1, 1, 1, 1)", "(1, 2, 4, 4)"], IMAGE, ints([[[0]]])),
    ],
    "pick_transpose": [
        Bad(ValueError, ["indices has shape (1, 2, 1, 1)", "y (1, 2, 4, 4)"], IMAGE, ints([[0]], [[0]])[None], size=(4, 4)),
        Bad(IndexError, ["index 16 is outside the 16 elements"], ones(1, 2, 1, 1), ints([[16]], [[0]])[None], size=(4, 4)),
    ],
}

_WINDOWS: dict[str, list[Bad]] = {
    "convolution": [
        Bad(ValueError, ["x has shape (1, 2, 4, 4)", "weight (2, 3, 3, 3)", "3 channels"], IMAGE, ones(2, 3, 3, 3)),
        Bad(ValueError, ["do not divide into 2 groups"], IMAGE, ones(3, 1, 3, 3), groups=2),
        Bad(ValueError, ["equally many spatial axes"], IMAGE, ones(1, 2, 3)),
        Bad(ValueError, ["bias has shape (3,)", "(2,)"], IMAGE, ones(2, 2, 3, 3), ones(3)),
        Bad(ValueError, ["(5, 5)", "(4, 4)"], IMAGE, ones(1, 2, 5, 5)),
        Bad(ValueError, ["stride is 0", ">= 1"], IMAGE, ones(1, 2, 3, 3), stride=0),
        Bad(ValueError, ["dilation is -1"], IMAGE, ones(1, 2, 3, 3), dilation=-1),
        Bad(ValueError, ["padding is 'full'", "'same'"], IMAGE, ones(1, 2, 3, 3), padding="full"),
    ],
    "conv_transpose": [
        Bad(ValueError, ["x has shape (1, 2, 4, 4)", "needs 3 channels"], IMAGE, ones(3, 2, 3, 3)),
        Bad(ValueError, ["bias has shape (2,)", "(3,)"], IMAGE, ones(2, 3, 3, 3), ones(2)),
        Bad(ValueError, ["output_padding is 1", "smaller than the stride"], IMAGE, ones(2, 1, 3, 3), output_padding=1),
    ],
    "convolution_weight_grad": [
        Bad(ValueError, ["dy has shape (1, 1, 3, 3)", "(2, 2)"], IMAGE, ones(1, 1, 3, 3), kernel_size=(3, 3)),
        Bad(ValueError, ["dy has shape (1, 3, 2, 2)", "2 groups"], IMAGE, ones(1, 3, 2, 2), kernel_size=(3, 3), groups=2),
        Bad(ValueError, ["stride is 0"], IMAGE, ones(1, 1, 2, 2), kernel_size=(3, 3), stride=0),
    ],
    "unfold": [
        Bad(ValueError, ["x has shape (4, 4)", "(batch, channels, *spatial)"], FLAT, kernel_size=2),
        Bad(ValueError, ["(5, 5)", "(4, 4)"], IMAGE, kernel_size=5),
    ],
    "fold": [Bad(ValueError, ["x has shape (1, 4, 5)", "channels * 4, 4"], ones(1, 4, 5), output_size=(3, 3), kernel_size=2)],
    "max_pool": [
        Bad(ValueError, ["x has shape (4, 4)", "(batch, channels, *spatial)"], FLAT, kernel_size=2),
        Bad(ValueError, ["kernel_size is 0", ">= 1"], IMAGE, kernel_size=0),
        Bad(ValueError, ["(5, 5)", "(4, 4)"], IMAGE, kernel_size=5),
        Bad(ValueError, ["padding (2, 2)", "holds no element"], IMAGE, kernel_size=2, padding=2),
    ],
    "avg_pool": [
        Bad(ValueError, ["x has shape (4, 4)", "(batch, channels, *spatial)"], FLAT, kernel_size=2),
        Bad(ValueError, ["padding (2, 2)", "holds no element"], IMAGE, kernel_size=2, padding=2),
        Bad(ValueError, ["divisor_override is 0"], IMAGE, kernel_size=2, divisor_override=0),
    ],
    "avg_pool_transpose": [
        Bad(ValueError, ["y has shape (1, 2, 4, 4)", "(1, 2, 2, 2)"], IMAGE, size=(4, 4), kernel_size=2),
        Bad(ValueError, ["kernel_size is 0"], IMAGE, size=(4, 4), kernel_size=0),
    ],
    "adaptive_avg_pool": [
        Bad(ValueError, ["output_size is (2, 2, 2)", "2 axes"], IMAGE, output_size=(2, 2, 2)),
        Bad(ValueError, ["(1, 2, 0)", "nothing to pool"], ones(1, 2, 0), output_size=1),
    ],
    "adaptive_max_pool": [
        Bad(ValueError, ["output_size is 0", "positive integer"], IMAGE, output_size=0),
        Bad(ValueError, ["(1, 2, 0)", "nothing to pool"], ones(1, 2, 0), output_size=1),
    ],
}


def _batch_norm(**params: object) -> list[Bad]:
    return [
        Bad(ValueError, ["axis=2", "(2, 3)"], X, axis=2, **params),
        Bad(ValueError, ["axis=(0, 0)", "different axes"], X, axis=(0, 0), **params),
        Bad(ValueError, ["weight has shape (4,)", "(3,)"], X, ones(4), axis=0, **params),
        Bad(ValueError, ["bias has shape (2,)", "(3,)"], X, None, ones(2), axis=0, **params),
        Bad(ValueError, ["eps=-1.0"], X, axis=0, eps=-1.0, **params),
        Bad(TypeError, ["x must be of floating point, not int64"], WHOLE_X, axis=0, **params),
        Bad(ValueError, ["(0, 3)", "no values to average"], ones(0, 3), axis=0, **params),
        Bad(TypeError, ["axis"], X, **params),
    ]


_NORMALIZATION: dict[str, list[Bad]] = {
    "batch_norm": _batch_norm(),
    "batch_norm_relu": _batch_norm(),
    "batch_renorm": [
        Bad(ValueError, ["running_mean has shape (2,)", "(3,)"], X, ones(2), ones(3), axis=0, r_max=2.0, d_max=1.0),
        Bad(ValueError, ["r_max=0.5", "at least 1"], X, ones(3), ones(3), axis=0, r_max=0.5, d_max=1.0),
        Bad(ValueError, ["d_max=-1.0", "at least 0"], X, ones(3), ones(3), axis=0, r_max=2.0, d_max=-1.0),
    ],
    "fixed_batch_norm": [
        Bad(ValueError, ["mean has shape (2,)", "(3,)"], X, ones(2), ones(3), axis=0),
        Bad(ValueError, ["var has shape (2,)", "(3,)"], X, ones(3), ones(2), axis=0),
    ],
    "layer_norm": [
        Bad(ValueError, ["axis=2", "(2, 3)"], X, axis=2),
        Bad(ValueError, ["weight has shape (2,)", "(3,)"], X, ones(2)),
        Bad(ValueError, ["bias has shape (2,)", "(3,)"], X, None, ones(2)),
        Bad(TypeError, ["not int64"], WHOLE_X),
    ],
    "rms_norm": [
        Bad(ValueError, ["eps=-1.0"], X, eps=-1.0),
        Bad(ValueError, ["weight has shape (2,)", "(3,)"], X, ones(2)),
        Bad(TypeError, ["not int64"], WHOLE_X),
    ],
    "group_norm": [
        Bad(ValueError, ["groups=3", "number of channels"], IMAGE, groups=3),
        Bad(ValueError, ["groups=0"], IMAGE, groups=0),
        Bad(ValueError, ["weight has shape (3,)", "(2,)"], IMAGE, ones(3), groups=2),
    ],
    "instance_norm": [
        Bad(ValueError, ["needs an axis of positions", "(2, 3)"], X),
        Bad(ValueError, ["weight has shape (3,)", "(2,)"], IMAGE, ones(3)),
    ],
    "local_response_norm": [Bad(ValueError, ["size=0"], IMAGE, size=0), Bad(ValueError, ["axis=5"], IMAGE, size=2, axis=5)],
    "moving_sum": [
        Bad(ValueError, ["before=-1", "after=0"], X, axis=1, before=-1, after=0),
        Bad(IndexError, ["x: float64[2, 3]", "axis=2"], X, axis=2, before=1, after=1),
    ],
    "whiten_zca": [
        Bad(ValueError, ["x has shape (4,)", "(samples, features)"], ones(4)),
        Bad(ValueError, ["2 samples of 3 features", "singular"], X, eps=0.0),
        Bad(ValueError, ["eps=-1.0"], X, eps=-1.0),
    ],
}

LABELS = ints(0, 1)

_LOSSES: dict[str, list[Bad]] = {
    "softmax_cross_entropy": [
        Bad(ValueError, ["x of shape (2, 3)", "labels of shape (2,), not (3,)"], X, ints(0, 1, 2)),
        Bad(IndexError, ["label 3 is outside the 3 classes"], X, ints(0, 3)),
        Bad(IndexError, ["label -1 is outside the 3 classes"], X, ints(0, -1)),
        Bad(TypeError, ["must be an integer, not float64"], X, ones(2)),
        Bad(ValueError, ["label_smoothing is 2.0", "0 to 1"], X, LABELS, label_smoothing=2.0),
    ],
    "mean_cross_entropy": [
        Bad(ValueError, ["x of shape (2, 3)", "labels of shape (2,), not (3,)"], X, ints(0, 1, 2)),
        Bad(IndexError, ["label 3 is outside the 3 classes"], X, ints(0, 3)),
        Bad(ValueError, ["label_smoothing is -0.5", "0 to 1"], X, LABELS, label_smoothing=-0.5),
    ],
    "binary_cross_entropy": [Bad(ValueError, ["p: float64[2, 3]", "target: float64[2]"], X, ones(2))],
    "huber": [
        Bad(ValueError, ["x: float64[2, 3]", "target: float64[2]"], X, ones(2)),
        Bad(ValueError, ["delta is -1.0", "positive"], X, X, delta=-1.0),
    ],
}

_ALIGNMENT: dict[str, list[Bad]] = {
    "ctc_alpha": [
        Bad(ValueError, ["x has shape (2, 3)", "expected (T, N, S) with at least one step, and twice (N, S)"], X, X, X),
        Bad(ValueError, ["start (1, 3), jump (2, 3)", "(T, N, S)"], ones(4, 1, 3), ones(1, 3), X),
        Bad(TypeError, ["jump is float64", "booleans"], ones(4, 2, 3), X, X),
    ],
}

_RECURRENT: dict[str, list[Bad]] = {
    "lstm": [
        Bad(ValueError, ["x has shape (2, 3)", "(T, N, 4 H)"], X, X, X, X),
        Bad(ValueError, ["h0 has shape (1, 2)", "(1, 3)"], ones(2, 1, 12), ones(1, 2), ones(1, 3), ones(12, 3)),
        Bad(ValueError, ["w has shape (9, 3)", "(12, 3)"], ones(2, 1, 12), ones(1, 3), ones(1, 3), ones(9, 3)),
    ],
    "gru": [
        Bad(ValueError, ["x has shape (2, 3)", "(T, N, 3 H)"], X, X, X),
        Bad(ValueError, ["b has shape (3,)", "(9,)"], ones(2, 1, 9), ones(1, 3), ones(9, 3), ones(3)),
    ],
    "rnn": [
        Bad(ValueError, ["x has shape (2, 3)", "(T, N,  H)"], X, X, X),
        Bad(ValueError, ["w has shape (2, 3)", "(3, 3)"], ones(2, 1, 3), ones(1, 3), X),
        Bad(ValueError, ["unknown nonlinearity 'sin'", "'relu'"], ones(2, 1, 3), ones(1, 3), ones(3, 3), nonlinearity="sin"),
    ],
}

TABLES = (_LINALG, _INDEXING, _WINDOWS, _NORMALIZATION, _LOSSES, _ALIGNMENT, _RECURRENT)
