"""What all front ends share: padding, masks, cutting to length and normalisation."""

import keras
import numpy as np
from keras import ops

from mtl_tf.frontends.frames import cut_or_pad, own_frames, stretch

TRAINING, CLIP = "training", "clip"  # of normalize_over
LEAST_DEVIATION = 1e-5


class FrontEnd(keras.layers.Layer):
    """Base of the layers from waveform to features.

    Input: float (batch, samples), in [-1, 1], and int (batch,), how many samples of each clip count. What follows them
    is padding, whatever it holds: it yields no frames, so a clip gives the same features alone and in a batch of longer
    ones. Output: float32 (batch, frames, bins), computed in float32 under any dtype policy, and a bool mask (batch,
    frames) that is False on padding. No statistic is taken across the batch.

    Args:
        sample_rate: of the waveform, in Hz.
        normalize: `none`, or subtract the mean and divide by the standard deviation `per_bin` or over all bins
            (`global`, which is `per_bin` where bins have different units). The statistics are weights, set once by
            `set_statistics` from training clips.
        normalize_over: whose statistics: those of the `training` clips; of each `clip`, its own; or of all clips that
            share a value of a column of the manifest, such as `speaker`, which `call` is then given, and in whose place
            those of the training clips stand where it is not.
        num_frames: bring every clip to this many frames; None: as many as the longest clip of the batch has.
        fit: how: `pad` cuts at the end or pads, `resize` stretches the clip's own frames by linear interpolation.
        padding_value: value of padded frames, after normalisation.

    Raises:
        ValueError: options that do not go together.
    """

    def __init__(
        self,
        sample_rate: int,
        normalize: str = "per_bin",
        normalize_over: str = "training",
        num_frames: int | None = None,
        fit: str = "pad",
        padding_value: float = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.sample_rate, self.normalize, self.normalize_over = sample_rate, normalize, normalize_over
        self.num_frames, self.fit, self.padding_value = num_frames, fit, padding_value
        if normalize not in ("none", "per_bin", "global"):
            raise ValueError(f"normalize={normalize}: give none, per_bin or global")
        if fit not in ("pad", "resize"):
            raise ValueError(f"fit={fit}: give pad or resize")
        if num_frames is not None and num_frames < 1:
            raise ValueError(f"num_frames={num_frames}: give at least 1, or null for all frames")
        if fit == "resize" and num_frames is None:
            raise ValueError("fit=resize needs num_frames")

    @property
    def takes_statistics(self) -> bool:
        """Whether `call` may be given the statistics of the group of clips that a clip belongs to."""
        return self.normalize != "none" and self.normalize_over not in (TRAINING, CLIP)

    @property
    def is_fitted(self) -> bool:
        """Whether statistics of the training clips are to be set, for all clips or where no others are given."""
        return self.normalize != "none" and self.normalize_over != CLIP

    @property
    def has_one_unit(self) -> bool:
        """Whether all bins are of one unit, so that one deviation for all of them means something."""
        return True

    @property
    def pools_bins(self) -> bool:
        """Whether mean and deviation are those of all bins together."""
        return self.normalize == "global" and self.has_one_unit

    @property
    def holds_summary(self) -> bool:
        """Whether some of the bins are of the whole clip, and the same in each of its frames."""
        return False

    @property
    def needs_library(self) -> str | None:
        """Name of a library that is called for every clip, which a server does not have; None: all is in the graph."""
        return None

    @property
    def makes_one_frame(self) -> bool:
        """Whether a clip is one frame, however long."""
        return self.count_frames(60 * self.sample_rate) == 1

    @property
    def num_bins(self) -> int:
        """Number of values per frame."""
        raise NotImplementedError

    @property
    def min_samples(self) -> int:
        """Fewest samples that make a frame; shorter clips are refused, or padded where they are served."""
        return 1

    @property
    def frequencies_hz(self) -> np.ndarray | None:
        """Centre of each bin, rising; None where bins are no frequencies."""
        return None

    @property
    def traits(self) -> dict:
        """What those who change features have to know: arguments of `mtl_tf.augment.build.build_augmentations`."""
        return {
            "sample_rate": self.sample_rate,
            "frequencies_hz": self.frequencies_hz,
            "padding_value": self.padding_value,
            "zero_is_mean": self.normalize != "none",
        }

    @property
    def frame_period_s(self) -> float:
        """Time from one frame to the next, in seconds."""
        raise NotImplementedError

    @property
    def first_frame_s(self) -> float:
        """Where the first frame has its middle, in seconds from the start of the clip."""
        return self.frame_period_s / 2

    def count_frames(self, samples):
        """Returns how many frames a clip has, before cutting and padding.

        Args:
            samples: its length, an int or an int tensor.
        """
        raise NotImplementedError

    def transform(self, waveform, length):
        """Computes the features before normalisation, cutting and padding.

        Args:
            waveform: float32 (batch, samples), zero where padded.
            length: int32 (batch,), samples of each clip that count.

        Returns:
            float32 (batch, frames, num_bins).
        """
        raise NotImplementedError

    def build(self, waveform_shape, length_shape=None) -> None:
        """Creates the statistics, mean 0 and standard deviation 1."""
        if self.is_fitted:
            shape = (self.num_bins,)
            self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
            self.deviation = self.add_weight(shape=shape, initializer="ones", trainable=False, name="deviation")

    def frames_for(self, samples: int) -> int:
        """Returns the number of frames of the output for a clip.

        Args:
            samples: its length.
        """
        return self.count_frames(samples) if self.num_frames is None else self.num_frames

    def count_own_frames(self, samples):
        """Returns how many of `count_frames` are no padding; a subclass with an own `frame_mask` has an own one.

        Args:
            samples: length of a clip; a number, or integer tensor of any shape.
        """
        return self.count_frames(samples)

    def frame_mask(self, waveform, length):
        """Says which of the frames of `transform` are not padding.

        Args:
            waveform: float (batch, samples).
            length: int32 (batch,), samples of each clip that count.

        Returns:
            bool (batch, frames); the first frame always counts.
        """
        return own_frames(waveform, length, self.count_frames)

    def raw(self, waveform, length=None):
        """Computes features before normalisation, cutting and padding, and their mask.

        Args:
            waveform: float (batch, samples).
            length: int (batch,), samples of each clip that count; None: all.

        Returns:
            float32 (batch, frames, num_bins), and bool (batch, frames), False on padding.
        """
        samples = ops.shape(waveform)[1]
        if length is None:
            length = ops.zeros_like(waveform[:, 0], dtype="int32") + samples
        else:
            length = ops.cast(length, "int32")
            waveform = ops.where(ops.arange(samples, dtype="int32")[None, :] < length[:, None], waveform, 0.0)
        return self.transform(waveform, length), self.frame_mask(waveform, length)

    def call(self, waveform, length=None, mean=None, deviation=None):
        """Computes features and their mask.

        Args:
            waveform: float (batch, samples).
            length: int (batch,), samples of each clip that count; None: all.
            mean: float (batch, num_bins), of the group of each clip, see `normalize_over`; None: of the training clips.
            deviation: float (batch, num_bins), standard deviation; None where mean is.

        Returns:
            float32 (batch, frames, num_bins), and bool (batch, frames), False on padding.
        """
        return self.finish(*self.raw(waveform, length), mean, deviation)

    def finish(self, features, mask, mean=None, deviation=None):
        """Normalises, cuts and pads what `raw` gives.

        Args:
            features: float32 (batch, frames, num_bins).
            mask: bool (batch, frames).
            mean: see `call`.
            deviation: see `call`.

        Returns:
            What `call` returns.
        """
        if self.normalize != "none":
            if self.normalize_over == CLIP:
                mean, deviation = self.measure(features, mask)
            if mean is None:
                features = (features - self.mean) / self.deviation
            else:
                features = (features - mean[:, None]) / deviation[:, None]
        features = ops.where(mask[:, :, None], features, self.padding_value)
        if self.num_frames is None:
            return features, mask
        if self.fit == "resize":
            return stretch(features, mask, self.num_frames), ops.ones_like(mask[:, :1]) & ops.ones(
                (1, self.num_frames), dtype="bool"
            )
        frames = self.num_frames
        return cut_or_pad(features, frames, self.padding_value), cut_or_pad(mask, frames, False)

    def compute_output_shape(self, waveform_shape, length_shape=None, mean_shape=None, deviation_shape=None) -> tuple:
        """Returns (batch, frames, bins) and (batch, frames); frames is None where the number of samples is."""
        samples = waveform_shape[1]
        frames = self.num_frames if samples is None else self.frames_for(samples)
        return (waveform_shape[0], frames, self.num_bins), (waveform_shape[0], frames)

    def set_statistics(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """Sets the normalisation from statistics of training clips.

        Args:
            mean: float (bins,).
            deviation: float (bins,), standard deviation.
        """
        mean, deviation = self.spread(mean, deviation)
        self.mean.assign(mean)
        self.deviation.assign(deviation)

    def spread(self, mean: np.ndarray, deviation: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Makes of the statistics of every bin what features are normalised by.

        Args:
            mean: float (..., bins).
            deviation: float (..., bins), standard deviation.

        Returns:
            The same, at least 0.00001 for a deviation; with `normalize=global` of all bins together in each.
        """
        if self.pools_bins:
            middle = mean.mean(axis=-1, keepdims=True)
            total = np.sqrt(np.mean(np.square(deviation) + np.square(mean - middle), axis=-1, keepdims=True))
            mean, deviation = np.broadcast_to(middle, mean.shape), np.broadcast_to(total, mean.shape)
        return mean, np.maximum(deviation, LEAST_DEVIATION)

    def measure(self, features, mask, axes: tuple[int, ...] = (1,)):
        """Finds in the graph what features are normalised by, where it is no statistic of the training clips.

        Args:
            features: float32 (batch, frames, num_bins), of `raw`.
            mask: bool (batch, frames).
            axes: 1 to take the frames of each clip together, and 0 to take all clips together.

        Returns:
            Mean and standard deviation, float32 (batch, num_bins) each, or (1, num_bins) of all clips together.
        """
        own = ops.cast(mask, "float32")[:, :, None]
        whole = (*axes, 2) if self.pools_bins else axes
        count = ops.sum(own, axis=axes, keepdims=True) * (self.num_bins if self.pools_bins else 1.0)
        mean = ops.sum(features * own, axis=whole, keepdims=True) / ops.maximum(count, 1.0)
        variance = ops.sum(ops.square(features - mean) * own, axis=whole, keepdims=True) / ops.maximum(count, 1.0)
        every_bin = ops.zeros((1, self.num_bins))
        return mean[:, 0] + every_bin, ops.maximum(ops.sqrt(variance[:, 0]), LEAST_DEVIATION) + every_bin

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("sample_rate", "normalize", "normalize_over", "num_frames", "fit", "padding_value")
        return super().get_config() | {name: getattr(self, name) for name in names}
