"""Descriptors of a voice: its pitch, how periodic it is, how loud, and the shape of its spectrum."""

import keras
import numpy as np
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.construct import Size
from mtl_tf.frontends.log_mel import LogMel

PITCH_UNIT_HZ = 27.5  # of which semitones are counted, as in eGeMAPS
ROLL_OFFS = (0.25, 0.5, 0.75, 0.9)
LEVEL, PITCH, PERIODICITY = 0, 1, 2
TRACKS = (
    "level",
    "pitch",
    "periodicity",
    "harmonicity",
    "flux",
    "centroid",
    "spread",
    *(f"roll_off_{round(100 * share)}" for share in ROLL_OFFS),
    "slope",
    "alpha_ratio",
    "hammarberg",
)
OCTAVE_COST = 0.01  # periodicity that a period twice as long must have more
LEAST_PERIODICITY = 1e-3
LEAST_CHANGE = 1e-3  # of magnitudes, so that the flux of silence is -60 dB


@keras.saving.register_keras_serializable(package="mtl_tf")
class Voice(LogMel):
    """What speech research measures of a voice, in every frame.

    Output bins: the `TRACKS`, then `num_mel_bins` levels, then `num_coefficients` mel-frequency cepstral coefficients
    of these. Shapes, padding, masks and the other arguments: see `LogMel`, whose output is in decibels here.

    | track | unit |
    |---|---|
    | `level` | of the frame's power, dB |
    | `pitch` | semitones above 27.5 Hz, of the largest peak of the autocorrelation, with its parabola |
    | `periodicity` | that peak, 0 to 1 |
    | `harmonicity` | power of the periodic part over that of the rest, dB |
    | `flux` | how much the magnitudes differ from those of the frame before, dB; -60 in the first frame |
    | `centroid`, `spread` | mean and standard deviation of frequency, weighed by power, kHz |
    | `roll_off_25` to `roll_off_90` | frequency below which so many per cent of the power lie, kHz |
    | `slope` | of the levels of the mel filters, dB for half of them |
    | `alpha_ratio` | power of 50 to 1000 Hz over that of 1 to 5 kHz, dB |
    | `hammarberg` | strongest frequency up to 2 kHz over that of 2 to 5 kHz, dB |

    Pitch, periodicity and harmonicity are those of Boersma 1993 (autocorrelation of the windowed frame, divided by that
    of the window, equations 9 and 4), without his interpolation by sinc and without his path through the frames; the
    octave cost is per octave, as in his equation 24. The transform is not padded, so the autocorrelation is a circular
    one, which differs little up to a third of the frame. Alpha ratio, Hammarberg index and the semitones are those of
    eGeMAPS (Eyben et al. 2016, section 3).

    Args:
        sample_rate: of the waveform, in Hz.
        pitch_min_hz: lowest pitch; its period may be a third of `n_fft` at most.
        pitch_max_hz: highest pitch.
        num_coefficients: cepstral coefficients, from the first.
        **kwargs: arguments of `LogMel`, but for the output.

    Raises:
        ValueError: pitches or numbers that do not go together.
    """

    fixed_options = frozenset({"output"})

    def __init__(
        self,
        sample_rate: int,
        pitch_min_hz: PositiveFloat = 60.0,
        pitch_max_hz: PositiveFloat = 500.0,
        num_coefficients: Size = 14,
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **(kwargs | {"output": "db"}))
        self.pitch_min_hz, self.pitch_max_hz, self.num_coefficients = pitch_min_hz, pitch_max_hz, num_coefficients
        if num_coefficients > self.num_mel_bins:
            raise ValueError(f"num_coefficients={num_coefficients} is more than num_mel_bins={self.num_mel_bins}")
        first, last = int(sample_rate / pitch_max_hz), int(np.ceil(sample_rate / pitch_min_hz))
        if not 2 <= first < last <= self.n_fft // 3:
            least = int(np.ceil(3 * sample_rate / pitch_min_hz))
            raise ValueError(
                f"pitch_min_hz={pitch_min_hz:g}, pitch_max_hz={pitch_max_hz:g} and n_fft={self.n_fft} do not go "
                f"together; give n_fft={least} or more, and a pitch_max_hz between pitch_min_hz and sample_rate / 2"
            )
        self._lags = np.arange(first - 1, last + 2)  # one more at both ends, for the parabola
        frequency = np.arange(self.n_fft // 2 + 1)
        self._both_sides = np.where((frequency == 0) | (2 * frequency == self.n_fft), 1.0, 2.0).astype(np.float32)
        self._correlate = self._correlation().astype(np.float32)
        self._octave_cost = (OCTAVE_COST * np.log2(self._lags[1:-1] * pitch_min_hz / sample_rate)).astype(np.float32)
        self._frequencies_khz = (frequency * sample_rate / self.n_fft / 1000).astype(np.float32)
        from scipy.fft import dct

        self._cosines = dct(np.eye(self.num_mel_bins), norm="ortho", axis=1)[:, :num_coefficients].astype(np.float32)

    def _correlation(self) -> np.ndarray:
        """Makes the matrix from a power spectrum to the autocorrelation at each lag, over that of the window."""
        angles = 2 * np.pi * np.outer(np.arange(self.n_fft // 2 + 1), self._lags) / self.n_fft
        waves = self._both_sides[:, None] * np.cos(angles)
        window = np.abs(np.fft.rfft(self._window)) ** 2
        return waves / (window @ waves) * (window @ self._both_sides)

    @property
    def has_one_unit(self) -> bool:
        """No: tracks are in semitones, decibels and kHz."""
        return False

    @property
    def num_bins(self) -> int:
        """Number of tracks, filters and coefficients."""
        return len(TRACKS) + self.num_mel_bins + self.num_coefficients

    @property
    def frequencies_hz(self) -> None:
        """None: bins are no frequencies."""
        return None

    def power_to_features(self, power):
        """Maps power, float32 (batch, frames, n_fft // 2 + 1), to (batch, frames, num_bins)."""
        mel = super().power_to_features(power)
        total = ops.maximum(ops.sum(power, axis=-1, keepdims=True), 1e-9)
        share = power / total
        khz = self._frequencies_khz
        centroid = ops.sum(share * khz, axis=-1, keepdims=True)
        spread = ops.sqrt(ops.sum(share * ops.square(khz - centroid), axis=-1, keepdims=True))
        below = ops.cumsum(share, axis=-1)
        step_khz = float(khz[1])
        roll_offs = [
            step_khz * ops.sum(ops.cast(below < part, "float32"), axis=-1, keepdims=True) for part in ROLL_OFFS
        ]
        magnitude = ops.sqrt(power)
        change = ops.sqrt(ops.sum(ops.square(magnitude[:, 1:] - magnitude[:, :-1]), axis=-1, keepdims=True))
        flux = 20.0 * ops.log10(ops.maximum(ops.pad(change, [[0, 0], [1, 0], [0, 0]]), LEAST_CHANGE))
        line = np.linspace(-1.0, 1.0, self.num_mel_bins, dtype=np.float32)
        slope = ops.sum(mel * line, axis=-1, keepdims=True) / float(np.sum(line**2) or 1.0)
        low, high, lower, upper = (
            (khz >= first) & (khz < last) for first, last in ((0.05, 1.0), (1.0, 5.0), (0.0, 2.0), (2.0, 5.0))
        )
        alpha_ratio = self._over(power, low, high, ops.sum)
        hammarberg = self._over(power, lower, upper, ops.max)
        return ops.concatenate(
            [
                self.decibels(total),
                *self._pitch(power),
                flux,
                centroid,
                spread,
                *roll_offs,
                slope,
                alpha_ratio,
                hammarberg,
                mel,
                ops.matmul(mel, self._cosines),
            ],
            axis=-1,
        )

    def _pitch(self, power):
        """Returns pitch, periodicity and harmonicity, (batch, frames, 1) each."""
        energy = ops.matmul(power, self._both_sides[:, None])
        correlation = ops.matmul(power, self._correlate) / ops.maximum(energy, 1e-9)  # (batch, frames, lags)
        inner = correlation[:, :, 1:-1]
        # The slope from lag 0 may be higher than any peak, and counts only where there is none.
        is_peak = ops.logical_and(inner >= correlation[:, :, :-2], inner >= correlation[:, :, 2:])
        ranked = ops.where(is_peak, inner, inner - 4.0) - self._octave_cost
        best = ops.top_k(ranked, 1)[1]  # ops.argmax looks at bits, which other runtimes cannot
        before, peak, after = (ops.take_along_axis(correlation, best + offset, axis=-1) for offset in range(3))
        bend = ops.minimum(before - 2.0 * peak + after, -1e-6)
        offset = ops.clip(0.5 * (before - after) / bend, -0.5, 0.5)
        lag = ops.cast(best, "float32") + float(self._lags[1]) + offset
        pitch = 12.0 * ops.log(self.sample_rate / PITCH_UNIT_HZ / lag) / float(np.log(2.0))
        periodicity = ops.clip(peak - 0.25 * (before - after) * offset, LEAST_PERIODICITY, 1.0 - LEAST_PERIODICITY)
        return pitch, periodicity, 10.0 * ops.log10(periodicity / (1.0 - periodicity))

    @staticmethod
    def _over(power, above: np.ndarray, below: np.ndarray, of):
        """Returns the level of some frequencies over that of others, in dB, within 60 dB."""
        strong, weak = (of(power * part.astype(np.float32), axis=-1, keepdims=True) for part in (above, below))
        return ops.clip(10.0 * (ops.log10(ops.maximum(strong, 1e-9)) - ops.log10(ops.maximum(weak, 1e-9))), -60.0, 60.0)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("pitch_min_hz", "pitch_max_hz", "num_coefficients")
        return super().get_config() | {name: getattr(self, name) for name in names}
