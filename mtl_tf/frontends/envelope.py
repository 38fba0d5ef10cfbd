"""The waveform's upper envelope, 4,000 values a second."""

import keras
import numpy as np
from keras import ops

from mtl_tf.frontends.frontend import FrontEnd

_LOWEST = -3.0e38


@keras.saving.register_keras_serializable(package="mtl_tf")
class Envelope(FrontEnd):
    """Maximum of the standardised waveform in each of 4,000 equal parts of a second.

    The preprocessing of Lu, Zhang and Nayak 2020, section 4: subtract the mean, divide by the standard deviation, then
    cut every second into 4,000 sub-intervals and "pick the maximum element of each sub-interval". Part k of a second
    takes the samples from floor(k * sample_rate / 4000) to floor((k + 1) * sample_rate / 4000), so that rates which
    4,000 does not divide lose none; of a rate below 4,000, parts without a sample repeat the one before.

    Input float (batch, samples), output float32 (batch, frames, 1) and mask (batch, frames), with whole seconds of
    frames. Mean and deviation are those of the clip's own samples, padding left out; the maximum is signed, as
    printed. The paper standardises the file and then takes its first T seconds; here the clip comes already cut
    (`corpora.NAME.crop_s`), so they are of the part that is used.

    Args:
        sample_rate: of the waveform, in Hz.
        frames_per_second: number of parts of a second.
        **kwargs: arguments of `FrontEnd`; `normalize` is best `none`.

    Raises:
        ValueError: no parts.
    """

    def __init__(self, sample_rate: int, frames_per_second: int = 4000, **kwargs) -> None:
        super().__init__(sample_rate, **({"normalize": "none"} | kwargs))
        if frames_per_second < 1:
            raise ValueError(f"frames_per_second={frames_per_second} must be at least 1")
        self.frames_per_second = frames_per_second
        edges = np.arange(frames_per_second + 1) * sample_rate // frames_per_second
        longest = -(-sample_rate // frames_per_second)
        within = np.minimum(np.arange(longest), np.maximum(np.diff(edges), 1)[:, None] - 1)
        self._members = np.minimum(edges[:-1, None] + within, sample_rate - 1)  # (frames_per_second, longest)
        self._starts = edges[:-1]

    @property
    def num_bins(self) -> int:
        """One value per frame."""
        return 1

    @property
    def frame_period_s(self) -> float:
        """Length of a part, in seconds."""
        return 1.0 / self.frames_per_second

    def count_frames(self, samples):
        """Returns the parts of all seconds that a clip touches."""
        return self._count_seconds(samples) * self.frames_per_second

    def count_own_frames(self, samples):
        """Returns how many parts begin inside a clip."""
        seconds = samples // self.sample_rate
        rest = samples - seconds * self.sample_rate
        return seconds * self.frames_per_second + -(-rest * self.frames_per_second // self.sample_rate)

    def _count_seconds(self, samples):
        # Rounded up by adding: runtimes differ in how they round a negative quotient.
        return (samples + self.sample_rate - 1) // self.sample_rate

    def frame_mask(self, waveform, length):
        """Says which parts begin inside the clip: bool (batch, frames)."""
        seconds = ops.arange(self._count_seconds(ops.shape(waveform)[1]), dtype="int32")
        starts = (seconds * self.sample_rate)[:, None] + ops.convert_to_tensor(self._starts, "int32")[None, :]
        return ops.reshape(starts, (-1,))[None, :] < ops.maximum(length, 1)[:, None]

    def transform(self, waveform, length):
        """Standardises and takes the maxima; shapes as in `FrontEnd`."""
        samples = ops.shape(waveform)[1]
        length = ops.maximum(length, 1)  # (batch,)
        inside = ops.arange(samples, dtype="int32")[None, :] < length[:, None]
        count = ops.cast(length, "float32")[:, None]
        mean = ops.sum(waveform, axis=1, keepdims=True) / count  # padding is zero
        centred = ops.where(inside, waveform - mean, 0.0)
        deviation = ops.sqrt(ops.sum(ops.square(centred), axis=1, keepdims=True) / count)
        scaled = ops.where(inside, centred / ops.maximum(deviation, 1e-7), _LOWEST)
        seconds = self._count_seconds(samples)
        scaled = ops.pad(scaled, [[0, 0], [0, seconds * self.sample_rate - samples]], constant_values=_LOWEST)
        scaled = ops.reshape(scaled, (-1, seconds, self.sample_rate))
        largest = ops.take(scaled, self._members[:, 0], axis=2)  # (batch, seconds, frames_per_second)
        for column in range(1, self._members.shape[1]):
            largest = ops.maximum(largest, ops.take(scaled, self._members[:, column], axis=2))
        return ops.reshape(largest, (-1, seconds * self.frames_per_second, 1))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"frames_per_second": self.frames_per_second}
