"""Faster and slower, higher and lower clips."""

from collections.abc import Sequence
from typing import Annotated

import keras
import numpy as np
from keras import ops
from pydantic import Field

from mtl_tf.augment.augmentation import over
from mtl_tf.augment.moves import Moving, between, moves_of

PITCHES = 33  # how many moves there are to draw from


@keras.saving.register_keras_serializable(package="mtl_tf")
class Warp(Moving):
    """Stretches the features of a clip in time, and moves them along the frequencies, each by a factor of its own.

    Moving all frequencies by a factor is what another length of the vocal tract does (Jaitly and Hinton 2013); the
    stretch in time is that of speed perturbation (Ko et al. 2015). Both are drawn evenly in the logarithm. Shapes: see
    `Augmentation`. Departures: features are interpolated linearly in place of the waveform; what a slower clip has
    beyond the frames of the batch is cut off, and what a faster one lacks is padding.

    Args:
        frequencies_hz: centre of each bin, rising; None: bins are no frequencies, and none are moved.
        tempo: largest change of speed, as a share: 0.1 draws between 1/1.1 and 1.1; 0: none.
        semitones: largest move along the frequencies, in semitones; 0: none.
        keeps_all: no clip becomes slower; set by `mtl_tf.models.build` where a task asks every step.
        **kwargs: see `Moving`.
    """

    fixed_options = Moving.fixed_options | {"frequencies_hz", "keeps_all"}

    def __init__(
        self,
        frequencies_hz: Sequence[float] | None = None,
        tempo: Annotated[float, Field(ge=0, le=1)] = 0.1,
        semitones: Annotated[float, Field(ge=0, le=24)] = 1.5,
        keeps_all: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.frequencies_hz = None if frequencies_hz is None else [float(each) for each in frequencies_hz]
        self.tempo, self.semitones, self.keeps_all = tempo, semitones, keeps_all
        if semitones and frequencies_hz is not None:
            factors = 2.0 ** (np.linspace(-semitones, semitones, PITCHES) / 12.0)
            self._moves = np.stack([_move(np.array(self.frequencies_hz), factor) for factor in factors])

    def move(self, values, valid):
        """Stretches each clip, and moves its frequencies."""
        chosen = self.draw(values) < self.prob  # (batch, 1)
        if self.semitones and self.frequencies_hz is not None:
            drawn = ops.minimum(ops.cast(ops.floor(self.draw(values)[:, 0] * PITCHES), "int32"), PITCHES - 1)
            drawn = ops.where(chosen[:, 0], drawn, PITCHES // 2)  # the middle one moves nothing
            moves = ops.take(ops.convert_to_tensor(self._moves), drawn, axis=0)  # (batch, bins, bins)
            values = ops.einsum("btf,bfk->btk" if len(values.shape) == 3 else "btfc,bfk->btkc", values, moves)
        if not self.tempo:
            return values, valid, moves_of(values)
        largest = float(np.log(1.0 + self.tempo))
        lowest = 0.0 if self.keeps_all else -largest
        tempo = ops.where(chosen, ops.exp(self.draw(values, low=lowest, high=largest)), 1.0)
        return *read_at(values, valid, tempo), moves_of(values, tempo)

    def idle_options(self, frontend) -> dict[str, str]:
        """Says what of it a front end leaves without effect."""
        reasons = {}
        if self.semitones and frontend.frequencies_hz is None:
            reasons["semitones"] = "the bins of this front end are no frequencies"
        if self.tempo and frontend.makes_one_frame:
            reasons["tempo"] = "this front end makes one frame of a clip"
        return reasons

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("frequencies_hz", "tempo", "semitones", "keeps_all")
        return super().get_config() | {name: getattr(self, name) for name in names}


def read_at(values, valid, tempo):
    """Reads each clip at `tempo` times the speed.

    Args:
        values: float (batch, frames, ...).
        valid: bool (batch, frames), the clip's own frames first.
        tempo: float (batch, 1).

    Returns:
        float (batch, frames, ...), 0 where padded, and bool (batch, frames).
    """
    frame = ops.cumsum(ops.ones_like(ops.cast(valid[:1], "float32")), axis=1) - 1.0  # (1, frames)
    last = ops.maximum(ops.sum(ops.cast(valid, "float32"), axis=1, keepdims=True) - 1.0, 0.0)  # (batch, 1)
    place = frame * tempo
    own = place <= last
    return ops.where(over(own, values), between(values, place, last), 0.0), own


def _move(frequencies_hz: np.ndarray, factor: float) -> np.ndarray:
    """Returns float32 (bins, bins): features times it have each frequency `factor` times as high."""
    place = np.interp(frequencies_hz / factor, frequencies_hz, np.arange(len(frequencies_hz)))
    return np.stack([np.maximum(1.0 - np.abs(row - place), 0.0) for row in range(len(place))]).astype(np.float32)
