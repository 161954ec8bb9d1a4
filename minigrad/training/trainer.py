"""Trainer: the loop that everybody writes, once. (Read `Trainer.fit`, then `Trainer._train`; docs/trainer.md shows its use.)"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import numpy as np

from minigrad import nn
from minigrad.backends import Array
from minigrad.core._capturing import boxed
from minigrad.core.device import to_host
from minigrad.core.mode import changed_mode
from minigrad.core.tensor import Tensor, wrap
from minigrad.data.loader import DataLoader
from minigrad.optim import EMA, Optimizer, clip_grad_norm_
from minigrad.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from minigrad.training.arguments import check_length, check_loader, check_parts
from minigrad.training.captured import Steps
from minigrad.training.checkpoint import load_checkpoint, make_folder, save_checkpoint
from minigrad.training.diagnosis import NotFiniteError, find_not_finite
from minigrad.training.interrupt import DeferredInterrupt
from minigrad.training.metrics import Tally, count, sums
from minigrad.training.progress import Quiet
from minigrad.training.ranks import Ranks

Loss = Callable[[Tensor, Tensor], Tensor]


class Trainer:
    """Trains a model on batches ``(input, target)``.

    Parameters
    ----------
    model, optimizer
        What is trained, and how.
    loss
        ``loss(output, target)``, a mean over the batch.
    scheduler
        Stepped after every optimizer step; a `ReduceLROnPlateau` after every epoch, with the validation loss.
    clip_norm
        Scale gradients down to this norm.
    ema
        An average of the weights, updated after every step and used for validation.
    folder
        Where checkpoints go; `fit` makes it. ``last.ckpt`` after every epoch (and every ``checkpoint_every`` steps) and, where
        there is validation, ``best.ckpt``.
    patience
        Stop when the validation loss has not improved for this many epochs.
    capture
        Record the step and replay it (`minigrad.capture`), as a program of NumPy calls or as one CUDA graph, where that gives the
        same numbers; ``progress`` is told whether it does. ``"c"`` takes a program in C, whose numbers are those within
        rounding. Pass False if ``model`` or ``loss`` does something in Python that
        is to happen in every step.
    progress
        Shown what happens (`minigrad.training.progress`).
    group
        Ranks that train together (`minigrad.distributed.Group`), each with a copy of this trainer and its part of the batches, from a
        loader with ``shard=group``: the result is that of one process with the whole batches. Rank 0 writes the checkpoints,
        from which any number of ranks can `resume`. Steps are then not captured.

    Attributes
    ----------
    history
        One dict for each finished epoch, or for each ``every`` steps: ``epoch`` or ``step``, ``train_loss``, ``train_accuracy``,
        ``lr`` and, with validation, ``val_loss``, ``val_accuracy``. There is an accuracy only where the targets are classes:
        integers, one for each answer.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer,
        loss: Loss,
        *,
        scheduler: LRScheduler | None = None,
        clip_norm: float | None = None,
        ema: EMA | None = None,
        folder: str | Path | None = None,
        checkpoint_every: int | None = None,
        patience: int | None = None,
        capture: bool | str = True,
        progress: Any = None,
        group: Any = None,
    ) -> None:
        check_parts(model, optimizer, loss)
        self.model, self.optimizer, self.loss = model, optimizer, loss
        self.scheduler, self.clip_norm, self.ema = scheduler, clip_norm, ema
        self.folder = None if folder is None else Path(folder)
        self.checkpoint_every, self.patience = checkpoint_every, patience
        self._ranks = Ranks(group)
        self.capture = capture if self._ranks.group is None else False
        self.progress = Quiet() if progress is None else progress
        self.history: list[dict[str, Any]] = []
        self.epoch = self.step = 0  # both count what is finished
        self.best = float("inf")
        self.since_best = 0
        self._tally = Tally()
        self._loader: DataLoader | None = None
        self._interrupt = DeferredInterrupt()
        self._steps: Steps | None = None

    def fit(
        self,
        loader: DataLoader,
        epochs: int | None = None,
        validation: DataLoader | None = None,
        *,
        steps: int | None = None,
        every: int | None = None,
        until: Callable[[dict[str, Any]], bool] | None = None,
        on_epoch: Callable[[dict[str, Any]], None] | None = None,
    ) -> list[dict[str, Any]]:
        """Train until ``epochs`` epochs, or ``steps`` steps, are finished, those before a `resume` included. Returns the history.

        On Ctrl-C the step is finished, a checkpoint is saved, if there is a folder for it, and KeyboardInterrupt raised: on all
        ranks, whichever got it.

        Parameters
        ----------
        steps
            In place of ``epochs``: how many steps, with as many passes through the loader as that takes. Lines of the history then
            have ``step`` in place of ``epoch``, and ``patience`` counts lines.
        every
            With ``steps``: validate and add a line after so many steps, and at the end. By default at the end alone.
        until
            Called with each new line of the history; training ends when it returns true. ``until=lambda line:
            line["val_accuracy"] >= 0.95`` with ``every=10`` says after how many steps a model is so good.
        on_epoch
            Called with the new line of the history after each epoch, or ``every`` steps, before the checkpoint is written.

        Raises
        ------
        NotFiniteError
            If the loss becomes NaN or infinite; it names the layer.
        """
        check_loader(loader, "fit: loader")
        if validation is not None:
            check_loader(validation, "fit: validation")
        check_length(epochs, steps, every)
        if validation is None and (self.patience is not None or isinstance(self.scheduler, ReduceLROnPlateau)):
            what = "ReduceLROnPlateau" if self.patience is None else f"patience={self.patience}"
            raise ValueError(f"fit: {what} needs validation, whose loss it watches: pass a DataLoader of other data")
        if self.folder is not None:
            make_folder(self.folder)
        self._loader = loader
        self._ranks.begin(self, loader)
        endless = chain.from_iterable(repeat(loader))
        shown = (epochs, len(loader)) if epochs is not None else (1, steps or 0)
        with self.progress.fit(*shown), DeferredInterrupt() as self._interrupt:
            make = self._ready_steps()
            enough = False
            while not enough and self._is_short_of(epochs, steps) and not self._ran_out_of_patience():
                if steps is None:
                    line = {"epoch": self.epoch + 1, **self._train(loader, loader, make)}
                else:
                    n = min(steps - self.step, steps if every is None else every - self.step % every)
                    result = self._train(islice(endless, n), loader, make)
                    line = {"step": self.step, **result}
                if validation is not None:
                    self._validate(validation, line)
                self.history.append(line)
                self.epoch += steps is None
                self._tally = Tally()
                if on_epoch is not None:
                    on_epoch(line)
                self.progress.epoch(line)
                if validation is not None and self.since_best == 0:
                    self._checkpoint("best.ckpt")
                self._checkpoint("last.ckpt")
                enough = until is not None and bool(until(line))
        return self.history

    def _ready_steps(self) -> Steps:
        """Return what makes steps: that of the last `fit`, whose programs are still right, or a new one."""
        made_of = self.model, self.optimizer, self.loss, self.clip_norm, self.capture
        if self._steps is None or not self._steps.may_go_on or any(a is not b for a, b in zip(self._steps_of, made_of, strict=True)):
            self._steps = Steps(self._make_step, self.model, self.optimizer, capture=self.capture, note=self.progress.note)
            self._steps_of: tuple[Any, ...] = made_of
        return self._steps

    def _is_short_of(self, epochs: int | None, steps: int | None) -> bool:
        return self.epoch < epochs if epochs is not None else self.step < (steps or 0)

    def evaluate(self, loader: DataLoader) -> dict[str, float]:
        """Return the mean loss and, where the targets are classes, the accuracy over a loader, in evaluation mode.

        With a group and a loader that has ``shard=group`` each rank looks at its part; all of them must call this.
        """
        check_loader(loader, "evaluate: loader")
        was_training = self.model.training
        self.model.eval()
        tally = Tally()
        try:
            with changed_mode(recording=False):
                for x, target in loader:
                    output = self.model(x)
                    if len(x):  # a rank's part of a batch may be empty, and has no mean then
                        tally.add(*sums(self.loss(output, target).data, output.data, target.data), count(target))
        finally:
            self.model.train(was_training)
        return self._ranks.total(tally, loader).result()

    def save(self, path: str | Path) -> None:
        """Write a checkpoint, from which `resume` continues as if nothing had happened. With a group all ranks must call this."""
        tally = self._ranks.total(self._tally, self._loader)
        if self._ranks.main:
            self._write(path, tally)
        self._ranks.wait()

    def _write(self, path: str | Path, tally: Tally) -> None:
        plain = {"history": self.history, "epoch": self.epoch, "step": self.step, "best": self.best, "since_best": self.since_best}
        save_checkpoint(path, self._parts(self._loader), **plain, tally=tally.state_dict())

    def _checkpoint(self, name: str) -> None:
        if self.folder is not None:
            self.save(self.folder / name)

    def resume(self, path: str | Path, loader: DataLoader) -> None:
        """Go back to where a checkpoint was saved; ``loader`` must be made with the same arguments as then."""
        plain = load_checkpoint(path, self._parts(loader))
        self.history, self.epoch, self.step = plain["history"], plain["epoch"], plain["step"]
        self.best, self.since_best = plain["best"], plain["since_best"]
        self._tally = Tally(**plain["tally"]) if self._ranks.main else Tally()  # it is a sum over the ranks

    def _parts(self, loader: DataLoader | None) -> Mapping[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "scheduler": self.scheduler, "ema": self.ema, "loader": loader}

    def _make_step(self, x: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Forward, backward, update. Returns what the tally adds up. This is what is captured."""
        output = self.model(x)
        loss = self.loss(output, target) if len(x) else (output * 0).sum()  # a rank's part of a batch may be empty
        if loss.size != 1:
            raise ValueError(f"the loss must be one number, and has shape {loss.shape}: take its mean over the batch")
        if loss.device.kind == "cpu":
            boxed(self._check_finite, effect=True)(loss.data, x.data)
        self.optimizer.zero_grad()
        self._ranks.weighted(loss, len(x), self._loader).backward()
        self._ranks.reduce(stop=self._interrupt.requested)
        if self.clip_norm is not None:
            clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        total, right = sums(loss.data, output.data, target.data)
        return wrap(total, None), wrap(right, None)

    def _train(self, batches: Iterable[Any], loader: DataLoader, steps: Steps) -> dict[str, Any]:
        """Train on these batches of the loader: what is left of its epoch, or so many. Returns the results for the history."""
        self.model.train()
        steps.begin_epoch(loader.batch_size if isinstance(loader, DataLoader) and len(loader) > 1 else None)
        for x, target in batches:
            self._ranks.begin_step(self)
            total, right = steps(x, target)
            if self.scheduler is not None and not isinstance(self.scheduler, ReduceLROnPlateau):
                self.scheduler.step()
            if self.ema is not None:
                self.ema.update()
            self.step += 1
            self._tally.add(total.data, right.data, count(target))
            if self.progress.step(self.epoch, self._tally) and not np.isfinite(to_host(total.data)):
                self._stop_at(total.data, x)  # on a GPU, where looking at every loss would mean waiting for it
            if self._ranks.stopping(self._interrupt.requested):
                self._checkpoint("last.ckpt")
                raise KeyboardInterrupt
            if self.checkpoint_every and self.step % self.checkpoint_every == 0:
                self._checkpoint("last.ckpt")
        steps.end_epoch()
        result = self._ranks.total(self._tally, loader).result()
        if not np.isfinite(result["loss"]):
            raise NotFiniteError(f"the loss of epoch {self.epoch + 1} is {result['loss']}: {self._find_not_finite(x)}")
        return {**{f"train_{name}": value for name, value in result.items()}, "lr": self.optimizer.param_groups[0]["lr"]}

    def _validate(self, validation: DataLoader, line: dict[str, Any]) -> None:
        """Add the validation results to a line of the history, and note whether they are the best so far."""
        if self.ema is not None:
            with self.ema.applied():
                result = self.evaluate(validation)
        else:
            result = self.evaluate(validation)
        line.update({f"val_{name}": value for name, value in result.items()})
        if isinstance(self.scheduler, ReduceLROnPlateau):
            self.scheduler.step(result["loss"])
        self.since_best = 0 if result["loss"] < self.best else self.since_best + 1
        self.best = min(self.best, result["loss"])

    def _ran_out_of_patience(self) -> bool:
        return self.patience is not None and self.since_best >= self.patience

    def _check_finite(self, loss: Array, x: Array) -> None:
        """Stop before the update where the loss is not finite; on a GPU that would have to be waited for."""
        if not np.isfinite(loss):
            self._stop_at(loss, wrap(x, None))

    def _stop_at(self, loss: Array, x: Any) -> None:
        cause = self._find_not_finite(x)
        where = f"step {self.step + 1} (epoch {self.epoch + 1})"
        raise NotFiniteError(f"the loss became {float(to_host(loss))} in {where}: {cause}")

    def _find_not_finite(self, x: Any) -> str:
        try:
            with self._ranks.apart(self.model):  # the other ranks do not look for it
                return find_not_finite(self.model, x)
        except ValueError as error:  # of this rank's part alone a layer may have too little
            return f"in which layer cannot be told ({error})"
