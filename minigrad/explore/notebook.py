"""The explorer as a widget, for notebooks in which Python and the page talk to each other. Needs the extra ``notebook``."""

from __future__ import annotations

import json
from typing import Any

from minigrad.explore.page import bundle


def widget(document: dict[str, Any]) -> Any:
    """Return an anywidget that shows a trace: its ``step`` is the one that is shown, and can be set.

    Without it a notebook shows the same page, by ``trace._repr_html_``.

    Raises
    ------
    ImportError
        If anywidget is not installed.
    """
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise ImportError("the widget needs anywidget: pip install 'minigrad[notebook]'") from error

    class Explorer(anywidget.AnyWidget):  # type: ignore[misc]
        """The explorer of a trace."""

        _esm = bundle()
        trace = traitlets.Unicode().tag(sync=True)
        step = traitlets.Int(0).tag(sync=True)

    return Explorer(trace=json.dumps(document, allow_nan=False))
