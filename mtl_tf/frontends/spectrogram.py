"""Linear-frequency spectrogram."""

import keras
import numpy as np
from keras import ops

from mtl_tf.frontends.spectral import SpectralFrontEnd


@keras.saving.register_keras_serializable(package="mtl_tf")
class Spectrogram(SpectralFrontEnd):
    """Short-time Fourier spectrogram, as `librosa.stft` gives it.

    Shapes, padding, masks and the other arguments: see `SpectralFrontEnd`. Output bins: `n_fft // 2 + 1`.

    Args:
        sample_rate: of the waveform, in Hz.
        output: `magnitude`, `power`, or `db` (`librosa.amplitude_to_db` with its defaults, apart from `top_db`).
        **kwargs: arguments of `SpectralFrontEnd`.

    Raises:
        ValueError: an unknown output.
    """

    def __init__(self, sample_rate: int, output: str = "magnitude", **kwargs) -> None:
        super().__init__(sample_rate, **kwargs)
        if output not in ("magnitude", "power", "db"):
            raise ValueError(f"output={output}: give magnitude, power or db")
        self.output_scale = output

    @property
    def num_bins(self) -> int:
        """Number of frequencies, `n_fft // 2 + 1`."""
        return self.n_fft // 2 + 1

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Frequency of each bin."""
        return np.arange(self.num_bins) * (self.sample_rate / self.n_fft)

    def power_to_features(self, power):
        """Scales the power spectrogram; shapes as in `FrontEnd`."""
        if self.output_scale == "db":
            return self.decibels(power)
        return power if self.output_scale == "power" else ops.sqrt(power)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"output": self.output_scale}
