"""Stretches of time and bands of frequency that are not heard."""

import keras
from keras import ops
from pydantic import NonNegativeInt

from mtl_tf.augment.augmentation import Augmentation, over
from mtl_tf.construct import Probability


@keras.saving.register_keras_serializable(package="mtl_tf")
class SpecAugment(Augmentation):
    """Sets stretches of frames and bands of bins of the features to their mean (Park et al. 2019).

    The mean of normalised features is 0; of others it is that of the clip. Shapes: see `Augmentation`. Lengths are
    drawn evenly from 0 to the longest, and places among the clip's own frames. Departures: time is not warped, which
    the paper found to matter least; and no band is wider than a quarter of the bins, so that of less than four bins
    all are heard.

    Args:
        time_masks: how many stretches.
        longest_frames: of a stretch.
        most_time: a stretch is no longer than this share of the clip; where that is no frame, none is masked.
        bin_masks: how many bands.
        widest_bins: of a band.
        zero_is_mean: whether features are normalised.
        prob: see `Augmentation`.
        **kwargs: see `Augmentation`.
    """

    on_features = True
    needs_spectrogram = True
    fixed_options = frozenset({"zero_is_mean"})

    def __init__(
        self,
        time_masks: NonNegativeInt = 2,
        longest_frames: NonNegativeInt = 24,
        most_time: Probability = 0.2,
        bin_masks: NonNegativeInt = 2,
        widest_bins: NonNegativeInt = 8,
        zero_is_mean: bool = True,
        prob: Probability = 1.0,
        **kwargs,
    ) -> None:
        super().__init__(prob, **kwargs)
        self.time_masks, self.longest_frames, self.most_time = time_masks, longest_frames, most_time
        self.bin_masks, self.widest_bins, self.zero_is_mean = bin_masks, widest_bins, zero_is_mean

    def change(self, values, valid):
        """Masks each clip."""
        frames = ops.sum(valid, axis=1, keepdims=True)  # (batch, 1)
        most = self.most_time * frames
        longest = ops.minimum(float(self.longest_frames), ops.where(most < 1.0, 0.0, most))
        kept = ops.ones_like(valid)
        for _ in range(self.time_masks):
            kept *= self._outside(values, valid.shape[1] or ops.shape(valid)[1], longest, frames)
        bins = values.shape[2]
        heard = ops.ones((1, bins))
        widest = float(min(self.widest_bins, bins // 4))
        for _ in range(self.bin_masks):
            heard = heard * self._outside(values, bins, widest, float(bins))
        both = over(kept, values) * over(heard[:, None, :], values)
        if self.zero_is_mean:
            return values * both
        count = over(ops.maximum(frames, 1.0), values) * bins
        mean = ops.sum(values * over(valid, values), axis=(1, 2), keepdims=True) / count
        return values * both + mean * (1.0 - both)

    def _outside(self, values, size, longest, room):
        """Draws a stretch for each clip: float32 (batch, size), 0 within."""
        length = self.draw(values) * longest
        start = self.draw(values) * ops.maximum(room - length, 0.0)
        position = ops.arange(size, dtype="float32")[None] + 0.5
        return ops.cast((position < start) | (position >= start + length), "float32")

    def idle_options(self, frontend) -> dict[str, str]:
        """Says what of it a front end leaves without effect."""
        reasons = {}
        if self.bin_masks and frontend.num_bins < 4:
            reasons["bin_masks"] = "this front end has less than four bins"
        if self.time_masks and frontend.makes_one_frame:
            reasons["time_masks"] = "this front end makes one frame of a clip"
        return reasons

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("time_masks", "longest_frames", "most_time", "bin_masks", "widest_bins", "zero_is_mean")
        return super().get_config() | {name: getattr(self, name) for name in names}
