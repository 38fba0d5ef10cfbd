"""Figures of the report, as PNG bytes."""

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtl_tf.tasks.metrics import metric_title

_TICKS_KHZ = (0, 0.5, 1, 2, 4, 6, 8, 12, 16, 20)
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
}
_CLIP_SIZE = (3.4, 2.1)  # inches
LABELLED_CLASSES = 30
COLORS = ("#2563a8", "#c8553d", "#3c8d5a", "#8a5aa8", "#b8862b", "#4a4a4a")


def learning_curves(history: pd.DataFrame, metrics: dict[str, str]) -> bytes:
    """Draws the loss and each task's score on training and validation clips over the epochs.

    Args:
        history: as in `history.csv`, with a column `fold` or `repeat` where several are averaged. Else the epoch with
            the best `score`, whose weights are kept, is marked.
        metrics: task to its main metric.
    """
    averaged = history.groupby("epoch").mean(numeric_only=True)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.2))
        axes = figure.subplots(1, 2)
        marker = "o" if len(averaged) == 1 else None
        axes[0].plot(averaged.index + 1, averaged["loss"], color=COLORS[0], label="training", marker=marker)
        if "val_loss" in averaged:
            axes[0].plot(
                averaged.index + 1, averaged["val_loss"], "--", color=COLORS[0], label="validation", marker=marker
            )
        axes[0].set(title="loss", xlabel="epoch", ylim=(0, None))
        axes[0].legend(frameon=False)
        for index, (task, metric) in enumerate(metrics.items()):
            color = COLORS[index % len(COLORS)]
            for prefix, style in (("", "-"), ("val_", "--")):
                name = f"{prefix}{task}_{metric}"
                if name in averaged:
                    label = f"{task} {metric_title(metric)}" if not prefix else None
                    axes[1].plot(
                        averaged.index + 1, 100 * averaged[name], style, color=color, label=label, marker=marker
                    )
        single = not {"fold", "repeat"} & set(history)
        if single and "score" in history and history["score"].notna().any():
            kept = averaged["score"].idxmax() + 1
            for place in axes:
                place.axvline(kept, color="gray", linewidth=0.8, linestyle=":")
            axes[0].text(kept, 0.98, "kept ", transform=axes[0].get_xaxis_transform(), va="top", ha="right")
        for place in axes:
            place.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[1].set(title="score in %: training solid, validation dashed", xlabel="epoch", ylim=(0, 101))
        if axes[1].get_legend_handles_labels()[0]:
            axes[1].legend(frameon=False)
        return png(figure)


def confusion_matrix(confusion: Sequence[Sequence[int]], classes: Sequence[str], title: str) -> bytes:
    """Draws a confusion matrix, coloured by the share of each true class (row), with counts where they fit."""
    counts = np.array(confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    labelled = len(classes) <= LABELLED_CLASSES
    size = float(np.clip(1.6 + 0.32 * len(classes), 2.6, 9.0))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(size + 0.9, size))
        axes = figure.subplots()
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set(title=title, xlabel="answer", ylabel="truth")
        if labelled:
            axes.set_xticks(range(len(classes)), classes, rotation=60, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(len(classes)), classes)
            for row, column in zip(*np.nonzero(counts), strict=True):
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, counts[row, column], ha="center", va="center", color=color, fontsize=7)
        figure.colorbar(image, ax=axes, shrink=0.7, label="share of the row")
        return png(figure)


def score_bars(scores: dict[str, dict[str, float]], metrics: dict[str, str]) -> bytes:
    """Draws each task's main score with its 95 % interval, chance and the majority guess beside it.

    Args:
        scores: task to its scores.
        metrics: task to its main metric.
    """
    tasks = list(scores)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 0.7 + 0.75 * len(tasks)))
        axes = figure.subplots()
        for row, task in enumerate(tasks):
            entry, metric = scores[task], metrics[task]
            value = 100 * entry[metric]
            axes.barh(row, value, height=0.55, color=COLORS[0])
            interval = entry.get(f"{metric}_interval")
            if interval:
                axes.plot([100 * limit for limit in interval], [row, row], color="black", linewidth=1.2)
            guess = entry.get("majority", {}).get(metric)
            baselines = (("majority", guess, "-", 3), ("chance", entry["chance"], ":", 1.5))
            for name, level, style, width in baselines:
                if level is not None:
                    label, color = (name if row == 0 else None), COLORS[1] if name == "majority" else "black"
                    ends = [row - 0.4, row + 0.4]
                    axes.plot([100 * level] * 2, ends, style, color=color, linewidth=width, label=label)
            axes.text(value + 1, row - 0.34, f"{value:.1f}", va="center", fontsize=8)
        axes.set_yticks(range(len(tasks)), [f"{task} ({metric_title(metrics[task])})" for task in tasks])
        axes.set(xlim=(0, 107), xlabel="% of test clips, line: 95 % interval")
        axes.invert_yaxis()
        axes.legend(frameon=False, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
        return png(figure)


def clip_features(
    features: np.ndarray,
    seconds_per_frame: float,
    frequencies_hz: np.ndarray | None = None,
    limits: tuple[float, float] | None = None,
) -> bytes:
    """Draws the features of one clip.

    Args:
        features: float (frames, bins); (frames, bins, channels) is a picture with values from 0 to 1.
        seconds_per_frame: hop of the front end.
        frequencies_hz: of the bins, rising; None where they are no frequencies.
        limits: least and largest value of the scale, so that pictures can be compared; None: those of the features.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=_CLIP_SIZE)
        draw_features(figure.subplots(), features, seconds_per_frame, frequencies_hz, limits)
        return png(figure)


def clip_attention(weights: np.ndarray) -> bytes:
    """Draws how much each classifier counts over the time of one clip.

    Args:
        weights: float (steps, classifiers).
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=_CLIP_SIZE)
        axes = figure.subplots()
        axes.imshow(weights.T, origin="lower", aspect="auto", cmap="magma", vmin=0)
        axes.set(xlabel="step", ylabel="classifier")
        return png(figure)


def draw_features(
    place: Axes,
    values: np.ndarray,
    seconds_per_frame: float,
    frequencies_hz: np.ndarray | None,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draws features on axes, time from left to right; see `clip_features`."""
    low, high = limits if limits and limits[0] < limits[1] else (None, None)
    if values.ndim == 3:
        place.imshow(values.transpose(1, 0, 2), origin="lower", aspect="auto", cmap="gray", vmin=0, vmax=1)
        place.set(xlabel="column", ylabel="row")
    elif values.shape[1] == 1:
        place.plot(np.arange(len(values)) * seconds_per_frame, values[:, 0], color=COLORS[0], linewidth=0.4)
        place.set(xlabel="s", ylabel="envelope", ylim=(low, high))
    elif len(values) == 1:
        place.plot(values[0], color=COLORS[0], linewidth=0.8)
        place.set(xlabel="value", ylabel="normalised", ylim=(low, high))
    else:
        extent = (0, len(values) * seconds_per_frame, -0.5, values.shape[1] - 0.5)
        place.imshow(values.T, origin="lower", aspect="auto", cmap="magma", extent=extent, vmin=low, vmax=high)
        place.set(xlabel="s", ylabel="bin")
        if frequencies_hz is not None:
            ticks = frequency_ticks(frequencies_hz)
            place.set_yticks(list(ticks), list(ticks.values()))
            place.set_ylabel("kHz")


def frequency_ticks(frequencies_hz: np.ndarray) -> dict[float, str]:
    """Places round frequencies on an axis of bins, none nearer to the last than a tenth of the axis.

    Args:
        frequencies_hz: of the bins, rising.

    Returns:
        Place, in bins, to the frequency in kHz.
    """
    ticks: dict[float, str] = {}
    for kilohertz in _TICKS_KHZ:
        place = float(np.interp(1000.0 * kilohertz, frequencies_hz, np.arange(len(frequencies_hz)), -1.0, -1.0))
        if place >= 0 and (not ticks or place - max(ticks) >= len(frequencies_hz) / 10):
            ticks[place] = f"{kilohertz:g}"
    return ticks


def png(figure: Figure) -> bytes:
    """Draws a figure into the bytes of a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
