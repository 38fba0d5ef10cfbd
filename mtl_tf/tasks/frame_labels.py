"""From the events of clips to the targets of every step in time, cut as the audio was."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mtl_tf.annotations import Event, read_events
from mtl_tf.tasks.tags import ABSENT, UNKNOWN
from mtl_tf.tasks.task import Task


class FrameLabels:
    """The events of all clips of one task.

    A step is part of an event where the nearest edges of steps to onset and offset say so. The onset of an event of
    steps so differs from the true one by at most half a step, and an event shorter than a step is still one.

    Args:
        task: with its classes.
        texts: what `event_names` wrote of each clip, None where there is no annotation.
        duration_s: how much of each clip is used, float (clips,).
    """

    def __init__(self, task: Task, texts: Sequence[str | None], duration_s: np.ndarray) -> None:
        self.task, self.duration_s = task, duration_s
        self.index = {name: place for place, name in enumerate(task.classes)}
        self.known = np.zeros((len(texts), task.num_classes), bool)
        self.events: list[list[Event]] = []
        self.unknown: list[list[Event]] = []
        for row, text in zip(self.known, texts, strict=True):
            events, unknown = [], []
            if isinstance(text, str):
                row[:] = True
                self._read(text, row, events, unknown)
            self.events.append(events)
            self.unknown.append(unknown)

    def __len__(self) -> int:
        return len(self.events)

    def events_until(self, row: int, duration_s: float) -> list[Event]:
        """Returns the events of a clip that begin before a time, cut there."""
        return [
            event._replace(offset_s=min(event.offset_s, duration_s))
            for event in self.events[row]
            if event.onset_s < duration_s
        ]

    def is_known(self, row: int, label: str, onset_s: float, offset_s: float) -> bool:
        """Says whether it was annotated in the middle of an event that was found if there is one of its class."""
        middle_s = (onset_s + offset_s) / 2
        return bool(self.known[row, self.index[label]]) and not any(
            event.onset_s <= middle_s < event.offset_s and event.label.removeprefix(UNKNOWN) in ("", label)
            for event in self.unknown[row]
        )

    def counts(self, rows: np.ndarray) -> np.ndarray:
        """Counts in how many of some clips each class has an event, int (classes,)."""
        there = np.zeros((len(rows), self.task.num_classes), int)
        for line, row in zip(there, rows, strict=True):
            line[[self.index[event.label] for event in self.events[row]]] = 1
        return there.sum(axis=0)

    def targets(
        self, position: int, start_s: float, duration_s: float, first_s: float, period_s: float, number: int
    ) -> np.ndarray:
        """Cuts the targets of one clip.

        Args:
            position: of the clip.
            start_s: where the part of the clip begins that is used.
            duration_s: how long it is.
            first_s: where the first step begins, in seconds from the start of the part.
            period_s: length of a step.
            number: of steps that are not padding.

        Returns:
            int8 (number, classes): 1 where an event is, 0 where it is not, -1 where that is not known. Of exclusive
            tasks a step without an event is of the class `background`, and not known if there is none, or if events of
            several classes are there.
        """
        known = self.known[position]
        values = np.where(known, 0, -1).astype(np.int8)[None].repeat(number, axis=0)

        def span(event: Event) -> slice | None:
            onset_s, offset_s = event.onset_s - start_s, event.offset_s - start_s
            if offset_s <= 0 or onset_s >= duration_s or not number:
                return None
            begin, end = (_nearest((seconds - first_s) / period_s) for seconds in (onset_s, offset_s))
            begin = min(max(begin, 0), number - 1)
            return slice(begin, max(end, begin + 1))

        for event in self.events[position]:
            place = span(event)
            if place is not None:
                values[place, self.index[event.label]] = 1
        if self.task.exclusive:
            self._make_exclusive(values, bool(known.all()))
        for event in self.unknown[position]:
            place = span(event)
            if place is not None:
                values[place, self._classes_of(event)] = -1
        return values

    def _make_exclusive(self, values: np.ndarray, all_known: bool) -> None:
        """Leaves each step one class; a step of several, or of none where that is not the background, is not known."""
        count = (values == 1).sum(axis=1)
        values[count == 1] = np.maximum(values[count == 1], 0)
        values[count != 1] = -1
        if self.task.background is not None and all_known:
            values[count == 0] = 0
            values[count == 0, self.index[self.task.background]] = 1

    def _classes_of(self, event: Event) -> slice | int:
        label = event.label.removeprefix(UNKNOWN)
        return self.index[label] if label else slice(None)

    def _read(self, text: str, known: np.ndarray, events: list[Event], unknown: list[Event]) -> None:
        absent = []
        for event in read_events(text):
            label = event.label
            if event.onset_s is not None and label.startswith(UNKNOWN):
                if label == UNKNOWN or label[1:] in self.index:
                    unknown.append(event)
            elif event.onset_s is not None:
                if label in self.index:
                    events.append(event)
                    absent.append(label)  # where it is said to be it is known in the rest of the clip too
            elif label == UNKNOWN:
                known[:] = False
            elif label.startswith(ABSENT):
                absent.append(label[1:])
            elif label.removeprefix(UNKNOWN) in self.index:
                known[self.index[label.removeprefix(UNKNOWN)]] = False
        for label in absent:
            if label in self.index:
                known[self.index[label]] = True


def _nearest(edge: float) -> int:
    """Returns the nearest edge of a step; of two as near always the later, so that a shifted crop cuts alike."""
    return math.floor(edge + 0.5 + 1e-8)


def frame_labels(task: Task, names: pd.Series, duration_s: np.ndarray) -> FrameLabels:
    """Reads the events of all clips.

    Args:
        task: with its classes.
        names: what `event_names` wrote.
        duration_s: how much of each clip is used, float (clips,).
    """
    return FrameLabels(task, [name if isinstance(name, str) else None for name in names], duration_s)
