"""Layers: modules with PyTorch's names, arguments, defaults and parameter names."""

from minigrad.nn import functional, init, utils
from minigrad.nn.activation import *
from minigrad.nn.attention import *
from minigrad.nn.batch_normalization import *
from minigrad.nn.batch_renormalization import *
from minigrad.nn.container import *
from minigrad.nn.conv import *
from minigrad.nn.distance import *
from minigrad.nn.doctor import *
from minigrad.nn.dropout import *
from minigrad.nn.inspection import *
from minigrad.nn.linear import *
from minigrad.nn.loss import *
from minigrad.nn.module import Module as Module, Parameter as Parameter
from minigrad.nn.normalization import *
from minigrad.nn.padding import *
from minigrad.nn.pooling import *
from minigrad.nn.recurrent import *
from minigrad.nn.sparse import *
from minigrad.nn.statistics import *
from minigrad.nn.summary_table import summary
from minigrad.nn.transformer import *
from minigrad.nn.whitening import *

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "GRU", "LSTM", "RNN", "SELU", "Activations", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d", "AdaptiveMaxPool1d", "AdaptiveMaxPool2d", "AdaptiveMaxPool3d", "AlphaDropout", "AvgPool1d", "AvgPool2d",
    "AvgPool3d", "BCELoss", "BCEWithLogitsLoss", "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "BatchNormReport", "BatchRenorm",
    "Bilinear", "CTCLoss", "CircularPad1d", "CircularPad2d", "CircularPad3d", "ConstantPad1d", "ConstantPad2d", "ConstantPad3d",
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "CosineEmbeddingLoss", "CosineSimilarity",
    "CrossEntropyLoss", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "Embedding", "FeatureAlphaDropout", "Flatten", "GRUCell",
    "GaussianNLLLoss", "GroupNorm", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh", "HingeEmbeddingLoss", "HuberLoss",
    "Identity", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "KLDivLoss", "L1Loss", "LPPool1d", "LPPool2d", "LPPool3d",
    "LSTMCell", "LayerNorm", "LeakyReLU", "Linear", "LocalResponseNorm", "LogSigmoid", "LogSoftmax", "MSELoss", "MarginRankingLoss",
    "MaxPool1d", "MaxPool2d", "MaxPool3d", "Mish", "Module", "ModuleDict", "ModuleList", "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss", "MultiMarginLoss", "MultiheadAttention", "NLLLoss", "PReLU", "PairwiseDistance", "Parameter",
    "ParameterDict", "ParameterList", "PoissonNLLLoss", "RMSNorm", "RNNCell", "RReLU", "ReLU", "ReLU6", "ReflectionPad1d",
    "ReflectionPad2d", "ReflectionPad3d", "ReplicationPad1d", "ReplicationPad2d", "ReplicationPad3d", "Sequential", "SiLU", "Sigmoid",
    "SmoothL1Loss", "SoftMarginLoss", "Softmax", "Softmax2d", "Softmin", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
    "Threshold", "Transformer", "TransformerDecoder", "TransformerDecoderLayer", "TransformerEncoder", "TransformerEncoderLayer",
    "TripletMarginLoss", "TripletMarginWithDistanceLoss", "Unflatten", "ZCAWhitening", "ZeroPad1d", "ZeroPad2d", "ZeroPad3d",
    "activations", "batch_norm_report", "fold_batch_norm", "functional", "functional_call", "init", "population_statistics",
    "statistics_kept", "summary", "utils",
]  # fmt: skip
