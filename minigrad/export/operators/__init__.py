"""ONNX's operators in minigrad's words: the way back of the table of `minigrad.export.table`. (Read table.py.)

An operator is a function that is called like ONNX's own: inputs by position, attributes by the names that ONNX gives them, with
ONNX's defaults. So the signature says which attributes are known. An input that is annotated as `Numbers` comes as plain Python numbers: a
shape, axes, bounds. ``training`` and ``outputs``, where they are named, are not ONNX's: the mode of the model and how many outputs
the node has.
"""
