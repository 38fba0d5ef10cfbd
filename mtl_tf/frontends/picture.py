"""A spectrogram as a picture of fixed size, for networks that were made for pictures."""

import keras
import numpy as np
from keras import ops

from mtl_tf.construct import Size
from mtl_tf.frontends.frames import stretch
from mtl_tf.frontends.spectrogram import Spectrogram


@keras.saving.register_keras_serializable(package="mtl_tf")
class Picture(Spectrogram):
    """Spectrogram in decibels, resized and coloured.

    Input float (batch, samples); output float32 (batch, width, height, channels), time along the second axis and
    frequency from low to high along the third, values from 0 to 1, and mask (batch, width), all True: the clip's own
    frames fill the picture.

    Lu et al. 2020, section 4, feeds spectrograms "of size 256 x 256" or "224 x 224" with "three channels: red, green
    and blue" and says no more. Chosen here: decibels from the clip's maximum down to `top_db` below it, averaging with
    a triangle as wide as the reduction in time and in frequency, matplotlib's colour map, looked up after resizing.

    Args:
        sample_rate: of the waveform, in Hz.
        size: side of the picture, or its width and height.
        color_map: name of a matplotlib colour map for three channels; None: one grey channel.
        **kwargs: arguments of `Spectrogram`, but for the output, the normalisation and the number of frames.

    Raises:
        ValueError: an unknown colour map, or no `top_db`.
    """

    fixed_options = frozenset({"output", "normalize", "normalize_over", "num_frames", "fit", "padding_value"})

    def __init__(
        self, sample_rate: int, size: Size | tuple[Size, Size] = 224, color_map: str | None = "viridis", **kwargs
    ) -> None:
        width, height = (size, size) if isinstance(size, int) else size
        if min(width, height) < 1:
            raise ValueError(f"size={size}: give at least 1")
        fixed = {"output": "db", "normalize": "none", "num_frames": width, "fit": "resize"}
        super().__init__(sample_rate, **(kwargs | fixed))
        if self.top_db is None:
            raise ValueError("a picture needs top_db, the range from black to white")
        self.size, self.color_map = size, color_map
        self._colors = None if color_map is None else _color_table(color_map)
        self._width, self._height = width, height
        self._resize = _resizing_matrix(self.n_fft // 2 + 1, height)

    @property
    def frequencies_hz(self) -> np.ndarray:
        """Frequency in the middle of each row of the picture, from low to high."""
        bins = self.n_fft // 2 + 1
        return np.maximum(_middles(bins, self._height), 0.0) * (self.sample_rate / self.n_fft)

    @property
    def num_channels(self) -> int:
        """Three where the picture is coloured, else one."""
        return 1 if self._colors is None else 3

    def finish(self, features, mask, mean=None, deviation=None):
        """Draws the picture of every clip."""
        level = features  # (batch, frames, n_fft // 2 + 1)
        highest = ops.max(ops.where(mask[:, :, None], level, -1e9), axis=(1, 2), keepdims=True)
        level = ops.clip(1.0 + (level - highest) / self.top_db, 0.0, 1.0)
        level = ops.matmul(level, ops.convert_to_tensor(self._resize, "float32"))  # (batch, frames, height)
        level = stretch(level, mask, self._width)  # (batch, width, height)
        whole = ops.ones_like(level[:, :, 0], dtype="bool")
        if self._colors is None:
            return level[..., None], whole
        index = ops.cast(ops.round(level * (len(self._colors) - 1)), "int32")
        return ops.take(ops.convert_to_tensor(self._colors, "float32"), index, axis=0), whole

    def compute_output_shape(self, waveform_shape, length_shape=None, mean_shape=None, deviation_shape=None) -> tuple:
        """Returns (batch, width, height, channels) and (batch, width)."""
        return (waveform_shape[0], self._width, self._height, self.num_channels), (waveform_shape[0], self._width)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        return super().get_config() | {"size": self.size, "color_map": self.color_map}


def _color_table(name: str) -> np.ndarray:
    import matplotlib

    if name not in matplotlib.colormaps:
        raise ValueError(f"color_map={name}: give one of matplotlib's, such as viridis, magma or jet")
    return matplotlib.colormaps[name](np.linspace(0, 1, 256))[:, :3].astype(np.float32)


def _middles(bins: int, size: int) -> np.ndarray:
    """Where each of `size` rows lies among the bins."""
    return (np.arange(size) + 0.5) * bins / size - 0.5


def _resizing_matrix(bins: int, size: int) -> np.ndarray:
    """Weights (bins, size) of a triangle as wide as the reduction, each column adding up to one."""
    reach = max(bins / size, 1.0)
    weights = np.maximum(1.0 - np.abs(np.arange(bins)[:, None] - _middles(bins, size)[None, :]) / reach, 0.0)
    return (weights / weights.sum(axis=0)).astype(np.float32)
