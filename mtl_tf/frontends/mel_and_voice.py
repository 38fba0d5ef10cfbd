"""A mel spectrogram, and beside every frame the statistics of the voice over the whole clip."""

import keras
from keras import ops

from mtl_tf.frontends.log_mel import LogMel
from mtl_tf.frontends.voice_summary import VoiceSummary

SUMMARY_HOP_S, SUMMARY_MEL_BINS, SUMMARY_FMIN_HZ = 0.01, 26, 20.0
SUMMARY_WINDOW_S = 0.064  # three periods of the lowest pitch, and a transform of a power of two at 16 kHz


@keras.saving.register_keras_serializable(package="mtl_tf")
class MelAndVoice(LogMel):
    """What `LogMel` gives and what `VoiceSummary` gives, for `model=voice_cnn`.

    Input float (batch, samples); output float32 (batch, frames, num_mel_bins + values of the summary), in which every
    frame of a clip has the same summary behind its levels, and mask (batch, frames). The summary is of frames of 64 ms
    every 10 ms, with 26 mel filters, whatever the frames of the spectrogram are.

    Args:
        sample_rate: of the waveform, in Hz.
        **kwargs: arguments of `LogMel`, but for the output, which is in decibels.

    Raises:
        ValueError: see `LogMel` and `VoiceSummary`.
    """

    fixed_options = frozenset({"output"})

    def __init__(self, sample_rate: int, **kwargs) -> None:
        super().__init__(sample_rate, **(kwargs | {"output": "db"}))
        self.summary = VoiceSummary(
            sample_rate,
            n_fft=round(SUMMARY_WINDOW_S * sample_rate),
            hop_length=round(SUMMARY_HOP_S * sample_rate),
            num_mel_bins=SUMMARY_MEL_BINS,
            fmin_hz=SUMMARY_FMIN_HZ,
            normalize="none",
            name="summary",
        )

    @property
    def has_one_unit(self) -> bool:
        """No: see `Voice`."""
        return False

    @property
    def holds_summary(self) -> bool:
        """Yes."""
        return True

    @property
    def num_bins(self) -> int:
        """Number of filters and of values of the summary."""
        return self.num_mel_bins + self.summary.num_bins

    @property
    def min_samples(self) -> int:
        """The longer one of the two transforms."""
        return max(self.n_fft, self.summary.min_samples)

    @property
    def frequencies_hz(self) -> None:
        """None: not all bins are frequencies."""
        return None

    def transform(self, waveform, length):
        """Computes levels and summary; shapes as in `FrontEnd`."""
        self.summary.convolve = self.convolve
        levels = super().transform(waveform, length)
        summary = self.summary.transform(waveform, length)  # (batch, 1, values)
        return ops.concatenate([levels, ops.repeat(summary, ops.shape(levels)[1], axis=1)], axis=-1)
