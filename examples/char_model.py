"""A character model: a GRU that reads minigrad's own source and guesses the next character.

    python examples/char_model.py            # 1 minute
    python examples/char_model.py --quick    # 3 s
    python examples/char_model.py FILE       # learn another text

It shows a recurrent model, text as numbers, and how to train on a text longer than fits in one graph: it is cut into
strips, one for each row of the batch, and every strip is read from end to end, a window at a time. The state goes on from
window to window, but `detach` cuts off its history: "truncated backpropagation through time". (`minigrad train text FILE`
does it with a choice of models and checkpoints.)

Expected loss on the last tenth of the text, which it has not learned from: 1.5 nats per character (below 2.0). To guess
evenly among the 97 characters costs ln 97 = 4.57.
"""

import argparse
from collections.abc import Iterator
from itertools import chain, count, islice
from pathlib import Path

import numpy as np

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

ROWS, WINDOW = 32, 64


class CharacterModel(nn.Module):
    """Embedding, recurrent layer, and the logits of the next character."""

    def __init__(self, characters: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(characters, 64)
        self.recurrent = nn.GRU(64, width, batch_first=True)
        self.out = nn.Linear(width, characters)

    def forward(self, x: mg.Tensor, state: mg.Tensor | None = None) -> tuple[mg.Tensor, mg.Tensor]:
        h, state = self.recurrent(self.embedding(x), state)
        return self.out(h), state


def windows(numbers: np.ndarray) -> Iterator[tuple[mg.Tensor, mg.Tensor]]:
    """Cut a text into strips; yield the characters of each window, and those that follow them."""
    strips = numbers[: len(numbers) // ROWS * ROWS].reshape(ROWS, -1)
    for start in range(0, strips.shape[1] - WINDOW, WINDOW):
        part = mg.tensor(strips[:, start : start + WINDOW + 1])
        yield part[:, :-1], part[:, 1:]


def losses(model: CharacterModel, numbers: np.ndarray) -> Iterator[mg.Tensor]:
    """Read a text, and yield the loss of each window."""
    state = None
    for x, target in windows(numbers):
        logits, state = model(x, state)
        state = state.detach()
        yield F.cross_entropy(logits.reshape(-1, logits.shape[-1]), target.reshape(-1))


@mg.no_grad()
def write(model: CharacterModel, characters: list[str], prompt: str, count: int) -> str:
    """Let the model continue the prompt, drawing each character from what it predicts."""
    x, state = mg.tensor([[characters.index(c) for c in prompt]]), None
    for _ in range(count):
        logits, state = model(x, state)
        p = mg.softmax(logits[0, -1], axis=-1).cumsum()
        k = min((p < mg.random.uniform()).sum().item(), len(characters) - 1)
        prompt += characters[k]
        x = mg.tensor([[k]])
    return prompt


def main(quick: bool = False, file: str | None = None) -> None:
    mg.manual_seed(0)
    files = [Path(file)] if file else sorted(Path(mg.__file__).parent.rglob("*.py"))
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    if len(text) < 10 * ROWS * (WINDOW + 1):
        raise SystemExit(f"the text has {len(text)} characters; at least {10 * ROWS * (WINDOW + 1)} are needed")
    characters = sorted(set(text))
    number = {c: i for i, c in enumerate(characters)}
    numbers = np.array([number[c] for c in text])
    train, test = np.split(numbers, [len(numbers) * 9 // 10])
    model = CharacterModel(len(characters), 64 if quick else 192)
    optimizer = optim.Adam(model.parameters(), 0.005)
    print(f"{len(text):,} characters, {len(characters)} different; {sum(p.size for p in model.parameters()):,} parameters")

    again_and_again = chain.from_iterable(losses(model, train) for _ in count())
    for step, loss in enumerate(islice(again_and_again, 60 if quick else 600), start=1):
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step:3}  loss {loss.item():.3f}", flush=True)

    with mg.no_grad():
        loss = np.mean([loss.item() for loss in losses(model, test)])
    print(f"{loss:.2f} nats per character on text it has not learned from\n\n{write(model, characters, text[:20], 300)}")
    assert loss < (3.0 if quick else 2.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", help="a text to learn instead of minigrad's source")
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.file)
