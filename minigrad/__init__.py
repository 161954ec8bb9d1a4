"""minigrad: a from-scratch autograd micro-framework."""

from minigrad import ops
from minigrad.op import op
from minigrad.tensor import Tensor

__version__ = "0.1.0"
