"""Training: the loop, checkpoints, metrics, progress, run folders and curves. (Read trainer.py.)"""

from minigrad.training.checkpoint import load_checkpoint, save_checkpoint
from minigrad.training.diagnosis import NotFiniteError, find_not_finite
from minigrad.training.metrics import confusion_matrix
from minigrad.training.trainer import Trainer

__all__ = ["NotFiniteError", "Trainer", "confusion_matrix", "find_not_finite", "load_checkpoint", "save_checkpoint"]
