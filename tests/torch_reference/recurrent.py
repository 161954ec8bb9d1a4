"""Recurrent ops, step by step in PyTorch."""

import torch


def lstm(x, h, c, w, w_proj=None):
    hs, cs, gates = [], [], []
    for x_t in x:
        a_i, a_f, a_u, a_o = (x_t + h @ w.T).chunk(4, dim=-1)
        i, f, u, o = a_i.sigmoid(), a_f.sigmoid(), a_u.tanh(), a_o.sigmoid()
        c = f * c + i * u
        h = o * c.tanh()
        h = h if w_proj is None else h @ w_proj.T
        hs.append(h)
        cs.append(c)
        gates.append(torch.cat([i, f, u, o], dim=-1))
    return torch.stack(hs), torch.stack(cs), torch.stack(gates)


def gru(x, h, w, b=None):
    hs, gates, inner = [], [], []
    for x_t in x:
        a = torch.nn.functional.linear(h, w, b)
        (x_r, x_z, x_n), (a_r, a_z, a_n) = x_t.chunk(3, dim=-1), a.chunk(3, dim=-1)
        r, z = (x_r + a_r).sigmoid(), (x_z + a_z).sigmoid()
        n = (x_n + r * a_n).tanh()
        h = (1 - z) * n + z * h
        hs.append(h)
        gates.append(torch.cat([r, z, n], dim=-1))
        inner.append(a_n)
    return torch.stack(hs), torch.stack(gates), torch.stack(inner)


def rnn(x, h, w, nonlinearity="tanh"):
    hs = []
    for x_t in x:
        a = x_t + h @ w.T
        h = a.tanh() if nonlinearity == "tanh" else a.relu()
        hs.append(h)
    return torch.stack(hs)


REFERENCES = {"lstm": lstm, "gru": gru, "rnn": rnn}
