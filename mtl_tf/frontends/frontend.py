"""What all front ends share: framing, padding, masks, decibels and normalisation."""

import keras
import numpy as np
from keras import ops

POWER_FLOOR = 1e-10


class FrontEnd(keras.layers.Layer):
    """Base of the layers from waveform to features.

    Input: float (batch, samples), in [-1, 1]. Zeros at the end of a clip are taken for padding: they yield no frames
    of their own, so a clip gives the same features alone and in a batch of longer ones. Output: float32
    (batch, frames, bins), computed in float32 under any dtype policy, and a bool mask (batch, frames) that is False on
    padding. No statistic is taken across the batch.

    Args:
        sample_rate: of the waveform, in Hz.
        n_fft: length of the Fourier transform, in samples.
        hop_length: step between frames, in samples.
        win_length: length of the window, zero-padded to `n_fft` on both sides; None: `n_fft`.
        window: name of any window of `scipy.signal.get_window`, periodic.
        center: frame t is centred at sample t * hop_length, the clip padded with `n_fft // 2` zeros on both sides, as
            librosa does by default; else frame t begins there.
        top_db: where the output is in decibels, clip it this far below the clip's maximum; None: not at all.
        normalize: `none`, or subtract the mean and divide by the standard deviation `per_bin` or over all bins
            (`global`). The statistics are weights, set once by `set_statistics` from training clips.
        num_frames: cut or pad every clip to this many frames; None: as long as the longest clip of the batch.
        padding_value: value of padded frames, after normalisation.

    Raises:
        ValueError: lengths that do not go together.
    """

    def __init__(
        self,
        sample_rate: int,
        n_fft: int,
        hop_length: int,
        win_length: int | None = None,
        window: str = "hann",
        center: bool = True,
        top_db: float | None = 80.0,
        normalize: str = "per_bin",
        num_frames: int | None = None,
        padding_value: float = 0.0,
        **kwargs,
    ) -> None:
        super().__init__(**(kwargs | {"dtype": "float32"}))
        self.sample_rate, self.n_fft, self.hop_length = sample_rate, n_fft, hop_length
        self.win_length, self.window, self.center = win_length or n_fft, window, center
        self.top_db, self.normalize = top_db, normalize
        self.num_frames, self.padding_value = num_frames, padding_value
        if hop_length < 1 or not 1 <= self.win_length <= n_fft:
            raise ValueError(f"n_fft={n_fft}, win_length={self.win_length}, hop_length={hop_length} do not go together")
        if normalize not in ("none", "per_bin", "global"):
            raise ValueError(f"normalize={normalize}: give none, per_bin or global")
        self._window = _padded_window(window, self.win_length, n_fft)

    @property
    def num_bins(self) -> int:
        """Number of values per frame."""
        raise NotImplementedError

    def power_to_features(self, power):
        """Maps the power spectrogram to features.

        Args:
            power: float32 (batch, frames, n_fft // 2 + 1).

        Returns:
            float32 (batch, frames, num_bins).
        """
        raise NotImplementedError

    def build(self, input_shape) -> None:
        """Creates the statistics, mean 0 and standard deviation 1."""
        if self.normalize != "none":
            shape = (self.num_bins,)
            self.mean = self.add_weight(shape=shape, initializer="zeros", trainable=False, name="mean")
            self.deviation = self.add_weight(shape=shape, initializer="ones", trainable=False, name="deviation")

    def frames_for(self, samples: int) -> int:
        """Returns the number of frames of a clip.

        Args:
            samples: its length.
        """
        if self.num_frames is not None:
            return self.num_frames
        return self._frames(samples)

    def transform(self, waveform):
        """Computes the features before normalisation, cutting and padding.

        Args:
            waveform: float32 (batch, samples).

        Returns:
            float32 (batch, frames, num_bins).
        """
        margin = self.n_fft // 2 if self.center else 0
        padded = ops.pad(waveform, [[0, 0], [margin, margin]])
        real, imaginary = ops.stft(
            padded, self.n_fft, self.hop_length, self.n_fft, window=self._window, center=False
        )  # (batch, frames, n_fft // 2 + 1)
        return self.power_to_features(ops.square(real) + ops.square(imaginary))

    def frame_mask(self, waveform):
        """Says which of the frames of `transform` are not padding.

        Args:
            waveform: float (batch, samples).

        Returns:
            bool (batch, frames); the first frame always counts, so that silence has one.
        """
        samples = ops.shape(waveform)[1]
        position = ops.arange(1, samples + 1, dtype="int32")
        length = ops.max(ops.where(waveform != 0, position, 0), axis=1)  # (batch,)
        frame = ops.arange(self._frames(samples), dtype="int32")
        return frame[None, :] < ops.maximum(self._frames(length), 1)[:, None]

    def call(self, waveform):
        """Computes features and their mask.

        Args:
            waveform: float (batch, samples).

        Returns:
            float32 (batch, frames, num_bins), and bool (batch, frames), False on padding.
        """
        features, mask = self.transform(waveform), self.frame_mask(waveform)
        if self.normalize != "none":
            features = (features - self.mean) / self.deviation
        features = ops.where(mask[:, :, None], features, self.padding_value)
        if self.num_frames is None:
            return features, mask
        return self._fit(features, self.padding_value), self._fit(mask, False)

    def compute_output_shape(self, input_shape) -> tuple:
        """Returns (batch, frames, bins) and (batch, frames); frames is None where the number of samples is."""
        samples = input_shape[1]
        frames = self.num_frames if samples is None else self.frames_for(samples)
        return (input_shape[0], frames, self.num_bins), (input_shape[0], frames)

    def set_statistics(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        """Sets the normalisation from statistics of training clips.

        Args:
            mean: float (bins,).
            deviation: float (bins,), standard deviation.
        """
        if self.normalize == "global":
            total = np.sqrt(np.mean(np.square(deviation) + np.square(mean - mean.mean())))
            mean, deviation = np.full_like(mean, mean.mean()), np.full_like(deviation, total)
        self.mean.assign(mean)
        self.deviation.assign(np.maximum(deviation, 1e-5))

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = (
            *("sample_rate", "n_fft", "hop_length", "win_length", "window", "center"),
            *("top_db", "normalize", "num_frames", "padding_value"),
        )
        return super().get_config() | {name: getattr(self, name) for name in names}

    def decibels(self, power):
        """Converts power to decibels re 1, limited to `top_db` below each clip's maximum."""
        level = 10.0 * ops.log10(ops.maximum(power, POWER_FLOOR))
        if self.top_db is None:
            return level
        return ops.maximum(level, ops.max(level, axis=(1, 2), keepdims=True) - self.top_db)

    def _frames(self, samples):
        if self.center:
            return 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length
        return 1 + (samples - self.n_fft) // self.hop_length

    def _fit(self, values, fill):
        padding = [[0, 0], [0, self.num_frames]] + [[0, 0]] * (len(values.shape) - 2)
        return ops.pad(values, padding, constant_values=fill)[:, : self.num_frames]


def _padded_window(name: str, win_length: int, n_fft: int) -> np.ndarray:
    from scipy.signal import get_window

    try:
        window = get_window(name, win_length, fftbins=True)
    except ValueError as error:
        raise ValueError(f"window={name}: {error}") from error
    left = (n_fft - win_length) // 2
    return np.pad(window, (left, n_fft - win_length - left)).astype(np.float32)
