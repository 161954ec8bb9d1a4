"""What goes around layers: sequences of different lengths, in `rnn`."""

from minigrad.nn.utils import rnn

__all__ = ["rnn"]
