"""Another microphone, room or line: a random curve of gain over frequency."""

import math
from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.spectrum import filtered, frequencies, with_power_of
from mtl_tf.construct import Size

LOWEST = 0.01  # of half the sample rate, where the curve begins
NEPER_PER_DB = math.log(10.0) / 20.0  # exp is faster than a power of 10


@keras.saving.register_keras_serializable(package="mtl_tf")
class Equalizer(Augmentation):
    """Filters a clip by a curve of gain in decibels, of straight lines over the logarithm of frequency.

    The idea is that of FilterAugment (Nam et al. 2022, linear type), on the waveform rather than on a mel spectrogram,
    so that it goes with every front end. Departure: the lines are equally long. Shapes: see `Augmentation`. The power
    of the clip stays.

    Args:
        gain_db: largest gain or loss at the ends of lines, each drawn evenly.
        lines: how many.
        **kwargs: see `Augmentation`.
    """

    def __init__(self, gain_db: Annotated[float, Field(ge=0, le=60)] = 9.0, lines: Size = 4, **kwargs) -> None:
        super().__init__(**kwargs)
        self.gain_db, self.lines = gain_db, lines

    def change(self, values, valid):
        """Filters each clip."""
        octave = ops.log(ops.maximum(frequencies(values), LOWEST) / LOWEST) / -ops.log(LOWEST)  # from 0 to 1
        ends = ops.arange(self.lines + 1, dtype="float32") / self.lines
        near = ops.maximum(1.0 - self.lines * ops.abs(octave[None] - ends[:, None]), 0.0)  # (ends, frequencies)
        gain_db = ops.matmul(self.draw(values, self.lines + 1, -self.gain_db, self.gain_db), near)
        return with_power_of(values, filtered(values, ops.exp(gain_db * NEPER_PER_DB)) * valid)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"gain_db": self.gain_db, "lines": self.lines}
