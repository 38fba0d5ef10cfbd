"""One question that is asked of every clip."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Task:
    """One question with its answers.

    Attributes:
        name: name of the model's output.
        classes: class names; a label is an index into them.
        main_metric: the score the task is judged by.
        closed_set: the classes are the groups that splits keep apart (who speaks), so only known groups are scored.
        exclusive: exactly one class is right; else the classes are tags, of which none or several may be.
    """

    name: str
    classes: tuple[str, ...]
    main_metric: str = "uar"
    closed_set: bool = False
    exclusive: bool = True

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    def is_labelled(self, targets: np.ndarray) -> np.ndarray:
        """Says which clips carry a label.

        Args:
            targets: int (clips,), or of tags int (clips, classes); -1 where nothing is known.

        Returns:
            bool (clips,).
        """
        return targets >= 0 if self.exclusive else (targets >= 0).any(axis=1)
