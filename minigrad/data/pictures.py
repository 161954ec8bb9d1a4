"""Pictures in folders, a folder for each class. Pillow opens them (the extra ``images``)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.data.dataset import TensorDataset
from minigrad.data.files import LIMIT, DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
MOST_PIXELS = 2**26  #: of one picture: a small file may claim to be a huge one
GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L")  #: Pillow's modes without colour


class ImageFolder(TensorDataset):
    """The pictures in a folder of folders, one for each class: float32 of shape (n, channels, height, width) from 0 to 1, and labels.

    All of them are read into memory at once. Classes are the names of the folders in the order of the alphabet, as in torchvision (or by
    size, where all of them are whole numbers); pictures may lie in folders of their own within. Names that begin with a dot are left out.

    Parameters
    ----------
    root
        The folder.
    size
        Height and width to bring all pictures to, by bilinear interpolation. Without it they must have one size.
    channels
        1 for grey, 3 for colour; by default 1 if all pictures are grey. Transparency is ignored.

    Attributes
    ----------
    files
        The path of each picture.

    Raises
    ------
    DataError
        If there are no class folders or pictures, a picture cannot be read, or the sizes differ; the file is named.
    ImportError
        If Pillow is missing.

    Notes
    -----
    JPEG pictures are turned as their EXIF data say. Grey of 16 bits is brought to 8.
    """

    def __init__(self, root: str | Path, size: tuple[int, int] | None = None, channels: int | None = None) -> None:
        self.files, labels, classes = class_folders(root)
        images = read_images(self.files, size, channels)
        super().__init__(images.astype(np.float32) / np.float32(255), labels, classes=classes)


def class_folders(root: str | Path) -> tuple[list[Path], np.ndarray[Any, Any], tuple[str, ...]]:
    """Return the pictures below a folder, the label of each, and the names of the classes."""
    folder = Path(root)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    by_class = {entry.name: pictures_in(entry) for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
    names = sorted(name for name, files in by_class.items() if files)
    if all(name.isdecimal() for name in names):
        names.sort(key=int)
    if not names:
        loose = any(entry.suffix.lower() in SUFFIXES for entry in folder.iterdir())
        found = "has pictures and no class folders" if loose else "has no folders with pictures"
        raise DataError(f"{folder} {found}; put the pictures of each class into a folder of its own in it, named like the class")
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(by_class[name]) for name in names])
    return [file for name in names for file in by_class[name]], labels, tuple(names)


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures in a folder and the folders within, in the order of their names."""
    found = []
    for where, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(where, name) for name in files if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    return sorted(found)


def read_images(files: Sequence[str | Path], size: tuple[int, int] | None = None, channels: int | None = None) -> np.ndarray[Any, Any]:
    """Return pictures as bytes, uint8 of shape (n, channels, height, width); arguments and errors as for `ImageFolder`."""
    if channels not in (None, 1, 3):
        raise ValueError(f"read_images: channels must be 1 (grey) or 3 (colour), not {channels!r}")
    if not files:
        raise ValueError("read_images: there are no files")
    found: list[np.ndarray[Any, Any]] = []
    for path in files:
        picture = read_image(path, size, channels)
        if found and picture.shape[:2] != found[0].shape[:2]:
            ours, first = (" x ".join(map(str, array.shape[:2])) for array in (picture, found[0]))
            raise DataError(f"{path} has {ours} pixels (height x width), {files[0]} has {first}; give a size to bring all to")
        if picture.nbytes * len(files) > LIMIT:
            raise DataError(f"{len(files)} pictures like {path} need more than {LIMIT} bytes; give a smaller size to bring all to")
        found.append(picture)
    colour = max(picture.shape[2] for picture in found)
    return np.stack([np.broadcast_to(picture, (*picture.shape[:2], colour)).transpose(2, 0, 1) for picture in found])


def read_image(path: str | Path, size: tuple[int, int] | None = None, channels: int | None = None) -> np.ndarray[Any, Any]:
    """Return one picture as bytes of shape (height, width, channels), 1 channel for grey and 3 for colour if nothing is asked."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise ImportError("pictures need Pillow; run: pip install pillow (the extra images)") from None
    try:
        with Image.open(path) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise DataError(f"{path} has {opened.width} x {opened.height} pixels, more than the {MOST_PIXELS} that it may have")
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except DataError:
        raise
    except Exception as error:  # decoders raise whatever they like
        raise DataError(f"{path} is no picture that can be read, or it is damaged ({error})") from None
    grey = picture.mode in GREY if channels is None else channels == 1
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture).astype(np.uint32) // 257).astype(np.uint8))
    elif picture.mode in ("I", "F"):
        raise DataError(f"{path} has numbers of 32 bits, whose range is not known; save it with 8 or 16 bits")
    picture = picture.convert("L" if grey else "RGB")
    if size is not None:
        picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    array = np.asarray(picture)
    return array[:, :, None] if grey else array
