"""How a module shows itself in a notebook: as a tree that folds, in HTML or by treescope."""

from __future__ import annotations

from html import escape
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigrad.nn.module import Module


def html(module: Module) -> str:
    """Return the tree of a module: settings, parameters and buffers with their shapes, and how many numbers are learned."""
    return f'<div style="font:13px/1.5 ui-monospace,monospace">{_tree("", module, is_open=True)}</div>'


def _tree(name: str, module: Module, is_open: bool = False) -> str:
    learned = sum(prod(p.shape) for p in module.parameters())
    head = f"{escape(name)}{': ' if name else ''}<b>{escape(type(module).__name__)}</b>({escape(module.extra_repr())})"
    count = f' <span style="opacity:.7">{learned:,} learned</span>' if learned else ""
    own = [_row(key, value.shape, value.dtype, "") for key, value in module.named_parameters(recurse=False)]
    own += [_row(key, value.shape, value.dtype, ", a buffer") for key, value in module.named_buffers(recurse=False)]
    children = [_tree(key, child) for key, child in module.named_children()]
    if not own and not children:
        return f'<div style="padding-left:1.1em">{head}</div>'
    inside = f'<div style="padding-left:1.4em">{"".join(own + children)}</div>'
    opened = ' open=""' if is_open else ""
    return f"<details{opened}><summary>{head}{count}</summary>{inside}</details>"


def _row(name: str, shape: tuple[int, ...], dtype: Any, kind: str) -> str:
    return f'<div>{escape(name)} <span style="opacity:.7">{shape} {escape(str(dtype))}{kind}</span></div>'


def treescope(module: Module, path: str | None, subtree_renderer: Any) -> Any:
    """Return the rendering of treescope (https://treescope.readthedocs.io): a constructor with the parts as arguments."""
    from treescope import repr_lib

    parts = dict(module.named_children()) | dict(module.named_parameters(recurse=False))
    return repr_lib.render_object_constructor(type(module), parts, path, subtree_renderer, roundtrippable=False)
