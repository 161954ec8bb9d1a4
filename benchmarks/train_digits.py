"""From the start of the process to 98.5 % of the test digits: processor time beside a script for PyTorch, a process for each run.

Both train the network of `minigrad train digits` (three convolutions with batch norm) with its settings: SGD with momentum 0.9 at 0.1, a
cosine schedule over 20 epochs, batches of 32, and look at the test digits after every epoch. What counts is everything: importing the
library, reading the digits, compiling C where it is asked for, training and testing. A cache of compiled programs is not used.

Run:  OPENBLAS_NUM_THREADS=1 python benchmarks/train_digits.py [--seeds N]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

TARGET, EPOCHS, BATCH = 0.985, 20, 32
PEERS = ("torch", "minigrad", "minigrad --capture c")


def train_torch(seed: int) -> tuple[int, float]:
    """Train until the target is reached; return the epochs that it took, and the accuracy."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    from minigrad.data import digits

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    (x, y), (test_x, test_y) = (map(torch.from_numpy, part.arrays) for part in digits())

    def convolution(a: int, b: int) -> list[nn.Module]:
        return [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]

    model = nn.Sequential(
        *convolution(1, 16), *convolution(16, 32), nn.MaxPool2d(2), *convolution(32, 32), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(128, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS * -(-len(x) // BATCH))
    for epoch in range(1, EPOCHS + 1):
        model.train()
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad():
            accuracy = (model(test_x).argmax(1) == test_y).float().mean().item()
        if accuracy >= TARGET:
            return epoch, accuracy
    return EPOCHS, accuracy


def train_minigrad(seed: int, capture: bool | str) -> tuple[int, float]:
    """The same by minigrad's trainer."""
    import minigrad as mg
    from minigrad.data import DataLoader
    from minigrad.training import Trainer
    from minigrad.training.optimizers import make_optimizer
    from minigrad.training.tasks import complete, loss, make_schedule, make_task

    mg.manual_seed(seed)
    config = complete("digits", {})
    task = make_task(config)
    loader = DataLoader(task.train, BATCH, shuffle=True)
    optimizer = make_optimizer(config, task.model)
    schedule = make_schedule(config, optimizer, EPOCHS * len(loader))
    trainer = Trainer(task.model, optimizer, loss, scheduler=schedule, capture=capture)
    test = DataLoader(task.test, len(task.test))
    for epoch in range(1, EPOCHS + 1):
        trainer.fit(loader, epoch)
        accuracy = trainer.evaluate(test)["accuracy"]
        if accuracy >= TARGET:
            return epoch, accuracy
    return EPOCHS, accuracy


def child(peer: str, seed: int) -> None:
    """Train, and print the epochs, the accuracy, and the processor time of this process and of the compilers it started."""
    epochs, accuracy = train_torch(seed) if peer == "torch" else train_minigrad(seed, "c" if "c" in peer.split() else True)
    print(json.dumps({"epochs": epochs, "accuracy": accuracy, "s": sum(os.times()[:4])}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--child", nargs=2, metavar=("PEER", "SEED"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], int(options.child[1]))
        return
    found: dict[str, list[dict[str, float]]] = {peer: [] for peer in PEERS}
    for seed in range(options.seeds):
        for peer in PEERS:
            with tempfile.TemporaryDirectory() as cache:
                one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": cache}
                command = [sys.executable, __file__, "--child", peer, str(seed)]
                done = subprocess.run(command, env={**os.environ, **one_thread}, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise SystemExit(done.stderr)
                found[peer].append(json.loads(done.stdout.splitlines()[-1]))
    for peer, runs in found.items():
        ratios = sorted(run["s"] / other["s"] for run, other in zip(runs, found["torch"], strict=True))
        epochs = ", ".join(f"{run['epochs']:.0f}{'' if run['accuracy'] >= TARGET else ' (not reached)'}" for run in runs)
        seconds = statistics.median(run["s"] for run in runs)
        print(
            f"{peer:22} {seconds:5.2f} s  {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}) of PyTorch; epochs {epochs}"
        )


if __name__ == "__main__":
    main()
