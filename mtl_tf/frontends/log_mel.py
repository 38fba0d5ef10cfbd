"""Mel spectrogram in decibels."""

import keras
import numpy as np
from keras import ops

from mtl_tf.frontends.spectral import SpectralFrontEnd

NUM_BANDS = 6


@keras.saving.register_keras_serializable(package="mtl_tf")
class LogMel(SpectralFrontEnd):
    """Mel spectrogram, as `librosa.feature.melspectrogram` gives it (Slaney scale and area normalisation).

    Shapes, padding, masks and the other arguments: see `SpectralFrontEnd`. Output bins: `num_mel_bins`. The filters are
    librosa's own, held as a constant, so an exported model needs no librosa.

    Args:
        sample_rate: of the waveform, in Hz.
        num_mel_bins: number of filters.
        fmin_hz: lowest frequency.
        fmax_hz: highest frequency; None: half the sample rate.
        output: `db` (`librosa.power_to_db` with its defaults, apart from `top_db`) or `power`.
        **kwargs: arguments of `SpectralFrontEnd`.

    Raises:
        ValueError: an unknown output, no filters, or frequencies out of range.
    """

    def __init__(
        self,
        sample_rate: int,
        num_mel_bins: int = 128,
        fmin_hz: float = 0.0,
        fmax_hz: float | None = None,
        output: str = "db",
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **kwargs)
        self.num_mel_bins, self.fmin_hz, self.fmax_hz = num_mel_bins, fmin_hz, fmax_hz or sample_rate / 2
        if num_mel_bins < 1:
            raise ValueError(f"num_mel_bins={num_mel_bins}: give at least 1")
        if output not in ("power", "db"):
            raise ValueError(f"output={output}: give power or db")
        if not 0 <= fmin_hz < self.fmax_hz <= sample_rate / 2:
            raise ValueError(f"fmin_hz={fmin_hz}, fmax_hz={self.fmax_hz} do not fit sample_rate={sample_rate}")
        self.output_scale = output
        import librosa

        filters = librosa.filters.mel(
            sr=sample_rate, n_fft=self.n_fft, n_mels=num_mel_bins, fmin=fmin_hz, fmax=self.fmax_hz
        )
        self._bands = _bands(filters)

    @property
    def num_bins(self) -> int:
        """Number of filters."""
        return self.num_mel_bins

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Centre of each filter."""
        import librosa

        return librosa.mel_frequencies(self.num_mel_bins + 2, fmin=self.fmin_hz, fmax=self.fmax_hz)[1:-1]

    def power_to_features(self, power):
        """Applies the filters and the logarithm; shapes as in `FrontEnd`."""
        parts = [ops.matmul(power[:, :, first:last], filters) for first, last, filters in self._bands]
        mel = ops.concatenate(parts, axis=-1)  # (batch, frames, num_mel_bins)
        return self.decibels(mel) if self.output_scale == "db" else mel

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_mel_bins", "fmin_hz", "fmax_hz")
        return super().get_config() | {name: getattr(self, name) for name in names} | {"output": self.output_scale}


def _bands(filters: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """Splits filters into groups of neighbours, so that none is multiplied with the many frequencies it ignores.

    Args:
        filters: (num_mel_bins, n_fft // 2 + 1).

    Returns:
        First and last frequency of each group, and its filters, float32 (frequencies, group).
    """
    bands = []
    for group in np.array_split(filters, min(NUM_BANDS, len(filters))):
        used = np.flatnonzero(group.any(axis=0))
        first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
        bands.append((first, last, group[:, first:last].T.astype(np.float32)))
    return bands
