"""Mel spectrogram whose level is regulated in each channel."""

import keras
from keras import ops
from pydantic import NonNegativeFloat, PositiveFloat

from mtl_tf.frontends.log_mel import LogMel


@keras.saving.register_keras_serializable(package="mtl_tf")
class PCEN(LogMel):
    """Per-channel energy normalisation (Wang et al. 2017, equations 1 and 2), as `librosa.pcen` gives it.

    Each filter's energy E is divided by its own running mean M, M[t] = (1 - s) M[t - 1] + s E[t], and compressed:
    (E / (floor + M)**gain + bias)**power - bias**power. Loudness and steady noise so count for less, and onsets for
    more. Energies are those of a waveform in 16-bit integers, for which the paper's constants are.

    Shapes, padding, masks and the other arguments: see `LogMel`, whose output is power here. Departures: magnitudes
    are squared; the running mean begins with the first frame; the constants are not trained.

    Args:
        sample_rate: of the waveform, in Hz.
        time_constant_s: of the running mean; s follows from it as in librosa.
        gain: how much of the level is taken out.
        bias: added before the compression.
        power: exponent of the compression.
        floor: added to the running mean.
        **kwargs: arguments of `LogMel`, but for the output.
    """

    fixed_options = frozenset({"output", "top_db"})

    def __init__(
        self,
        sample_rate: int,
        time_constant_s: PositiveFloat = 0.4,
        gain: NonNegativeFloat = 0.98,
        bias: PositiveFloat = 2.0,
        power: PositiveFloat = 0.5,
        floor: PositiveFloat = 1e-6,
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **(kwargs | {"output": "power", "top_db": None}))
        self.time_constant_s, self.gain, self.bias = time_constant_s, gain, bias
        self.power, self.floor = power, floor
        frames = time_constant_s * sample_rate / self.hop_length
        self._share = float(((1 + 4 * frames**2) ** 0.5 - 1) / (2 * frames**2))

    def power_to_features(self, power):
        """Applies the filters and regulates their level; shapes as in `FrontEnd`."""
        energy = super().power_to_features(power) * 2.0**30
        first, later = energy[:, :1], self._share * energy[:, 1:]
        new = ops.concatenate([first, later], axis=1)
        kept = ops.concatenate([ops.zeros_like(first), ops.full_like(later, 1.0 - self._share)], axis=1)
        _, mean = ops.associative_scan(_follow, (kept, new), axis=1)
        regulated = energy * ops.exp(-self.gain * ops.log(self.floor + mean))
        return (regulated + self.bias) ** self.power - self.bias**self.power

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("time_constant_s", "gain", "bias", "power", "floor")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _follow(earlier, later):
    """Joins two stretches of the running mean: what is kept of what came before, and what is new."""
    return earlier[0] * later[0], earlier[1] * later[0] + later[1]
