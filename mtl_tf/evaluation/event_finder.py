"""Finds the events of a recording in what a model or a server answers."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from mtl_tf.evaluation.events import AnsweredEvent, active_steps, find_events
from mtl_tf.tasks.steps import Steps
from mtl_tf.tasks.task import Smoothing, Task

Record = dict[str, float | str]


@dataclass(frozen=True)
class EventFinder:
    """What is needed to make events of the answers to one question.

    Attributes:
        task: the question.
        first_s: middle of the first step, in seconds from the start of a clip.
        period_s: from one step to the next.
        decisions: class to the probability from which it counts as answered.
    """

    task: Task
    first_s: float
    period_s: float
    decisions: Mapping[str, float]

    def find(self, values: np.ndarray, duration_s: float) -> list[AnsweredEvent]:
        """Finds the events.

        Args:
            values: float (steps, classes), probabilities.
            duration_s: of the recording.
        """
        active = active_steps(values, self.task, self.decisions, self.period_s)
        return find_events(values, active, self.task, self.first_s - self.period_s / 2, self.period_s, duration_s)

    def records(self, values: np.ndarray, duration_s: float) -> list[Record]:
        """Finds the events and writes them as JSON has them: `onset_s`, `offset_s`, `label`, `probability`."""
        return [
            {
                "onset_s": round(event.onset_s, 6),
                "offset_s": round(event.offset_s, 6),
                "label": event.label,
                "probability": round(event.probability, 6),
            }
            for event in self.find(values, duration_s)
        ]

    def merge(self, windows: Iterable[tuple[float, np.ndarray]]) -> np.ndarray:
        """Puts the answers of windows together; where windows overlap, or their steps do, the mean counts.

        Args:
            windows: start in seconds, and float (steps, classes), of each.

        Returns:
            float (steps, classes) of the recording; 0 where no window is.
        """
        places, parts = [], []
        for start_s, values in windows:
            places.append(round(start_s / self.period_s) + np.arange(len(values)))
            parts.append(values)
        if not parts:
            return np.zeros((0, self.task.num_classes))
        place, values = np.concatenate(places), np.concatenate(parts)
        sums, counts = np.zeros((place.max(initial=-1) + 1, self.task.num_classes)), np.zeros(place.max(initial=-1) + 1)
        np.add.at(sums, place, values)
        np.add.at(counts, place, 1)
        return sums / np.maximum(counts, 1)[:, None]

    def to_json(self) -> dict[str, Any]:
        """Writes all of it, for the files of an export."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Reads what `to_json` wrote."""
        task = dict(values["task"])
        task |= {"classes": tuple(task["classes"]), "smoothing": Smoothing(**task["smoothing"])}
        return cls(Task(**task), values["first_s"], values["period_s"], dict(values["decisions"]))


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
    return {
        name: EventFinder(task, steps.first_s, steps.period_s, dict(decisions.get(name, {})))
        for name, task in tasks.items()
        if task.of_frames
    }
