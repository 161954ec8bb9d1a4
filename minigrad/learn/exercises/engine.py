"""An autograd engine in sixty lines

Put it together: a Tensor that records, backward() that walks, unbroadcast where it is needed.
Complete backward() and the four ops; the rest is given. pull(g) returns the gradients of the parents.
Gradients of leaves add up over several backward() calls; those of computed tensors must not. Arrays
and numbers may stand on either side of + and *.
"""

from minigrad.learn import Exercise, near, rng

exercise = Exercise(
    id="engine",
    chapter=2,
    minutes=45,
    needs=("topo", "unbroadcast"),
    learns="everything between `a + b` and `.grad`",
    see="minigrad.core.tensor:Tensor",
)


# region yours
from itertools import count

import numpy as np

clock = count()


class Tensor:
    def __init__(self, data, parents=(), pull=None):
        self.data = np.asarray(data, dtype=float)
        self.parents, self.pull, self.born = parents, pull, next(clock)
        self.grad = None

    def backward(self, g=1.0):
        ### BEGIN SOLUTION
        nodes, stack = {id(self): self}, [self]
        while stack:
            for p in stack.pop().parents:
                if id(p) not in nodes:
                    nodes[id(p)] = p
                    stack.append(p)
        found = {id(self): np.broadcast_to(g, self.data.shape)}
        for node in sorted(nodes.values(), key=lambda n: n.born, reverse=True):
            g = found[id(node)]
            if not node.parents:
                node.grad = g + (0.0 if node.grad is None else node.grad)
                continue
            for p, part in zip(node.parents, node.pull(g)):
                part = unbroadcast(part, p.data.shape)
                found[id(p)] = found[id(p)] + part if id(p) in found else part
        ### END SOLUTION

    def __add__(self, other):
        other = tensor(other)
        ### BEGIN SOLUTION
        return Tensor(self.data + other.data, (self, other), lambda g: (g, g))
        ### END SOLUTION

    def __mul__(self, other):
        other = tensor(other)
        ### BEGIN SOLUTION
        return Tensor(self.data * other.data, (self, other), lambda g: (g * other.data, g * self.data))
        ### END SOLUTION

    def __matmul__(self, other):
        other = tensor(other)
        ### BEGIN SOLUTION
        return Tensor(self.data @ other.data, (self, other), lambda g: (g @ other.data.T, self.data.T @ g))
        ### END SOLUTION

    def exp(self):
        ### BEGIN SOLUTION
        y = np.exp(self.data)
        return Tensor(y, (self,), lambda g: (g * y,))
        ### END SOLUTION

    def sum(self):
        return Tensor(self.data.sum(), (self,), lambda g: (np.broadcast_to(g, self.data.shape),))

    __radd__, __rmul__, __array_ufunc__ = __add__, __mul__, None


def tensor(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def unbroadcast(g, shape):
    lead = g.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1)
    return g.sum(axis=axes, keepdims=True).reshape(shape)


# endregion


def program(T, x, w, b):
    h = (T(x) if not hasattr(x, "grad") else x) @ w + b
    return (h * h + h.exp() * 0.1).sum()


@exercise.criterion("ops", "one op at a time")
def _(theirs):
    for name, f, slope in (("add", lambda a: a + 3.0, 1.0), ("mul", lambda a: a * 3.0, 3.0), ("exp", lambda a: a.exp(), np.e)):
        a = theirs.Tensor(1.0)
        y = f(a)
        near({"add": 4.0, "mul": 3.0, "exp": np.e}[name], y.data, f"{name}, the value")
        y.backward()
        near(slope, a.grad, f"{name}, a.grad")


@exercise.criterion("reuse", "a computed tensor used three times")
def _(theirs):
    a = theirs.Tensor(2.0)
    c = a * a
    (c + c * c).backward()
    near(36.0, a.grad, "c = a a, y = c + c c, a.grad")


@exercise.criterion("network", "a layer with a bias, against numerical differences")
def _(theirs):
    arrays = [rng(k).standard_normal(s) for k, s in enumerate(((4, 3), (3, 2), (2,)))]
    leaves = [theirs.Tensor(a) for a in arrays]
    program(theirs.Tensor, *leaves).backward()
    for k, name in enumerate("xwb"):
        numeric = np.zeros(arrays[k].shape)
        for i in np.ndindex(numeric.shape):
            values = []
            for sign in (1, -1):
                moved = [a.copy() for a in arrays]
                moved[k][i] += sign * 1e-5
                h = moved[0] @ moved[1] + moved[2]
                values.append((h * h + 0.1 * np.exp(h)).sum())
            numeric[i] = (values[0] - values[1]) / 2e-5
        near(numeric, leaves[k].grad, f"{name}.grad", 1e-6)


@exercise.criterion("twice", "two backward calls: leaves add up, nothing else does")
def _(theirs):
    a = theirs.Tensor(3.0)
    y = a * a + a
    y.backward()
    y.backward()
    near(14.0, a.grad, "y = a a + a, backward twice, a.grad")


@exercise.criterion("own memory", "x.grad and y.grad are not one array")
def _(theirs):
    a, b = theirs.Tensor(np.ones(3)), theirs.Tensor(np.ones(3))
    (a + b).sum().backward()
    a.grad += 1.0  # as an optimizer may
    (a * 2.0).sum().backward()
    near(np.ones(3), b.grad, "after a second backward through a alone, b.grad")


exercise.wrong(
    "overwrite", ("found[id(p)] + part if id(p) in found else part", "part"), fails="reuse", expect="accumulate", source="micrograd #2"
)
exercise.wrong(
    "no_unbroadcast",
    ("part = unbroadcast(part, p.data.shape)", "pass"),
    fails="network",
    expect="not_summed",
    source="micrograd PR #94 (tensor version), minitorch #1",
)
exercise.wrong(
    "exp_of_x", ("lambda g: (g * y,)", "lambda g: (g * self.data,)"), fails="ops", expect="exp_of_input", source="nn-zero-to-hero #52"
)
exercise.wrong("oldest_first", ("reverse=True", "reverse=False"), fails="ops", expect="not_reversed")
exercise.wrong(
    "no_sort",
    ("sorted(nodes.values(), key=lambda n: n.born, reverse=True)", "list(nodes.values())"),
    fails="reuse",
    expect="handed_on_early",
)
exercise.wrong(
    "grad_kept_between",
    ("g + (0.0 if node.grad is None else node.grad)", "g"),
    fails="twice",
    expect="leaf_overwritten",
    source="micrograd #102, #63 take it for a bug",
)
exercise.wrong(
    "shared",
    ("node.grad = g + (0.0 if node.grad is None else node.grad)", "node.grad = g if node.grad is None else node.grad + g"),
    ("np.broadcast_to(g, self.data.shape)}", "np.ones(self.data.shape) * g}"),
    ("lambda g: (np.broadcast_to(g, self.data.shape),)", "lambda g: (g * np.ones(self.data.shape),)"),
    (
        "return g.sum(axis=axes, keepdims=True).reshape(shape)",
        "return g if g.shape == shape else g.sum(axis=axes, keepdims=True).reshape(shape)",
    ),
    fails="own memory",
    expect="shared_memory",
    source="minigrad's own add_to_grad exists for this",
)
exercise.wrong("mul_self", ("(g * other.data, g * self.data)", "(g * self.data, g * other.data)"), fails="ops", expect="swapped")
exercise.hint(
    "start",
    "Start with a single op: what must exp record so that a backward pass can find its input and its slope again?",
    "Every Tensor has a number, born, that grows. What does it tell you about the order in which to go back?",
    "Collect all tensors that the result depends on; go from the youngest to the oldest; keep what has arrived in a table beside them.",
)
