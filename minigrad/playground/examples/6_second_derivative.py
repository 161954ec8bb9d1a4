"""The gradient of a gradient: Newton's method finds a minimum in a few steps."""

import minigrad as mg

x = mg.tensor(2.5, requires_grad=True, dtype="float64")
path = []
for _ in range(6):
    f = x**4 / 4 - x**2 + x / 2
    (slope,) = mg.grad(f, [x], create_graph=True)
    (curvature,) = mg.grad(slope, [x])
    path.append(x.item())
    print(f"x {x.item():9.6f}   f {f.item():9.6f}   slope {slope.item():9.6f}   curvature {curvature.item():9.6f}")
    x = (x - slope / curvature).detach().requires_grad_()
show(path)
