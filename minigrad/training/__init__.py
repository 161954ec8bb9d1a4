"""Training: the loop, checkpoints, metrics, statistics of runs, progress, run folders and curves. (Read trainer.py.)"""

from minigrad.training.checkpoint import load_checkpoint, save_checkpoint
from minigrad.training.diagnosis import NotFiniteError, find_not_finite
from minigrad.training.json_lines import UNITS, JsonLines
from minigrad.training.metrics import accuracy, confusion_matrix
from minigrad.training.statistics import Interval, paired_difference, t_interval
from minigrad.training.trainer import Trainer

__all__ = [
    "UNITS", "Interval", "JsonLines", "NotFiniteError", "Trainer", "accuracy", "confusion_matrix", "find_not_finite", "load_checkpoint",
    "paired_difference", "save_checkpoint", "t_interval",
]  # fmt: skip
