"""Which op becomes what in ONNX: one row for each, and for each of the others the reason.

A row is a function that is called like the op's own, with the graph (`minigrad.export.graph.Graph`) in place of the array
library: inputs by position, parameters by name.
"""

from __future__ import annotations

from minigrad.export import elementwise, layers, reductions, shapes
from minigrad.export.elementwise import Converter

NODES: dict[str, Converter] = {**elementwise.ROWS, **shapes.ROWS, **reductions.ROWS, **layers.ROWS}

_TRAINING = "of training alone; export the model in evaluation mode"
_LOSS = "a loss, and what is exported is a model's answer"
_GRADIENT = "part of a gradient, and what is exported is the forward computation"
_NO_NODE = "ONNX (opset 18) has no node for it"

WITHOUT: dict[str, str] = {
    **dict.fromkeys(("batch_renorm", "dropout", "whiten_zca", "lyapunov"), _TRAINING),
    **dict.fromkeys(
        ("softmax_cross_entropy", "mean_cross_entropy", "sigmoid_cross_entropy", "binary_cross_entropy", "ctc_alpha", "huber"), _LOSS
    ),
    **dict.fromkeys(("avg_pool_transpose", "convolution_weight_grad", "pick_transpose"), _GRADIENT),
    **dict.fromkeys(
        (
            "add_at", "atan2", "bitwise_left_shift", "bitwise_right_shift", "cholesky", "copysign", "cross", "cummax", "cummin",
            "cumulative_prod", "diag_embed",
            "eigh", "erfinv", "fold", "index_add", "inv", "kron", "linear_recurrence", "logcumsumexp", "logit",
            "nextafter", "pick", "pinv", "qr", "searchsorted", "signbit", "sinc", "slogdet", "solve", "svd", "unfold",
        ),
        _NO_NODE,
    ),
}  # fmt: skip
