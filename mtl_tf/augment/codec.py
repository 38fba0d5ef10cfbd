"""Telephones and coarse codecs: a narrow band, and few steps of loudness."""

import keras
import numpy as np
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.spectrum import filtered, frequencies
from mtl_tf.construct import Probability, Size

MU = 255.0  # of G.711
SLOPE_SQUARINGS = 3  # a filter's curve falls with the eighth power: 24 dB per octave


@keras.saving.register_keras_serializable(package="mtl_tf")
class Codec(Augmentation):
    """Keeps a band of frequencies and rounds the samples to few steps, finer where a clip is soft (mu-law, G.711).

    A telephone keeps 300 to 3400 Hz, in 8 bits. Shapes: see `Augmentation`. Departure: the steps belong to the peak of
    the clip rather than to full scale, so that soft clips are not rounded to silence.

    Args:
        sample_rate: of the waveform, in Hz.
        highest_low_hz: highest lower end of the band; drawn evenly from 0 on.
        lowest_high_hz: lowest upper end, up to half the sample rate; drawn evenly.
        fewest_bits: of a sample; drawn evenly.
        most_bits: of a sample.
        prob: see `Augmentation`.
        **kwargs: see `Augmentation`.

    Raises:
        ValueError: a lowest value is above the highest one, or a sample has less than 2 or more than 16 bits.
    """

    def __init__(
        self,
        sample_rate: int,
        highest_low_hz: PositiveFloat = 300.0,
        lowest_high_hz: PositiveFloat = 3400.0,
        fewest_bits: Size = 6,
        most_bits: Size = 10,
        prob: Probability = 0.3,
        **kwargs,
    ) -> None:
        super().__init__(prob, **kwargs)
        if highest_low_hz > lowest_high_hz or fewest_bits > most_bits:
            raise ValueError("a lowest value is above the highest one")
        if fewest_bits < 2 or most_bits > 16:
            raise ValueError("a sample has 2 to 16 bits")
        self.sample_rate = sample_rate
        self.highest_low_hz, self.lowest_high_hz = highest_low_hz, lowest_high_hz
        self.fewest_bits, self.most_bits = fewest_bits, most_bits

    def change(self, values, valid):
        """Filters and rounds each clip."""
        nyquist_hz = self.sample_rate / 2.0
        frequency_hz = ops.maximum(frequencies(values), 1e-6)[None] * nyquist_hz
        low_hz = self.draw(values, high=self.highest_low_hz)
        high_hz = self.draw(values, low=min(self.lowest_high_hz, nyquist_hz), high=nyquist_hz)
        fall = _steep(low_hz / frequency_hz) + _steep(frequency_hz / high_hz)
        narrow = filtered(values, ops.rsqrt(1.0 + fall)) * valid
        peak = ops.maximum(ops.max(ops.abs(narrow), axis=1, keepdims=True), 1e-20)
        bits = ops.floor(self.draw(values, low=float(self.fewest_bits), high=self.most_bits + 1.0))
        steps = ops.power(2.0, ops.minimum(bits, float(self.most_bits)) - 1.0) - 1.0
        # log and exp are faster than log1p and expm1, and differ from them by less than 0.01 of a step of 16 bits
        step = ops.round(ops.log(1.0 + ops.abs(narrow) * (MU / peak)) * (steps / np.log1p(MU)))
        return ops.sign(narrow) * (ops.exp(step * (np.log1p(MU) / steps)) - 1.0) * (peak / MU)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("sample_rate", "highest_low_hz", "lowest_high_hz", "fewest_bits", "most_bits")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _steep(ratio):
    for _ in range(SLOPE_SQUARINGS):
        ratio = ops.square(ratio)
    return ratio
