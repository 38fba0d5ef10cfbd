"""What happens after each epoch: score, history, checkpoints, early stopping, progress."""

import math
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mtl_tf.errors import UserError
from mtl_tf.runs import names
from mtl_tf.tables import write_table
from mtl_tf.tasks.metrics import METRICS, TRACKED, metric_title
from mtl_tf.training.affinity import AFFINITY, COSINE
from mtl_tf.training.averaging import averaged
from mtl_tf.training.checkpoint import Checkpoint

NOT_FINITE = "the training loss or a weight is not finite after epoch {epoch}; give a smaller training.learning_rate"


def monitored(logs: dict[str, float], monitor: str, main_metrics: dict[str, str]) -> float:
    """Reads the score that chooses the best epoch from one epoch's logs.

    Args:
        logs: names as Keras gives them, such as `val_emotion_uar`.
        monitor: `mean` of the tasks' main metrics, `loss`, `TASK.METRIC`, or `last` for no choice.
        main_metrics: task to main metric, for the tasks that validation clips are labelled for.

    Returns:
        The score, larger is better, so that losses are negative; NaN if validation has no clip for it, or for `last`.
    """
    if monitor == "last":
        return math.nan
    if monitor == "mean":
        names = [f"val_{task}_{metric}" for task, metric in main_metrics.items()]
    else:
        names = [f"val_{monitor.replace('.', '_')}"]
    scores = [logs[name] for name in names if name in logs]
    watched = METRICS.get(monitor.rpartition(".")[2])
    sign = -1.0 if monitor == "loss" or (watched and not watched.higher_is_better) else 1.0
    return sign * sum(scores) / len(scores) if scores else math.nan


class EpochKeeper(keras.callbacks.Callback):
    """Keeps history and checkpoints after each epoch and stops a run that no longer improves.

    Writes, under the run folder, `checkpoints/best-EPOCH.npz` when the score improves, `checkpoints/last.npz` and
    `history.csv` after every epoch. The best checkpoint before is removed once `last.npz` knows of the new one, so that
    a kill at any moment leaves the two that belong together. Without validation the last epoch is the best.

    Args:
        folder: of the run.
        history: of the epochs done before this start.
        monitor: `mean`, `loss`, `TASK.METRIC` or `last`.
        main_metrics: see `monitored`.
        patience: epochs without improvement before the end; None: train to the last epoch.
    """

    def __init__(
        self, folder: Path, history: list[dict], monitor: str, main_metrics: dict[str, str], patience: int | None
    ) -> None:
        super().__init__()
        self.folder, self.history = folder, history
        self.monitor, self.main_metrics, self.patience = monitor, main_metrics, patience
        self.last = last_checkpoint(folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Records the epoch; the last checkpoint is written last, so that an epoch is whole or is repeated.

        Raises:
            UserError: the loss or a weight is not finite; the epochs before are kept.
        """
        logs = {name: float(value) for name, value in (logs or {}).items()}
        # oneDNN's kernels for max and ReLU turn NaN into numbers, so that the loss can be finite when weights are not
        if not math.isfinite(logs.get("loss", 0.0)) or not _all_finite(self.model.weights):
            raise UserError(NOT_FINITE.format(epoch=epoch + 1))
        score = monitored(logs, self.monitor, self.main_metrics)
        self.history.append({"epoch": epoch, "score": score, **logs})
        best = best_checkpoint(self.folder, self.history)
        if best_epoch(self.history) == epoch:
            with averaged(self.model):
                best.save(self.model, self.history, optimizer=False)
        self.last.save(self.model, self.history)
        for path in best.path.parent.glob(names.BEST_CHECKPOINT.format(epoch="*")):
            if path != best.path:
                path.unlink()
        write_table(pd.DataFrame(self.history), self.folder / names.HISTORY)
        if exhausted(self.history, self.patience):
            self.model.stop_training = True


def _all_finite(weights: list[keras.Variable]) -> bool:
    return all(np.isfinite(weight.numpy()).all() for weight in weights)


def best_epoch(history: list[dict]) -> int:
    """Returns the first epoch with the highest score; the last one where there are no scores."""
    scored = [row for row in history if not math.isnan(row["score"])]
    if not scored:
        return history[-1]["epoch"]
    return max(scored, key=lambda row: row["score"])["epoch"]


def exhausted(history: list[dict], patience: int | None) -> bool:
    """Says whether early stopping ends a run with this history."""
    return bool(history) and patience is not None and history[-1]["epoch"] - best_epoch(history) >= patience


def best_checkpoint(folder: Path, history: list[dict]) -> Checkpoint:
    """Returns the checkpoint of the best epoch of a history."""
    return Checkpoint(folder / names.CHECKPOINTS / names.BEST_CHECKPOINT.format(epoch=best_epoch(history)))


def last_checkpoint(folder: Path) -> Checkpoint:
    """Returns the checkpoint a killed run carries on from."""
    return Checkpoint(folder / names.CHECKPOINTS / names.LAST_CHECKPOINT)


class EpochLogs(keras.callbacks.Callback):
    """Makes the logs of an epoch say what they seem to say, before others read them.

    `loss` and `val_loss` become the sum over the tasks of what a task weighs times the mean cross-entropy of its
    labelled clips: Keras averages batches, however few labels they have, so its value depends on the order of the
    clips. Scores of tasks without any validation label, for which Keras logs 0, are taken out. `seconds` is the time of
    the epoch with its validation.

    Args:
        task_weights: task to what its loss weighs.
        scored: tasks that validation clips are labelled for.
    """

    def __init__(self, task_weights: dict[str, float], scored: list[str]) -> None:
        super().__init__()
        self.task_weights, self.scored = task_weights, scored

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Starts the clock."""
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Changes the logs in place.

        Raises:
            UserError: the loss is not finite.
        """
        logs["seconds"] = time.perf_counter() - self.start
        if not math.isfinite(logs["loss"]):
            raise UserError(NOT_FINITE.format(epoch=epoch + 1))
        for name in [name for name in logs if name.startswith((f"val_{COSINE}_", f"val_{AFFINITY}_"))]:
            del logs[name]  # measured in training alone
        for task in set(self.task_weights) - set(self.scored):
            for metric in (*TRACKED, "loss"):
                logs.pop(f"val_{task}_{metric}", None)
        for prefix, tasks in (("", list(self.task_weights)), ("val_", self.scored)):
            if f"{prefix}loss" in logs and tasks:
                losses = [self.task_weights[task] * logs[f"{prefix}{task}_cross_entropy"] for task in tasks]
                logs[f"{prefix}loss"] = float(sum(losses))


class RichProgress(keras.callbacks.Callback):
    """Shows a bar over the batches of an epoch and one line per finished epoch.

    Args:
        epochs: number of epochs of the run.
        steps: batches per epoch.
        main_metrics: task to the metric to print.
    """

    def __init__(self, epochs: int, steps: int, main_metrics: dict[str, str]) -> None:
        super().__init__()
        self.epochs, self.steps, self.main_metrics = epochs, steps, main_metrics
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        self.progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Opens the bar."""
        self.progress.start()
        self.bar = self.progress.add_task("", total=self.steps)

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        """Resets the bar."""
        self.progress.reset(self.bar, description=f"epoch {epoch + 1}/{self.epochs}", total=self.steps)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Moves the bar."""
        self.progress.update(self.bar, completed=batch + 1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Prints the epoch's scores."""
        logs = logs or {}
        scores = []
        for task, metric in self.main_metrics.items():
            if f"val_{task}_{metric}" in logs:
                scores.append(f"{task} {metric_title(metric)} {100 * logs[f'val_{task}_{metric}']:.1f}")
        line = f"epoch {epoch + 1:>3}/{self.epochs}  training loss {logs.get('loss', math.nan):.3f}"
        line += f"  validation: {', '.join(scores)} %" if scores else ""
        self.progress.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the bar."""
        self.progress.stop()
