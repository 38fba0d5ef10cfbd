"""Adds up frames, for what features are normalised by."""

import numpy as np


class FrameSums:
    """Mean and standard deviation of every bin over frames that come bit by bit, in float64."""

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, np.zeros(1), np.zeros(1)

    def add(self, frames: np.ndarray) -> None:
        """Adds frames.

        Args:
            frames: float (frames, bins), without padding.
        """
        frames = frames.astype(np.float64)
        self.count += len(frames)
        self.total = self.total + frames.sum(axis=0)
        self.squares = self.squares + np.square(frames).sum(axis=0)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns mean and standard deviation of the population, float64 (bins,) each; of no frames 0."""
        mean = self.total / max(self.count, 1)
        return mean, np.sqrt(np.maximum(self.squares / max(self.count, 1) - np.square(mean), 0.0))
