"""What happens after each epoch: score, history, checkpoints, early stopping, progress."""

import math
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mtl_tf.data.manifest import write_table
from mtl_tf.errors import UserError
from mtl_tf.tasks import metric_label
from mtl_tf.training.checkpoint import Checkpoint


def monitored(logs: dict[str, float], monitor: str, main_metrics: dict[str, str]) -> float:
    """Reads the score that chooses the best epoch from one epoch's logs.

    Args:
        logs: names as Keras gives them, such as `val_emotion_uar`.
        monitor: `mean` of the tasks' main metrics, `loss`, or `TASK.METRIC`.
        main_metrics: task to main metric, for the tasks that validation clips are labelled for.

    Returns:
        The score, larger is better, so that losses are negative; NaN if validation has no clip for it.
    """
    if monitor == "mean":
        names = [f"val_{task}_{metric}" for task, metric in main_metrics.items()]
    else:
        names = [f"val_{monitor.replace('.', '_')}"]
    scores = [logs[name] for name in names if name in logs]
    sign = -1.0 if monitor == "loss" or monitor.endswith(".cross_entropy") else 1.0
    return sign * sum(scores) / len(scores) if scores else math.nan


class EpochKeeper(keras.callbacks.Callback):
    """Keeps history and checkpoints after each epoch and stops a run that no longer improves.

    Writes, under the run folder, `checkpoints/best.npz` when the score improves, `checkpoints/last.npz` and
    `history.csv` after every epoch. Without validation the last epoch is the best.

    Args:
        folder: of the run.
        history: of the epochs done before this start.
        monitor: `mean`, `loss` or `TASK.METRIC`.
        main_metrics: see `monitored`.
        patience: epochs without improvement before the end; None: train to the last epoch.
    """

    def __init__(
        self, folder: Path, history: list[dict], monitor: str, main_metrics: dict[str, str], patience: int | None
    ) -> None:
        super().__init__()
        self.folder, self.history = folder, history
        self.monitor, self.main_metrics, self.patience = monitor, main_metrics, patience
        self.last, self.best = last_checkpoint(folder), best_checkpoint(folder)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Records the epoch; the last checkpoint is written last, so that an epoch is whole or is repeated.

        Raises:
            UserError: the loss or a weight is not finite; the epochs before are kept.
        """
        logs = {name: float(value) for name, value in (logs or {}).items()}
        # oneDNN's kernels for max and ReLU turn NaN into numbers, so that the loss can be finite when weights are not
        if not math.isfinite(logs.get("loss", 0.0)) or not _all_finite(self.model.weights):
            raise UserError(
                f"the training loss or a weight is not finite after epoch {epoch + 1}; "
                "give a smaller training.learning_rate"
            )
        score = monitored(logs, self.monitor, self.main_metrics)
        self.history.append({"epoch": epoch, "score": score, **logs})
        if best_epoch(self.history) == epoch:
            self.best.save(self.model, self.history, optimizer=False)
        self.last.save(self.model, self.history)
        write_table(pd.DataFrame(self.history), self.folder / "history.csv")
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


def best_checkpoint(folder: Path) -> Checkpoint:
    """Returns the checkpoint of the best epoch."""
    return Checkpoint(folder / "checkpoints" / "best.npz")


def last_checkpoint(folder: Path) -> Checkpoint:
    """Returns the checkpoint a killed run carries on from."""
    return Checkpoint(folder / "checkpoints" / "last.npz")


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
                scores.append(f"{task} {metric_label(metric)} {100 * logs[f'val_{task}_{metric}']:.1f}")
        line = f"epoch {epoch + 1:>3}/{self.epochs}  training loss {logs.get('loss', math.nan):.3f}"
        line += f"  validation: {', '.join(scores)} %" if scores else ""
        self.progress.console.print(line, highlight=False, soft_wrap=True)

    def on_train_end(self, logs: dict | None = None) -> None:
        """Closes the bar."""
        self.progress.stop()
