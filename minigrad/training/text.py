"""Characters: a text as numbers, and models that predict the next one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from minigrad import nn
from minigrad.backends import Array
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor
from minigrad.creation import arange
from minigrad.data import DataError, TensorDataset
from minigrad.data.files import read_bytes
from minigrad.random import Generator


class Vocabulary:
    """The characters of a text, numbered in order."""

    def __init__(self, characters: Sequence[str]) -> None:
        self.characters = list(characters)
        self.number = {c: i for i, c in enumerate(self.characters)}

    def encode(self, text: str) -> Array:
        """Return the numbers of the characters."""
        unknown = sorted(set(text) - set(self.number))
        if unknown:
            raise DataError(f"the character {unknown[0]!r} does not occur in the text that the model learned from")
        return np.array([self.number[c] for c in text], dtype=np.int64)

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the text."""
        return "".join(self.characters[int(i)] for i in numbers)


def read_text(path: str | Path, length: int) -> str:
    """Return a text file (UTF-8), which must be long enough for a sequence to train with and one to test with."""
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not a text in UTF-8: {error.reason} at byte {error.start}") from None
    if len(text) < 10 * (length + 1):
        raise DataError(f"{path} has {len(text)} characters; at least {10 * (length + 1)} are needed")
    return text


def sequences(numbers: Array, length: int) -> TensorDataset:
    """Cut a text into pairs: ``length`` characters, and the characters that follow each of them."""
    windows = np.lib.stride_tricks.sliding_window_view(numbers, length + 1)[::length]
    return TensorDataset(np.ascontiguousarray(windows[:, :-1]), np.ascontiguousarray(windows[:, 1:]))


class RecurrentModel(nn.Module):
    """Embedding, an LSTM or GRU, and a linear layer: (n, length) of integers to (n, length, characters)."""

    def __init__(self, kind: str, characters: int, width: int = 128) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, width // 2)
        self.recurrent = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](width // 2, width, batch_first=True)
        self.head = nn.Linear(width, characters)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(self.embedding(x))[0])


class TransformerModel(nn.Module):
    """Embeddings of character and position, attention that sees only the past, and a linear layer.

    (Vaswani and others: "Attention is all you need", 2017, with normalization before each part.)
    """

    def __init__(self, characters: int, length: int, width: int = 96, layers: int = 2, heads: int = 4) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(characters, width), nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(width))
        self.head = nn.Linear(width, characters)
        self.length = length

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[1]
        places = arange(n, device=x.device)
        future = Tensor(places.data[None, :] > places.data[:, None])
        return self.head(self.encoder(self.embedding(x) + self.position(places), mask=future))


TEXT_MODELS = ("lstm", "gru", "transformer")


def text_model(name: str, characters: int, length: int) -> nn.Module:
    """Return a model of that name."""
    return TransformerModel(characters, length) if name == "transformer" else RecurrentModel(name, characters)


def continue_text(model: nn.Module, vocabulary: Vocabulary, prompt: str, count: int, length: int, seed: int = 0) -> str:
    """Return ``count`` characters after the prompt, each drawn from what the model predicts."""
    generator = Generator(seed)
    numbers = list(vocabulary.encode(prompt))
    device = next(model.parameters()).device
    model.eval()
    with changed_mode(recording=False):
        for _ in range(count):
            x = Tensor(np.array([numbers[-length:]])).to(device)
            logits = model(x)[0, -1].to("cpu").numpy().astype(np.float64)
            p = np.exp(logits - logits.max())
            u = generator.uniform(dtype=np.float64, device="cpu").item()
            numbers.append(min(int(np.searchsorted(np.cumsum(p), u * p.sum(), side="right")), len(p) - 1))
    return vocabulary.decode(numbers[-count:] if count else [])
