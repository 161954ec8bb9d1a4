"""Data: sets, loaders, augmentations, scalers. (Read dataset.py, then loader.py.)"""

from minigrad.data import transforms
from minigrad.data.collation import collate
from minigrad.data.dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from minigrad.data.datasets import Split, cifar10, cifar100, digits, fashion_mnist, mnist
from minigrad.data.download import Remote, cache_folder, fetch
from minigrad.data.drawn import drawn_digits
from minigrad.data.files import DataError
from minigrad.data.idx import read_idx, write_idx
from minigrad.data.loader import DataLoader
from minigrad.data.samplers import BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler
from minigrad.data.scalers import MinMaxScaler, StandardScaler
from minigrad.data.toy import blobs, moons, sine, spirals

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "Dataset",
    "MinMaxScaler",
    "RandomSampler",
    "Remote",
    "SequentialSampler",
    "Split",
    "StandardScaler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "WeightedRandomSampler",
    "blobs",
    "cache_folder",
    "cifar10",
    "cifar100",
    "collate",
    "digits",
    "drawn_digits",
    "fashion_mnist",
    "fetch",
    "mnist",
    "moons",
    "random_split",
    "read_idx",
    "sine",
    "spirals",
    "transforms",
    "write_idx",
]
