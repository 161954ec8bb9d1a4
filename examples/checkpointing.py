"""Checkpointing: less memory for more time.

    python examples/checkpointing.py            # 10 s
    python examples/checkpointing.py --quick    # 2 s

For the backward pass, the graph keeps what every op has saved: memory grows with the depth. Under `mg.checkpoint` a stretch
of the network keeps nothing but its input, and runs a second time when backward reaches it. With a network of n layers cut
into s stretches, there are s inputs and the inside of one stretch at a time: least for s near sqrt(n). (Chen, Xu, Zhang,
Guestrin: "Training deep nets with sublinear memory cost", 2016.)

The gradients are the same to the last bit, dropout included, as the second run repeats the random numbers of the first.

Expected for 64 layers (the times are those of the processor, on one core; the ratios of about 1.3 to 1.6 are what counts):

stretches    peak memory   time
     none      148.1 MiB 203 ms
       64       70.1 MiB 290 ms
       16       28.8 MiB 292 ms
        8       29.8 MiB 275 ms
        4       43.8 MiB 267 ms
        1      148.9 MiB 285 ms
"""

import argparse
import time
import timeit
import tracemalloc

import numpy as np

import minigrad as mg
from minigrad import nn


def make_stretches(layers: int, stretches: int) -> list[nn.Sequential]:
    """Return a deep network as a list of equal parts."""
    mg.manual_seed(0)
    blocks = [nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.1)) for _ in range(layers)]
    size = layers // stretches
    return [nn.Sequential(*blocks[i : i + size]) for i in range(0, layers, size)]


def backward(parts: list[nn.Sequential], x: mg.Tensor, checkpointed: bool) -> None:
    """Leave the gradients of the mean square of the output in the parameters."""
    mg.manual_seed(1)
    for part in parts:
        part.zero_grad()
        x = mg.checkpoint(part, x) if checkpointed else part(x)
    (x * x).mean().backward()


def main(quick: bool = False) -> None:
    layers, n, repeats = (64, 256, 1) if quick else (64, 2048, 5)
    x = mg.random.normal((n, 128))
    print("stretches    peak memory   time")
    peaks, reference = {}, None
    for stretches in (0, 64, 16, 8, 4, 1):
        parts = make_stretches(layers, max(stretches, 1))
        tracemalloc.start()
        backward(parts, x, checkpointed=stretches > 0)
        peaks[stretches] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        seconds = min(
            timeit.repeat(lambda: backward(parts, x, checkpointed=stretches > 0), timer=time.process_time, number=1, repeat=repeats)
        )
        print(f"{stretches or 'none':>9}{peaks[stretches]:11.1f} MiB{1e3 * seconds:4.0f} ms")
        gradients = [p.grad.numpy() for part in parts for p in part.parameters()]
        reference = reference or gradients
        assert all(np.array_equal(a, b) for a, b in zip(gradients, reference, strict=True))
    assert peaks[8] < 0.5 * peaks[0]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    main(parser.parse_args().quick)
