"""One value, used twice: two paths that add up.

show(loss) opens the explorer: forward and backward, one op at a time.
"""

import minigrad as mg

x = mg.tensor([[1.0, -2.0, 3.0], [0.5, 0.1, -1.0]], requires_grad=True)
w = mg.tensor([0.3, -0.2, 0.9], requires_grad=True)

with mg.record():
    h = x * w
    a = mg.tanh(h)
    b = h * a  # h goes into a and into b
    loss = (b + w).sum()
    loss.backward()

print(mg.why(h))
show(loss)
