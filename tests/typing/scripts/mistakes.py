"""Mistakes that a type checker must find. Each is ignored by name, and an ignored error that is not there is an error."""
# pyright: reportUnnecessaryTypeIgnoreComment=true

import minigrad as mg
from minigrad import nn

x = mg.ones((2, 3))

mg.ones(2, 3)  # type: ignore[arg-type]
mg.softmax(x, dim=-1)  # type: ignore[call-overload]
mg.exp(argument=x)  # type: ignore[call-overload]
mg.batch_norm(x, axes=0)  # type: ignore[call-overload]
mg.sum(x, keepdim=True)  # type: ignore[call-overload]
x.sum(dim=0)  # type: ignore[call-arg]
x.sum(axis="rows")  # type: ignore[arg-type]
x.unsqueeze(0)  # type: ignore[attr-defined]
nn.Linear(2, 1).wieght  # type: ignore[attr-defined]  # noqa: B018
nn.Linear(2, 1)(x, x)  # type: ignore[call-arg]
mg.grad(x, [x])[0] = x  # type: ignore[index]
nn.Linear(2)  # type: ignore[call-arg]
number: int = mg.relu(x)  # type: ignore[assignment]
other: nn.Conv2d = nn.Linear(2, 1)  # type: ignore[assignment]
