"""From the probabilities of steps to events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mtl_tf.annotations import Event, write_events
from mtl_tf.evaluation.tags import DECISION
from mtl_tf.tasks.frame_labels import FrameLabels
from mtl_tf.tasks.steps import Steps, StepTimes
from mtl_tf.tasks.task import Task


@dataclass(frozen=True)
class AnsweredEvent:
    """An event that a model found.

    Attributes:
        onset_s: from the start of the clip.
        offset_s: likewise.
        label: its class.
        probability: mean over its steps.
    """

    onset_s: float
    offset_s: float
    label: str
    probability: float


@dataclass(frozen=True)
class ClipEvents:
    """Truth and answers of one clip.

    Attributes:
        truth: the events that were annotated.
        answers: the events that were found, without those of which nothing is known.
        targets: int8 (steps, classes), 1, 0, or -1 where not known.
        active: bool (steps, classes), the answers as steps.
        values: float (steps, classes), probabilities.
        times: when the steps are.
        duration_s: of the clip.
    """

    truth: list[Event]
    answers: list[AnsweredEvent]
    targets: np.ndarray
    active: np.ndarray
    values: np.ndarray
    times: StepTimes
    duration_s: float

    def text(self) -> str:
        """Writes the answers as `mtl_tf.annotations.write_events` does."""
        return write_events(Event(event.onset_s, event.offset_s, event.label) for event in self.answers)

    def agreement(self) -> float:
        """Returns the share of what is known of the steps that was answered so."""
        known = self.targets >= 0
        return float((self.active == (self.targets == 1))[known].mean()) if known.any() else 1.0


def active_steps(values: np.ndarray, task: Task, decisions: Mapping[str, float], period_s: float) -> np.ndarray:
    """Says which classes are answered in which step.

    Args:
        values: float (steps, classes), probabilities.
        task: with classes and smoothing.
        decisions: class to the probability from which it counts as answered; 0.5 where there is none.
        period_s: length of a step.

    Returns:
        bool (steps, classes), after the median filter, short gaps filled and short events left out.
    """
    if task.exclusive:
        active = np.arange(task.num_classes) == values.argmax(axis=1)[:, None]
    else:
        active = values >= np.array([decisions.get(name, DECISION) for name in task.classes])
    width = 2 * int(task.smoothing.median_filter_s / period_s / 2) + 1
    if width > 1 and len(active):
        active = ndimage.median_filter(active.astype(np.uint8), size=(width, 1), mode="nearest") > 0
    for index, name in enumerate(task.classes):
        if task.exclusive and name == task.background:
            continue
        runs = _runs(active[:, index])
        column = np.zeros(len(active), bool)
        joined: list[list[int]] = []
        for begin, end in runs:
            if joined and (begin - joined[-1][1]) * period_s < task.smoothing.min_gap_s:
                joined[-1][1] = end
            else:
                joined.append([begin, end])
        for begin, end in joined:
            column[begin:end] = (end - begin) * period_s >= task.smoothing.min_length_s
        active[:, index] = column
    return active


def find_events(
    values: np.ndarray, active: np.ndarray, task: Task, times: StepTimes, duration_s: float
) -> list[AnsweredEvent]:
    """Makes events of steps.

    Args:
        values: float (steps, classes), probabilities.
        active: bool (steps, classes), see `active_steps`.
        task: with the classes; the background is no event.
        times: when the steps are.
        duration_s: of the clip, where events end at the latest.

    Returns:
        The events, in order of their onsets.
    """
    events = []
    for index, label in enumerate(task.classes):
        if label == task.background:
            continue
        for begin, end in _runs(active[:, index]):
            onset_s = max(times.start_s + begin * times.period_s, 0.0)
            # What follows the middle of the last step has no step of its own.
            offset_s = duration_s if end == len(active) else min(times.start_s + end * times.period_s, duration_s)
            if offset_s > onset_s:
                events.append(AnsweredEvent(onset_s, offset_s, label, float(values[begin:end, index].mean())))
    return sorted(events, key=lambda event: (event.onset_s, event.offset_s, event.label))


def clip_events(
    labels: FrameLabels,
    rows: np.ndarray,
    probabilities: Sequence[np.ndarray],
    decisions: Mapping[str, float],
    steps: Steps,
) -> list[ClipEvents]:
    """Puts truth and answers of clips beside each other.

    Args:
        labels: of all clips.
        rows: which of them.
        probabilities: float (steps, classes) of each.
        decisions: see `active_steps`.
        steps: when they are.
    """
    found, task = [], labels.task
    for row, values in zip(rows, probabilities, strict=True):
        duration_s = float(labels.duration_s[row])
        times = steps.of_duration(duration_s)
        targets = labels.targets(row, 0.0, duration_s, times.start_s, times.period_s, len(values))
        active = active_steps(values, task, decisions, times.period_s)
        heard_s = duration_s if steps.longest_s is None else min(duration_s, steps.longest_s)
        answers = [
            event
            for event in find_events(values, active, task, times, heard_s)
            if labels.is_known(row, event.label, event.onset_s, event.offset_s)
        ]
        truth = labels.events_until(row, duration_s)
        found.append(ClipEvents(truth, answers, targets, active, values, times, duration_s))
    return found


def _runs(active: np.ndarray) -> list[tuple[int, int]]:
    """Finds the stretches of steps that are active, each with its first step and the one behind its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], active, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
