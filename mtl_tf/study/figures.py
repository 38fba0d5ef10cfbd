"""Figures of a study's report, as PNG bytes."""

from collections.abc import Mapping

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mtl_tf.reporting.figures import COLORS, STYLE, png
from mtl_tf.study.gains import SAME, UNSURE
from mtl_tf.study.words import several
from mtl_tf.tasks.metrics import metric_title

MOST_CURVES = 6  # with names of their own


MOST_ROWS = 40  # of a forest plot that can be read


def forest(gains: pd.DataFrame) -> bytes:
    """Draws gains with their intervals, and beside them what shuffled labels and another seed gave.

    Args:
        gains: see `find_gains`; of more than `MOST_ROWS` those with the smallest p are drawn.
    """
    rows = gains.loc[gains["p_value"].sort_values(kind="stable").index[:MOST_ROWS]].sort_index().reset_index(drop=True)
    names = [
        f"{row.task}  with  {several(row.partners)}" + (f"  ({row.model})" if row.model else "")
        for row in rows.itertuples()
    ]
    place = np.arange(len(rows))[::-1]
    # An interval over two trainings may be so wide that no other could be seen beside it.
    shown = [float(rows[["low", "high"]].abs().stack().quantile(0.8)), 1.5 * float(rows["gain"].abs().max()), 0.02]
    edge = 100 * max(shown)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.5, 1.2 + 0.32 * len(rows)))
        axes = figure.subplots()
        for row, height in zip(rows.itertuples(), place, strict=True):
            color = "#9aa1ad" if row.verdict in (SAME, UNSURE) else COLORS[0] if row.gain > 0 else COLORS[1]
            ends = [max(100 * row.low, -edge), min(100 * row.high, edge)]
            axes.plot(ends, [height, height], color=color, linewidth=2)
            for end, cut, mark in ((ends[0], 100 * row.low < -edge, "<"), (ends[1], 100 * row.high > edge, ">")):
                axes.plot([end] * cut, [height] * cut, mark, color=color, markersize=7)
            axes.plot(100 * row.gain, height, "o", color=color, markersize=6)
        for column, mark, label in (
            ("control_gain", "x", "partner's labels shuffled"),
            ("noise_gain", "|", "alone, another seed"),
        ):
            if rows[column].isna().all():
                continue
            axes.plot(100 * rows[column], place - 0.18, mark, color="#4a4a4a", markersize=6, label=label, linestyle="")
        axes.axvline(0, color="gray", linewidth=0.8)
        axes.set_yticks(place, names)
        left, right = min(100 * rows["low"].min(), 0.0), max(100 * rows["high"].max(), 0.0)
        margin = 0.05 * (min(right, edge) - max(left, -edge))
        limits = (max(left, -edge) - margin, min(right, edge) + margin)
        axes.set(xlabel="gain on test clips, in points", xlim=limits, ylim=(-0.7, len(rows) - 0.3))
        if axes.get_legend_handles_labels()[0]:  # a study may have no controls
            figure.legend(frameon=False, loc="outside lower center", ncols=2)
        return png(figure)


def curves(histories: Mapping[str, Mapping[str, pd.DataFrame]], metrics: Mapping[str, str]) -> bytes:
    """Draws the validation score of every task over the epochs, alone and with others.

    Args:
        histories: task to set of tasks to the mean history of its cells.
        metrics: main metric of each task.
    """
    with matplotlib.rc_context(STYLE):
        columns = min(3, len(histories))
        lines = -(-len(histories) // columns)
        figure = Figure(figsize=(3.6 * columns, 2.6 * lines))
        places = np.atleast_1d(figure.subplots(lines, columns, squeeze=False).ravel())
        for axes in places[len(histories) :]:
            axes.set_visible(False)
        for axes, (task, found) in zip(places, histories.items(), strict=False):
            many, shown = len(found) > MOST_CURVES, set()
            for number, (names, history) in enumerate(found.items()):
                column = f"val_{task}_{metrics[task]}"
                if column not in history:
                    continue
                others = [name for name in names.split("+") if name != task]
                label = f"with {several('+'.join(others))}" if others else "alone"
                color, width = ("black", 1.8) if not others else (COLORS[number % len(COLORS)], 1.1)
                if many and len(others) == 1:
                    label, color = "with one other", "#b6bcc8"
                axes.plot(
                    history["epoch"] + 1,
                    100 * history[column],
                    color=color,
                    linewidth=width,
                    label="_" if label in shown else label,
                    zorder=1 if many and len(others) == 1 else 2,
                )
                shown.add(label)
            axes.set(title=f"{task}, {metric_title(metrics[task])}, validation", xlabel="epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend(frameon=False, fontsize=7)
        return png(figure)
