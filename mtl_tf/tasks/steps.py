"""When the steps of a model are."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Steps:
    """When the steps of a model are.

    Attributes:
        first_s: middle of the first step, in seconds from the start of the clip.
        period_s: from one step to the next.
        count: number of samples of a clip to that of its steps.
    """

    first_s: float
    period_s: float
    count: Callable[[int], int]

    @property
    def start_s(self) -> float:
        """Where the first step begins, which may be before the clip does."""
        return self.first_s - self.period_s / 2

    def middles_s(self, number: int) -> np.ndarray:
        """Returns the middle of each step, float (number,)."""
        return self.first_s + self.period_s * np.arange(number)
