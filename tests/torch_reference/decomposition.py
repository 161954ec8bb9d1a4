"""Factorisations in PyTorch, with the signs and symmetric parts as minigrad chooses them."""

import torch


def symmetric(x):
    return (x + x.mT) / 2


def signs(vectors):
    largest = vectors.gather(-2, vectors.detach().abs().argmax(-2, keepdim=True))
    return torch.where(largest < 0, -1.0, 1.0).to(vectors.dtype)


def eigh(x):
    values, vectors = torch.linalg.eigh(symmetric(x))
    return values, vectors * signs(vectors)


def qr(x):
    q, r = torch.linalg.qr(x)
    sign = torch.where(r.diagonal(dim1=-2, dim2=-1) < 0, -1.0, 1.0).to(x.dtype)
    return q * sign[..., None, :], r * sign[..., :, None]


def svd(x):
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    return u * signs(u), s, vh * signs(u).mT


def solve(a, b):
    return torch.linalg.solve(a, b[:, None])[..., 0] if b.ndim == 1 else torch.linalg.solve(a, b)


REFERENCES = {
    "det": torch.linalg.det,
    "slogdet": torch.linalg.slogdet,
    "inv": torch.linalg.inv,
    "solve": solve,
    "cholesky": lambda x: torch.linalg.cholesky(symmetric(x)),
    "eigh": eigh,
    "qr": qr,
    "svd": svd,
    "pinv": lambda x, rcond=1e-15: torch.linalg.pinv(x, rtol=rcond),
}
