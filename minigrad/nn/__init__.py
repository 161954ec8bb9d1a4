"""Layers: modules with PyTorch's names, arguments, defaults and parameter names."""
# ruff: noqa: F401, F403

from minigrad.nn import functional, init
from minigrad.nn.activation import *
from minigrad.nn.attention import *
from minigrad.nn.batch_normalization import *
from minigrad.nn.batch_renormalization import *
from minigrad.nn.container import *
from minigrad.nn.conv import *
from minigrad.nn.distance import *
from minigrad.nn.doctor import *
from minigrad.nn.dropout import *
from minigrad.nn.linear import *
from minigrad.nn.loss import *
from minigrad.nn.module import Module as Module, Parameter as Parameter
from minigrad.nn.normalization import *
from minigrad.nn.padding import *
from minigrad.nn.pooling import *
from minigrad.nn.recurrent import *
from minigrad.nn.sparse import *
from minigrad.nn.statistics import *
from minigrad.nn.summary import summary
from minigrad.nn.transformer import *
from minigrad.nn.whitening import *
