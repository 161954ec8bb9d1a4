"""Training steps of very small models, where most of a framework's time is its own: the workloads that capture is for."""

from __future__ import annotations

from typing import Any

import numpy as np
from workloads import Framework, Step, fill, normal, training

BATCH, LENGTH, WIDTH, HEADS, WORDS = 8, 16, 32, 2, 20  #: of the transformer


def digits_mlp(f: Framework) -> Step:
    """64-64-64-10 with batch norm, batch 32, Adam."""
    nn = f.nn
    hidden = [layer for _ in range(2) for layer in (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU())]
    return training(f, nn.Sequential(*hidden, nn.Linear(64, 10)), normal(32, 64), digit_labels(), lambda p: f.optim.Adam(p, lr=1e-3))


def digit_labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 10, 32)


def xor(f: Framework) -> Step:
    """2-8-1, four samples, gradient descent."""
    nn = f.nn
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    fill(model, f)
    x, target = map(f.tensor, xor_data())
    optimizer = f.optim.SGD(model.parameters(), lr=0.1)
    first = next(iter(model.parameters()))

    def step() -> list[Any]:
        optimizer.zero_grad()
        loss = ((model(x) - target) ** 2).mean()
        loss.backward()
        gradient = first.grad
        optimizer.step()
        return [loss, gradient]

    return step


def xor_data() -> tuple[np.ndarray, np.ndarray]:
    return np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([[0], [1], [1], [0]], np.float32)


def transformer(f: Framework) -> Step:
    """One block, layer norm first, and the loss over 20 words, Adam."""
    nn, F = f.nn, f.F

    class Block(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
            self.norm1, self.norm2, self.norm3 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.project = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
            self.head = nn.Linear(WIDTH, WORDS)

        def forward(self, words: Any, places: Any, mask: Any) -> Any:
            x = self.words(words) + self.places(places)
            qkv = self.qkv(self.norm1(x)).reshape(BATCH, LENGTH, 3, HEADS, WIDTH // HEADS)
            q, k, v = (qkv[:, :, i].swapaxes(1, 2) for i in range(3))
            scores = F.softmax(q @ k.swapaxes(-1, -2) * (WIDTH // HEADS) ** -0.5 + mask, -1)
            x = x + self.project((scores @ v).swapaxes(1, 2).reshape(BATCH, LENGTH, WIDTH))
            x = x + self.down(F.relu(self.up(self.norm2(x))))
            return self.head(self.norm3(x))

    model = Block()
    fill(model, f)
    words, labels, mask = (f.tensor(array) for array in sentences())
    places = f.tensor(np.arange(LENGTH))
    optimizer = f.optim.Adam(model.parameters(), lr=1e-3)
    first = model.up.weight

    def step() -> list[Any]:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(words, places, mask).reshape(BATCH * LENGTH, WORDS), labels)
        loss.backward()
        gradient = first.grad
        optimizer.step()
        return [loss, gradient]

    return step


def sentences() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words, the words to find, and the mask that hides later words."""
    rng = np.random.default_rng(3)
    words, labels = rng.integers(0, WORDS, (BATCH, LENGTH)), rng.integers(0, WORDS, BATCH * LENGTH)
    return words, labels, np.triu(np.full((LENGTH, LENGTH), -1e9, np.float32), 1)


TOYS = {"xor": xor, "digits_mlp": digits_mlp, "transformer": transformer}
