"""Cuts long recordings into windows that are answered one by one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from mtl_tf.errors import UserError
from mtl_tf.values import positive_number


@dataclass(frozen=True)
class Windows:
    """Windows of one length, each begun so much after the one before.

    Attributes:
        window_s: length of a window, in seconds.
        hop_s: from the start of one to that of the next, in seconds.
    """

    window_s: float
    hop_s: float

    @classmethod
    def from_keys(cls, values: Mapping[str, str]) -> Self | None:
        """Reads `window_s` and `hop_s` (as long as a window if missing) as typed; None if neither is given.

        Raises:
            UserError: no number above 0, or `hop_s` alone.
        """
        seconds = {key: positive_number(key, values[key]) for key in ("window_s", "hop_s") if key in values}
        if not seconds:
            return None
        if "window_s" not in seconds:
            raise UserError("hop_s needs window_s")
        return cls(seconds["window_s"], seconds.get("hop_s", seconds["window_s"]))

    def cut(self, waveform: np.ndarray, sample_rate: int) -> Iterator[tuple[float, np.ndarray]]:
        """Cuts a recording; the last part may be shorter than a window.

        Args:
            waveform: float (samples,).
            sample_rate: in Hz.

        Yields:
            Where a window starts, in seconds, and its samples.
        """
        window, hop = (max(round(seconds * sample_rate), 1) for seconds in (self.window_s, self.hop_s))
        for first in range(0, min(max(len(waveform) - window + hop, 1), len(waveform)), hop):
            yield first / sample_rate, waveform[first : first + window]
