"""Mel spectrogram in decibels."""

import keras
from keras import ops

from mtl_tf.frontends.frontend import FrontEnd


@keras.saving.register_keras_serializable(package="mtl_tf")
class LogMel(FrontEnd):
    """Mel spectrogram, as `librosa.feature.melspectrogram` gives it (Slaney scale and area normalisation).

    Shapes, padding, masks and the other arguments: see `FrontEnd`. Output bins: `num_mel_bins`. The filters are
    librosa's own, held as a constant, so an exported model needs no librosa.

    Args:
        sample_rate: of the waveform, in Hz.
        num_mel_bins: number of filters.
        fmin_hz: lowest frequency.
        fmax_hz: highest frequency; None: half the sample rate.
        output: `db` (`librosa.power_to_db` with its defaults, apart from `top_db`) or `power`.
        **kwargs: arguments of `FrontEnd`.

    Raises:
        ValueError: an unknown output, or frequencies out of range.
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
        if output not in ("power", "db"):
            raise ValueError(f"output={output}: give power or db")
        if not 0 <= fmin_hz < self.fmax_hz <= sample_rate / 2:
            raise ValueError(f"fmin_hz={fmin_hz}, fmax_hz={self.fmax_hz} do not fit sample_rate={sample_rate}")
        self.output_scale = output
        import librosa

        self._filters = librosa.filters.mel(
            sr=sample_rate, n_fft=self.n_fft, n_mels=num_mel_bins, fmin=fmin_hz, fmax=self.fmax_hz
        ).T  # (n_fft // 2 + 1, num_mel_bins)

    @property
    def num_bins(self) -> int:
        """Number of filters."""
        return self.num_mel_bins

    def power_to_features(self, power):
        """Applies the filters and the logarithm; shapes as in `FrontEnd`."""
        mel = ops.matmul(power, ops.convert_to_tensor(self._filters, "float32"))  # (batch, frames, num_mel_bins)
        return self.decibels(mel) if self.output_scale == "db" else mel

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_mel_bins", "fmin_hz", "fmax_hz")
        return super().get_config() | {name: getattr(self, name) for name in names} | {"output": self.output_scale}
