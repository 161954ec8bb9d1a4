"""Data: sets, loaders, augmentations, scalers. (Read dataset.py, then loader.py.)"""

from minigrad.data import transforms
from minigrad.data.arrays import from_idx, from_npz, read_npz
from minigrad.data.collation import collate
from minigrad.data.dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split, stratified_split
from minigrad.data.datasets import Split, cifar10, cifar100, digits, fashion_mnist, mnist
from minigrad.data.download import Remote, cache_folder, fetch
from minigrad.data.drawn import drawn_digits
from minigrad.data.files import DataError
from minigrad.data.idx import read_idx, write_idx
from minigrad.data.loader import DataLoader
from minigrad.data.pictures import ImageFolder, read_images
from minigrad.data.samplers import BatchSampler, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler
from minigrad.data.scalers import MinMaxScaler, StandardScaler
from minigrad.data.tables import read_csv
from minigrad.data.toy import blobs, moons, sine, spirals

__all__ = [
    "BatchSampler",
    "ConcatDataset",
    "DataError",
    "DataLoader",
    "Dataset",
    "ImageFolder",
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
    "from_idx",
    "from_npz",
    "mnist",
    "moons",
    "random_split",
    "read_csv",
    "read_idx",
    "read_images",
    "read_npz",
    "sine",
    "spirals",
    "stratified_split",
    "transforms",
    "write_idx",
]
