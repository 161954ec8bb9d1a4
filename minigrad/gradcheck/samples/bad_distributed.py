"""Bad inputs of the collectives and of batch norm over ranks."""

from __future__ import annotations

import numpy as np

from minigrad.distributed import Alone, Stacked
from minigrad.gradcheck.samples.bad import Bad, X, ones

NO_NUMBERS = np.ones((2, 3), bool)

DISTRIBUTED: dict[str, list[Bad]] = {
    "all_reduce": [
        Bad(TypeError, ["no sum of bool"], NO_NUMBERS, group=Alone()),
        Bad(ValueError, ["shape (2, 3)", "2 ranks"], X, group=Stacked(2)),
        Bad(TypeError, ["must be an array, not a float"], 1.0, group=Alone()),
    ],
    "all_gather": [
        Bad(ValueError, ["shape (2, 3)", "2 ranks"], X, group=Stacked(2)),
        Bad(TypeError, ["must be an array, not a float"], 1.0, group=Alone()),
    ],
    "reduce_scatter": [
        Bad(ValueError, ["shape (2, 3)", "each of 3 ranks"], X, group=Stacked(3)),
        Bad(TypeError, ["no sum of bool"], NO_NUMBERS[:1], group=Alone()),
        Bad(ValueError, ["shape ()"], ones(), group=Alone()),
    ],
    "broadcast": [
        Bad(ValueError, ["root=3", "ranks 0 to 2"], X, group=Stacked(3), root=3),
        Bad(ValueError, ["root=-1"], X, group=Alone(), root=-1),
    ],
    "reduce_to": [
        Bad(ValueError, ["root=3", "ranks 0 to 2"], X, group=Stacked(3), root=3),
        Bad(TypeError, ["no sum of bool"], NO_NUMBERS, group=Alone()),
    ],
    **{
        name: [
            Bad(TypeError, ["int64"], np.ones((2, 3), np.int64), axis=0, group=Alone()),
            Bad(ValueError, ["axis=2", "(2, 3)"], X, axis=2, group=Alone()),
            Bad(ValueError, ["weight", "(2,)", "(3,)"], X, ones(2), axis=0, group=Alone()),
            Bad(ValueError, ["eps=-1"], X, axis=0, eps=-1, group=Alone()),
            Bad(ValueError, ["no rank has a value"], ones(0, 3), axis=0, group=Alone()),
        ]
        for name in ("sync_batch_norm", "sync_batch_norm_relu")
    },
}
