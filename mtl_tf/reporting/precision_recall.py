"""Draws how precision and recall of each tag go with the probability from which it counts as answered."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from mtl_tf.reporting.figures import COLORS, STYLE, png

MOST_NAMED = 10
STYLES = ("-", "--", ":", "-.")


def precision_recall(predictions: pd.DataFrame, classes: Sequence[str], title: str) -> bytes:
    """Draws precision over recall, and F1 over the probability, of the tags that occur.

    Args:
        predictions: of one task with tags or events, with `targets` and `probabilities`.
        classes: names of the tags.
        title: of the figure.
    """
    count = len(classes)  # of steps those of all clips follow one another
    targets, values = (
        np.concatenate(list(predictions[key])).reshape(-1, count) for key in ("targets", "probabilities")
    )
    shown = [index for index in range(len(classes)) if (targets[:, index] == 1).any()]
    shown = sorted(shown, key=lambda index: -(targets[:, index] == 1).sum())[:MOST_NAMED]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(10, 3.4))
        left, right = figure.subplots(1, 2)
        for index in shown:
            rows = targets[:, index] >= 0
            precision, recall, thresholds = precision_recall_curve(targets[rows, index] == 1, values[rows, index])
            f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
            # By the class and not by its place, so that a class has one colour in all figures.
            style = {"color": COLORS[index % len(COLORS)], "linestyle": STYLES[index // len(COLORS) % len(STYLES)]}
            left.step(100 * recall, 100 * precision, where="post", label=classes[index], **style)
            right.plot(100 * thresholds, 100 * f1[:-1], **style)
        left.set(title=f"{title}: precision over recall (%)", xlabel="recall", ylabel="precision")
        right.set(title="F1 (%) by the probability that counts as an answer", xlabel="probability (%)", ylabel="F1")
        for axes in (left, right):
            axes.set(xlim=(0, 101), ylim=(0, 103))
        if shown:
            left.legend(framealpha=0.8, edgecolor="none", fontsize=7, loc="best")
        return png(figure)
