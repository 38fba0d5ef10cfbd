"""Mel-frequency cepstral coefficients and their changes."""

import keras
import numpy as np
from keras import ops
from pydantic import NonNegativeInt

from mtl_tf.construct import Size
from mtl_tf.frontends.log_mel import LogMel


@keras.saving.register_keras_serializable(package="mtl_tf")
class MFCC(LogMel):
    """Cosine transform of the mel spectrogram in decibels, as `librosa.feature.mfcc` gives it, and its derivatives.

    Shapes, padding, masks and the other arguments: see `LogMel`, whose output is in decibels here. Output bins: the
    coefficients, then their first derivative in time, then the second, as `librosa.feature.delta` gives them with
    `mode="nearest"` (Savitzky-Golay filters of a line and of a parabola). The nearest frame is the clip's own last one,
    never one of padding.

    Args:
        sample_rate: of the waveform, in Hz.
        num_coefficients: of each frame.
        deltas: how many derivatives stand beside the coefficients: 0, 1 or 2.
        delta_frames: length of the filters of the derivatives, an odd number from 3.
        **kwargs: arguments of `LogMel`, but for the output.

    Raises:
        ValueError: more coefficients than filters, or derivatives that cannot be had.
    """

    fixed_options = frozenset({"output"})

    def __init__(
        self,
        sample_rate: int,
        num_coefficients: Size = 20,
        deltas: NonNegativeInt = 2,
        delta_frames: Size = 9,
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **(kwargs | {"output": "db"}))
        if num_coefficients > self.num_mel_bins:
            raise ValueError(f"num_coefficients={num_coefficients} is more than num_mel_bins={self.num_mel_bins}")
        if deltas > 2:
            raise ValueError(f"deltas={deltas}: give 0, 1 or 2")
        if delta_frames < 3 or delta_frames % 2 == 0:
            raise ValueError(f"delta_frames={delta_frames}: give an odd number from 3")
        self.num_coefficients, self.deltas, self.delta_frames = num_coefficients, deltas, delta_frames
        from scipy.fft import dct
        from scipy.signal import savgol_coeffs

        self._cosines = dct(np.eye(self.num_mel_bins), norm="ortho", axis=1)[:, :num_coefficients].astype(np.float32)
        self._filters = np.stack(
            [savgol_coeffs(delta_frames, order, deriv=order, use="dot") for order in range(1, deltas + 1)]
            or [np.zeros(delta_frames)]
        ).astype(np.float32)

    @property
    def num_bins(self) -> int:
        """Number of coefficients times one more than the derivatives."""
        return self.num_coefficients * (1 + self.deltas)

    @property
    def frequencies_hz(self) -> None:
        """None: bins are no frequencies."""
        return None

    def transform(self, waveform, length):
        """Computes the coefficients and their derivatives; shapes as in `FrontEnd`."""
        coefficients = ops.matmul(super().transform(waveform, length), self._cosines)
        if not self.deltas:
            return coefficients
        last = ops.maximum(self.count_frames(length), 1)[:, None, None] - 1  # (batch, 1, 1)
        frames, reach = ops.shape(coefficients)[1], self.delta_frames // 2
        place = ops.arange(frames, dtype="int32")[None, :, None]
        parts = [coefficients] + [0.0] * self.deltas
        for tap in range(self.delta_frames):
            near = ops.maximum(ops.minimum(place + (tap - reach), last), 0)
            neighbour = ops.take_along_axis(coefficients, near, axis=1)  # (batch, frames, coefficients)
            for order in range(self.deltas):
                parts[1 + order] += float(self._filters[order, tap]) * neighbour
        return ops.concatenate(parts, axis=-1)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_coefficients", "deltas", "delta_frames")
        return super().get_config() | {name: getattr(self, name) for name in names}
