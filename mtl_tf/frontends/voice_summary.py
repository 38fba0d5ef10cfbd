"""Statistics of the descriptors of a voice over a clip."""

import keras
from keras import ops
from pydantic import PositiveFloat

from mtl_tf.frontends.frames import own_frames
from mtl_tf.frontends.functionals import NUM_FUNCTIONALS, functionals
from mtl_tf.frontends.voice import LEVEL, PERIODICITY, Voice

NUM_OF_VOICING = 3  # tracks that mean most where the voice sounds: level, pitch, periodicity
NUM_COUNTS = 4
LINE_FRAMES = 5  # of the slopes that say how a track changes


@keras.saving.register_keras_serializable(package="mtl_tf")
class VoiceSummary(Voice):
    """The tracks of `Voice`, summarised over a clip, as openSMILE's functionals are: one frame for each clip.

    Input float (batch, samples); output float32 (batch, 1, num_bins) and mask (batch, 1). The values are the
    `functionals` of all tracks over the frames that are not much quieter than the loudest; of how the tracks change,
    over all frames (the slope of a line through five frames, as ComParE's deltas); of level, pitch and periodicity over
    the frames with a voice; then the share of loud frames, that of frames with a voice, how many stretches of voice a
    second there are, and their mean length in seconds. Frames that a clip does not fill count nowhere.

    Args:
        sample_rate: of the waveform, in Hz.
        active_db: a frame counts as loud if it is at most so far below the loudest of the clip.
        voiced_from: periodicity from which a loud frame has a voice.
        **kwargs: arguments of `Voice`.

    Raises:
        ValueError: frames so far apart that the shortest clip has fewer than five.
    """

    def __init__(
        self, sample_rate: int, active_db: PositiveFloat = 40.0, voiced_from: PositiveFloat = 0.5, **kwargs
    ) -> None:
        super().__init__(sample_rate, **kwargs)
        self.active_db, self.voiced_from = active_db, voiced_from
        if super().count_frames(self.min_samples) < LINE_FRAMES:
            raise ValueError(
                f"hop_length={self.hop_length}, center={self.center}: give center=true, and a hop_length of at most a "
                f"quarter of n_fft={self.n_fft}"
            )

    @property
    def num_bins(self) -> int:
        """Number of values that summarise a clip."""
        return NUM_FUNCTIONALS * (2 * super().num_bins + NUM_OF_VOICING) + NUM_COUNTS

    @property
    def frame_period_s(self) -> float:
        """1: the clip, however long."""
        return 1.0

    @property
    def _hop_s(self) -> float:
        return self.hop_length / self.sample_rate

    def count_frames(self, samples):
        """Returns 1."""
        return samples * 0 + 1

    def transform(self, waveform, length):
        """Computes the statistics of every clip; shapes as in `FrontEnd`."""
        tracks = super().transform(waveform, length)  # (batch, frames, tracks)
        valid = own_frames(waveform, length, super().count_frames)
        level = tracks[:, :, LEVEL]
        loudest = ops.max(ops.where(valid, level, -1e9), axis=1, keepdims=True)
        active = ops.logical_and(valid, level >= loudest - self.active_db)
        voiced = ops.logical_and(active, tracks[:, :, PERIODICITY] > self.voiced_from)
        changes = (tracks[:, 3:-1] - tracks[:, 1:-3] + 2.0 * (tracks[:, 4:] - tracks[:, :-4])) / 10.0
        parts = [
            functionals(tracks, active),
            functionals(changes, valid[:, 4:]),
            functionals(tracks[:, :, :NUM_OF_VOICING], voiced),
            self._counts(valid, active, voiced),
        ]
        return ops.concatenate(parts, axis=-1)[:, None]

    def _counts(self, valid, active, voiced):
        """Returns (batch, 4): shares of active and voiced frames, stretches of voice a second and their length."""
        valid, active, voiced = (ops.cast(each, "float32") for each in (valid, active, voiced))
        begins = ops.maximum(voiced - ops.pad(voiced, [[0, 0], [1, 0]])[:, :-1], 0.0)
        all_frames, loud, sounding, stretches = (ops.sum(each, axis=1) for each in (valid, active, voiced, begins))
        all_frames = ops.maximum(all_frames, 1.0)
        shares = [loud / all_frames, sounding / all_frames, stretches / all_frames / self._hop_s]
        return ops.stack([*shares, self._hop_s * sounding / ops.maximum(stretches, 1.0)], axis=-1)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"active_db": self.active_db, "voiced_from": self.voiced_from}
