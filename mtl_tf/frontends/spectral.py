"""What front ends with a short-time Fourier transform share: framing, windows, decibels."""

from functools import partial

import numpy as np
from keras import ops

from mtl_tf.frontends.frames import own_frames
from mtl_tf.frontends.frontend import FrontEnd

POWER_FLOOR = 1e-10


class SpectralFrontEnd(FrontEnd):
    """Base of the front ends that begin with a power spectrogram.

    Args:
        sample_rate: of the waveform, in Hz.
        n_fft: length of the Fourier transform, in samples.
        hop_length: step between frames, in samples.
        win_length: length of the window, zero-padded to `n_fft` on both sides; None: `n_fft`.
        window: name of any window of `scipy.signal.get_window`, periodic.
        center: frame t is centred at sample t * hop_length, the clip padded with `n_fft // 2` zeros on both sides, as
            librosa does by default; else frame t begins there.
        top_db: where the output is in decibels, clip it this far below the clip's maximum; None: not at all.
        **kwargs: arguments of `FrontEnd`.

    Attributes:
        convolve: compute the Fourier transform as a convolution with waves, for runtimes that have no such transform;
            the same values, at several times the cost. `constant` waves, or waves `computed` in each call, which
            converters cannot put into 8 bits: that would drown quiet frames. Not kept with a saved model.

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
        **kwargs,
    ) -> None:
        super().__init__(sample_rate, **kwargs)
        self.n_fft, self.hop_length = n_fft, hop_length
        self.win_length, self.window, self.center = win_length or n_fft, window, center
        self.top_db = top_db
        if hop_length < 1 or not 1 <= self.win_length <= n_fft:
            raise ValueError(f"n_fft={n_fft}, win_length={self.win_length}, hop_length={hop_length} do not go together")
        if top_db is not None and top_db <= 0:
            raise ValueError(f"top_db={top_db}: give a number above 0, or null")
        self._window = _padded_window(window, self.win_length, n_fft)
        self.convolve: str | None = None

    def power_to_features(self, power):
        """Maps the power spectrogram to features.

        Args:
            power: float32 (batch, frames, n_fft // 2 + 1).

        Returns:
            float32 (batch, frames, num_bins).
        """
        raise NotImplementedError

    @property
    def min_samples(self) -> int:
        """Length of the Fourier transform."""
        return self.n_fft

    @property
    def frame_period_s(self) -> float:
        """Time from one frame to the next, in seconds."""
        return self.hop_length / self.sample_rate

    @property
    def first_frame_s(self) -> float:
        """0 where frames are centred, else half of the transform."""
        return 0.0 if self.center else self.n_fft / 2 / self.sample_rate

    def count_frames(self, samples):
        """Returns the number of frames of the Fourier transform."""
        if self.center:
            return 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length
        return 1 + (samples - self.n_fft) // self.hop_length

    def transform(self, waveform, length):
        """Computes the spectrogram and its features; shapes as in `FrontEnd`."""
        margin = self.n_fft // 2 if self.center else 0
        padded = ops.pad(waveform, [[0, 0], [margin, margin]])
        fourier = self._fourier_by_convolution if self.convolve else self._fourier
        real, imaginary = fourier(padded)  # (batch, frames, n_fft // 2 + 1)
        power = ops.square(real) + ops.square(imaginary)
        # A frame that is padding by the mask may still hold the end of the clip: it must not set the level of top_db.
        own = own_frames(
            waveform, length, partial(SpectralFrontEnd.count_frames, self)
        )  # a subclass may count something else
        return self.power_to_features(ops.where(own[:, :, None], power, 0.0))

    def _fourier(self, padded):
        return ops.stft(padded, self.n_fft, self.hop_length, self.n_fft, window=self._window, center=False)

    def _fourier_by_convolution(self, padded):
        angles = 2.0 * np.pi / self.n_fft * np.outer(np.arange(self.n_fft), np.arange(self.n_fft // 2 + 1))
        waves = np.concatenate([np.cos(angles), -np.sin(angles)], axis=1) * self._window[:, None]
        kernel = waves[:, None, :].astype(np.float32)  # (n_fft, 1, 2 * frequencies)
        if self.convolve == "computed":
            kernel = kernel + 0.0 * padded[0, 0]
        both = ops.conv(padded[:, :, None], kernel, strides=self.hop_length, padding="valid")
        return ops.split(both, 2, axis=-1)

    def decibels(self, power):
        """Converts power to decibels re 1, limited to `top_db` below each clip's maximum."""
        level = 10.0 * ops.log10(ops.maximum(power, POWER_FLOOR))
        if self.top_db is None:
            return level
        return ops.maximum(level, ops.max(level, axis=(1, 2), keepdims=True) - self.top_db)

    def get_config(self) -> dict:
        """Returns the constructor arguments."""
        names = ("n_fft", "hop_length", "win_length", "window", "center", "top_db")
        return super().get_config() | {name: getattr(self, name) for name in names}


def _padded_window(name: str, win_length: int, n_fft: int) -> np.ndarray:
    from scipy.signal import get_window

    try:
        window = get_window(name, win_length, fftbins=True)
    except ValueError as error:
        raise ValueError(f"window={name}: {error}") from error
    left = (n_fft - win_length) // 2
    return np.pad(window, (left, n_fft - win_length - left)).astype(np.float32)
