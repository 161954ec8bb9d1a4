"""A training loop as people write it: type-checked as it stands by test_scripts.py, and run."""

import numpy as np

import minigrad as mg
from minigrad import data, nn, optim
from minigrad.nn import functional as F


def make_model(features: int, classes: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, classes))


def train(model: nn.Module, loader: data.DataLoader, epochs: int) -> list[float]:
    optimizer = optim.AdamW(model.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = optim.lr_scheduler.StepLR(optimizer, step_size=1)
    losses: list[float] = []
    for _ in range(epochs):
        model.train()
        for x, labels in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), labels)
            loss.backward()
            optim.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
        schedule.step()
    return losses


def accuracy(model: nn.Module, x: mg.Tensor, labels: mg.Tensor) -> float:
    model.eval()
    with mg.no_grad():
        scores = mg.softmax(model(x), axis=-1)
    return float((scores.argmax(axis=-1) == labels).astype("float32").mean().item())


def main() -> None:
    mg.manual_seed(0)
    x = mg.random.normal((64, 4))
    labels = mg.tensor((x.numpy().sum(axis=1) > 0).astype(np.int64))
    model = make_model(4, 2)
    loader = data.DataLoader(data.TensorDataset(x, labels), batch_size=16, shuffle=True)
    losses = train(model, loader, epochs=2)
    weight: mg.Tensor = model[0].weight
    print(f"loss {losses[-1]:.2f}, accuracy {accuracy(model, x, labels):.2f}, {weight.shape} {x.sum(axis=0, keepdims=True).shape}")


if __name__ == "__main__":
    main()
