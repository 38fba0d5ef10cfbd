"""Rooms: a tail of echoes behind every sound."""

import math

import keras
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.spectrum import convolved, with_power_of
from mtl_tf.construct import Decibels, Probability


@keras.saving.register_keras_serializable(package="mtl_tf")
class Reverb(Augmentation):
    """Adds the echoes of a made room: noise that decays by 60 dB in a time drawn for each clip (Schroeder 1962).

    Shapes: see `Augmentation`. The direct sound stays where it is, so onsets do not move. What would sound after the
    end of the clip is cut. The power of the clip stays.

    Args:
        sample_rate: of the waveform, in Hz.
        low_s: shortest time of decay; drawn evenly.
        high_s: longest time of decay, and how long the echoes are computed.
        low_db: softest echoes, relative to the direct sound; drawn evenly.
        high_db: loudest echoes.
        prob: see `Augmentation`.
        **kwargs: see `Augmentation`.

    Raises:
        ValueError: a lowest value is above the highest one.
    """

    def __init__(
        self,
        sample_rate: int,
        low_s: PositiveFloat = 0.1,
        high_s: PositiveFloat = 0.8,
        low_db: Decibels = -20.0,
        high_db: Decibels = 0.0,
        prob: Probability = 0.3,
        **kwargs,
    ) -> None:
        super().__init__(prob, **kwargs)
        if low_s > high_s or low_db > high_db:
            raise ValueError("a lowest value is above the highest one")
        self.sample_rate, self.low_s, self.high_s = sample_rate, low_s, high_s
        self.low_db, self.high_db = low_db, high_db

    def change(self, values, valid):
        """Convolves each clip with a tail of its own."""
        batch = ops.shape(values)[0]
        tail = max(round(self.high_s * self.sample_rate), 1)
        time_s = ops.arange(1, tail + 1, dtype="float32") / self.sample_rate
        decay_s = self.draw(values, low=self.low_s, high=self.high_s)
        fall = ops.exp(-math.log(1000.0) / decay_s * time_s[None])
        echoes = keras.random.normal((batch, tail), seed=self.seed) * fall
        echoes /= ops.sqrt(ops.maximum(ops.sum(ops.square(echoes), axis=1, keepdims=True), 1e-20))
        echoes *= 10.0 ** (self.draw(values, low=self.low_db, high=self.high_db) / 20.0)
        response = ops.concatenate([ops.ones((batch, 1)), echoes], axis=1)
        return with_power_of(values, convolved(values, response) * valid)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("sample_rate", "low_s", "high_s", "low_db", "high_db")
        return super().get_config() | {name: getattr(self, name) for name in names}
