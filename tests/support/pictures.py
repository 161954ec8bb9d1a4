"""Folders of pictures for tests, written by Pillow."""

from pathlib import Path

import numpy as np

from minigrad import data


def write_digits(folder: Path, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Write the first n of the shipped digits as PNG into a folder for each class; return their bytes and labels."""
    from PIL import Image

    train, _ = data.digits()
    images, labels = np.rint(train.arrays[0][:n, 0] * 255).astype(np.uint8), train.arrays[1][:n]
    for k, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{k:04}.png")
    return images, labels
