"""Modules of a user's own: what calling one takes and gives is what its forward says."""

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F


class Residual(nn.Module):
    def __init__(self, inner: nn.Module, scale: float = 1.0) -> None:
        super().__init__()
        self.inner, self.scale = inner, scale
        self.gain = nn.Parameter(mg.ones(1))
        self.register_buffer("calls", mg.zeros(1))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        inside: mg.Tensor = self.inner(x)
        return x + inside * self.gain * self.scale


class Classifier(nn.Module):
    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(Residual(nn.Linear(features, features)), nn.LayerNorm(features))
        self.head = nn.Linear(features, classes, bias=False)

    def forward(self, x: mg.Tensor, temperature: float = 1.0) -> tuple[mg.Tensor, mg.Tensor]:
        logits = self.head(F.gelu(self.body(x))) / temperature
        return logits, F.softmax(logits, dim=-1)


def main() -> None:
    model = Classifier(4, 3)
    head: nn.Linear = model.head
    logits, probabilities = model(mg.ones((2, 4)), temperature=0.5)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name != "head.weight")
    model.load_state_dict(model.state_dict())
    states, last = nn.GRU(4, 5)(mg.ones((3, 2, 4)))
    print(head.weight.shape, logits.T.shape, probabilities.sum(axis=-1).tolist(), states.shape, last)


if __name__ == "__main__":
    main()
