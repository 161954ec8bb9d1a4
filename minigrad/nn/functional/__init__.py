"""nn.functional: layers without parameters of their own, with PyTorch's names and arguments.

Most are names for ops; what is more than that is a line or two of ops.
"""
# ruff: noqa: F403

from minigrad.nn.functional.activation import *
from minigrad.nn.functional.attention import *
from minigrad.nn.functional.classification import *
from minigrad.nn.functional.convolution import *
from minigrad.nn.functional.distance import *
from minigrad.nn.functional.dropout import *
from minigrad.nn.functional.loss import *
from minigrad.nn.functional.normalization import *
from minigrad.nn.functional.shape import *
from minigrad.nn.functional.sparse import *
