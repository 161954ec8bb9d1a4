"""PyTorch's ops that arrange, join, cut and repeat."""

import torch
from torch.nn import functional


def shape(value):
    return value if isinstance(value, tuple) else (value,)


def permute(x, axes=None):
    return x.permute(tuple(range(x.ndim))[::-1] if axes is None else axes)


def expand_dims(x, axis):
    for a in sorted(a % (x.ndim + len(shape(axis))) for a in shape(axis)):
        x = x.unsqueeze(a)
    return x


def squeeze(x, axis=None):
    return x.squeeze() if axis is None else x.squeeze(axis)


def repeat(x, repeats, axis=None):
    return torch.repeat_interleave(x, torch.tensor(repeats) if isinstance(repeats, tuple) else repeats, dim=axis)


def pad(x, pad_width, mode="constant", value=0):
    mode = {"edge": "replicate", "wrap": "circular"}.get(mode, mode)
    widths = torch.broadcast_to(torch.tensor(pad_width), (x.ndim, 2)).tolist()
    for axis, (before, after) in enumerate(widths):
        if mode == "constant":
            x = functional.pad(x.movedim(axis, -1), (before, after), mode, value).movedim(-1, axis)
            continue
        while before or after:  # PyTorch pads by at most the length; further from the padded array for reflect and wrap
            n = x.shape[axis] - (mode == "reflect") if mode != "replicate" else before + after
            now = min(before, n), min(after, n)
            flat = x.movedim(axis, -1)
            x = functional.pad(flat.reshape(1, -1, flat.shape[-1]), now, mode).reshape(*flat.shape[:-1], -1).movedim(-1, axis)
            before, after = before - now[0], after - now[1]
    return x


def diag_embed(x, offset=0, shape=None):
    y = torch.diag_embed(x, offset)
    rows, columns = shape or y.shape[-2:]
    y = y[..., :rows, :columns]
    return functional.pad(y, (0, columns - y.shape[-1], 0, rows - y.shape[-2]))


def roll(x, shift, axis=None):
    """PyTorch wants a shift for each axis."""
    return torch.roll(x, (shift,) * len(axis) if isinstance(axis, tuple) and isinstance(shift, int) else shift, axis)


REFERENCES = {
    "reshape": lambda x, shape: x.reshape(shape),
    "broadcast_to": lambda x, shape: x.broadcast_to(shape if isinstance(shape, tuple) else (shape,)),
    "permute_dims": permute,
    "swapaxes": lambda x, axis1, axis2: torch.swapaxes(x, axis1, axis2),
    "moveaxis": lambda x, source, destination: torch.moveaxis(x, source, destination),
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "flip": lambda x, axis=None: torch.flip(x, tuple(range(x.ndim)) if axis is None else shape(axis)),
    "roll": roll,
    "concat": lambda *arrays, axis=0: torch.cat(arrays, dim=axis),
    "stack": lambda *arrays, axis=0: torch.stack(arrays, dim=axis),
    "tile": lambda x, repetitions: torch.tile(x, shape(repetitions)),
    "repeat": repeat,
    "pad": pad,
    "tril": lambda x, k=0: torch.tril(x, k),
    "triu": lambda x, k=0: torch.triu(x, k),
    "diagonal": lambda x, offset=0: torch.diagonal(x, offset, -2, -1),
    "diag_embed": diag_embed,
    "transfer": lambda x, source, target: x.to(str(target)),
}
