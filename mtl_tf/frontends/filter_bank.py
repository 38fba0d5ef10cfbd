"""Spectrograms through other filters than mel: gammatone, and constant Q."""

import keras
import numpy as np
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.construct import Size
from mtl_tf.frontends.spectral import SpectralFrontEnd

ORDER, WIDTH = 4, 1.019  # of a gammatone filter: its order, and its width as a multiple of the ear's
SHAPES = ("gammatone", "constant_q")


@keras.saving.register_keras_serializable(package="mtl_tf")
class FilterBank(SpectralFrontEnd):
    """Power spectrogram through a bank of filters, in decibels.

    `gammatone`: the power response of filters of order 4 (Patterson et al. 1992), as wide as those of the ear and as
    far apart on its scale (Glasberg and Moore 1990). `constant_q`: bells that are as far apart as notes, and half as
    high where they meet (after Brown 1991). Each filter adds up to 1 over the frequencies.

    Shapes, padding, masks and the other arguments: see `SpectralFrontEnd`. Output bins: `num_filters`. Departure: the
    filters weigh the bins of one short-time spectrum, whose resolution no filter exceeds; a long `n_fft` gives low
    notes their width.

    Args:
        sample_rate: of the waveform, in Hz.
        num_filters: how many.
        shape: `gammatone` or `constant_q`.
        fmin_hz: centre of the lowest filter.
        fmax_hz: centre of the highest filter; None: half the sample rate for `gammatone`; for `constant_q` the one that
            `filters_per_octave` leads to.
        filters_per_octave: of `constant_q` without `fmax_hz`.
        **kwargs: arguments of `SpectralFrontEnd`.

    Raises:
        ValueError: an unknown shape, or frequencies out of range.
    """

    def __init__(
        self,
        sample_rate: int,
        num_filters: Size = 64,
        shape: str = "gammatone",
        fmin_hz: PositiveFloat = 50.0,
        fmax_hz: PositiveFloat | None = None,
        filters_per_octave: Size = 12,
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **kwargs)
        if shape not in SHAPES:
            raise ValueError(f"shape={shape}: give {' or '.join(SHAPES)}")
        self.num_filters, self.shape, self.fmin_hz = num_filters, shape, fmin_hz
        self.fmax_hz, self.filters_per_octave = fmax_hz, filters_per_octave
        highest = self.frequencies_hz[-1]
        if not fmin_hz <= highest <= sample_rate / 2 + 1e-6:
            raise ValueError(
                f"the highest filter is at {highest:.0f} Hz, which does not fit fmin_hz={fmin_hz} and "
                f"sample_rate={sample_rate}; give fmax_hz or fewer filters"
            )
        hz = np.linspace(0.0, sample_rate / 2, self.n_fft // 2 + 1)[:, None]
        self._filters = normalised(self._response(hz, self.frequencies_hz[None]))

    @property
    def num_bins(self) -> int:
        """Number of filters."""
        return self.num_filters

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Centre of each filter."""
        if self.shape == "gammatone":
            scale = np.linspace(
                ear_scale(self.fmin_hz), ear_scale(self.fmax_hz or self.sample_rate / 2), self.num_filters
            )
            return ear_frequency(scale)
        if self.fmax_hz is None:
            return self.fmin_hz * 2.0 ** (np.arange(self.num_filters) / self.filters_per_octave)
        return np.geomspace(self.fmin_hz, self.fmax_hz, self.num_filters)

    def _response(self, hz: np.ndarray, centre_hz: np.ndarray) -> np.ndarray:
        if self.shape == "gammatone":
            width_hz = WIDTH * 24.7 * (1.0 + 4.37e-3 * centre_hz)
            return (1.0 + np.square((hz - centre_hz) / width_hz)) ** -float(ORDER)
        ratio = self.frequencies_hz[1] / self.frequencies_hz[0] if self.num_filters > 1 else 2.0
        half_hz = centre_hz * (np.sqrt(ratio) - 1.0)  # from the centre to where two filters meet
        return 0.5 ** np.square((hz - centre_hz) / half_hz)

    def power_to_features(self, power):
        """Applies the filters and the logarithm; shapes as in `FrontEnd`."""
        return self.decibels(ops.matmul(power, self._filters))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("num_filters", "shape", "fmin_hz", "fmax_hz", "filters_per_octave")
        return super().get_config() | {name: getattr(self, name) for name in names}


def ear_scale(frequency_hz):
    """Returns how many of the ear's filters lie below a frequency (Glasberg and Moore 1990, equation 4)."""
    return 21.4 * np.log10(1.0 + 4.37e-3 * frequency_hz)


def ear_frequency(scale):
    """Returns the frequency in Hz below which so many of the ear's filters lie."""
    return (10.0 ** (scale / 21.4) - 1.0) / 4.37e-3


def normalised(response: np.ndarray) -> np.ndarray:
    """Gives each filter, a column, the sum 1; one between two frequencies, and narrower, takes the nearest."""
    empty = response.sum(axis=0) < 1e-6
    response[response[:, empty].argmax(axis=0), np.flatnonzero(empty)] = 1.0
    return (response / response.sum(axis=0)).astype(np.float32)
