"""Set up for every test: one BLAS thread, as several test processes share the cores, and no time limit per example."""

import os

from hypothesis import settings

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

settings.register_profile("shared cores", deadline=None)
settings.load_profile("shared cores")
