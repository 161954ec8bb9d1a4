"""Models as ONNX files, for runtimes that know nothing of minigrad: `export_onnx`.

A model is run and recorded (`tracing`), each op becomes nodes by a table (`table`), and the graph is checked and written
(`onnx_model`).
"""

from minigrad.export.graph import ExportError
from minigrad.export.onnx_model import export_onnx

__all__ = ["ExportError", "export_onnx"]
