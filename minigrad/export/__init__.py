"""Models and runs as files of others: `export_onnx` for runtimes that know nothing of minigrad, `import_onnx`, `TensorBoard`.

A model is run and recorded (`tracing`), each op becomes nodes by a table (`table`), and the graph is checked and written
(`onnx_model`). A file is read and looked at as a whole (`onnx_file`), and its nodes are run as minigrad's functions by another
table (`operators`), in a module (`onnx_module`).
"""

from minigrad.export.graph import ExportError
from minigrad.export.onnx_model import export_onnx
from minigrad.export.onnx_module import OnnxModel, import_onnx
from minigrad.export.operators.values import OnnxImportError
from minigrad.export.tensorboard import TensorBoard

__all__ = ["ExportError", "OnnxImportError", "OnnxModel", "TensorBoard", "export_onnx", "import_onnx"]
