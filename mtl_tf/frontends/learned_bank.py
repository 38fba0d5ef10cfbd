"""Spectrogram through filters that are trained with the network."""

import keras
import numpy as np
from keras import ops
from pydantic import NonNegativeFloat, PositiveFloat

from mtl_tf.construct import Size
from mtl_tf.frontends.spectral import SpectralFrontEnd

NARROWEST = 0.5  # deviation of a filter, in bins of the spectrogram


@keras.saving.register_keras_serializable(package="mtl_tf")
class LearnedBank(SpectralFrontEnd):
    """Power spectrogram through bells whose centres and widths are weights, in decibels; they begin on the mel scale.

    A Gabor filter and the mean of its squared output, the first two layers of LEAF (Zeghidour et al. 2021, sections 3.1
    and 3.2), weigh the power of the frequencies by a bell; this is done on a short-time spectrum. Departures: the
    window of the spectrum is the low-pass of all filters, in place of a learned one each; decibels, in place of a
    learned compression. Statistics for the normalisation are those of the filters as they begin.

    Shapes, padding, masks and the other arguments: see `SpectralFrontEnd`. Output bins: `num_filters`. Weights: of
    each filter, by how many widths its centre has moved, and the logarithm of how much wider it has become.

    Args:
        sample_rate: of the waveform, in Hz.
        num_filters: how many.
        fmin_hz: where the lowest filter begins.
        fmax_hz: where the highest filter ends; None: half the sample rate.
        **kwargs: arguments of `SpectralFrontEnd`.

    Raises:
        ValueError: frequencies out of range, or statistics of groups, which would be those of the first filters.
    """

    def __init__(
        self,
        sample_rate: int,
        num_filters: Size = 64,
        fmin_hz: NonNegativeFloat = 60.0,
        fmax_hz: PositiveFloat | None = None,
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **kwargs)
        self.num_filters, self.fmin_hz, self.fmax_hz = num_filters, fmin_hz, fmax_hz or sample_rate / 2
        if self.takes_statistics:
            raise ValueError(f"normalize_over={self.normalize_over}: filters that learn take training or clip")
        if not fmin_hz < self.fmax_hz <= sample_rate / 2:
            raise ValueError(f"fmin_hz={fmin_hz}, fmax_hz={self.fmax_hz} do not fit sample_rate={sample_rate}")

    @property
    def num_bins(self) -> int:
        """Number of filters."""
        return self.num_filters

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Centre of each filter as training begins."""
        return self._edges_hz()[1:-1]

    def _edges_hz(self) -> np.ndarray:
        import librosa

        return librosa.mel_frequencies(self.num_filters + 2, fmin=self.fmin_hz, fmax=self.fmax_hz)

    def build(self, waveform_shape, length_shape=None) -> None:
        """Creates the statistics, and the filters as half as high where their neighbours of the mel scale meet."""
        super().build(waveform_shape, length_shape)
        edges = self._edges_hz() / (self.sample_rate / self.n_fft)  # in bins of the spectrogram
        width = np.maximum((edges[2:] - edges[:-2]) / 2.0 / np.sqrt(8.0 * np.log(2.0)), NARROWEST)
        self._first_centre, self._first_width = edges[1:-1].astype(np.float32), width.astype(np.float32)
        shape = (self.num_filters,)
        self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")
        self.stretch = self.add_weight(shape=shape, initializer="zeros", name="stretch")

    def power_to_features(self, power):
        """Applies the filters and the logarithm; shapes as in `FrontEnd`."""
        place = ops.arange(self.n_fft // 2 + 1, dtype="float32")[:, None]
        width = ops.maximum(ops.exp(self.stretch) * self._first_width, NARROWEST)
        centre = self.shift * self._first_width + self._first_centre
        response = ops.exp(-0.5 * ops.square((place - centre) / width))
        response /= ops.sum(response, axis=0, keepdims=True) + 1e-6
        return self.decibels(ops.matmul(power, response))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_filters", "fmin_hz", "fmax_hz")
        return super().get_config() | {name: getattr(self, name) for name in names}
