"""Noise of several colours, at a signal-to-noise ratio."""

from typing import Annotated

import keras
from keras import ops
from pydantic import Field

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.spectrum import added_at, frequencies
from mtl_tf.construct import Decibels

Exponent = Annotated[float, Field(ge=-4, le=4)]
LOWEST = 0.002  # of half the sample rate: below, noise of a steep colour has no more power, as it would be all it has


@keras.saving.register_keras_serializable(package="mtl_tf")
class Noise(Augmentation):
    """Adds noise whose power falls with frequency as `frequency**-exponent`, from white (0) over pink (1) to brown (2).

    Training in noise goes back to Lippmann, Martin and Paul (1987). Shapes: see `Augmentation`. The power of a clip is
    the mean over its own samples, so digital silence gets no noise.

    Args:
        low_snr_db: lowest ratio of the clip's power to that of the noise, in dB; drawn evenly.
        high_snr_db: highest.
        low_exponent: flattest colour; drawn evenly.
        high_exponent: steepest colour.
        **kwargs: see `Augmentation`.

    Raises:
        ValueError: a lowest value is above the highest one.
    """

    def __init__(
        self,
        low_snr_db: Decibels = 5.0,
        high_snr_db: Decibels = 40.0,
        low_exponent: Exponent = 0.0,
        high_exponent: Exponent = 2.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if low_snr_db > high_snr_db or low_exponent > high_exponent:
            raise ValueError("a lowest value is above the highest one")
        self.low_snr_db, self.high_snr_db = low_snr_db, high_snr_db
        self.low_exponent, self.high_exponent = low_exponent, high_exponent

    def change(self, values, valid):
        """Adds noise to the samples that are no padding."""
        batch, samples = ops.shape(values)
        frequency = ops.maximum(frequencies(values), LOWEST)[None]
        exponent = self.draw(values, low=self.low_exponent, high=self.high_exponent)
        # White noise has a spectrum of independent normal numbers, so it is drawn as one: a transform less. What has no
        # imaginary part, the constant and half the sample rate, gets half its power.
        spectrum = keras.random.normal((2, batch, samples // 2 + 1), seed=self.seed)
        spectrum *= ops.exp(-exponent / 2.0 * ops.log(frequency))
        noise = ops.irfft((spectrum[0], spectrum[1]), fft_length=samples)
        return added_at(values, noise, valid, self.draw(values, low=self.low_snr_db, high=self.high_snr_db))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("low_snr_db", "high_snr_db", "low_exponent", "high_exponent")
        return super().get_config() | {name: getattr(self, name) for name in names}
