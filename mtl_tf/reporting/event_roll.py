"""Draws events over the features of a clip, truth above and answer below."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from mtl_tf.annotations import Event
from mtl_tf.reporting.figures import COLORS, STYLE, draw_features, png

BAR_HEIGHT = 0.36


def event_roll(
    features: np.ndarray,
    seconds_per_frame: float,
    truth: Sequence[Event],
    answers: Sequence[Event],
    duration_s: float,
    frequencies_hz: np.ndarray | None = None,
) -> bytes:
    """Draws the features of one clip with its events above them.

    Args:
        features: float (frames, bins).
        seconds_per_frame: hop of the front end.
        truth: the events that were annotated.
        answers: the events that were found.
        duration_s: of the clip.
        frequencies_hz: of the bins, rising; None where they are no frequencies.

    Returns:
        A PNG file. Each class that occurs has a row, with the annotated events in its upper half and the answered ones
        in its lower half.
    """
    labels = sorted({event.label for event in (*truth, *answers)})
    with matplotlib.rc_context(STYLE):
        height = 0.5 + 0.24 * max(len(labels), 1)
        figure = Figure(figsize=(3.4, 1.6 + height))
        upper, lower = figure.subplots(2, 1, height_ratios=[height, 1.6])
        for row, label in enumerate(labels):
            for events, place, color in ((truth, row - 0.2, "black"), (answers, row + 0.2, COLORS[0])):
                spans = [(event.onset_s, event.offset_s - event.onset_s) for event in events if event.label == label]
                upper.broken_barh(spans, (place - BAR_HEIGHT / 2, BAR_HEIGHT), facecolors=color)
        upper.set_yticks(range(len(labels)), labels)
        upper.set(xlim=(0, duration_s), ylim=(max(len(labels), 1) - 0.4, -0.6), xticks=[])
        upper.set_title("black: annotated, colour: answered", fontsize=8, loc="left")
        draw_features(lower, features, seconds_per_frame, frequencies_hz)
        lower.set_xlim(0, duration_s)
        return png(figure)
