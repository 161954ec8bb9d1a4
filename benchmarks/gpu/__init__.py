"""What runs on a machine with a GPU: ``python benchmarks/gpu`` (see ``__main__.py``)."""
