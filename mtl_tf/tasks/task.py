"""One question that is asked of every clip."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Smoothing:
    """How the answers for single steps become events.

    Attributes:
        median_filter_s: width of a median filter over the answers; 0: none.
        min_gap_s: events of one class with a shorter gap between them are one.
        min_length_s: shorter events are left out.
    """

    median_filter_s: float = 0.0
    min_gap_s: float = 0.0
    min_length_s: float = 0.0


@dataclass(frozen=True)
class Task:
    """One question with its answers.

    Attributes:
        name: name of the model's output.
        classes: class names; a label is an index into them.
        main_metric: the score the task is judged by.
        closed_set: the classes are the groups that splits keep apart (who speaks), so only known groups are scored.
        exclusive: exactly one class is right; else the classes are tags, of which none or several may be.
        of_frames: the question is asked of every step in time, and the classes are events.
        background: of an exclusive question of steps, the class of those in which no event is; None: not known.
        smoothing: how probabilities of steps become events.
    """

    name: str
    classes: tuple[str, ...]
    main_metric: str = "uar"
    closed_set: bool = False
    exclusive: bool = True
    of_frames: bool = False
    background: str | None = None
    smoothing: Smoothing = Smoothing()

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def is_labelled(self, targets: np.ndarray) -> np.ndarray:
        """Says which clips carry a label.

        Args:
            targets: int (clips,), or of tags int (clips, classes); -1 where nothing is known. Of a question of steps
                bool (clips, classes), what was annotated.

        Returns:
            bool (clips,).
        """
        if self.of_frames:
            return targets.any(axis=1)
        return targets >= 0 if self.exclusive else (targets >= 0).any(axis=1)
