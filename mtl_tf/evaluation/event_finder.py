"""Finds the events of a recording in what a model or a server answers."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from mtl_tf.evaluation.events import AnsweredEvent, active_steps, find_events
from mtl_tf.tasks.steps import Steps, StepTimes
from mtl_tf.tasks.task import Smoothing, Task

Record = dict[str, float | str]


@dataclass(frozen=True)
class EventFinder:
    """What is needed to make events of the answers to one question.

    Attributes:
        task: the question.
        decisions: class to the probability from which it counts as answered.
        first_s: middle of the first step, in seconds from the start of a clip; None: it depends on the clip's length.
        period_s: from one step to the next; None likewise.
        longest_s: what of a clip the model hears; None: all.
    """

    task: Task
    decisions: Mapping[str, float]
    first_s: float | None
    period_s: float | None
    longest_s: float | None = None

    def find(self, values: np.ndarray, middles_s: np.ndarray, duration_s: float) -> list[AnsweredEvent]:
        """Finds the events.

        Args:
            values: float (steps, classes), probabilities.
            middles_s: float (steps,), the middle of each step.
            duration_s: of the recording.
        """
        times = self._times(middles_s)
        active = active_steps(values, self.task, self.decisions, times.period_s)
        heard_s = duration_s if self.longest_s is None else min(duration_s, self.longest_s)
        return find_events(values, active, self.task, times, heard_s)

    def records(self, values: np.ndarray, middles_s: np.ndarray, duration_s: float) -> list[Record]:
        """Finds the events and writes them as JSON has them: `onset_s`, `offset_s`, `label`, `probability`."""
        return [
            {
                "onset_s": round(event.onset_s, 6),
                "offset_s": round(event.offset_s, 6),
                "label": event.label,
                "probability": round(event.probability, 6),
            }
            for event in self.find(values, middles_s, duration_s)
        ]

    def merge(self, windows: Iterable[tuple[float, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        """Puts the answers of windows together; where windows overlap, or their steps do, the mean counts.

        Args:
            windows: of each its start in seconds, float (steps, classes), and float (steps,), the middles of its steps
                from its start.

        Returns:
            Of the recording float (steps, classes), 0 where no window is, and float (steps,), the middles of steps as
            long as those of the first window.
        """
        places, parts, grid = [], [], StepTimes.of_middles([])
        for start_s, values, middles_s in windows:
            grid = grid if parts else self._times(middles_s)
            behind_s = start_s + self._times(middles_s).middles_s - grid.first_s
            places.append(np.maximum(np.round(behind_s / grid.period_s).astype(int), 0))
            parts.append(values)
        if not parts:
            return np.zeros((0, self.task.num_classes)), grid.middles_s
        place, values = np.concatenate(places), np.concatenate(parts)
        sums, counts = np.zeros((place.max(initial=-1) + 1, self.task.num_classes)), np.zeros(place.max(initial=-1) + 1)
        np.add.at(sums, place, values)
        np.add.at(counts, place, 1)
        return sums / np.maximum(counts, 1)[:, None], replace(grid, number=len(counts)).middles_s

    def to_json(self) -> dict[str, Any]:
        """Writes all of it, for the files of an export."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        task = dict(values["task"])
        task |= {"classes": tuple(task["classes"]), "smoothing": Smoothing(**task["smoothing"])}
        return cls(**(dict(values) | {"task": Task(**task)}))

    def _times(self, middles_s: np.ndarray) -> StepTimes:
        if self.first_s is None or self.period_s is None:
            return StepTimes.of_middles(middles_s)
        return StepTimes(self.first_s, self.period_s, len(middles_s))  # exactly, and not as float32 has them


def event_finders(
    tasks: Mapping[str, Task], steps: Steps | None, decisions: Mapping[str, Mapping[str, float]]
) -> dict[str, EventFinder]:
    """Makes one for every task that asks every step.

    Args:
        tasks: of a model.
        steps: when its steps are; None: no task asks for them.
        decisions: of the tasks that have some.
    """
    if steps is None:
        return {}
    first_s, period_s = steps.fixed_s or (None, None)
    return {
        name: EventFinder(task, dict(decisions.get(name, {})), first_s, period_s, steps.longest_s)
        for name, task in tasks.items()
        if task.of_frames
    }
