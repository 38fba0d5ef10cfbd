"""Noise from a folder of recordings."""

import keras
import numpy as np
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.augment.augmentation import Augmentation
from mtl_tf.augment.recordings import read_recordings
from mtl_tf.augment.spectrum import added_at
from mtl_tf.construct import Decibels


@keras.saving.register_keras_serializable(package="mtl_tf")
class RecordedNoise(Augmentation):
    """Adds a stretch of recorded noise to a clip, such as of MUSAN (Snyder et al. 2015).

    Shapes: see `Augmentation`. Recordings are kept in memory one behind the other, and a stretch may go from one into
    the next. The power of a clip is the mean over its own samples, so digital silence gets no noise.

    Args:
        sample_rate: of the waveform, in Hz.
        folder: of the recordings, at any depth and sample rate.
        low_snr_db: lowest ratio of the clip's power to that of the noise, in dB; drawn evenly.
        high_snr_db: highest.
        most_s: seconds of noise to keep, of all recordings together.
        **kwargs: see `Augmentation`.

    Raises:
        ValueError: low_snr_db is above high_snr_db.
        UserError: the folder is missing, or holds no recordings that can be heard.
    """

    def __init__(
        self,
        sample_rate: int,
        folder: str | None = None,
        low_snr_db: Decibels = 5.0,
        high_snr_db: Decibels = 30.0,
        most_s: PositiveFloat = 600.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if low_snr_db > high_snr_db:
            raise ValueError(f"low_snr_db={low_snr_db} is above high_snr_db={high_snr_db}")
        self.sample_rate, self.folder, self.most_s = sample_rate, folder, most_s
        self.low_snr_db, self.high_snr_db = low_snr_db, high_snr_db
        self._recorded = np.concatenate(read_recordings("augment.recorded_noise.folder", folder, sample_rate, most_s))

    def change(self, values, valid):
        """Adds noise to the samples that are no padding."""
        recorded = len(self._recorded)
        start = ops.cast(ops.floor(self.draw(values) * recorded), "int32")
        place = start + ops.arange(ops.shape(values)[1], dtype="int32")[None]
        noise = ops.take(ops.convert_to_tensor(self._recorded), ops.mod(place, recorded))
        return added_at(values, noise, valid, self.draw(values, low=self.low_snr_db, high=self.high_snr_db))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("sample_rate", "folder", "low_snr_db", "high_snr_db", "most_s")
        return super().get_config() | {name: getattr(self, name) for name in names}
