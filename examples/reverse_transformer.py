"""A transformer that learns to write sequences backward.

    python examples/reverse_transformer.py            # 3 s
    python examples/reverse_transformer.py --quick    # 1 s

Ten random digits go in, and the same ten come out in reverse order. No rule is given: at each place the model must learn
to look at the mirror place, which is what attention is for. It shows embeddings, positions, `TransformerEncoder`, and
that batches can be made on the way. At the end it prints where each place looks (the mean over heads, per layer).

Expected: 100.0 % of 1000 new sequences are right to the last digit (at least 99 %), after about 40 steps already.
"""

import argparse

import minigrad as mg
from minigrad import nn, optim
from minigrad.nn import functional as F

LENGTH, DIGITS = 10, 10


class Reverser(nn.Module):
    """Embeddings of digit and position, two layers of attention, logits of the digit at each place."""

    def __init__(self, width: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.digit = nn.Embedding(DIGITS, width)
        self.position = nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, num_layers=2)
        self.out = nn.Linear(width, DIGITS)

    def forward(self, digits: mg.Tensor) -> mg.Tensor:
        places = mg.arange(LENGTH)
        return self.out(self.encoder(self.digit(digits) + self.position(places)))  # (n, length, digits)


def batch(n: int, generator: mg.random.Generator) -> tuple[mg.Tensor, mg.Tensor]:
    """Return n sequences, and the same reversed."""
    digits = generator.integers(0, DIGITS, (n, LENGTH))
    return digits, mg.flip(digits, axis=1)


def draw_attention(model: Reverser, digits: mg.Tensor) -> None:
    """Print, for each layer, where each place looks: a row for a place, darker where it looks more."""
    x = model.digit(digits) + model.position(mg.arange(LENGTH))
    for number, layer in enumerate(model.encoder.layers, start=1):
        h = layer.norm1(x)
        _, weights = layer.self_attn(h, h, h)  # (n, length, length): the mean over the heads
        print(f"layer {number}")
        for row in weights.mean(axis=0).tolist():
            print("  " + "".join(" .:+*#@"[min(int(7 * w), 6)] for w in row))
        x = layer(x)


def main(quick: bool = False) -> None:
    mg.manual_seed(0)
    generator = mg.random.Generator(1)
    model = Reverser()
    optimizer = optim.Adam(model.parameters(), 3e-3)
    steps = 100 if quick else 300
    for step in range(1, steps + 1):
        digits, target = batch(64, generator)
        logits = model(digits)
        loss = F.cross_entropy(logits.reshape(-1, DIGITS), target.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optim.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 20 == 0:
            right = (logits.argmax(axis=-1) == target).all(axis=1).mean().item()
            print(f"step {step:4}  loss {loss.item():.4f}  whole sequences {right:.1%}", flush=True)

    digits, target = batch(1000, generator)
    with mg.no_grad():
        answer = model(digits).argmax(axis=-1)
        draw_attention(model, digits)
    right = (answer == target).all(axis=1).mean().item()
    print(f"{digits[0].tolist()} -> {answer[0].tolist()}; {right:.1%} of 1000 right")
    assert right >= (0.5 if quick else 0.99)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    main(parser.parse_args().quick)
