"""Captured steps: recorded once and replayed as a straight-line program.

A small model's step is mostly engine: finding ops, recording nodes, walking them. `capture` records what the step does with
arrays and from then on does just that. On the CPU the program is a list of NumPy calls into planned memory, with the bits of
the eager step, or C (``backend="c"``), whose numbers are those within rounding; on a GPU it is a CUDA graph.

Read in this order: program.py; recorder.py and array_calls.py (how a step becomes calls); passes.py and plan.py (how calls become
a program); numpy_replay.py; captured.py. For C: c_source.py, c_forms.py, c_loops.py, c_program.py, c_build.py.
"""

from __future__ import annotations

from minigrad.backends import CaptureError
from minigrad.replay.captured import CapturedStep, capture

__all__ = ["CaptureError", "CapturedStep", "capture"]
