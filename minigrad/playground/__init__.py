"""minigrad in a browser: a page with an editor, the explorer and the exercises, in which this very package runs.

`building.build` makes a folder that any static host can serve, `serving.serve` serves it on this machine: ``minigrad playground``.
The page's Python is Pyodide (`runtime`); what it does there is `session`. The page itself is built from ``web/src/playground``.
"""
