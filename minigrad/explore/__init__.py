"""See a computation: record it, read it as text, draw it, step through its backward pass, ask why.

`record` is an observer of the engine's two seams (`minigrad.explore.recorder`); what it wrote down becomes a document of plain data
(`minigrad.explore.document`, described by ``schema.json``), and everything that is shown is made from that document: the program
(`minigrad.explore.program`), the ledger, the contributions, the drawing, the page.
"""

from minigrad.explore.contributions import Contribution, Why, why
from minigrad.explore.ledger import Ledger, saved
from minigrad.explore.outputs import drawing_of, trace_to, write_explorer
from minigrad.explore.trace import Trace, TraceError, record

__all__ = ["Contribution", "Ledger", "Trace", "TraceError", "Why", "drawing_of", "record", "saved", "trace_to", "why", "write_explorer"]
