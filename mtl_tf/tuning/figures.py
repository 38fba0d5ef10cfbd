"""Figures of a search's report, as PNG bytes."""

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtl_tf.reporting.figures import COLORS, STYLE, png
from mtl_tf.tuning.importance import encode

_MOST_TICKS = 6


def progress(table: pd.DataFrame) -> bytes:
    """Draws the score of each trial over their number and over what they cost, with the best so far.

    Args:
        table: completed trials, with `score`, `seconds` and `epochs`.
    """
    scores, minutes = 100 * table["score"].to_numpy(float), table["seconds"].cumsum().to_numpy(float) / 60
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.0))
        axes = figure.subplots(1, 2, sharey=True)
        for place, values, title in (
            (axes[0], np.arange(1, len(scores) + 1), "completed trials"),
            (axes[1], minutes, "minutes of training and validation"),
        ):
            place.plot(values, scores, "o", color=COLORS[0], markersize=4, label="trial")
            place.step(values, np.maximum.accumulate(scores), color=COLORS[1], where="post", label="best so far")
            place.set(xlabel=title)
        axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        axes[0].set(ylabel="objective x 100, validation")
        axes[0].legend(frameon=False)
        return png(figure)


def parallel_coordinates(keys: pd.DataFrame, scores: np.ndarray) -> bytes:
    """Draws each completed trial as a line over its values, the better the darker.

    Args:
        keys: one row per trial, one column per searched key, text, empty where it was not searched.
        scores: float (trials,).
    """
    names = list(keys)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(max(6.0, 1.25 * (len(names) + 1)), 3.8))
        axes = figure.subplots()
        places, ticks = [], []
        for name in names:
            numbers = encode(keys[name])
            log = numbers.min() > 0 and numbers.max() / numbers.min() > 20
            scaled = np.log(numbers) if log else numbers
            low, spread = scaled.min(), np.ptp(scaled) or 1.0
            places.append((scaled - low) / spread)
            distinct = sorted(
                {(float(place), str(text)) for place, text in zip(places[-1], keys[name].fillna("-"), strict=True)}
            )
            chosen = distinct if len(distinct) <= _MOST_TICKS else [distinct[0], distinct[-1]]
            ticks.append(chosen)
        spread = np.ptp(scores) or 1.0
        places.append((scores - scores.min()) / spread)
        colors = matplotlib.colormaps["viridis_r"]
        for row in np.argsort(scores):
            share = places[-1][row]
            axes.plot([place[row] for place in places], color=colors(0.15 + 0.85 * share), linewidth=0.8 + 1.2 * share)
        for number, chosen in enumerate(ticks):
            axes.axvline(number, color="#d6dae3", linewidth=1, zorder=0)
            free = -1.0
            for height, text in chosen:
                if height >= free:  # labels of near values would lie on each other
                    axes.annotate(
                        text, (number, height), xytext=(3, 0), textcoords="offset points", fontsize=7, va="center"
                    )
                    free = height + 0.05
        last = len(names)
        axes.axvline(last, color="#d6dae3", linewidth=1, zorder=0)
        for height, score in ((0, scores.min()), (1, scores.max())):
            axes.annotate(f"{100 * score:.1f}", (last, height), xytext=(3, 0), textcoords="offset points", fontsize=7)
        labels = [name.replace("training.loss_weights.", "share of ").split(".", 1)[-1] for name in names]
        axes.set_xticks(range(last + 1), [*labels, "objective"], rotation=20, ha="right")
        axes.set(yticks=[], xlim=(-0.1, last + 0.35))
        axes.spines["left"].set_visible(False)
        return png(figure)


def importance_bars(values: Mapping[str, float]) -> bytes:
    """Draws the importance of each key, the largest on top."""
    names = list(values)[::-1]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 0.6 + 0.28 * len(names)))
        axes = figure.subplots()
        axes.barh(names, [values[name] for name in names], color=COLORS[0])
        axes.axvline(0, color="gray", linewidth=0.8)
        axes.set(xlabel="share of the variance that is lost where the key's values are shuffled")
        return png(figure)
