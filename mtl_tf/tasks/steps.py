"""When the steps of a model are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np


@dataclass(frozen=True)
class StepTimes:
    """When the steps of one clip are.

    Attributes:
        first_s: middle of the first step, in seconds from the start of the clip.
        period_s: from one step to the next.
        number: of steps that are no padding.
    """

    first_s: float
    period_s: float
    number: int

    @property
    def start_s(self) -> float:
        """Where the first step begins, which may be before the clip does."""
        return self.first_s - self.period_s / 2

    @property
    def middles_s(self) -> np.ndarray:
        """The middle of each step, float (number,)."""
        return self.first_s + self.period_s * np.arange(self.number)

    @classmethod
    def of_middles(cls, middles_s: Sequence[float]) -> Self:
        """Reads the times that a server gives; a single step is taken for the whole clip.

        Args:
            middles_s: of the steps of a clip, padding left out.
        """
        number = len(middles_s)
        if number < 2:
            return cls(float(middles_s[0]), 2 * float(middles_s[0]), 1) if number else cls(0.0, 1.0, 0)
        return cls(float(middles_s[0]), float(middles_s[-1] - middles_s[0]) / (number - 1), number)


@dataclass(frozen=True)
class Steps:
    """When the steps of a model are, by the length of a clip.

    Attributes:
        sample_rate: of the model, in Hz.
        first_frame_s: middle of the first frame, in seconds from the start of a clip.
        frame_period_s: from one frame to the next.
        step_frames: frames that become one step.
        first_step_frame: middle of the first step, in frames from that of the first frame.
        count: number of samples of a clip to that of its steps.
        stretch: number of samples of a clip to how many of its frames became one; samples may be a tensor. None: no
            frame is stretched.
        longest_s: what of a clip the model hears; None: all.
    """

    sample_rate: int
    first_frame_s: float
    frame_period_s: float
    step_frames: int
    first_step_frame: float
    count: Callable[[int], int]
    stretch: Callable[[int], float] | None = None
    longest_s: float | None = None

    def of(self, samples: int) -> StepTimes:
        """Finds the steps of a clip.

        Args:
            samples: its length at `sample_rate`.
        """
        return StepTimes(*self.first_and_period_s(samples), self.count(samples))

    def of_duration(self, duration_s: float) -> StepTimes:
        """Finds the steps of a clip of so many seconds."""
        return self.of(round(duration_s * self.sample_rate))

    @property
    def fixed_s(self) -> tuple[float, float] | None:
        """The middle of the first step and the time from one to the next, where all clips have the same."""
        return self.first_and_period_s(0) if self.stretch is None else None

    def first_and_period_s(self, samples):
        """Returns the middle of the first step, and the time from one to the next.

        Args:
            samples: length of a clip; a number, or integer tensor of any shape.
        """
        stretch = 1.0 if self.stretch is None else self.stretch(samples)
        first_frame = (self.first_step_frame + 0.5) * stretch - 0.5  # in frames that were not stretched yet
        period_s = self.step_frames * self.frame_period_s
        return self.first_frame_s + first_frame * self.frame_period_s, stretch * period_s
